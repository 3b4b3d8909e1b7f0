//! An admitted Unix connection.

use std::io::{self, IoSlice};

use bytes::BufMut;
use rustix::net::Shutdown;
use tokio::net::UnixStream;

#[derive(Debug)]
pub(crate) struct Stream(UnixStream);

impl Stream {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self(stream)
    }

    pub(crate) fn try_read(&self, buf: &mut impl BufMut) -> io::Result<usize> {
        self.0.try_read_buf(buf)
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    pub(crate) fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(pieces)
    }

    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    pub(crate) fn finish(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(&self.0, Shutdown::Write)?)
    }

    /// Shutting down wakes both directions while others still hold the socket; dropping it closes it.
    pub(crate) fn abort(&self) {
        // Fails only when the peer was faster.
        let _ = rustix::net::shutdown(&self.0, Shutdown::Both);
    }
}
