//! Being connected to.

use std::io;

use super::credentials::Credentials;
use super::error::{AcceptError, TransportError};
use super::socket::{Socket, Stream};
use super::{tls, unix};
use crate::address::Address;

/// Accepts connections at one address. Dropping it ends that, and removes a Unix socket's file.
#[derive(Debug)]
pub struct Listener(Kind);

#[derive(Debug)]
enum Kind {
    Unix(unix::Listener),
    Tcp(tls::Listener),
    #[cfg(any(test, feature = "testing"))]
    Memory(super::memory::Listener),
}

impl Listener {
    /// Listens at `address`; port 0 takes any free one. A socket file left by a dead process is replaced.
    ///
    /// # Errors
    /// See [`TransportError`]: taken, not allowed, or TCP without a secret.
    pub async fn bind(address: &Address, credentials: &Credentials) -> Result<Self, TransportError> {
        let kind = match address {
            Address::Unix(path) => Kind::Unix(unix::Listener::bind(path).await?),
            Address::Tcp(authority) => match credentials.tls() {
                Some(tls) => Kind::Tcp(tls::Listener::bind(authority, tls).await?),
                None => return Err(TransportError::NoSecret { address: address.clone() }),
            },
            #[cfg(any(test, feature = "testing"))]
            Address::Memory(name) => match credentials.endpoint() {
                Some(endpoint) => Kind::Memory(endpoint.bind(name)?),
                None => return Err(TransportError::NoNetwork { address: address.clone() }),
            },
            #[cfg(not(any(test, feature = "testing")))]
            Address::Memory(_) => return Err(TransportError::NoNetwork { address: address.clone() }),
        };
        Ok(Self(kind))
    }

    /// Waits for somebody to connect. Nothing is known of them yet, and nothing they do can hold this up.
    ///
    /// # Errors
    /// The process has no file descriptor or memory left. The listener stays good: wait a little, then accept again.
    ///
    /// # Cancel safety
    /// Nobody is lost when it is dropped.
    pub async fn accept(&self) -> io::Result<Incoming> {
        loop {
            let accepted = match &self.0 {
                Kind::Unix(listener) => listener.accept().await,
                Kind::Tcp(listener) => listener.accept().await,
                #[cfg(any(test, feature = "testing"))]
                Kind::Memory(listener) => listener.accept().await,
            };
            match accepted {
                Err(error) if left_again(&error) => {}
                done => return done,
            }
        }
    }

    /// Where it listens: the whole path of a Unix socket, the real port after 0.
    pub fn address(&self) -> Address {
        match &self.0 {
            Kind::Unix(listener) => listener.address(),
            Kind::Tcp(listener) => listener.address(),
            #[cfg(any(test, feature = "testing"))]
            Kind::Memory(listener) => listener.address(),
        }
    }
}

/// A connection that ended while it waited to be accepted is no trouble of the listener's.
fn left_again(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// Somebody who connected and has not shown yet who they are.
#[derive(Debug)]
pub struct Incoming {
    pub(super) candidate: Candidate,
    pub(super) peer: Address,
}

#[derive(Debug)]
pub(super) enum Candidate {
    Unix(tokio::net::UnixStream),
    Tcp(tokio::net::TcpStream, tls::Tls),
    #[cfg(any(test, feature = "testing"))]
    Memory(super::memory::Stream),
}

impl Incoming {
    /// Lets the peer in if it shows that it may: its user on a Unix socket, its certificate over TCP.
    ///
    /// It waits for the peer, so it belongs into a task of its own, and the caller bounds its time and how many there
    /// are at once. Dropping it closes the connection.
    ///
    /// # Errors
    /// See [`AcceptError`].
    pub async fn establish(self) -> Result<Socket, AcceptError> {
        let stream = match self.candidate {
            Candidate::Unix(stream) => Stream::Unix(unix::admit(stream)?),
            Candidate::Tcp(stream, tls) => Stream::Tls(Box::new(tls.accept(stream).await?)),
            #[cfg(any(test, feature = "testing"))]
            Candidate::Memory(stream) => Stream::Memory(stream),
        };
        Ok(Socket::new(stream, self.peer))
    }

    /// Where it comes from, for counting and for logs.
    pub fn peer(&self) -> &Address {
        &self.peer
    }
}
