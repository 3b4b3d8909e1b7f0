//! How long to wait before something that failed is started again.

use std::time::Duration;

use tokio::time::Instant;

/// Wait after the first failure; each next one doubles it.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// Longest wait.
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(10);
/// What has run so long has not failed because of what it failed of before.
const STEADY: Duration = Duration::from_secs(30);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Pause {
    failures: u32,
    last: Option<Instant>,
}

impl Pause {
    /// Notes a failure; gives the time to wait.
    pub(super) fn next(&mut self, now: Instant) -> Duration {
        let in_a_row = self.last.is_some_and(|last| now.duration_since(last) < STEADY + PAUSE_MAX);
        self.failures = if in_a_row { self.failures + 1 } else { 0 };
        self.last = Some(now);
        PAUSE_FIRST.saturating_mul(1 << self.failures.min(10)).min(PAUSE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_wait_longer_up_to_a_bound_and_a_steady_time_forgives() {
        let (mut pause, mut now) = (Pause::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..100 {
            let wait = pause.next(now);
            now += wait;
            waits.push(wait);
        }
        assert!(waits.is_sorted());
        assert_eq!((waits[0], waits[1], waits[99]), (PAUSE_FIRST, 2 * PAUSE_FIRST, PAUSE_MAX));
        assert_eq!(pause.next(now + STEADY + PAUSE_MAX), PAUSE_FIRST);
    }
}
