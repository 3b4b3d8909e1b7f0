//! Which nodes each root call has cost, as far as this node has seen or heard.
//!
//! A task that ends its process would be carried from node to node by the retries above it. So each loss of a node is noted
//! for the roots whose calls were there, and told to all workers and to the root's own node before anything is repeated: a
//! retry anywhere below the root knows of it, also when the node that saw it is the next to go.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use atasks_actors::{invocation::InvocationId, node_id::NodeId, router::LOST_NODES_MAX};

use super::NodeCore;
use crate::wire::Notice;

/// Most roots that are known to have cost a node; then the oldest is forgotten. Roots that are over are forgotten, too, unless a
/// loss is told of them later.
const ROOTS_MAX: usize = 1 << 16;

/// Longest name of a node; a longer one is nobody's, and not kept.
const NAME_BYTES_MAX: usize = 255;

/// Most roots that one notice names.
const ROOTS_A_NOTICE_MAX: usize = 32;

/// What roots have cost. Sets only grow, and are merged by union.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// Roots in the table: where nothing was lost nobody waits for the lock.
    count: AtomicUsize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    roots: BTreeMap<InvocationId, Cost>,
    /// The roots in the order in which they came.
    ages: BTreeMap<u64, InvocationId>,
    next: u64,
}

#[derive(Debug)]
struct Cost {
    age: u64,
    nodes: Vec<NodeId>,
    /// Other nodes know of it, too.
    shared: bool,
}

impl Losses {
    /// Notes that `root` has cost this node. One start of a node counts once, and what is beyond the limit adds nothing.
    fn add(&self, root: InvocationId, node: &NodeId, shared: bool) {
        let mut table = self.lock();
        let Table { roots, ages, next } = &mut *table;
        let cost = roots.entry(root).or_insert_with(|| {
            let age = *next;
            *next += 1;
            ages.insert(age, root);
            Cost { age, nodes: Vec::with_capacity(1), shared }
        });
        cost.shared |= shared;
        let is_new = cost.nodes.iter().all(|known| known.incarnation() != node.incarnation());
        if is_new && cost.nodes.len() < LOST_NODES_MAX {
            cost.nodes.push(node.clone());
        }
        if roots.len() > ROOTS_MAX
            && let Some((_, oldest)) = ages.pop_first()
        {
            roots.remove(&oldest);
        }
        self.count.store(roots.len(), Ordering::Release);
    }

    /// Notes what another node knows.
    pub(crate) fn merge(&self, root: InvocationId, nodes: &[NodeId]) {
        let is_name = |node: &&NodeId| node.name().len() <= NAME_BYTES_MAX;
        nodes.iter().filter(is_name).for_each(|node| self.add(root, node, true));
    }

    /// What `root` has cost.
    pub(crate) fn of(&self, root: InvocationId) -> Vec<NodeId> {
        if self.is_empty() {
            return Vec::new();
        }
        self.lock().roots.get(&root).map(|cost| cost.nodes.clone()).unwrap_or_default()
    }

