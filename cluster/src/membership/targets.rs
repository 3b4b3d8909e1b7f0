//! The addresses that a node tries to be linked with, as a pure table: what to dial, and when again.

use std::{collections::BTreeMap, time::Duration};

use atasks_actors::node_id::NodeId;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::address::Address;

/// Most addresses that are kept of nodes that were only heard of. Seeds come on top: they are configured.
pub(super) const HEARD_OF_MAX: usize = 4096;
/// How long a node is dialled that was only heard of and does not answer; a seed is dialled for ever.
const HEARD_OF_FOR: Duration = Duration::from_secs(3600);
/// Wait before the second try; it doubles up to the longest, and up to as much again is added at random, so that nodes
/// which have lost the same peer do not all come at once.
const WAIT_FIRST: Duration = Duration::from_millis(5);
const WAIT_MAX: Duration = Duration::from_secs(1);
const HEARD_OF_WAIT_MAX: Duration = Duration::from_secs(10);

/// What is known of an address.
#[derive(Debug)]
struct Target {
    seed: bool,
    /// Whether a try has come to an end.
    tried: bool,
    waits: ExponentialBackoff,
    node: Option<NodeId>,
}

#[derive(Debug)]
pub(super) struct Targets {
    by_address: BTreeMap<Address, Target>,
    heard_of: usize,
    /// Differs from node to node, and is the same in every replay.
    dice: u64,
}

impl Targets {
    pub(super) fn new(dice: u64) -> Self {
        Self { by_address: BTreeMap::new(), heard_of: 0, dice }
    }

    /// Adds an address. True: it is new, and to be dialled.
    pub(super) fn add(&mut self, address: &Address, seed: bool) -> bool {
        if let Some(target) = self.by_address.get_mut(address) {
            if seed && !target.seed {
                target.seed = true;
                self.heard_of -= 1;
            }
            return false;
        }
        if !seed && self.heard_of >= HEARD_OF_MAX {
            return false;
        }
        self.heard_of += usize::from(!seed);
        let target = Target { seed, tried: false, waits: self.waits(seed), node: None };
        self.by_address.insert(address.clone(), target);
        true
    }

    /// The address leads to `node`, which is linked.
    pub(super) fn linked(&mut self, address: &Address, node: &NodeId) {
        let Some(seed) = self.by_address.get(address).map(|target| target.seed) else { return };
        let target = Target { seed, tried: true, waits: self.waits(seed), node: Some(node.clone()) };
        self.by_address.insert(address.clone(), target);
    }

    /// The address leads nowhere that this node may link with.
    pub(super) fn remove(&mut self, address: &Address) {
        if let Some(removed) = self.by_address.remove(address) {
            self.heard_of -= usize::from(!removed.seed);
        }
    }

    /// A try has failed: how long to wait before the next; none if there is to be none.
    pub(super) fn failed(&mut self, address: &Address) -> Option<Duration> {
        let target = self.by_address.get_mut(address)?;
        target.node = None;
        target.tried = true;
        let wait = target.waits.next();
        if wait.is_none() {
            self.remove(address);
        }
        wait
    }

    /// A node is gone: the addresses that led to it, to be dialled again.
    pub(super) fn lost(&mut self, node: &NodeId) -> Vec<Address> {
        let led_there = |target: &Target| target.node.as_ref() == Some(node);
        let again = self.by_address.iter_mut().filter(|(_, target)| led_there(target));
        again
            .map(|(address, target)| {
                target.node = None;
                address.clone()
            })
            .collect()
    }

    /// Whether each address has been tried to an end once.
    pub(super) fn all_tried(&self) -> bool {
        self.by_address.values().all(|target| target.tried)
    }

    fn waits(&mut self, seed: bool) -> ExponentialBackoff {
        self.dice = self.dice.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
        let waits = ExponentialBuilder::new().with_min_delay(WAIT_FIRST).without_max_times().with_jitter();
        let waits = waits.with_jitter_seed(self.dice);
        match seed {
            true => waits.with_max_delay(WAIT_MAX).build(),
            false => waits.with_max_delay(HEARD_OF_WAIT_MAX).with_total_delay(Some(HEARD_OF_FOR)).build(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn a_seed_is_tried_for_ever_and_ever_less_often() {
        let mut targets = Targets::new(7);
        assert!(targets.add(&address("unix:a"), true));
        let waits: Vec<_> = (0..100).map(|_| targets.failed(&address("unix:a")).unwrap()).collect();
        assert!((WAIT_FIRST..2 * WAIT_FIRST).contains(&waits[0]), "{waits:?}");
        assert!(waits[20..].iter().all(|wait| (WAIT_MAX..2 * WAIT_MAX).contains(wait)), "{waits:?}");
        assert!(waits[20..].windows(2).any(|two| two[0] != two[1]), "jitter");
    }

    #[test]
    fn a_node_that_was_only_heard_of_is_given_up() {
        let mut targets = Targets::new(7);
        targets.add(&address("unix:a"), false);
        let tried_for: Duration = std::iter::from_fn(|| targets.failed(&address("unix:a"))).sum();
        assert!((HEARD_OF_FOR / 2..=HEARD_OF_FOR).contains(&tried_for), "{tried_for:?}");
        assert!(targets.add(&address("unix:a"), false), "it may be heard of again");
    }

    #[test]
    fn the_addresses_of_a_lost_node_are_dialled_again() {
        let mut targets = Targets::new(7);
        let node = NodeId::new("a", 1);
        for text in ["unix:a", "127.0.0.1:1", "unix:b"] {
            targets.add(&address(text), true);
        }
        targets.linked(&address("unix:a"), &node);
        targets.linked(&address("127.0.0.1:1"), &node);
        assert_eq!(targets.lost(&node).len(), 2);
        assert!(targets.lost(&node).is_empty());
    }

    #[test]
    fn there_is_an_end_to_addresses() {
        let mut targets = Targets::new(7);
        let added = (0..HEARD_OF_MAX + 10).filter(|n| targets.add(&address(&format!("unix:n{n}")), false)).count();
        assert_eq!(added, HEARD_OF_MAX);
        assert!(targets.add(&address("unix:seed"), true), "there is always room for a seed");
        targets.remove(&address("unix:n1"));
        assert!(targets.add(&address("unix:other"), false));
    }
}
