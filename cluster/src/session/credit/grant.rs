//! What the called end counts and tells of its queue.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Amount, Credit};

/// The part of a window after which it is told that so much has left: one in four keeps a caller going, and is at most one
/// frame for a thousand calls.
const TOLD_PART: u64 = 4;

/// What the called end keeps of one class: what has come and what has left, counted by whoever makes it so, without a lock.
#[derive(Debug)]
pub struct Grant {
    class: u32,
    window: Amount,
    arrived: Count,
    left: Count,
    ended: Count,
    told: Count,
}

#[derive(Debug, Default)]
struct Count {
    calls: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    fn add(&self, bytes: u64) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn read(&self) -> Amount {
        Amount { calls: self.calls.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    fn set(&self, amount: Amount) {
        self.calls.store(amount.calls, Ordering::Relaxed);
        self.bytes.store(amount.bytes, Ordering::Relaxed);
    }
}

impl Grant {
    /// Nothing has come.
    pub fn new(class: u32, window: Amount) -> Self {
        let [arrived, left, ended, told] = Default::default();
        Self { class, window, arrived, left, ended, told }
    }

    /// A call has come. False: no peer that keeps to the window has sent it. It is counted all the same, until it has left.
    pub fn arrive(&self, bytes: u64) -> bool {
        let admitted = self.window.admits(self.waiting());
        self.arrived.add(bytes);
        admitted
    }

    /// A call has left the queue. True: it is time to tell.
    pub fn leave(&self, bytes: u64) -> bool {
        self.left.add(bytes);
        self.is_due()
    }

    /// The outcome of a call is about to be told.
    pub fn end(&self, bytes: u64) {
        self.ended.add(bytes);
    }

    /// Whether a part of the window has left that the peer cannot know of. A peer without room has a whole window under way
    /// or here, so this comes true while at least three quarters of it still wait.
    pub fn is_due(&self) -> bool {
        let untold = self.left.read().less(self.told.read().max(self.ended.read()));
        let part = |of: u64| (of / TOLD_PART).max(1);
        untold.calls >= part(self.window.calls) || untold.bytes >= part(self.window.bytes)
    }

    /// What is to be told now, and is taken for told. One at a time: totals must not overtake each other.
    pub fn tell(&self) -> Credit {
        let left = self.left.read();
        self.told.set(left);
        Credit { class: self.class, left, window: self.window }
    }

    fn waiting(&self) -> Amount {
        self.arrived.read().less(self.left.read().max(self.ended.read()))
    }
}
