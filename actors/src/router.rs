//! What a call needs of its node, without knowing how nodes reach each other.

use std::{any::Any, sync::Arc};

use crate::{
    event::Events,
    invocation::{Invocation, InvocationId},
    node_id::NodeId,
    outcome::Outcome,
    policy::{Policy, SharedPolicy},
    slot::Slot,
    task::TaskEntry,
    task_error::Unplaced,
};

/// Where a call may run. Only workers that have the task, by name and fingerprint, ever get it.
///
/// | placement | who may run it | if nobody can |
/// |---|---|---|
/// | `Auto`, `Spread`, `Label`, `Key`, `Policy` | workers that are up and not draining (`Label`: that have the label) | after `placement.place_timeout`: `Unplaced` with what was missing |
/// | `Local` | this node | at once: `Unplaced` |
/// | `Node` | whoever has this name | after `place_timeout`: `Unplaced` (`NoSuchNode`); at once if it drains: `Rejected` |
/// | `On` | that start of that node | at once: `NodeLost` (did not run); if it drains: `Rejected` |
///
/// A worker that is busy is not absent: a call waits for it as long as its deadline allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// On whichever worker has least to do, this node preferred.
    #[default]
    Auto,
    /// On all workers in turn, whatever they have to do: for what is better spread than balanced. A node's turns are its own.
    Spread,
    /// As `Auto`, among the workers that have this label (`node.labels`).
    Label(String),
    /// On this node.
    Local,
    /// On the node of this name, whatever its incarnation.
    Node(String),
    /// On this start of this node.
    On(NodeId),
    /// On the worker that this number falls to: calls with one number go to one node, also from different callers, until
    /// nodes come or go; then only those move that have to. For locality, as of caches; it does not exclude that two
    /// nodes have a key at the same time. [`Placement::key`] makes it of any bytes.
    Key(u64),
    /// On whichever worker a rule of your own chooses; see [`Placement::policy`].
    Policy(SharedPolicy),
}

impl Placement {
    /// On the worker that this key falls to; see [`Key`](Self::Key). The same bytes give the same number in every program.
    #[must_use]
    pub fn key(bytes: impl AsRef<[u8]>) -> Self {
        Self::Key(hash(bytes.as_ref()))
    }

    /// Whether a call so placed may go to another node as long as it has not started: it asks for whichever has least to do.
    /// All others mean the node that they lead to.
    #[must_use]
    pub fn is_movable(&self) -> bool {
        matches!(self, Self::Auto | Self::Label(_))
    }

    /// On whichever worker `policy` chooses.
    #[must_use]
    pub fn policy(policy: impl Policy) -> Self {
        Self::Policy(policy.into())
    }
}

/// FNV-1a. Source: Fowler, Noll, Vo, draft-eastlake-fnv. Of names and keys, the same in every program and version.
#[must_use]
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Most nodes that the calls of one root may cost: once so many were lost with calls of it, none is repeated after a loss.
pub const LOST_NODES_MAX: usize = 2;

/// What came of starting an invocation.
#[derive(Debug)]
pub enum Started {
    /// It is over already.
    Done(Outcome),
    /// It goes on; the slot takes its outcome.
    Pending(Arc<Slot>),
}

/// A node, as calls and running tasks see it.
pub trait Router: Any + Send + Sync {
    /// Who it is.
    fn id(&self) -> &NodeId;

    /// The id of the next call made here.
    fn next_id(&self) -> InvocationId;

    /// Most bytes of one payload.
    fn payload_max(&self) -> usize;

    /// Where it tells what happens on it.
    fn events(&self) -> &Events;

    /// Places an invocation and starts it there. Fails by an outcome, never by waiting.
    fn start(&self, invocation: &Invocation, placement: &Placement) -> Started;

    /// The workers that can run `task` now and that `placement` allows, ordered by id.
    ///
    /// # Errors
    /// Why there is none.
    fn capable(&self, task: &'static TaskEntry, placement: &Placement) -> Result<Vec<NodeId>, Unplaced>;

    /// The nodes that are known to be lost with calls of `root` that may have run there; [`LOST_NODES_MAX`] at most.
    fn lost_under(&self, root: InvocationId) -> Vec<NodeId> {
        let _ = root;
        Vec::new()
    }

    /// Tells that a root that was called here is over.
    fn root_is_over(&self, root: InvocationId) {
        let _ = root;
    }

    /// Until when it waits for workers that are on their way, if it does: those that a first call brings.
    fn gathers_until(&self) -> Option<tokio::time::Instant> {
        None
    }

    /// Has `slot` expire at the deadline that it was made with.
    fn watch_deadline(&self, slot: &Arc<Slot>);

    /// Whether it has left, so that nothing starts here any more.
    fn has_left(&self) -> bool;

    /// Wakes `waker` at `when`, or when the node leaves.
    fn wake_at(&self, when: tokio::time::Instant, waker: std::task::Waker);
}
