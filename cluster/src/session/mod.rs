//! The session: what two nodes say to each other, without sockets and clocks.
//!
//! Bytes in, bytes out. A link reads from its transport into a buffer that [`Incoming`] turns into [`Event`]s, and
//! writes what [`Outgoing`] hands out in batches; [`Pending`] holds the calls that await an outcome. The reader owns
//! `Incoming`; `Outgoing` and `Pending` stand behind one lock of the link, so that a call is numbered, filed and
//! enqueued in one step. Before all that the two ends greet each other, see [`greeting`].
//!
//! Both ends count the numbered frames, so that a session can survive its connection later. Every size and number has
//! a bound, and a sender that keeps to [`limits`] never exceeds those of its receiver. Nothing here decodes arguments,
//! tables or gossip.

mod assembly;
mod batch;
mod bulk;
mod by_call;
pub mod credit;
mod cursor;
mod error;
mod event;
pub mod frame;
pub mod greeting;
mod incoming;
mod lane;
pub mod limits;
mod numbers;
mod outgoing;
mod payload;
mod pending;
mod refused;
mod retained;
#[cfg(test)]
mod tests;

pub use batch::Batch;
pub(crate) use by_call::ByCall;
pub use error::ProtocolError;
pub use event::Event;
pub use incoming::Incoming;
pub use outgoing::Outgoing;
pub use payload::Payload;
pub use pending::{Awaited, Lost, Pending};
pub use refused::Refused;
