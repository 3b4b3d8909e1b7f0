//! The addresses that a node tries to be linked with, as a pure table: what to dial, and when again.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use atasks_actors::node_id::NodeId;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::address::Address;

/// Most addresses that are kept of nodes that were only heard of. Seeds come on top: they are configured.
pub(super) const HEARD_OF_MAX: usize = 4096;
/// Dials under way at once; further addresses wait in line, seeds before all others.
pub(super) const DIALS_MAX: usize = 64;
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
    /// The node that was said to listen there.
    told: Option<NodeId>,
    /// Whether a try has come to an end.
    tried: bool,
    waits: ExponentialBackoff,
    stands: Stands,
}

#[derive(Debug, PartialEq, Eq)]
enum Stands {
    /// In line to be dialled.
    InLine,
    /// It is dialled, or waits before the next try.
    Tried,
    /// The node that it leads to is linked, over this address or another: there is no need to dial it.
    Linked(NodeId),
}

#[derive(Debug)]
pub(super) struct Targets {
    by_address: BTreeMap<Address, Target>,
    heard_of: usize,
    /// To be dialled, in this order; those that are not in line any more are passed over.
    seeds: VecDeque<Address>,
    others: VecDeque<Address>,
    /// Dials that have not ended.
    under_way: BTreeSet<Address>,
    /// Differs from node to node, and is the same in every replay.
    dice: u64,
}

impl Targets {
    pub(super) fn new(dice: u64) -> Self {
        Self {
            by_address: BTreeMap::new(),
            heard_of: 0,
            seeds: VecDeque::new(),
            others: VecDeque::new(),
            under_way: BTreeSet::new(),
            dice,
        }
    }

    /// Adds a seed.
    pub(super) fn add_seed(&mut self, address: &Address) {
        match self.by_address.get_mut(address) {
            Some(target) if target.seed => {}
            Some(target) => {
                target.seed = true;
                self.heard_of -= 1;
                self.line_up(address);
            }
            None => self.insert(address, true, None),
        }
    }

    /// Adds an address at which `node` is said to listen. False: there are too many.
    pub(super) fn hear_of(&mut self, address: &Address, node: &NodeId) -> bool {
        if let Some(target) = self.by_address.get_mut(address) {
            target.told = Some(node.clone());
            return true;
        }
        if self.heard_of >= HEARD_OF_MAX {
            return false;
        }
        self.heard_of += 1;
        self.insert(address, false, Some(node.clone()));
        true
    }

    fn insert(&mut self, address: &Address, seed: bool, told: Option<NodeId>) {
        let target = Target { seed, told, tried: false, waits: self.waits(seed), stands: Stands::InLine };
        self.by_address.insert(address.clone(), target);
        self.line_up(address);
    }

    fn line_up(&mut self, address: &Address) {
        let Some(target) = self.by_address.get(address) else { return };
        if target.stands == Stands::InLine {
            let line = if target.seed { &mut self.seeds } else { &mut self.others };
            line.push_back(address.clone());
        }
    }

    pub(super) fn is_seed(&self, address: &Address) -> bool {
        self.by_address.get(address).is_some_and(|target| target.seed)
    }

    /// The next address to dial, if one more may be under way. Each is to be [`ended`](Self::ended).
    pub(super) fn next(&mut self) -> Option<Address> {
        while self.under_way.len() < DIALS_MAX {
            let address = self.seeds.pop_front().or_else(|| self.others.pop_front())?;
            let target = self.by_address.get_mut(&address).filter(|target| target.stands == Stands::InLine);
            let Some(target) = target else { continue };
            target.stands = Stands::Tried;
            // If it is under way still, its end counts for this as well.
            if self.under_way.insert(address.clone()) {
                return Some(address);
            }
        }
        None
    }

    /// A dial has come to its end, whatever that is.
    pub(super) fn ended(&mut self, address: &Address) {
        self.under_way.remove(address);
    }

    /// The address leads to `node`, which is linked. So the others at which it was only said to listen need not be dialled.
    pub(super) fn linked(&mut self, address: &Address, node: &NodeId) {
        let told = |target: &&mut Target| !target.seed && target.told.as_ref() == Some(node);
        for target in self.by_address.values_mut().filter(told) {
            target.tried = true;
            target.stands = Stands::Linked(node.clone());
        }
        let Some(seed) = self.by_address.get(address).map(|target| target.seed) else { return };
        let waits = self.waits(seed);
        if let Some(target) = self.by_address.get_mut(address) {
            target.tried = true;
            target.waits = waits;
            target.stands = Stands::Linked(node.clone());
        }
    }

    /// The address leads nowhere that this node may link with.
    pub(super) fn remove(&mut self, address: &Address) {
        if let Some(removed) = self.by_address.remove(address) {
            self.heard_of -= usize::from(!removed.seed);
        }
    }

    /// A try has failed: how long to wait before it is [`due`](Self::due) again; none if there is to be no other.
    pub(super) fn failed(&mut self, address: &Address) -> Option<Duration> {
        let target = self.by_address.get_mut(address)?;
        target.tried = true;
        if matches!(target.stands, Stands::Linked(_)) {
            // Over another address, meanwhile.
            return None;
        }
        target.stands = Stands::Tried;
        let wait = target.waits.next();
        if wait.is_none() {
            self.remove(address);
        }
        wait
    }

    /// The wait before the next try is over.
    pub(super) fn due(&mut self, address: &Address) {
        if let Some(target) = self.by_address.get_mut(address).filter(|target| target.stands == Stands::Tried) {
            target.stands = Stands::InLine;
            self.line_up(address);
        }
    }

