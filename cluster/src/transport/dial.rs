//! Connecting to somebody.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::credentials::Credentials;
use super::error::DialError;
use super::socket::{Socket, Stream};
use super::{tls, unix};
use crate::address::Address;

/// Connects to `address` and makes sure that the peer belongs to this cluster, all within `within`.
///
/// A host name is resolved anew each time; its addresses are tried one after another, each with an equal share of the
/// time that is left. If all fail, the error that leaves most room for a living peer is returned, so
/// [`DialError::nobody_listens`] holds only if it holds for every address.
///
/// # Errors
/// See [`DialError`].
///
/// # Cancel safety
/// Dropping it closes what was begun.
pub async fn dial(address: &Address, credentials: &Credentials, within: Duration) -> Result<Socket, DialError> {
    let deadline = Instant::now() + within;
    let stream = async {
        Ok(match address {
            Address::Unix(path) => Stream::Unix(unix::dial(path).await?),
            Address::Tcp(authority) => match credentials.tls() {
                Some(tls) => Stream::Tls(Box::new(tls::dial(authority, tls, deadline).await?)),
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
    match timeout_at(deadline, stream).await {
        Ok(stream) => Ok(Socket::new(stream?, address.clone())),
        Err(_elapsed) => Err(DialError::TimedOut { address: address.clone() }),
    }
}
