//! Bytes between two nodes: Unix sockets on one machine, mutual TLS 1.3 over TCP elsewhere, memory in tests.
//!
//! The link and its session call this; it knows nothing of frames, nodes or liveness. Whoever comes out of
//! [`Incoming::establish`] or [`dial`] is authenticated: by the kernel (peer credentials) on a Unix socket, by a
//! certificate of the cluster's own authority over TCP. There is no plaintext TCP, not even on loopback, where any
//! user of the machine may connect.
//!
//! A [`Socket`] is shared by reference. Reading belongs to one task; writing is non-blocking, from any thread, with or
//! without a runtime, because handing a small batch to an I/O task first would cost more than sending it. So nothing is
//! behind `AsyncWrite`: TLS records are driven by hand under a short lock, which no one holds while waiting.
//!
//! Time is bounded by the callers (`dial` takes a limit, the accepting side puts one around `establish`), memory here:
//! 64 KiB of held-back ciphertext and 32 KiB of unread ciphertext a TLS connection, 256 KiB a direction in memory.
//!
//! A stream that ends without TLS's closing alert reads as closed, like an orderly end: the session above counts
//! frames, so a truncated stream cannot pass for a whole one.

mod credentials;
mod dial;
mod error;
#[cfg(feature = "worker")]
mod listener;
#[cfg(not(feature = "worker"))]
#[path = "absent.rs"]
mod listener;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod socket;
mod tls;
mod unix;

pub use credentials::Credentials;
pub use dial::{dial, resolve};
pub use error::{AcceptError, DialError, TransportError};
#[cfg(feature = "worker")]
pub use listener::Incoming;
pub use listener::Listener;
#[cfg(any(test, feature = "testing"))]
pub use memory::Network;
pub use socket::Socket;
pub use unix::{own_runtime_folder, runtime_folder};

#[cfg(test)]
mod tests;
