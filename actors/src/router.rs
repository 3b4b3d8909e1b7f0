//! What a call needs of its node, without knowing how nodes reach each other.

use std::{any::Any, sync::Arc};

use crate::{
    event::Events,
    invocation::{Invocation, InvocationId},
    node_id::NodeId,
    outcome::Outcome,
    slot::Slot,
};

/// Where a call may run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// On whichever capable worker has least to do, this node preferred.
    #[default]
    Auto,
    /// On this node.
    Local,
    /// On the node of this name, whatever its incarnation.
    Node(String),
    /// On this start of this node.
    On(NodeId),
}

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
    fn start(&self, invocation: Invocation, placement: &Placement) -> Started;

    /// Has `slot` expire at the deadline that it was made with.
    fn watch_deadline(&self, slot: &Arc<Slot>);

    /// Whether it has left, so that nothing starts here any more.
    fn has_left(&self) -> bool;

    /// Wakes `waker` at `when`, or when the node leaves.
    fn wake_at(&self, when: tokio::time::Instant, waker: std::task::Waker);
}
