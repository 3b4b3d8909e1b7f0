//! What a worker gives away of what waits there, as a pure function.

use atasks_actors::executor::LoadReport;

/// What a worker has to do, and for how many executors that come to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// Invocations that wait to be started.
    unstarted: u64,
    /// Executors that are polling, without those that are stalled.
    running: u64,
    executors: u64,
}

impl Share {
    pub(crate) fn new(report: LoadReport, executors: usize) -> Self {
        let stalled = u64::from(report.stalled);
        Self {
            unstarted: report.unstarted.into(),
            running: u64::from(report.running).saturating_sub(stalled),
            executors: (executors as u64).saturating_sub(stalled),
        }
    }

    /// Whether an executor is free, and nothing waits for it.
    pub(crate) fn is_idle(self) -> bool {
        self.unstarted == 0 && self.running < self.executors
    }

    fn load(self) -> u64 {
        self.unstarted.saturating_add(self.running)
    }
}

/// How many of the calls that wait at `own` it gives away: what it has above its part of all there is to do, while a peer
/// is idle. So many busy workers together give an idle one what is its part, without asking each other.
///
/// Parts of a call are given with that probability, by `dice`: else two workers with one waiting call each would keep both
/// for ever beside a third that has nothing.
pub(crate) fn surplus(own: Share, peers: impl Iterator<Item = Share>, dice: u64) -> usize {
    let (mut load, mut executors, mut any_idle) = (own.load(), own.executors, false);
    for peer in peers {
        any_idle |= peer.is_idle();
        // In 64 bits: they are sums of what peers say in 32.
        load = load.saturating_add(peer.load());
        executors = executors.saturating_add(peer.executors);
    }
    if !any_idle || own.unstarted == 0 {
        return 0;
    }
    // Only executors that all say they are none could make it 0, and then none was idle.
    let (all, executors) = (u128::from(own.load()) * u128::from(executors), u128::from(executors.max(1)));
    let above = all.saturating_sub(u128::from(load) * u128::from(own.executors));
    let more = u128::from(dice) % executors < above % executors;
    let given = (above / executors) as u64 + u64::from(more);
    usize::try_from(given.min(own.unstarted)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::mix;

    fn share(unstarted: u32, running: u32, executors: usize) -> Share {
        Share::new(LoadReport { unstarted, running, ..LoadReport::default() }, executors)
    }

    fn mean(own: Share, peers: &[Share]) -> f64 {
        let given: usize = (0..10_000).map(|dice| surplus(own, peers.iter().copied(), mix(dice))).sum();
        given as f64 / 10_000.0
    }

    #[test]
    fn nothing_is_given_while_nobody_is_idle_or_nothing_waits() {
        assert_eq!(mean(share(1000, 1, 1), &[]), 0.0);
        assert_eq!(mean(share(1000, 1, 1), &[share(0, 1, 1), share(1, 0, 1)]), 0.0, "busy, and about to be");
        assert_eq!(mean(share(0, 2, 1), &[share(0, 0, 1)]), 0.0);
    }

    #[test]
    fn what_is_above_the_own_part_is_given() {
        for (own, peers, given) in [
            (share(99, 1, 1), &[share(0, 0, 1)][..], 50.0),
            (share(99, 1, 1), &[share(0, 0, 3)], 75.0),
            (share(99, 1, 1), &[share(0, 0, 1), share(49, 1, 1)], 50.0),
            (share(19, 1, 1), &[share(0, 0, 1), share(99, 1, 1)], 0.0),
            (share(1, 1, 1), &[share(0, 0, 1)], 1.0),
            (share(1, 2, 2), &[share(0, 1, 2)], 1.0),
        ] {
            assert!((mean(own, peers) - given).abs() < 1e-9, "{own:?} {peers:?}");
        }
    }

    #[test]
    fn many_together_give_an_idle_one_its_part_and_no_more() {
        for (others, waiting) in [(1, 1), (2, 1), (9, 1), (9, 40), (63, 3)] {
            let own = share(waiting, 1, 1);
            let mut peers = vec![own; others - 1];
            peers.push(share(0, 0, 1));
            let together = mean(own, &peers) * others as f64;
            let part = f64::from(waiting + 1) * others as f64 / (others + 1) as f64;
            assert!((together - part).abs() < part * 0.2, "{others} with {waiting}: {together} instead of {part}");
        }
    }

    #[test]
    fn stalled_executors_count_for_nothing() {
        let stalled = |unstarted, running, stalled, executors| {
            Share::new(LoadReport { unstarted, running, stalled, ..LoadReport::default() }, executors)
        };
        assert!(!stalled(0, 1, 1, 1).is_idle());
        assert!(stalled(0, 1, 1, 2).is_idle());
        assert_eq!(mean(stalled(10, 2, 2, 2), &[share(0, 0, 1)]), 10.0, "all that waits");
        let most = LoadReport { unstarted: u32::MAX, running: u32::MAX, suspended: 0, mean_us: 0, stalled: u32::MAX };
        let told = [Share::new(most, 1), Share::new(most, usize::MAX), share(0, 0, 1)];
        assert!(surplus(share(3, 1, 1), told.into_iter(), u64::MAX) <= 3, "whatever peers say");
    }
}
