//! The rule behind `Placement::Auto`, as pure functions.

/// How much there is to do at a node, for each of its executors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Score {
    pub(crate) load: usize,
    pub(crate) executors: usize,
}

impl Score {
    /// Whether this node has less to do than the other one.
    pub(crate) fn is_less_than(self, other: Self) -> bool {
        // Cross-multiplied, to compare fractions without dividing.
        // In 128 bits: a peer may say anything.
        let product = |load: usize, executors: usize| load as u128 * executors.max(1) as u128;
        product(self.load, other.executors) < product(other.load, self.executors)
    }
}

/// Whether a worker keeps its own call: as long as an executor of its own is free, or nobody has less to do.
pub(crate) fn prefers_here(here: Score, best_peer: Option<Score>) -> bool {
    here.load < here.executors.max(1) || best_peer.is_none_or(|peer| !peer.is_less_than(here))
}

/// Chooses among `count` nodes: of two at random the one with less to do; if neither can, the best of all that can.
/// `score` gives none for a node that cannot run the call. Source: "The Power of Two Choices in Randomized Load
/// Balancing", Mitzenmacher 2001: far better than one at random, and no herd runs to the one that was idle last.
pub(crate) fn choose(count: usize, dice: u64, score: impl Fn(usize) -> Option<Score>) -> Option<(usize, Score)> {
    if count == 0 {
        return None;
    }
    let less = |one: (usize, Score), other: (usize, Score)| if other.1.is_less_than(one.1) { other } else { one };
    let scored = |at: usize| score(at).map(|score| (at, score));
    let first = (dice as usize) % count;
    let second = (first + 1 + (dice >> 32) as usize % (count - 1).max(1)) % count;
    [first, second]
        .into_iter()
        .filter_map(scored)
        .reduce(less)
        .or_else(|| (0..count).map(|step| (first + step) % count).filter_map(scored).reduce(less))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(load: usize, executors: usize) -> Score {
        Score { load, executors }
    }

    #[test]
    fn a_worker_keeps_its_call_while_an_executor_is_free_or_nobody_has_less() {
        for (here, peer, keeps) in [
            (score(0, 1), Some(score(0, 1)), true),
            (score(1, 2), Some(score(0, 1)), true),
            (score(1, 1), Some(score(0, 1)), false),
            (score(1, 1), Some(score(1, 1)), true),
            (score(9, 1), Some(score(9, 2)), false),
            (score(9, 1), None, true),
        ] {
            assert_eq!(prefers_here(here, peer), keeps, "{here:?} {peer:?}");
        }
    }

    #[test]
    fn of_two_the_one_with_less_to_do_is_chosen_whatever_the_dice() {
        for dice in 0..100u64 {
            let chosen = choose(2, dice.wrapping_mul(0x9E37_79B9_7F4A_7C15), |at| Some(score(at * 3, 1)));
            assert_eq!(chosen, Some((0, score(0, 1))));
        }
    }

    #[test]
    fn whoever_can_is_found_among_many_who_cannot() {
        for dice in 0..100u64 {
            let dice = dice.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            assert_eq!(choose(50, dice, |at| (at == 17).then(|| score(5, 1))), Some((17, score(5, 1))));
            assert_eq!(choose(50, dice, |_| None), None);
        }
        assert_eq!(choose(0, 1, |_| None), None);
    }

    #[test]
    fn work_spreads_evenly_over_equal_nodes() {
        let mut loads = [0usize; 8];
        for call in 0..8000u64 {
            let mut dice = call.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            dice ^= dice >> 29;
            let (at, _) = choose(8, dice, |at| Some(score(loads[at], 1))).unwrap();
            loads[at] += 1;
        }
        assert!(loads.iter().all(|load| (900..1100).contains(load)), "{loads:?}");
    }
}
