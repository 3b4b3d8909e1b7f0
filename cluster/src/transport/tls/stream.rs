//! An authenticated TLS connection, driven by hand.
//!
//! The system's socket is read into a buffer that only the reader touches; rustls's state is locked for one record at
//! a time, so a writer on another thread waits for a few microseconds at most. Plaintext is encrypted only when no
//! ciphertext is held back: so at most one write's worth is, and `WouldBlock` still means that the peer is slow.

use std::io::{self, BufRead as _, IoSlice, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::BufMut;
use rustix::net::Shutdown;
use rustls::Connection;
use socket2::SockRef;
use tokio::net::TcpStream;

/// Most plaintext taken at once, and so most that is held back.
const WRITE_BYTES_MAX: usize = 64 * 1024;
/// Ciphertext read at once: two full records, instead of the 4 KiB a call for which rustls itself would ask.
const READ_BYTES: usize = 32 * 1024;

#[derive(Debug)]
pub(crate) struct Stream {
    tcp: TcpStream,
    inbound: Mutex<Inbound>,
    connection: Mutex<Connection>,
}

impl Stream {
    /// Takes over after the handshake. `connection` may hold the first plaintext already.
    pub(super) fn new(tcp: TcpStream, mut connection: Connection) -> Self {
        connection.set_buffer_limit(Some(WRITE_BYTES_MAX));
        Self { tcp, inbound: Mutex::new(Inbound::new()), connection: Mutex::new(connection) }
    }

    pub(crate) fn try_read(&self, buf: &mut impl BufMut) -> io::Result<usize> {
        let mut inbound = lock(&self.inbound);
        loop {
            if let Some(count) = self.decrypt(&mut inbound, buf)? {
                return Ok(count);
            }
            // An end without the closing alert: see the module above for why it is no error.
            if inbound.fill(&self.tcp)? == 0 {
                return Ok(0);
            }
        }
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.tcp.readable().await
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_write_vectored(&[IoSlice::new(bytes)])
    }

    pub(crate) fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut connection = lock(&self.connection);
        self.send(&mut connection)?;
        // rustls takes no more than its limit.
        let taken = connection.writer().write_vectored(pieces)?;
        match self.send(&mut connection) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _sent_or_held_back => Ok(taken),
        }
    }

    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.tcp.writable().await?;
        // Held-back ciphertext goes first; only then is there room for more.
        self.flush().await
    }

    pub(crate) fn flushed(&self) -> bool {
        !lock(&self.connection).wants_write()
    }

    pub(crate) async fn flush(&self) -> io::Result<()> {
        loop {
            match self.send(&mut lock(&self.connection)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            self.tcp.writable().await?;
        }
    }

    pub(crate) async fn finish(&self) -> io::Result<()> {
        // rustls says it only once, however often it is asked.
        lock(&self.connection).send_close_notify();
        self.flush().await?;
        Ok(rustix::net::shutdown(&self.tcp, Shutdown::Write)?)
    }

    /// Shutting down wakes both directions while others still hold the socket. Without lingering, the system forgets
    /// what was not sent when the last of them lets go, and resets the connection.
    pub(crate) fn abort(&self) {
        // Both fail only when the peer was faster.
        let _ = SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO));
        let _ = rustix::net::shutdown(&self.tcp, Shutdown::Both);
    }

    /// Turns what was read into plaintext, until there is some (then how much, 0 after the closing alert) or until
    /// more must be read.
    fn decrypt(&self, inbound: &mut Inbound, buf: &mut impl BufMut) -> io::Result<Option<usize>> {
        loop {
            let mut connection = lock(&self.connection);
            if let Some(count) = take_plaintext(&mut connection, buf)? {
                return Ok(Some(count));
            }
            let mut unread = inbound.unread();
            if unread.is_empty() {
                return Ok(None);
            }
            inbound.start += connection.read_tls(&mut unread)?;
            let processed = connection.process_new_packets();
            // An alert or a key update of ours. If the socket is full, the next write or flush takes it along.
            let _ = self.send(&mut connection);
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }

    /// Writes ciphertext until the socket takes no more; rustls remembers how much of a record has gone.
    fn send(&self, connection: &mut Connection) -> io::Result<()> {
        while connection.wants_write() {
            if connection.write_tls(&mut NonBlocking(&self.tcp))? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

/// Ciphertext that rustls has not taken yet: `buffer[start..end]`.
struct Inbound {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Inbound {
    fn new() -> Self {
        Self { buffer: vec![0; READ_BYTES].into(), start: 0, end: 0 }
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Reads the socket once all is taken.
    fn fill(&mut self, tcp: &TcpStream) -> io::Result<usize> {
        let count = tcp.try_read(&mut self.buffer)?;
        (self.start, self.end) = (0, count);
        Ok(count)
    }
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inbound({} bytes)", self.end - self.start)
    }
}

/// Takes what rustls has decrypted: nothing yet, or how much, 0 after the closing alert.
fn take_plaintext(connection: &mut Connection, buf: &mut impl BufMut) -> io::Result<Option<usize>> {
    let mut reader = connection.reader();
    let mut taken = 0;
    while buf.has_remaining_mut() {
        let count = match reader.fill_buf() {
            Ok([]) => return Ok(Some(taken)),
            Ok(chunk) => {
                let room = chunk.len().min(buf.remaining_mut());
                buf.put_slice(&chunk[..room]);
                room
            }
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(_would_block) => return Ok((taken > 0).then_some(taken)),
        };
        reader.consume(count);
        taken += count;
    }
    Ok(Some(taken))
}

/// The state is rustls's or a buffer, whole at every point at which a panic could strike.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The socket as rustls writes to it.
struct NonBlocking<'a>(&'a TcpStream);

impl io::Write for NonBlocking<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
