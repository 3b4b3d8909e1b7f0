//! Connecting to somebody.

use std::time::Duration;

use tokio::time::timeout;

use super::credentials::Credentials;
use super::error::DialError;
use super::socket::{Socket, Stream};
use super::{tls, unix};
use crate::address::Address;

/// The addresses that `address` stands for: those that a host name has now, else itself.
///
/// # Errors
/// There is no such host, or no name server answers.
pub async fn resolve(address: &Address) -> Result<Vec<Address>, DialError> {
    match address {
        Address::Tcp(authority) if address.is_name() => tls::resolve(authority).await,
        _ => Ok(vec![address.clone()]),
    }
}

/// Connects to `address` and makes sure that the peer belongs to this cluster, all within `within`.
///
/// # Errors
/// See [`DialError`].
///
/// # Cancel safety
/// Dropping it closes what was begun.
pub async fn dial(address: &Address, credentials: &Credentials, within: Duration) -> Result<Socket, DialError> {
    let stream = async {
        Ok(match address {
            Address::Unix(path) => Stream::Unix(unix::dial(path).await?),
            Address::Tcp(authority) => match credentials.tls() {
                Some(tls) => Stream::Tls(Box::new(tls::dial(authority, tls).await?)),
                None => return Err(DialError::NoSecret { address: address.clone() }),
            },
            #[cfg(any(test, feature = "testing"))]
            Address::Memory(name) => match credentials.endpoint() {
                Some(endpoint) => Stream::Memory(endpoint.dial(name).await?),
                None => return Err(DialError::NoNetwork { address: address.clone() }),
            },
            #[cfg(not(any(test, feature = "testing")))]
            Address::Memory(_) => return Err(DialError::NoNetwork { address: address.clone() }),
        })
    };
    match timeout(within, stream).await {
        Ok(stream) => Ok(Socket::new(stream?, address.clone())),
        Err(_elapsed) => Err(DialError::TimedOut { address: address.clone() }),
    }
}
