//! Mutual TLS 1.3 over TCP, from the cluster's secret.
//!
//! The secret makes the cluster's certificate authority, the same on every node (`authority`); each start signs itself
//! a fresh node certificate, good for both ends, so a node's own key never leaves its process and no clock, file or
//! server is needed. TLS alone, and TLS 1.3 alone: no older version, no resumption, which would skip the certificates.
//!
//! rustls is driven by hand (`stream`): its asynchronous wrapper takes `&mut self`, but reader and writer share a
//! socket, and any thread may write.

mod authority;
mod config;
#[cfg(feature = "worker")]
mod listener;
mod refusal;
mod stream;
mod tcp;

pub(super) use config::Tls;
#[cfg(feature = "worker")]
pub(super) use listener::Listener;
pub(super) use stream::Stream;
pub(super) use tcp::{dial, resolve};
