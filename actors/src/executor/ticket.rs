//! What an invocation holds while it waits to be started, so that whoever let it in knows when it has left the queue.

use std::{fmt, sync::Arc};

/// Counts the invocations that it has let into the queue and that have not left it.
pub trait Issuer: Send + Sync + 'static {
    /// One of them waits no more: it was started, refused, handed back or dropped. `class` and `bytes` are those of its
    /// ticket.
    fn left(&self, class: u32, bytes: u64);

    /// Whether what it has let in may start now. When that comes true again,
    /// [`start_what_was_parked`](super::Pool::start_what_was_parked) is to be called.
    fn lets_start(&self) -> bool {
        true
    }
}

/// Held by one invocation while it waits to be started, wherever it waits. Dropped, it tells its issuer, once.
pub struct Ticket {
    issuer: Arc<dyn Issuer>,
    class: u32,
    bytes: u64,
}

impl Ticket {
    /// A ticket of `issuer`, for an invocation of that class and so many bytes.
    #[must_use]
    pub fn new(issuer: Arc<dyn Issuer>, class: u32, bytes: u64) -> Self {
        Self { issuer, class, bytes }
    }

    #[cfg(feature = "worker")]
    pub(super) fn lets_start(&self) -> bool {
        self.issuer.lets_start()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.issuer.left(self.class, self.bytes);
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("class", &self.class).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
