//! One end of a connection in memory.

use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::BufMut;
use tokio::time::Instant;

use super::pipe::Pipe;

/// Two pipes; dropping it ends the one and leaves the other without a reader.
#[derive(Debug)]
pub(crate) struct Stream {
    outgoing: Arc<Pipe>,
    incoming: Arc<Pipe>,
}

impl Stream {
    pub(super) fn new(outgoing: Arc<Pipe>, incoming: Arc<Pipe>) -> Self {
        Self { outgoing, incoming }
    }

    pub(crate) fn try_read(&self, buf: &mut impl BufMut) -> io::Result<usize> {
        self.incoming.try_read(buf, Instant::now())
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.incoming.readable().await;
        Ok(())
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.try_write(bytes, Instant::now())
    }

    pub(crate) fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write(pieces.first().map_or(&[], |piece| piece))
    }

    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.outgoing.writable().await;
        Ok(())
    }

    pub(crate) fn finish(&self) -> io::Result<()> {
        self.outgoing.finish(Instant::now());
        Ok(())
    }

    /// Loses what has not arrived; the peer reads a reset after the time that one takes.
    pub(crate) fn abort(&self) {
        let now = Instant::now();
        self.outgoing.reset(now);
        self.incoming.leave(now);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let now = Instant::now();
        self.outgoing.finish(now);
        self.incoming.leave(now);
    }
}
