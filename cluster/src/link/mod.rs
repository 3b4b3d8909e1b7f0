//! Links: the session with a peer, with the calls that went out and those that came in, over one connection after another.
//!
//! A [`Link`] is shared: any thread makes calls and tells outcomes through it, its reader and writer run on the node's
//! own thread. All that is said goes through the [`session`](crate::session); here is who waits for it. A link never
//! runs user code: arguments are decoded by executors, results at the caller's poll.

mod actor;
mod beats;
mod calls;
mod clock;
mod credit;
pub(crate) mod election;
mod greet;
mod io;
mod load;
mod peer;
mod redial;
mod serve;
#[cfg(test)]
#[cfg(feature = "worker")]
mod tests;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use atasks_actors::{invocation::InvocationId, node_id::NodeId, slot::Slot, task_error::Loss};
use bytes::{Buf as _, BytesMut};
use ractor::ActorRef;
use tokio::{sync::Notify, time::Instant};

pub(crate) use self::credit::Grants;
pub use self::credit::Windows;
pub(crate) use self::{
    actor::{LinkActor, LinkMsg},
    calls::NotSent,
    greet::{GreetError, greet, greet_again},
    peer::{Abilities, Peer, unplaced},
};
use self::{beats::Beats, clock::Clock, credit::Full, io::Reader, load::PeerLoad, serve::Serving};
use crate::{
    config::Role,
    control::streams::Streams,
    node::NodeCore,
    session::{Batch, Outgoing, Pending, ProtocolError, frame::Heartbeat},
    transport::Socket,
    wire::Notice,
};

/// Calls in flight up to which a frame is written where it is made. With more of them the writer batches.
const INLINE_CALLS_MAX: usize = 4;

/// A connection that a greeting has made the one of a link.
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    /// What the peer has sent after its greeting.
    pub(crate) read: BytesMut,
    /// For a session that goes on: where.
    pub(crate) resumed: Option<Resumed>,
}

/// Where a session goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resumed {
    /// How much of what was sent the peer has processed.
    pub(crate) processed: u64,
    /// Which count of what was processed here the peer was told.
    pub(crate) count: u64,
}

/// The session with a peer.
pub(crate) struct Link {
    peer: Peer,
    session: u128,
    node: Weak<NodeCore>,
    out: Mutex<Out>,
    /// Tells the writer that something waits.
    waiting: Notify,
    /// Tells that all has been written.
    quiet: Notify,
    /// Held by whoever reads: the loop of one connection at a time.
    reader: tokio::sync::Mutex<Reader>,
    actor: OnceLock<ActorRef<LinkMsg>>,
    serving: Serving,
    /// Of a worker: what the peer may have wait here.
    grants: Option<Grants>,
    full: Full,
    /// The peer has not read what it was answered: nothing more starts for it.
    unread: AtomicBool,
    abilities: OnceLock<Abilities>,
    load: PeerLoad,
    draining: AtomicBool,
    suspect: AtomicBool,
    connected: AtomicBool,
    /// Numbered frames of the peer that are processed.
    processed: AtomicU64,
    /// Calls of the peer whose arguments have not come whole.
    arriving: AtomicUsize,
    /// Calls of the peer have come that are not filed yet.
    admitting: AtomicBool,
    /// The peer's highest call that has come.
    last_call: AtomicU64,
    heard: Mutex<Instant>,
    beats: Beats,
    clock: Clock,
    /// The peer's and our part of ractor's stream.
    streams: Streams,
}

/// What leaves, and who waits for the answer: one lock, so that a call is numbered, filed and sent in one step.
struct Out {
    outgoing: Outgoing,
    pending: Pending<Asked>,
    /// Counts of what was processed that a peer was told: only the last one is true.
    counts: u64,
    /// The connection; none while there is none.
    socket: Option<Arc<Socket>>,
    /// What the session has handed out and the socket has not taken.
    batch: Batch,
    /// The writer is at work: it will see what is added.
    writing: bool,
    /// A call has found no room: placement is told when there is some.
    wanted: bool,
    /// This node leaves: the peer hears of no end of what runs here.
    leaving: bool,
    lost: Option<Loss>,
}

/// A call to the peer.
struct Asked {
    slot: Arc<Slot>,
    root: InvocationId,
    /// The call is the root itself.
    is_root: bool,
}

