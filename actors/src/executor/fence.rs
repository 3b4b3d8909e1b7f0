//! The fence of a node that was stopped, or whose machine slept: it starts nothing before it has heard what has become of
//! its cluster meanwhile.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// Whether a node may start something. The node's clock stamps it; who finds the last stamp too old starts nothing, so
/// that an executor that wakes before the clock does no harm.
#[derive(Debug)]
pub struct Fence {
    /// Longest between two stamps; none, and the fence is always open.
    patience: Option<Duration>,
    clock: Clock,
    /// When the clock last came by.
    stamp: AtomicU64,
    closed: AtomicBool,
    /// An executor has found it closed, and sleeps.
    balked: AtomicBool,
}

impl Fence {
    /// An open fence, closed by a clock that is more than `patience` late: the machine's, or that of a test.
    #[must_use]
    pub fn new(patience: Option<Duration>, of_a_test: bool) -> Self {
        let (closed, balked) = (AtomicBool::new(false), AtomicBool::new(false));
        let clock = if of_a_test { Clock::Tests(Instant::now()) } else { Clock::Machines };
        Self { patience, stamp: AtomicU64::new(clock.now()), clock, closed, balked }
    }

    /// The clock comes by. False: it was stopped for too long, and the fence is closed.
    pub fn stamp(&self) -> bool {
        let late = self.is_late();
        if late {
            self.closed.store(true, Ordering::SeqCst);
        }
        self.stamp.store(self.clock.now(), Ordering::SeqCst);
        !late
    }

    /// The node knows what has become of its cluster.
    pub fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
    }

    /// Whether it is closed until [`open`](Self::open).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Whether something may be started.
    pub(crate) fn lets_pass(&self) -> bool {
        if self.patience.is_none() {
            return true;
        }
        // In this order: whoever finds the stamp of a clock that has closed the fence finds it closed.
        let passes = !self.is_late() && !self.is_closed();
        if !passes {
            self.balked.store(true, Ordering::SeqCst);
        }
        passes
    }

    /// Whether somebody was kept from starting something since this was last asked, and may do so now.
    pub(crate) fn lets_on(&self) -> bool {
        !self.is_closed() && self.balked.load(Ordering::Relaxed) && self.balked.swap(false, Ordering::SeqCst)
    }

    fn is_late(&self) -> bool {
        let patience = self.patience.map_or(u128::MAX, |patience| patience.as_nanos());
        u128::from(self.clock.now().saturating_sub(self.stamp.load(Ordering::SeqCst))) > patience
    }
}

#[derive(Debug)]
enum Clock {
    Machines,
    /// Tokio's, which may be virtual, since this moment.
    Tests(Instant),
}

impl Clock {
    /// Nanoseconds on a clock that goes on while the machine sleeps, as others' clocks do.
    fn now(&self) -> u64 {
        match self {
            Self::Machines => boottime(),
            Self::Tests(since) => u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX),
        }
    }
}

fn boottime() -> u64 {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    // On macOS the monotonic clock is such a one.
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_clock_closes_it_until_it_is_opened() {
        let fence = Fence::new(Some(Duration::from_secs(60)), false);
        assert!(fence.lets_pass() && fence.stamp());
        fence.stamp.fetch_sub(61_000_000_000, Ordering::SeqCst);
        assert!(!fence.lets_pass(), "before the clock has come by");
        assert!(!fence.stamp() && fence.is_closed());
        assert!(!fence.lets_pass() && !fence.lets_on());
        assert!(fence.stamp(), "the clock is in time again");
        assert!(!fence.lets_pass(), "and the fence still closed");
        fence.open();
        assert!(fence.lets_pass() && fence.lets_on() && !fence.lets_on());
    }

    #[test]
    fn without_patience_it_is_open() {
        let fence = Fence::new(None, false);
        fence.stamp.store(0, Ordering::SeqCst);
        assert!(fence.lets_pass() && fence.stamp());
    }
}
