//! TCP below TLS: options, and dialling every address of a name.

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

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

/// Tries every address that the host has now, each with an equal share of the time left.
pub(crate) async fn dial(authority: &str, tls: &Tls, deadline: Instant) -> Result<Stream, DialError> {
    let address = Address::Tcp(authority.into());
    let hosts: Vec<SocketAddr> = match lookup_host(authority).await {
        Ok(hosts) => hosts.collect(),
        Err(source) => return Err(DialError::NoSuchHost { address, source }),
    };
    let mut worst = None;
    for (index, host) in hosts.iter().enumerate() {
        let share = deadline.saturating_duration_since(Instant::now()) / (hosts.len() - index) as u32;
        let attempt = timeout_at(Instant::now() + share, connect(*host, &address, tls)).await;
        match attempt.unwrap_or_else(|_elapsed| Err(DialError::TimedOut { address: address.clone() })) {
            Ok(stream) => return Ok(stream),
            Err(error) => worst = Some(worse(worst, error)),
        }
    }
    Err(worst.unwrap_or(DialError::NoSuchHost { address, source: io::ErrorKind::NotFound.into() }))
}

async fn connect(host: SocketAddr, address: &Address, tls: &Tls) -> Result<Stream, DialError> {
    let address = || address.clone();
    let stream = TcpStream::connect(host).await.map_err(|source| match source.kind() {
        io::ErrorKind::ConnectionRefused => DialError::Refused { address: address() },
        io::ErrorKind::TimedOut => DialError::TimedOut { address: address() },
        _ => DialError::Io { address: address(), source },
    })?;
    tls.connect(stream).await.map_err(|source| match Refusal::of(&source) {
        Refusal::WrongSecret => DialError::WrongSecret { address: address() },
        Refusal::OtherProtocol => DialError::OtherProtocol { address: address(), source },
        Refusal::Broken => DialError::Io { address: address(), source },
    })
}

/// Keeps the error that leaves most room for a living peer; of equals the first.
fn worse(kept: Option<DialError>, next: DialError) -> DialError {
    match kept {
        Some(kept) if room(&kept) >= room(&next) => kept,
        _ => next,
    }
}

/// An answer says more than silence, silence leaves more room than a refusal, and a family of addresses that this host
/// does not have at all (IPv6 switched off, a name with both) says nothing.
fn room(error: &DialError) -> u8 {
    match error {
        DialError::Io { source, .. } if source.kind() == io::ErrorKind::AddrNotAvailable => 0,
        DialError::Refused { .. } => 1,
        DialError::TimedOut { .. } | DialError::Io { .. } => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_listens_only_if_every_address_says_so() {
        let address = || Address::Tcp("worker:7000".into());
        let io = |kind: io::ErrorKind| DialError::Io { address: address(), source: kind.into() };
        let refused = || DialError::Refused { address: address() };
        let timed_out = || DialError::TimedOut { address: address() };
        let worst =
            |errors: Vec<DialError>| errors.into_iter().fold(None, |kept, next| Some(worse(kept, next))).unwrap();
        assert!(worst(vec![refused(), refused()]).nobody_listens());
        assert!(worst(vec![io(io::ErrorKind::AddrNotAvailable), refused()]).nobody_listens());
        assert!(!worst(vec![refused(), timed_out()]).nobody_listens());
        assert!(!worst(vec![io(io::ErrorKind::NetworkUnreachable), refused()]).nobody_listens());
        let wrong = DialError::WrongSecret { address: address() };
        assert!(matches!(worst(vec![timed_out(), wrong, refused()]), DialError::WrongSecret { .. }));
    }
}