impl Out {
    /// Whether nothing is left to write, or nobody to write it to.
    fn is_written(&self) -> bool {
        self.lost.is_some()
            || self.socket.is_none()
            || !self.writing && !self.batch.has_remaining() && self.outgoing.is_empty()
    }

    /// Whether nothing is left to write, now or over the next connection, or the peer is lost.
    fn is_delivered(&self) -> bool {
        let owes = self.socket.is_none()
            && (!self.outgoing.is_empty() || self.outgoing.written() != self.outgoing.acknowledged());
        self.lost.is_some() || !owes && self.is_written()
    }
}

impl Link {
    pub(crate) fn new(peer: Peer, session: u128, node: &Arc<NodeCore>) -> Arc<Self> {
        let limits = &node.config().limits;
        Arc::new(Self {
            out: Mutex::new(Out {
                outgoing: Outgoing::new(limits.backlog, peer.payload_max),
                pending: Pending::new(),
                counts: 0,
                socket: None,
                batch: Batch::default(),
                writing: false,
                wanted: false,
                leaving: false,
                lost: None,
            }),
            peer,
            session,
            node: Arc::downgrade(node),
            waiting: Notify::new(),
            quiet: Notify::new(),
            reader: tokio::sync::Mutex::new(Reader::new(node.payload_max_wire())),
            actor: OnceLock::new(),
            serving: Serving::default(),
            grants: node.grants(),
            full: Full::default(),
            unread: AtomicBool::new(false),
            abilities: OnceLock::new(),
            load: PeerLoad::default(),
            draining: AtomicBool::new(false),
            suspect: AtomicBool::new(false),
            connected: AtomicBool::new(false),
            processed: AtomicU64::new(0),
            arriving: AtomicUsize::new(0),
            admitting: AtomicBool::new(false),
            last_call: AtomicU64::new(0),
            heard: Mutex::new(Instant::now()),
            beats: Beats::default(),
            clock: Clock::new(node.host().drift_ppm()),
            streams: Streams::default(),
        })
    }

    pub(crate) fn id(&self) -> &NodeId {
        &self.peer.id
    }

    /// Names what outlives a connection.
    pub(crate) fn session(&self) -> u128 {
        self.session
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

    /// The peer has said nothing for a while, or its connection is broken.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed) || !self.is_connected()
    }

