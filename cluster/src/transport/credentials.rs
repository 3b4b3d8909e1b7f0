//! What a node shows to be let in.

use std::fmt;

use super::error::TransportError;
#[cfg(any(test, feature = "testing"))]
use super::memory::Endpoint;
use super::tls::Tls;
use crate::secret::Secret;

/// Holds what a node needs to listen and dial, made once a start; cheap to clone.
///
/// Without a secret only Unix sockets can be used, where the kernel vouches for the peer.
#[derive(Clone, Default)]
pub struct Credentials {
    tls: Option<Tls>,
    #[cfg(any(test, feature = "testing"))]
    endpoint: Option<Endpoint>,
}

impl Credentials {
    /// Makes credentials for Unix sockets alone.
    pub fn none() -> Self {
        Self::default()
    }

    /// Derives the cluster's authority from its secret and signs a fresh node certificate, for TCP and Unix sockets.
    ///
    /// # Errors
    /// Only if the cryptographic library does not work on this machine.
    pub fn from_secret(secret: &Secret) -> Result<Self, TransportError> {
        let mut credentials = Self::none();
        credentials.tls = Some(Tls::from_secret(secret)?);
        Ok(credentials)
    }

    /// Does the same with the user's own secret, which stands in for one that is not set.
    ///
    /// # Errors
    /// As those of [`from_secret`](Self::from_secret).
    pub fn of_user(secret: &Secret) -> Result<Self, TransportError> {
        let mut credentials = Self::none();
        credentials.tls = Some(Tls::from_secret(secret)?.of_user());
        Ok(credentials)
    }

    #[cfg(any(test, feature = "testing"))]
    pub(super) fn at(endpoint: Endpoint) -> Self {
        Self { tls: None, endpoint: Some(endpoint) }
    }

    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    #[cfg(any(test, feature = "testing"))]
    pub(super) fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}
