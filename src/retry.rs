//! How often, and how soon, a failed call is repeated.

use std::time::Duration;

use crate::{Ran, Rejection, TaskError, Unplaced};

/// How a failed call is repeated. Only what is safe is: a call that did not run, or may have and is idempotent. A task's
/// own `Err` is a result, never repeated. Nor is a loss, once the root of the call has cost two nodes: see
/// [`TaskError::NodeLost`].
///
/// Each attempt waits anew for a node that can run it, up to `placement.place_timeout`: where no worker is left, a call
/// with `Retry::times(3)` fails after four times that, and the waits between. A deadline bounds all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Retry {
    times: u32,
    first: Duration,
    most: Duration,
}

impl Retry {
    /// Repeats a call up to `times`; waits 50 ms before the first repetition, twice as long before each next one, at most
    /// 5 s, and each time between half and all of that.
    pub const fn times(times: u32) -> Self {
        Self { times, first: Duration::from_millis(50), most: Duration::from_secs(5) }
    }

    /// Waits `first` before the first repetition and at most `most` before any.
    pub const fn backoff(mut self, first: Duration, most: Duration) -> Self {
        (self.first, self.most) = (first, most);
        self
    }

    /// How long to wait before the repetition after `failures` failures, or none if there is to be none. `dice` is any
    /// number that differs from call to call.
    pub(crate) fn next(&self, failures: u32, error: &TaskError, idempotent: bool, dice: u64) -> Option<Duration> {
        let safe = match error.ran() {
            Ran::No => helps(error),
            Ran::Maybe => idempotent && helps(error),
            Ran::Yes => false,
        };
        if !safe || failures > self.times {
            return None;
        }
        let whole = self.first.saturating_mul(1u32 << (failures - 1).min(20)).min(self.most);
        let part = f64::from((dice % 1024) as u32) / 1024.0;
        Some(whole.mul_f64(0.5 + part / 2.0))
    }
}

/// Whether time or another node may bring what this one attempt did not.
fn helps(error: &TaskError) -> bool {
    match error {
        // A tree that is too large would be too large elsewhere, and here once more.
        TaskError::Rejected { reason, .. } => !matches!(reason, Rejection::TreeTooLarge { .. }),
        TaskError::NodeLost { .. } | TaskError::Other { .. } => true,
        TaskError::Unplaced { reason, .. } => !matches!(reason, Unplaced::NotAWorker),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Loss, NodeId};

    fn lost(ran: Ran) -> TaskError {
        TaskError::NodeLost { node: NodeId::new("n", 1), reason: Loss::Closed, ran, before: Vec::new() }
    }

    #[test]
    fn what_may_have_run_is_repeated_only_if_idempotent() {
        let retry = Retry::times(2);
        assert!(retry.next(1, &lost(Ran::No), false, 7).is_some());
        assert!(retry.next(1, &lost(Ran::Maybe), false, 7).is_none());
        assert!(retry.next(1, &lost(Ran::Maybe), true, 7).is_some());
    }

    #[test]
    fn it_ends_after_so_many_times_and_waits_longer_each_time() {
        let retry = Retry::times(3).backoff(Duration::from_millis(100), Duration::from_millis(300));
        let waits: Vec<_> = (1..).map_while(|n| retry.next(n, &lost(Ran::No), false, 0)).collect();
        assert_eq!(waits, [50, 100, 150].map(Duration::from_millis));
    }

    #[test]
    fn waits_differ_from_call_to_call_between_half_and_all_of_the_bound_and_are_the_same_each_time() {
        let bound = Duration::from_millis(1000);
        let retry = Retry::times(1).backoff(bound, bound);
        let waits = |dice: u64| retry.next(1, &lost(Ran::No), false, dice).unwrap();
        let all: std::collections::BTreeSet<_> = (0..1024).map(waits).collect();
        assert_eq!(all.len(), 1024);
        assert!(all.iter().all(|wait| (bound / 2..=bound).contains(wait)));
        assert_eq!(waits(77), waits(77));
        let longest = Retry::times(u32::MAX).backoff(Duration::MAX, Duration::MAX);
        assert!(longest.next(u32::MAX, &lost(Ran::No), false, u64::MAX) <= Some(Duration::MAX));
    }

    #[test]
    fn what_no_repetition_mends_is_not_repeated() {
        let not_a_worker = TaskError::Unplaced { task: "t".into(), reason: Unplaced::NotAWorker };
        let reason = Rejection::TreeTooLarge { task: "t".into(), count: 9, bytes: 9, limit: 8 };
        let too_large = TaskError::Rejected { node: NodeId::new("n", 1), reason };
        for error in [TaskError::NotJoined, TaskError::WouldBlock, not_a_worker, too_large] {
            assert_eq!(Retry::times(9).next(1, &error, true, 0), None);
        }
    }
}
