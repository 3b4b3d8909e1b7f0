//! One authenticated connection.

use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Buf, BufMut, BytesMut};
use tokio::task::consume_budget;

use super::{tls, unix};
use crate::address::Address;

/// Room made for a read at a time.
const READ_BYTES: usize = 64 * 1024;
/// Least room worth a read: one TLS record. Making room whenever a few bytes are missing would copy or allocate at
/// every small read.
const READ_BYTES_MIN: usize = 16 * 1024;

/// Most pieces that are handed to the system at once; a batch has fewer.
const PIECES_MAX: usize = 16;

/// Carries bytes to and from one authenticated peer.
///
/// Reader and writer share it by reference or `Arc`. One task reads; any thread writes, but two writers must agree
/// themselves on whose bytes go first. Dropping it closes the connection, after what the system has taken was sent.
#[derive(Debug)]
pub struct Socket {
    stream: Stream,
    peer: Address,
    aborted: AtomicBool,
}

/// An enum and not a trait object: the calls are on the path of every task.
#[derive(Debug)]
pub(super) enum Stream {
    Unix(unix::Stream),
    Tls(Box<tls::Stream>),
    #[cfg(any(test, feature = "testing"))]
    Memory(super::memory::Stream),
}

macro_rules! each {
    ($stream:expr, $it:ident => $call:expr) => {
        match $stream {
            Stream::Unix($it) => $call,
            Stream::Tls($it) => $call,
            #[cfg(any(test, feature = "testing"))]
            Stream::Memory($it) => $call,
        }
    };
}

impl Socket {
    pub(super) fn new(stream: Stream, peer: Address) -> Self {
        Self { stream, peer, aborted: AtomicBool::new(false) }
    }

    /// Appends what has arrived to `buf` and returns how much; 0 when the peer has closed.
    ///
    /// Gives way to other tasks now and then, also while bytes never stop coming.
    ///
    /// # Errors
    /// A connection that broke, or ([`ConnectionAborted`](io::ErrorKind::ConnectionAborted)) was aborted here.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn read(&self, buf: &mut BytesMut) -> io::Result<usize> {
        self.read_some(buf, usize::MAX).await
    }

    /// The same of at most so many bytes.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn read_some(&self, buf: &mut BytesMut, most: usize) -> io::Result<usize> {
        if buf.capacity() - buf.len() < READ_BYTES_MIN {
            buf.reserve(READ_BYTES);
        }
        self.read_into(&mut buf.limit(most)).await
    }

    /// The same of at most as many bytes as `buf` has room for.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn read_into(&self, buf: &mut impl BufMut) -> io::Result<usize> {
        loop {
            consume_budget().await;
            self.check_open()?;
            match each!(&self.stream, it => it.try_read(buf)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            each!(&self.stream, it => it.readable().await)?;
        }
    }

    /// Takes as many of `bytes` as fit now and returns how many; never waits, needs no runtime.
    ///
    /// Over TLS what was taken may still be held back here: see [`flushed`](Self::flushed).
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when nothing was taken. After any other error the connection is
    /// useless, and any part of `bytes` may have been sent.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.check_open()?;
        each!(&self.stream, it => it.try_write(bytes))
    }

    /// The same of bytes that lie in pieces.
    ///
    /// # Errors
    /// As [`try_write`](Self::try_write).
    pub fn try_write_pieces(&self, bytes: &impl Buf) -> io::Result<usize> {
        self.check_open()?;
        let mut slices = [IoSlice::new(&[]); PIECES_MAX];
        let count = bytes.chunks_vectored(&mut slices);
        each!(&self.stream, it => it.try_write_vectored(&slices[..count]))
    }

    /// Waits until [`try_write`](Self::try_write) is worth trying again; it may still block.
    ///
    /// # Errors
    /// A connection that broke.
    ///
    /// # Cancel safety
    /// Safe: it only waits.
    pub async fn writable(&self) -> io::Result<()> {
        each!(&self.stream, it => it.writable().await)
    }

    /// Whether all that was taken has been handed to the system. Only TLS ever holds anything back.
    pub fn flushed(&self) -> bool {
        match &self.stream {
            Stream::Tls(stream) => stream.flushed(),
            Stream::Unix(_) => true,
            #[cfg(any(test, feature = "testing"))]
            Stream::Memory(_) => true,
        }
    }

    /// Hands what is held back to the system.
    ///
    /// # Errors
    /// A connection that broke.
    ///
    /// # Cancel safety
    /// Safe: what is still held back stays so.
    pub async fn flush(&self) -> io::Result<()> {
        match &self.stream {
            Stream::Tls(stream) => stream.flush().await,
            Stream::Unix(_) => Ok(()),
            #[cfg(any(test, feature = "testing"))]
            Stream::Memory(_) => Ok(()),
        }
    }

    /// Writes all of `bytes` and flushes.
    ///
    /// # Errors
    /// A connection that broke, or was aborted here.
    ///
    /// # Cancel safety
    /// Not safe: some of the bytes may have been written.
    pub async fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        self.write_pieces(bytes).await
    }

    /// Writes all of what lies in pieces and flushes.
    ///
    /// # Errors
    /// A connection that broke, or was aborted here.
    ///
    /// # Cancel safety
    /// Not safe: some of the bytes may have been written.
    pub async fn write_pieces(&self, mut bytes: impl Buf) -> io::Result<()> {
        while bytes.has_remaining() {
            consume_budget().await;
            match self.try_write_pieces(&bytes) {
                Ok(taken) => bytes.advance(taken),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable().await?,
                Err(error) => return Err(error),
            }
        }
        self.flush().await
    }

    /// Says that nothing more will be written: the peer reads what was written and then 0, and may go on writing.
    ///
    /// An orderly end finishes and then reads until 0. Dropping a socket with unread bytes makes the system reset the
    /// connection, which can destroy at the peer what was written last.
    ///
    /// # Errors
    /// A connection that broke.
    ///
    /// # Cancel safety
    /// Safe to repeat.
    pub async fn finish(&self) -> io::Result<()> {
        match &self.stream {
            Stream::Unix(stream) => stream.finish(),
            Stream::Tls(stream) => stream.finish().await,
            #[cfg(any(test, feature = "testing"))]
            Stream::Memory(stream) => stream.finish(),
        }
    }

    /// Closes at once, from any thread: wakes reader and writer, throws away what was not sent, keeps nothing in the
    /// system (linger 0) that would still be sent to a peer that does not answer.
    pub fn abort(&self) {
        if !self.aborted.swap(true, Ordering::AcqRel) {
            each!(&self.stream, it => it.abort());
        }
    }

    /// Names the other end: the dialled address, the accepted TCP peer's, or the Unix socket that was connected to.
    pub fn peer(&self) -> &Address {
        &self.peer
    }

    fn check_open(&self) -> io::Result<()> {
        if self.aborted.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}
