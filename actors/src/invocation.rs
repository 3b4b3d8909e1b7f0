//! One call of a task, as it is handed from node to node.

use std::{collections::BTreeMap, fmt, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::task::{Form, TaskEntry};

/// Identifies one invocation in the whole cluster: the incarnation of the node that made the call, and its count there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InvocationId {
    /// The incarnation of the calling node.
    pub origin: u64,
    /// The how-many-eth call of that node it is, from 1.
    pub number: u64,
}

impl fmt::Display for InvocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.origin >> 32, self.number)
    }
}

impl fmt::Debug for InvocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Small values that follow a call and all calls below it: at most 4 KiB of keys and values together.
pub type Baggage = Arc<BTreeMap<String, String>>;

/// Most bytes of keys and values that the baggage of one call may have.
pub const BAGGAGE_BYTES_MAX: usize = 4096;

/// Most bytes that the label of a call may have.
pub const LABEL_BYTES_MAX: usize = 255;

/// What a node needs to know to run one attempt at one call.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Which call it is.
    pub id: InvocationId,
    /// The invocation whose body made the call; none for a root.
    pub parent: Option<InvocationId>,
    /// The invocation at the top of the tree; `id` itself for a root.
    pub root: InvocationId,
    /// Which attempt at the call it is, from 1.
    pub attempt: u32,
    /// The task.
    pub task: &'static TaskEntry,
    /// How the arguments are encoded, and the return value will be.
    pub form: Form,
    /// The encoded arguments.
    pub arguments: Bytes,
    /// When the caller stops waiting, on this node's clock.
    pub deadline: Option<Instant>,
    /// What people call it.
    pub label: Option<Arc<str>>,
    /// What follows the call and all below it.
    pub baggage: Option<Baggage>,
    /// The limited tasks among the ancestors, by [`TaskEntry::key`]: below them the same limits are passed by.
    pub holds: Option<Arc<[u64]>>,
    /// Unstarted, it may be handed back to be placed anew: its caller has asked for no node in particular.
    pub movable: bool,
}