    /// A node is gone: the addresses that led to it are in line again.
    pub(super) fn lost(&mut self, node: &NodeId) {
        let mut again = Vec::new();
        for (address, target) in &mut self.by_address {
            if matches!(&target.stands, Stands::Linked(linked) if linked == node) {
                target.stands = Stands::InLine;
                again.push(address.clone());
            }
        }
        again.iter().for_each(|address| self.line_up(address));
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

    fn node(name: &str) -> NodeId {
        NodeId::new(name, 1)
    }

    /// All that may be dialled now.
    fn dialled(targets: &mut Targets) -> Vec<String> {
        std::iter::from_fn(|| targets.next()).map(|address| address.to_string()).collect()
    }

    fn fails(targets: &mut Targets, text: &str) -> Option<Duration> {
        targets.ended(&address(text));
        targets.failed(&address(text))
    }

    #[test]
    fn a_seed_is_tried_for_ever_and_ever_less_often() {
        let mut targets = Targets::new(7);
        targets.add_seed(&address("unix:a"));
        let waits: Vec<_> = (0..100).map(|_| fails(&mut targets, "unix:a").unwrap()).collect();
        assert!((WAIT_FIRST..2 * WAIT_FIRST).contains(&waits[0]), "{waits:?}");
        assert!(waits[20..].iter().all(|wait| (WAIT_MAX..2 * WAIT_MAX).contains(wait)), "{waits:?}");
        assert!(waits[20..].windows(2).any(|two| two[0] != two[1]), "jitter");
    }

    #[test]
    fn a_node_that_was_only_heard_of_is_given_up() {
        let mut targets = Targets::new(7);
        targets.hear_of(&address("unix:a"), &node("a"));
        let tried_for: Duration = std::iter::from_fn(|| fails(&mut targets, "unix:a")).sum();
        assert!((HEARD_OF_FOR / 2..=HEARD_OF_FOR).contains(&tried_for), "{tried_for:?}");
        assert!(targets.by_address.is_empty(), "it may be heard of again");
    }

    #[test]
    fn what_has_failed_is_dialled_again_when_it_is_due() {
        let mut targets = Targets::new(7);
        targets.add_seed(&address("unix:a"));
        assert_eq!(dialled(&mut targets), ["unix:a"]);
        targets.due(&address("unix:a"));
        assert!(dialled(&mut targets).is_empty(), "it is under way");
        assert!(fails(&mut targets, "unix:a").is_some() && dialled(&mut targets).is_empty());
        targets.due(&address("unix:a"));
        targets.due(&address("unix:a"));
        assert_eq!(dialled(&mut targets), ["unix:a"]);
    }

    #[test]
    fn the_addresses_of_a_lost_node_are_dialled_again() {
        let mut targets = Targets::new(7);
        for text in ["unix:a", "127.0.0.1:1", "unix:b"] {
            targets.add_seed(&address(text));
        }
        assert_eq!(dialled(&mut targets).len(), 3);
        for text in ["unix:a", "127.0.0.1:1"] {
            targets.ended(&address(text));
            targets.linked(&address(text), &node("a"));
        }
        targets.lost(&node("a"));
        assert_eq!(dialled(&mut targets).len(), 2);
        targets.lost(&node("a"));
        assert!(dialled(&mut targets).is_empty());
    }

    #[test]
    fn an_address_that_is_out_of_reach_is_left_alone_while_its_node_is_linked() {
        let mut targets = Targets::new(7);
        for text in ["10.0.0.1:7", "unix:a"] {
            assert!(targets.hear_of(&address(text), &node("a")));
        }
        assert_eq!(dialled(&mut targets).len(), 2);
        targets.ended(&address("unix:a"));
        targets.linked(&address("unix:a"), &node("a"));
        assert!(targets.all_tried(), "nobody waits for the other");
        assert_eq!(fails(&mut targets, "10.0.0.1:7"), None);
        targets.due(&address("10.0.0.1:7"));
        assert!(dialled(&mut targets).is_empty());
        targets.lost(&node("a"));
        assert_eq!(dialled(&mut targets).len(), 2, "both may lead to it again");
    }

    #[test]
    fn few_are_dialled_at_once_and_seeds_before_all_others() {
        let mut targets = Targets::new(7);
        for n in 0..HEARD_OF_MAX {
            targets.hear_of(&address(&format!("unix:n{n}")), &node(&format!("n{n}")));
        }
        let first = dialled(&mut targets);
        assert_eq!(first.len(), DIALS_MAX);
        targets.add_seed(&address("unix:seed"));
        targets.add_seed(&address("unix:n4000"));
        assert!(dialled(&mut targets).is_empty());
        for text in &first[..3] {
            assert!(fails(&mut targets, text).is_some());
        }
        assert_eq!(dialled(&mut targets), ["unix:seed", "unix:n4000", "unix:n64"]);
    }

    #[test]
    fn there_is_an_end_to_addresses() {
        let mut targets = Targets::new(7);
        let hears = |targets: &mut Targets, name: &str| targets.hear_of(&address(&format!("unix:{name}")), &node(name));
        let added = (0..HEARD_OF_MAX + 10).filter(|n| hears(&mut targets, &format!("n{n}"))).count();
        assert_eq!(added, HEARD_OF_MAX);
        targets.add_seed(&address("unix:seed"));
        assert!(targets.by_address.contains_key(&address("unix:seed")), "there is always room for a seed");
        targets.remove(&address("unix:n1"));
        assert!(hears(&mut targets, "other"));
    }
}
