//! TCP below TLS: options, names, and dialling.

use std::io;

use socket2::SockRef;
use tokio::net::{TcpStream, lookup_host};

use super::super::error::DialError;
use super::config::Tls;
use super::refusal::Refusal;
use super::stream::Stream;
use crate::address::Address;

/// Unsent bytes the system may hold. What is in there can no longer be overtaken: a heartbeat waits behind it.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// Small frames leave at once, and bulk waits with us, where it has classes, and not in the system.
pub(super) fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
    Ok(())
}

/// The addresses that a host has now.
pub(crate) async fn resolve(authority: &str) -> Result<Vec<Address>, DialError> {
    let address = || Address::Tcp(authority.into());
    let hosts: Vec<_> = match lookup_host(authority).await {
        Ok(hosts) => hosts.map(|host| Address::Tcp(host.to_string())).collect(),
        Err(source) => return Err(DialError::NoSuchHost { address: address(), source }),
    };
    match hosts.is_empty() {
        true => Err(DialError::NoSuchHost { address: address(), source: io::ErrorKind::NotFound.into() }),
        false => Ok(hosts),
    }
}

pub(crate) async fn dial(authority: &str, tls: &Tls) -> Result<Stream, DialError> {
    let address = || Address::Tcp(authority.into());
    let stream = TcpStream::connect(authority).await.map_err(|source| match source.kind() {
        io::ErrorKind::ConnectionRefused => DialError::Refused { address: address() },
        io::ErrorKind::TimedOut => DialError::TimedOut { address: address() },
        _ => DialError::Io { address: address(), source },
    })?;
    tls.connect(stream).await.map_err(|source| match Refusal::of(&source) {
        Refusal::WrongSecret => DialError::WrongSecret { address: address(), set: tls.is_set() },
        Refusal::OtherProtocol => DialError::OtherProtocol { address: address(), source },
        Refusal::Broken => DialError::Io { address: address(), source },
    })
}
