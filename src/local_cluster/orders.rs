//! What a worker process is told on its standard input, whose end is the end of the worker.

use std::io::{self, Read, Write};

use atasks_actors::codec;
use serde::{Deserialize, Serialize};

/// Most bytes of orders.
const ORDERS_MAX: usize = 1 << 20;

/// What a worker is to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) name: String,
    pub(super) incarnation: u64,
    pub(super) listen: String,
    pub(super) seeds: Vec<String>,
    pub(super) executors: usize,
    /// How many share this machine.
    pub(super) workers: usize,
}

impl Orders {
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let bytes = codec::encode(self, ORDERS_MAX).map_err(io::Error::other)?;
        to.write_all(&u32::try_from(bytes.len()).map_err(io::Error::other)?.to_le_bytes())?;
        to.write_all(&bytes)?;
        to.flush()
    }

    pub(super) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > ORDERS_MAX {
            return Err(io::Error::other("the orders are too long"));
        }
        let mut bytes = vec![0; length];
        from.read_exact(&mut bytes)?;
        codec::decode(&bytes).map_err(io::Error::other)
    }
}
