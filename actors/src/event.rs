//! Supervision events: what happens to tasks and nodes, for whoever wants to watch.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::{
    context::Context,
    crash::Crash,
    invocation::{Invocation, InvocationId},
    node_id::NodeId,
    task_error::{Canceller, Loss},
};

/// Most events that a reader may be behind; one more and it misses the oldest.
pub const BEHIND_MAX: usize = 4096;

/// So named for serde's sake, which would borrow from what it reads.
type Name = &'static str;

/// Which invocation an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The invocation.
    pub id: InvocationId,
    /// The invocation that made the call; none for a root.
    pub parent: Option<InvocationId>,
    /// The top of its tree.
    pub root: InvocationId,
    /// The task's name.
    #[serde(deserialize_with = "crate::names::deserialize")]
    pub task: Name,
}

impl From<&Invocation> for Subject {
    fn from(call: &Invocation) -> Self {
        Self { id: call.id, parent: call.parent, root: call.root, task: call.task.name() }
    }
}

impl From<&Context> for Subject {
    fn from(context: &Context) -> Self {
        Self { id: context.id(), parent: context.parent(), root: context.root(), task: context.task().name() }
    }
}

/// A part of a node that no call needs, and that is started again when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Part {
    /// The node's whole part in ractor's cluster.
    Control,
    /// Its NodeServer: the sessions with all peers, and the proxies of their actors, end with it.
    NodeServer,
    /// Its Gateway: the calls that it made for actors are cancelled with it.
    Gateway,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "control",
            Self::NodeServer => "node server",
            Self::Gateway => "gateway",
        })
    }
}

/// Something that happened. Encoded for the Gateway's subscribers: new variants come last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Event {
    /// A task's body started on this node.
    Started(Subject),
    /// A task's body returned, be it `Ok` or its own `Err`.
    Ended(Subject),
    /// A task's body panicked.
    Crashed(Subject, Crash),
    /// A task was cancelled, started or not.
    Cancelled(Subject, Canceller),
    /// A node is up and linked to this one.
    NodeUp(NodeId),
    /// A node has said nothing for a while: it may be lost, or its machine busy.
    NodeSuspect(NodeId),
    /// A node that was suspect is heard again.
    NodeHeard(NodeId),
    /// A node takes no more calls, and leaves when what it runs is over.
    NodeDraining(NodeId),
    /// A node is gone.
    NodeLost(NodeId, Loss),
    /// A call's own placement policy panicked, with this message; the call was placed as by `Auto`.
    PolicyPanicked(Subject, String),
    /// The reader was too slow: this many events before the next one are missing.
    Missed(u64),
    /// A part of this node failed for this reason, and is started again. Calls go on.
    PartFailed(Part, String),
    /// This node's events do not come any more: its gateway is gone, or is not reached. Told to who watches by it.
    Unwatched(NodeId),
    /// A task has kept its executor on this node for longer than `node.stall_after` without yielding; told once, with the
    /// time until then. Others on that executor wait.
    Stalled(Subject, Duration),
}

/// Where a node tells what happens on it. Costs next to nothing while nobody reads.
#[derive(Clone, Debug)]
pub struct Events {
    sender: broadcast::Sender<Arc<Event>>,
    /// The channel knows as well, behind a lock: too much for two events a call.
    readers: Arc<AtomicUsize>,
}

impl Default for Events {
    fn default() -> Self {
        Self { sender: broadcast::channel(BEHIND_MAX).0, readers: Arc::default() }
    }
}

impl Events {
    /// Tells an event to all who read.
    pub fn tell(&self, event: impl FnOnce() -> Event) {
        if self.readers.load(Ordering::SeqCst) > 0 {
            // Readers may have gone meanwhile: then nobody needs it.
            let _ = self.sender.send(Arc::new(event()));
        }
    }

    /// Reads what happens from now on.
    #[must_use]
    pub fn read(&self) -> EventStream {
        self.readers.fetch_add(1, Ordering::SeqCst);
        EventStream { receiver: self.sender.subscribe(), readers: self.readers.clone() }
    }
}

/// Reads a node's events in order. A reader that falls behind by more than [`BEHIND_MAX`] loses the oldest, and is told
/// how many by [`Event::Missed`].
#[derive(Debug)]
pub struct EventStream {
    receiver: broadcast::Receiver<Arc<Event>>,
    readers: Arc<AtomicUsize>,
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.readers.fetch_sub(1, Ordering::SeqCst);
    }
}

impl EventStream {
    /// Waits for the next event; `None` once the node is gone.
    ///
    /// # Cancel safety
    /// No event is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        match self.receiver.recv().await {
            Ok(event) => Some(Arc::unwrap_or_clone(event)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Event::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
