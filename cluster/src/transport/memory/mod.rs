//! A network inside one process, for many nodes on one runtime under a paused clock.
//!
//! Everything that happens is decided by a seed and by virtual time, so a run replays exactly. There is no global:
//! whoever has the [`Network`] hands its endpoints out as [`Credentials`](super::Credentials), and the nodes above
//! bind and dial `memory:NAME` as they would any other address.

mod faults;
mod listener;
mod network;
mod pipe;
mod stream;
mod way;

pub(super) use listener::Listener;
pub(super) use network::Endpoint;
pub use network::Network;
pub(super) use stream::Stream;

#[cfg(test)]
mod tests;