    /// The same, to be told to another node.
    pub(crate) fn share(&self, root: InvocationId) -> Vec<NodeId> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut table = self.lock();
        let Some(cost) = table.roots.get_mut(&root) else { return Vec::new() };
        cost.shared = true;
        cost.nodes.clone()
    }

    /// Forgets a root. True: others know of it, too.
    pub(crate) fn forget(&self, root: InvocationId) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut table = self.lock();
        let Some(cost) = table.roots.remove(&root) else { return false };
        table.ages.remove(&cost.age);
        self.count.store(table.roots.len(), Ordering::Release);
        cost.shared
    }

    /// Forgets all roots of a node that is no more: what was below them is cancelled.
    pub(crate) fn forget_all_of(&self, node: &NodeId) {
        if self.is_empty() {
            return;
        }
        let origin = node.incarnation();
        let first = InvocationId { origin, number: 0 };
        let last = InvocationId { origin, number: u64::MAX };
        let gone: Vec<_> = self.lock().roots.range(first..=last).map(|(root, _)| *root).collect();
        gone.into_iter().for_each(|root| {
            self.forget(root);
        });
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The roots of the calls that may have run on a node that is lost.
#[derive(Debug, Default)]
pub(crate) struct Bereaved {
    /// Called there by this node itself, which alone repeats them.
    pub(crate) own: BTreeSet<InvocationId>,
    /// Some task below them has called there.
    pub(crate) above: BTreeSet<InvocationId>,
}

impl NodeCore {
    pub(crate) fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Notes what the loss of a node has cost, and tells it to all who may repeat calls of the same roots.
    pub(crate) fn note_loss(&self, lost: &NodeId, roots: &Bereaved) {
        roots.own.iter().for_each(|root| self.losses.add(*root, lost, false));
        if roots.above.is_empty() {
            return;
        }
        roots.above.iter().for_each(|root| self.losses.add(*root, lost, true));
        for link in self.links() {
            // All workers may run something below any root; of clients only the one that has made the call cares.
            let origin = link.id().incarnation();
            let told = roots.above.iter().copied().filter(|root| link.is_worker() || root.origin == origin);
            let told: Vec<_> = told.collect();
            for some in told.chunks(ROOTS_A_NOTICE_MAX) {
                link.notice(&Notice::Lost { node: lost.clone(), roots: some.to_vec() });
            }
        }
    }

    /// A root that was called here is over: what it has cost is of no more use to anybody.
    pub(super) fn forget_root(&self, root: InvocationId) {
        if self.losses.forget(root) {
            let notice = Notice::Over { root };
            self.links().iter().filter(|link| link.is_worker()).for_each(|link| link.notice(&notice));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(incarnation: u64) -> NodeId {
        NodeId::new(&format!("n{incarnation}"), incarnation)
    }

    fn root(number: u64) -> InvocationId {
        InvocationId { origin: 7, number }
    }

    #[test]
    fn a_node_counts_once_and_no_more_than_the_limit_are_kept() {
        let losses = Losses::default();
        assert!(losses.of(root(1)).is_empty());
        losses.add(root(1), &node(1), false);
        losses.merge(root(1), &[node(1), NodeId::new("the same start by another name", 1)]);
        assert_eq!(losses.of(root(1)), [node(1)]);
        losses.merge(root(1), &[node(2), node(3)]);
        assert_eq!(losses.of(root(1)), [node(1), node(2)]);
        assert!(losses.of(root(2)).is_empty(), "each root has its own");
    }

    #[test]
    fn union_is_the_same_in_any_order_and_however_often() {
        let (one, other) = (Losses::default(), Losses::default());
        one.merge(root(1), &[node(1)]);
        one.merge(root(1), &[node(2)]);
        other.merge(root(1), &[node(2), node(1)]);
        other.merge(root(1), &one.of(root(1)));
        let sorted = |losses: &Losses| losses.of(root(1)).into_iter().collect::<BTreeSet<_>>();
        assert_eq!(sorted(&one), sorted(&other));
    }

    #[test]
    fn a_root_that_is_over_is_forgotten_and_only_told_if_others_know_of_it() {
        let losses = Losses::default();
        losses.add(root(1), &node(1), false);
        assert!(!losses.forget(root(1)));
        losses.add(root(2), &node(1), false);
        assert_eq!(losses.share(root(2)), [node(1)]);
        assert!(losses.forget(root(2)));
        losses.merge(root(3), &[node(1)]);
        assert!(losses.forget(root(3)) && !losses.forget(root(3)));
        assert!(losses.is_empty() && losses.lock().ages.is_empty());
    }

    #[test]
    fn the_roots_of_a_lost_node_are_forgotten_and_no_others() {
        let losses = Losses::default();
        let of_another = InvocationId { origin: 8, number: 0 };
        (0..5).map(root).chain([of_another]).for_each(|root| losses.merge(root, &[node(1)]));
        losses.forget_all_of(&node(7));
        assert_eq!(losses.lock().roots.keys().collect::<Vec<_>>(), [&of_another]);
        assert_eq!(losses.lock().ages.len(), 1);
    }

    #[test]
    fn the_table_is_bounded_and_the_oldest_go_first() {
        let losses = Losses::default();
        for number in 0..ROOTS_MAX as u64 + 10 {
            losses.add(root(number), &node(1), false);
        }
        assert_eq!(losses.count.load(Ordering::Relaxed), ROOTS_MAX);
        assert_eq!(losses.lock().ages.len(), ROOTS_MAX);
        assert!(losses.of(root(9)).is_empty() && !losses.of(root(10)).is_empty());
    }
}
