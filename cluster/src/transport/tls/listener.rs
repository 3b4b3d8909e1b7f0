//! A listening TCP socket.

use std::io;

use tokio::net::TcpListener;

use super::super::error::TransportError;
use super::super::listener::{Candidate, Incoming};
use super::config::Tls;
use crate::address::Address;

#[derive(Debug)]
pub(crate) struct Listener {
    listener: TcpListener,
    address: Address,
    tls: Tls,
}

impl Listener {
    /// Tokio sets `SO_REUSEADDR`: a restarted node takes its port back although old connections linger.
    pub(crate) async fn bind(authority: &str, tls: &Tls) -> Result<Self, TransportError> {
        let address = Address::Tcp(authority.into());
        let bound = TcpListener::bind(authority).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
        match bound {
            Ok((local, listener)) => Ok(Self { listener, address: Address::Tcp(local.to_string()), tls: tls.clone() }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(TransportError::InUse { address }),
            Err(source) => Err(TransportError::Io { address, source }),
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<Incoming> {
        let (stream, peer) = self.listener.accept().await?;
        Ok(Incoming { candidate: Candidate::Tcp(stream, self.tls.clone()), peer: Address::Tcp(peer.to_string()) })
    }

    pub(crate) fn address(&self) -> Address {
        self.address.clone()
    }
}
