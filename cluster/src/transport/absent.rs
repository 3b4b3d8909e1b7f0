//! What stands for a listener in a program without the feature `worker`: it never comes to be.

use super::credentials::Credentials;
use super::error::TransportError;
use crate::address::Address;

/// Accepts connections at one address; there is none.
#[derive(Debug)]
pub enum Listener {}

impl Listener {
    /// Listens nowhere.
    ///
    /// # Errors
    /// Always.
    pub async fn bind(address: &Address, _credentials: &Credentials) -> Result<Self, TransportError> {
        let source = std::io::ErrorKind::Unsupported.into();
        Err(TransportError::Io { address: address.clone(), source })
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        match *self {}
    }
}
