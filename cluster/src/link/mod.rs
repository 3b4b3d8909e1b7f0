//! Links: the live connection to a peer, with the calls that went out over it and those that came in.
//!
//! A [`Link`] is shared: any thread makes calls and tells outcomes through it, its reader and writer run on the node's
//! own thread. All that is said goes through the [`session`](crate::session); here is who waits for it. A link never
//! runs user code: arguments are decoded by executors, results at the caller's poll.

mod actor;
mod calls;
pub(crate) mod election;
mod greet;
mod io;
mod load;
mod peer;
mod serve;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use atasks_actors::{node_id::NodeId, slot::Slot, task_error::Loss};
use tokio::{sync::Notify, time::Instant};

pub(crate) use self::{
    actor::LinkActor,
    calls::NotSent,
    greet::{GreetError, greet},
    peer::{Abilities, Peer, unplaced},
};
use self::{load::PeerLoad, serve::Serving};
use crate::{
    config::Role,
    node::NodeCore,
    session::{Outgoing, Pending, frame::Heartbeat},
    transport::Socket,
    wire::Notice,
};

/// Calls in flight up to which a frame is written where it is made. With more of them the writer batches.
const INLINE_CALLS_MAX: usize = 4;

/// The live connection to a peer.
pub(crate) struct Link {
    peer: Peer,
    socket: Socket,
    node: Weak<NodeCore>,
    out: Mutex<Out>,
    /// Tells the writer that something waits.
    waiting: Notify,
    /// Tells that all has been written.
    quiet: Notify,
    serving: Serving,
    abilities: OnceLock<Abilities>,
    load: PeerLoad,
    draining: AtomicBool,
    suspect: AtomicBool,
    /// Calls of the peer whose arguments have not come whole.
    arriving: AtomicUsize,
    /// The peer's highest call that has come.
    last_call: AtomicU64,
    heard: Mutex<Instant>,
}

/// What leaves, and who waits for the answer: one lock, so that a call is numbered, filed and sent in one step.
struct Out {
    outgoing: Outgoing,
    pending: Pending<Arc<Slot>>,
    /// What the session has handed out and the socket has not taken.
    batch: Vec<u8>,
    /// The writer is at work: it will see what is added.
    writing: bool,
    /// A call has found no room: placement is told when there is some.
    wanted: bool,
    lost: Option<Loss>,
}

impl Out {
    /// Whether nothing is left to write, or nobody to write it to.
    fn is_written(&self) -> bool {
        self.lost.is_some() || !self.writing && self.batch.is_empty() && self.outgoing.is_empty()
    }
}

impl Link {
    pub(crate) fn new(peer: Peer, socket: Socket, node: &Arc<NodeCore>) -> Arc<Self> {
        let limits = &node.config().limits;
        Arc::new(Self {
            out: Mutex::new(Out {
                outgoing: Outgoing::new(limits.backlog, peer.payload_max),
                pending: Pending::new(),
                batch: Vec::new(),
                writing: false,
                wanted: false,
                lost: None,
            }),
            peer,
            socket,
            node: Arc::downgrade(node),
            waiting: Notify::new(),
            quiet: Notify::new(),
            serving: Serving::default(),
            abilities: OnceLock::new(),
            load: PeerLoad::default(),
            draining: AtomicBool::new(false),
            suspect: AtomicBool::new(false),
            arriving: AtomicUsize::new(0),
            last_call: AtomicU64::new(0),
            heard: Mutex::new(Instant::now()),
        })
    }

    pub(crate) fn id(&self) -> &NodeId {
        &self.peer.id
    }

    pub(crate) fn is_worker(&self) -> bool {
        self.peer.role == Role::Worker
    }

    pub(crate) fn role(&self) -> Role {
        self.peer.role
    }

    pub(crate) fn addresses(&self) -> &[String] {
        &self.peer.addresses
    }

    /// What the peer can run; none before it has introduced itself.
    pub(crate) fn abilities(&self) -> Option<&Abilities> {
        self.abilities.get()
    }

    /// The peer takes no more calls.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The peer has said nothing for a while.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    /// Tells what this node can run, or what nodes it knows.
    pub(crate) fn introduce(&self, introduction: &[u8]) {
        let mut out = self.out();
        if let Err(refused) = out.outgoing.tasks(introduction) {
            tracing::error!(peer = %self.peer.id, %refused, "the task table is too large to be told");
        }
        self.send(out);
    }

    pub(crate) fn gossip(&self, acquaintances: &[u8]) {
        let mut out = self.out();
        if let Err(refused) = out.outgoing.peers(acquaintances) {
            tracing::warn!(peer = %self.peer.id, %refused, "the list of nodes is too large to be told");
        }
        self.send(out);
    }

    /// Tells a fact about this node, or asks for something.
    pub(crate) fn notice(&self, notice: Notice) {
        let mut out = self.out();
        if let Err(refused) = out.outgoing.notice(&notice.encode()) {
            tracing::error!(peer = %self.peer.id, %refused, "a notice is too large");
        }
        self.send(out);
    }

    /// Says goodbye; what waits is written first, as far as the peer takes it.
    pub(crate) fn goodbye(&self) {
        let mut out = self.out();
        out.outgoing.goodbye(0, self.last_call.load(Ordering::Relaxed));
        self.send(out);
    }

    /// Waits until all that was said has left.
    pub(crate) async fn is_quiet(&self) {
        loop {
            let quiet = self.quiet.notified();
            if self.out().is_written() {
                return;
            }
            quiet.await;
        }
    }

    fn heartbeat(&self, heartbeat: Heartbeat) {
        let mut out = self.out();
        out.outgoing.heartbeat(heartbeat);
        self.send(out);
    }

    /// Sees to it that what was added leaves: at once if little is under way, else by the writer with all that comes.
    fn send(&self, mut out: MutexGuard<'_, Out>) {
        if out.writing || out.lost.is_some() {
            return;
        }
        if out.pending.len() <= INLINE_CALLS_MAX
            && self.serving.len() <= INLINE_CALLS_MAX
            && self.write_inline(&mut out)
        {
            return;
        }
        out.writing = true;
        drop(out);
        self.waiting.notify_one();
    }

    /// Writes what waits without waiting. False: something is left for the writer.
    fn write_inline(&self, out: &mut Out) -> bool {
        let Out { outgoing, batch, .. } = out;
        outgoing.next_batch(batch);
        match self.socket.try_write(batch) {
            Ok(taken) => {
                batch.drain(..taken);
                batch.is_empty() && self.socket.flushed() && outgoing.is_empty()
            }
            // Nothing was taken, or the connection broke: the writer finds out which.
            Err(_) => false,
        }
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("peer", &self.peer.id).finish_non_exhaustive()
    }
}
