//! Credit: how much may wait unstarted at the other end, told by who is called and kept by who calls.
//!
//! Totals since the session began go over the wire, never differences: told twice they say the same, and a frame that was
//! lost with its connection is made up for by the next. A call that has its outcome waits no more, told or not, so calls
//! that end as soon as they start need no frame of their own.

mod account;
mod grant;
#[cfg(test)]
mod tests;

pub use account::Account;
pub use grant::Grant;

/// The class of all tasks that have no window of their own; that of another task is its number and one.
pub const SHARED: u32 = 0;

/// Most classes that a peer may tell of.
pub const CLASSES_MAX: usize = 4096;

/// A number of calls, and the bytes of their arguments and extension areas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Calls.
    pub calls: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What is told of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    /// Which tasks it is about.
    pub class: u32,
    /// What has left the queue since the session began.
    pub left: Amount,
    /// Less than this may wait there when a further call is sent.
    pub window: Amount,
}

/// What one call takes of its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Its class.
    pub class: u32,
    /// Bytes of its arguments and its extension area.
    pub bytes: u64,
}

impl Amount {
    /// Whether a further call may come while so much waits: there is a call and a byte left, or nothing waits. So one call
    /// of any size passes, and no more waits than the window and one call.
    pub fn admits(self, waiting: Self) -> bool {
        waiting.calls == 0 || waiting.calls < self.calls && waiting.bytes < self.bytes
    }

    fn add(&mut self, bytes: u64) {
        self.calls = self.calls.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn less(self, other: Self) -> Self {
        Self { calls: self.calls.saturating_sub(other.calls), bytes: self.bytes.saturating_sub(other.bytes) }
    }

    fn max(self, other: Self) -> Self {
        Self { calls: self.calls.max(other.calls), bytes: self.bytes.max(other.bytes) }
    }
}
