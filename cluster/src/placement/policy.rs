//! The rules behind `Placement`, as pure functions.

use atasks_actors::{executor::LoadReport, router::hash};

/// Waiting invocations that count as one that is to be polled: they cost memory and will want an executor again.
pub(crate) const SUSPENDED_SHARE: u64 = 16;

/// Mean times that differ by less than this factor do not count: they are means of few and uneven samples.
const FAR: u64 = 4;

/// How much there is to do at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Score {
    /// Invocations, in sixteenths.
    load: u64,
    executors: u64,
    /// Mean time on an executor of what is to be done, in microseconds; 0: not known.
    mean_us: u64,
}

impl Score {
    /// `placed` is what was placed there since the report, less what has ended since.
    pub(crate) fn new(report: LoadReport, placed: i64, executors: usize) -> Self {
        let LoadReport { unstarted, running, suspended, mean_us, stalled } = report;
        // Those come to nothing new.
        let executors = executors.saturating_sub(stalled as usize);
        let told = (u64::from(unstarted) + u64::from(running)) * SUSPENDED_SHARE + u64::from(suspended);
        let load = told.saturating_add_signed(placed.saturating_mul(SUSPENDED_SHARE as i64));
        Self { load, executors: executors.max(1) as u64, mean_us: mean_us.into() }
    }

    /// Whether this node has less to do than the other one.
    pub(crate) fn is_less_than(self, other: Self) -> bool {
        let (short, long) = (self.mean_us.min(other.mean_us), self.mean_us.max(other.mean_us));
        let counts = short == 0 || long < short.saturating_mul(FAR);
        // Cross-multiplied, to compare fractions without dividing.
        // In 128 bits: a peer may say anything.
        let product = |one: Self, other: Self| {
            let mean = if counts { 1 } else { one.mean_us };
            u128::from(one.load).saturating_mul((mean * other.executors).into())
        };
        product(self, other) < product(other, self)
    }

    /// Invocations for each executor.
    pub(crate) fn per_executor(self) -> f64 {
        self.load as f64 / (self.executors * SUSPENDED_SHARE) as f64
    }
}

/// Whether a worker keeps its own call although no executor of its own is free: nobody has less to do.
pub(crate) fn prefers_here(here: Score, best_peer: Option<Score>) -> bool {
    best_peer.is_none_or(|peer| !peer.is_less_than(here))
}

/// Chooses among `count` nodes: of two at random the one with less to do; if neither can, the best of all that can.
/// `score` gives none for a node that cannot run the call. Source: "The Power of Two Choices in Randomized Load
/// Balancing", Mitzenmacher 2001: far better than one at random, and no herd runs to the one that was idle last.
pub(crate) fn choose(count: usize, dice: u64, score: impl Fn(usize) -> Option<Score>) -> Option<(usize, Score)> {
    let scored = |at: usize| score(at).map(|score| (at, score));
    if count < 2 {
        return if count == 0 { None } else { scored(0) };
    }
    let first = (dice as usize) % count;
    let second = (first + 1 + (dice >> 32) as usize % (count - 1)) % count;
    [first, second].into_iter().filter_map(scored).reduce(less).or_else(|| best(count, dice, &score))
}

/// The one of all that has least to do; of equal ones the first after one at random.
pub(crate) fn best(count: usize, dice: u64, score: impl Fn(usize) -> Option<Score>) -> Option<(usize, Score)> {
    let first = dice as usize % count.max(1);
    let turn = (0..count).map(|step| (first + step) % count);
    turn.filter_map(|at| Some((at, score(at)?))).reduce(less)
}

fn less(one: (usize, Score), other: (usize, Score)) -> (usize, Score) {
    if other.1.is_less_than(one.1) { other } else { one }
}

/// How much the node `name` wants `key`; it falls to the one that wants it most. By name, so that a node that was restarted
/// has its keys again. Source: "A Name-Based Mapping Scheme for Rendezvous", Thaler and Ravishankar 1996.
pub(crate) fn wants(name: &str, key: u64) -> u64 {
    mix(hash(name.as_bytes()) ^ mix(key))
}

