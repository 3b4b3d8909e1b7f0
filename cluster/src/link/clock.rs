//! The clocks of a link: each end counts from the link's beginning, and knows how far the other's is from its own.
//!
//! A deadline crosses as a time on the sender's clock. So it shrinks by all that lies between: what an invocation waits
//! here, on the way, and for a connection that has broken; and the clocks of hosts need not agree. Every reading of the peer's
//! clock is late by its way, so a deadline may be, too, by the least of them; never is more left than when it was said.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::session::frame::Deadline;

/// Readings of the peer's clock of which the one counts that was least on its way; older ones are forgotten, since clocks
/// drift.
const WINDOW: u32 = 64;

#[derive(Debug)]
pub(super) struct Clock {
    born: Instant,
    /// How many microseconds it is fast in a second: none, but in tests.
    drift_ppm: i64,
    /// What is to be added to a time on the peer's clock, in microseconds.
    ahead: AtomicI64,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    former: i64,
    least: i64,
    readings: u32,
}

impl Clock {
    pub(super) fn new(drift_ppm: i32) -> Self {
        let window = Window { former: i64::MAX, least: i64::MAX, readings: 0 };
        // Before the first reading: both ends begin within one greeting.
        Self { born: Instant::now(), drift_ppm: drift_ppm.into(), ahead: AtomicI64::new(0), window: Mutex::new(window) }
    }

    /// Microseconds on this clock at `when`; 0 for what was before.
    pub(super) fn at(&self, when: Instant) -> u64 {
        let real = u64::try_from(when.saturating_duration_since(self.born).as_micros()).unwrap_or(u64::MAX);
        real.saturating_add_signed(self.drift(real))
    }

    pub(super) fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    /// When it is, or was, that the peer's clock shows `theirs`.
    #[cfg(test)]
    fn when(&self, theirs: u64) -> Option<Instant> {
        self.when_ahead(theirs, self.ahead.load(Ordering::Relaxed))
    }

    fn when_ahead(&self, theirs: u64, ahead: i64) -> Option<Instant> {
        let ours = theirs.saturating_add_signed(ahead);
        self.born.checked_add(Duration::from_micros(ours.saturating_add_signed(-self.drift(ours))))
    }

    /// A deadline, as the peer is told of it.
    pub(super) fn tell(&self, at: Instant) -> Deadline {
        Deadline { at_us: self.at(at), told_us: self.now() }
    }

    /// A deadline that the peer has told just now. None: too far away for any clock.
    pub(super) fn deadline(&self, Deadline { at_us, told_us }: Deadline) -> Option<Instant> {
        // Not kept: what is sent again after a blip tells little, and would make better readings forgotten.
        self.when_ahead(at_us, self.ahead.load(Ordering::Relaxed).min(self.ahead_of(told_us)))
    }

    /// How far it is fast after so many microseconds.
    fn drift(&self, micros: u64) -> i64 {
        i64::try_from(i128::from(micros) * i128::from(self.drift_ppm) / 1_000_000).unwrap_or(0)
    }

    fn ahead_of(&self, theirs: u64) -> i64 {
        i64::try_from(i128::from(self.now()) - i128::from(theirs)).unwrap_or(0)
    }

    /// Takes a reading of the peer's clock that has just come.
    pub(super) fn read(&self, theirs: u64) {
        let ahead = self.ahead_of(theirs);
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.least = window.least.min(ahead);
        self.ahead.store(window.least.min(window.former), Ordering::Relaxed);
        window.readings += 1;
        if window.readings == WINDOW {
            *window = Window { former: window.least, least: i64::MAX, readings: 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_time_means_the_same_at_both_ends_however_long_it_was_on_its_way() {
        let theirs = Clock::new(0);
        tokio::time::advance(Duration::from_secs(3600)).await;
        let ours = Clock::new(0);
        ours.read(theirs.now());
        let deadline = Instant::now() + Duration::from_secs(5);
        let told = theirs.at(deadline);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(ours.when(told), Some(deadline));
        assert_eq!(deadline - Instant::now(), Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn the_reading_that_was_least_on_its_way_counts_and_old_ones_are_forgotten() {
        let (theirs, ours) = (Clock::new(0), Clock::new(0));
        let late = theirs.now();
        tokio::time::advance(Duration::from_secs(1)).await;
        ours.read(late);
        ours.read(theirs.now());
        ours.read(late);
        assert_eq!(ours.when(theirs.now()), Some(Instant::now()));
        // Theirs falls behind for good.
        for _ in 0..2 * WINDOW {
            ours.read(theirs.now() - 400_000);
        }
        assert_eq!(ours.when(theirs.now() - 400_000), Some(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn never_is_more_left_than_when_it_was_said() {
        let (theirs, ours) = (Clock::new(0), Clock::new(0));
        let heartbeat = theirs.now();
        tokio::time::advance(Duration::from_millis(40)).await;
        ours.read(heartbeat);
        let told = theirs.tell(Instant::now() + Duration::from_secs(5));
        tokio::time::advance(Duration::from_millis(1)).await;
        let left = ours.deadline(told).unwrap() - Instant::now();
        assert!(left <= Duration::from_secs(5), "{left:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nonsense_is_no_time() {
        let clock = Clock::new(0);
        clock.read(u64::MAX);
        clock.read(0);
        assert!(clock.when(u64::MAX).is_none_or(|when| when > Instant::now()));
        assert_eq!(clock.when(0).map(|when| when <= Instant::now()), Some(true));
    }
}