    /// Whether there is a connection; while there is none, what is said waits.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// The peer lives: it has just said something.
    fn is_heard(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// For how long the peer has said nothing.
    fn silence(&self) -> Duration {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// For how long it has said nothing, or has not heard us: a peer that does not hear us is no better, as it gives us up.
    fn is_silent_for(&self) -> Duration {
        self.silence().max(self.beats.unheard())
    }

    /// This node itself was kept from listening and speaking for so long until now: that is no silence of the peer's.
    fn did_not_listen(&self, late: Duration) {
        let now = Instant::now();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        *heard = (*heard + late).min(now);
        drop(heard);
        self.beats.did_not_ask(late);
    }

    /// Hands a connection to the link's actor.
    pub(crate) fn go_on_over(&self, connection: Connection) {
        self.tell(LinkMsg::Connected(connection));
    }

    /// Lets go of the connection, if there is one: what it has not brought, or taken, waits for the next.
    fn detach(&self) {
        let mut out = self.out();
        out.batch = Batch::default();
        out.writing = false;
        let socket = out.socket.take();
        drop(out);
        self.connected.store(false, Ordering::Relaxed);
        if let Some(socket) = socket {
            socket.abort();
        }
        self.quiet.notify_waiters();
    }

    /// The same, and tells what was processed by then; a connection that was promised an earlier count is none any more.
    async fn detach_and_count(&self) -> (u64, u64) {
        self.detach();
        // Whoever still reads finds the connection closed, and lets go.
        let processed = self.reader.lock().await.processed();
        let mut out = self.out();
        out.counts += 1;
        (processed, out.counts)
    }

    /// Takes a connection. What the peer has not processed of what was written to the last one is written to this.
    /// None: another one was promised more since, or the link is lost.
    fn attach(&self, connection: Connection) -> Result<Option<(Arc<Socket>, BytesMut)>, ProtocolError> {
        let Connection { socket, read, resumed } = connection;
        let socket = Arc::new(socket);
        let mut out = self.out();
        if out.lost.is_some() || resumed.is_some_and(|resumed| resumed.count != out.counts) {
            return Ok(None);
        }
        if let Some(Resumed { processed, .. }) = resumed {
            out.outgoing.resume(processed)?;
        }
        // Before all else: the first call that the peer may make is held to them.
        self.tell_windows(&mut out);
        out.socket = Some(socket.clone());
        out.writing = !out.outgoing.is_empty();
        if out.writing {
            self.waiting.notify_one();
        }
        drop(out);
        self.is_heard();
        self.beats.answered();
        self.connected.store(true, Ordering::Relaxed);
        Ok(Some((socket, read)))
    }

    fn tell(&self, message: LinkMsg) {
        if let Some(actor) = self.actor.get() {
            // An actor that has ended has ended its link.
            let _ = actor.cast(message);
        }
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
    pub(crate) fn notice(&self, notice: &Notice) {
        let bytes = match notice.encode() {
            Ok(bytes) => bytes,
            Err(error) => return tracing::error!(peer = %self.peer.id, %error, "a notice cannot be told"),
        };
        let mut out = self.out();
        if let Err(refused) = out.outgoing.notice(&bytes) {
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

    /// Waits until the peer was written all that it was told so far, over another connection if this one breaks, or is lost.
    pub(crate) async fn is_delivered(&self) {
        loop {
            let quiet = self.quiet.notified();
            if self.out().is_delivered() {
                return;
            }
            quiet.await;
        }
    }

    /// The node that it belongs to, while that lives.
    pub(crate) fn node(&self) -> Option<Arc<NodeCore>> {
        self.node.upgrade()
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Sends a piece of ractor's stream.
    pub(crate) fn say_ractor(&self, piece: &[u8]) {
        let mut out = self.out();
        if out.lost.is_none() {
            out.outgoing.ractor(piece);
            self.send(out);
        }
    }

    /// Says that nothing more will be written.
    pub(crate) async fn finish(&self) {
        let socket = self.out().socket.clone();
        if let Some(socket) = socket {
            // A connection that is broken needs no end.
            let _ = socket.finish().await;
        }
    }

    /// Waits until the connection has ended.
    pub(crate) async fn is_gone(&self) {
        loop {
            let quiet = self.quiet.notified();
            if self.out().socket.is_none() {
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
        if out.writing || out.lost.is_some() || out.socket.is_none() {
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

    /// The peer has so much of what was written: it need not be kept.
    fn acknowledged(&self, processed: u64) -> Result<(), ProtocolError> {
        let mut out = self.out();
        let withheld = out.outgoing.withholds_credit();
        out.outgoing.acknowledge(processed)?;
        self.tell_room(&mut out);
        if out.outgoing.withholds_credit() {
            return Ok(());
        }
        let unread = self.unread.swap(false, Ordering::SeqCst);
        if withheld {
            // What it is told of credit has waited for this.
            self.send(out);
        } else {
            drop(out);
        }
        if unread {
            self.start_what_was_parked();
        }
        Ok(())
    }

    /// Tells placement of room, if a call has found none before.
    fn tell_room(&self, out: &mut Out) {
        if out.wanted && out.outgoing.has_room() {
            out.wanted = false;
            if let Some(node) = self.node.upgrade() {
                node.room_again();
            }
        }
    }

    /// Writes what waits without waiting. False: something is left for the writer.
    fn write_inline(&self, out: &mut Out) -> bool {
        let Out { outgoing, batch, socket: Some(socket), .. } = out else { return true };
        *batch = outgoing.next_batch();
        match socket.try_write_pieces(batch) {
            Ok(taken) => {
                batch.advance(taken);
                !batch.has_remaining() && socket.flushed() && outgoing.is_empty()
            }
            // Nothing was taken, or the connection broke: the writer finds out which.
            Err(_) => false,
        }
    }

    /// Adds what it holds.
    #[cfg(feature = "testing")]
    pub(crate) fn count(&self, counts: &mut crate::node::Counts) {
        let out = self.out();
        counts.links += 1;
        counts.pending += out.pending.len();
        counts.unacknowledged += out.outgoing.waiting_bytes();
        counts.serving += self.serving.len();
        counts.arriving += self.arriving.load(Ordering::Relaxed);
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
