//! A name in the network at which a node can be dialled.

use std::io;

use tokio::sync::{Mutex, mpsc};

use super::super::listener::{Candidate, Incoming};
use super::network::Network;
use super::stream::Stream;
use crate::address::Address;

#[derive(Debug)]
pub(crate) struct Listener {
    network: Network,
    name: String,
    /// The name may be another listener's by the time this one goes.
    number: u64,
    // Tokio's mutex, for it is held while waiting.
    knocks: Mutex<mpsc::Receiver<(Stream, String)>>,
}

impl Listener {
    pub(super) fn new(network: Network, name: String, number: u64, knocks: mpsc::Receiver<(Stream, String)>) -> Self {
        Self { network, name, number, knocks: Mutex::new(knocks) }
    }

    pub(crate) async fn accept(&self) -> io::Result<Incoming> {
        // The network keeps the other end until this listener is dropped.
        let (stream, peer) = self.knocks.lock().await.recv().await.ok_or(io::ErrorKind::NotConnected)?;
        Ok(Incoming { candidate: Candidate::Memory(stream), peer: Address::Memory(peer) })
    }

    pub(crate) fn address(&self) -> Address {
        Address::Memory(self.name.clone())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.network.close_door(&self.name, self.number);
    }
}
