//! The addresses that a node tries to be linked with, as a pure table: what to dial, and when again.

use std::{collections::BTreeMap, time::Duration};

use atasks_actors::node_id::NodeId;

use crate::address::Address;

/// Most addresses that are kept.
pub(super) const TARGETS_MAX: usize = 4096;
/// How often a node is dialled that was only heard of.
const HEARD_OF_TRIES: u32 = 30;
/// Wait before the second try; doubles up to [`WAIT_MAX`].
const WAIT_FIRST: Duration = Duration::from_millis(5);
const WAIT_MAX: Duration = Duration::from_secs(1);

/// What is known of an address.
#[derive(Debug)]
struct Target {
    seed: bool,
    failures: u32,
    node: Option<NodeId>,
}

#[derive(Debug, Default)]
pub(super) struct Targets {
    by_address: BTreeMap<Address, Target>,
}

impl Targets {
    /// Adds an address. True: it is new, and to be dialled.
    pub(super) fn add(&mut self, address: &Address, seed: bool) -> bool {
        if self.by_address.contains_key(address) || self.by_address.len() >= TARGETS_MAX {
            return false;
        }
        self.by_address.insert(address.clone(), Target { seed, failures: 0, node: None });
        true
    }

    /// The address leads to `node`, which is linked.
    pub(super) fn linked(&mut self, address: &Address, node: &NodeId) {
        if let Some(target) = self.by_address.get_mut(address) {
            target.failures = 0;
            target.node = Some(node.clone());
        }
    }

    /// The address leads nowhere that this node may link with.
    pub(super) fn remove(&mut self, address: &Address) {
        self.by_address.remove(address);
    }

    /// A try has failed: how long to wait before the next; none if there is to be none.
    pub(super) fn failed(&mut self, address: &Address) -> Option<Duration> {
        let target = self.by_address.get_mut(address)?;
        target.node = None;
        target.failures += 1;
        if !target.seed && target.failures > HEARD_OF_TRIES {
            self.by_address.remove(address);
            return None;
        }
        let doubled = WAIT_FIRST.saturating_mul(1 << (target.failures - 1).min(16));
        Some(doubled.min(WAIT_MAX))
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn a_seed_is_tried_for_ever_and_ever_less_often() {
        let mut targets = Targets::default();
        assert!(targets.add(&address("unix:a"), true));
        let waits: Vec<_> = (0..100).map(|_| targets.failed(&address("unix:a")).unwrap()).collect();
        assert_eq!(waits[0], WAIT_FIRST);
        assert!(waits.is_sorted() && waits[99] == WAIT_MAX);
    }

    #[test]
    fn a_node_that_was_only_heard_of_is_given_up() {
        let mut targets = Targets::default();
        targets.add(&address("unix:a"), false);
        let tries = (0..).take_while(|_| targets.failed(&address("unix:a")).is_some()).count();
        assert_eq!(tries, HEARD_OF_TRIES as usize);
        assert!(targets.add(&address("unix:a"), false), "it may be heard of again");
    }

    #[test]
    fn the_addresses_of_a_lost_node_are_dialled_again() {
        let mut targets = Targets::default();
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
        let mut targets = Targets::default();
        let added = (0..TARGETS_MAX + 10).filter(|n| targets.add(&address(&format!("unix:n{n}")), false)).count();
        assert_eq!(added, TARGETS_MAX);
    }
}