/// SplitMix64's finalizer.
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(load: u32, executors: usize) -> Score {
        Score::new(LoadReport { unstarted: load, ..LoadReport::default() }, 0, executors)
    }

    fn timed(load: u32, mean_us: u32) -> Score {
        Score::new(LoadReport { unstarted: load, mean_us, ..LoadReport::default() }, 0, 1)
    }

    #[test]
    fn a_worker_keeps_its_call_while_nobody_has_less() {
        for (here, peer, keeps) in [
            (score(0, 1), Some(score(0, 1)), true),
            (score(1, 2), Some(score(0, 1)), false),
            (score(1, 1), Some(score(0, 1)), false),
            (score(1, 1), Some(score(1, 1)), true),
            (score(9, 1), Some(score(9, 2)), false),
            (score(9, 1), None, true),
        ] {
            assert_eq!(prefers_here(here, peer), keeps, "{here:?} {peer:?}");
        }
    }

    #[test]
    fn what_waits_counts_a_little_and_what_was_placed_since_counts_in_full() {
        let report = LoadReport { unstarted: 1, running: 1, suspended: 8, mean_us: 0, stalled: 0 };
        assert!((Score::new(report, 3, 1).per_executor() - 5.5).abs() < 1e-9);
        assert!((Score::new(report, -1, 2).per_executor() - 0.75).abs() < 1e-9);
        assert_eq!(Score::new(report, -100, 1).load, 0);
        assert_eq!(Score::new(report, i64::MAX, 1).load, 40 + i64::MAX as u64);
    }

    #[test]
    fn a_few_long_invocations_are_more_than_many_short_ones_but_means_that_are_close_do_not_count() {
        assert!(timed(20, 1_000).is_less_than(timed(2, 1_000_000)));
        assert!(!timed(2, 1_000_000).is_less_than(timed(20, 1_000)));
        assert!(timed(2, 3_000).is_less_than(timed(3, 1_000)), "counts decide");
        assert!(timed(2, 0).is_less_than(timed(3, 1_000)), "a mean that is not known says nothing");
        let most =
            LoadReport { unstarted: u32::MAX, running: u32::MAX, suspended: u32::MAX, mean_us: u32::MAX, stalled: 0 };
        assert!(timed(1, 1).is_less_than(Score::new(most, i64::MAX, 1)), "whatever a peer says");
    }

    #[test]
    fn of_two_the_one_with_less_to_do_is_chosen_whatever_the_dice() {
        for dice in 0..100u64 {
            let chosen = choose(2, mix(dice), |at| Some(score(at as u32 * 3, 1)));
            assert_eq!(chosen, Some((0, score(0, 1))));
        }
    }

    #[test]
    fn whoever_can_is_found_among_many_who_cannot() {
        for dice in (0..100u64).map(mix) {
            assert_eq!(choose(50, dice, |at| (at == 17).then(|| score(5, 1))), Some((17, score(5, 1))));
            assert_eq!(choose(50, dice, |_| None), None);
        }
        assert_eq!(choose(0, 1, |_| None), None);
    }

    #[test]
    fn work_spreads_evenly_over_equal_nodes() {
        let mut loads = [0u32; 8];
        for call in 0..8000u64 {
            let (at, _) = choose(8, mix(call), |at| Some(score(loads[at], 1))).unwrap();
            loads[at] += 1;
        }
        assert!(loads.iter().all(|load| (900..1100).contains(load)), "{loads:?}");
    }

    /// To whom each of 10,000 keys falls.
    fn owners(names: &[&'static str]) -> Vec<&'static str> {
        (0..10_000).map(|key| *names.iter().max_by_key(|name| wants(name, key)).unwrap()).collect()
    }

    #[test]
    fn keys_fall_evenly_and_only_those_of_the_node_that_comes_or_goes_move() {
        let (three, four) = (owners(&["a", "b", "c"]), owners(&["a", "b", "c", "d"]));
        for name in ["a", "b", "c", "d"] {
            let count = four.iter().filter(|owner| **owner == name).count();
            assert!((2300..2700).contains(&count), "{name}: {count}");
        }
        for (before, after) in three.iter().zip(&four) {
            assert!(before == after || *after == "d", "{before} to {after}");
        }
    }
}
