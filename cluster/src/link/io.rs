//! The loops of a link, on the node's own thread: one reads, one writes, one keeps the time.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use atasks_actors::executor::LoadReport;
use bytes::{Buf as _, BytesMut};
use tokio::{
    task::yield_now,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{Abilities, Link, LinkMsg, serve::Arrivals};
use crate::{
    config::Role,
    node::NodeCore,
    session::{Batch, Event, Incoming, ProtocolError, frame::Heartbeat},
    transport::Socket,
    wire::{Acquaintance, Introduction, Notice},
};

/// How long what has come is read on after nothing can be written any more.
const READ_ON: Duration = Duration::from_millis(200);

/// Bytes that one connection reads or writes before the node's thread looks at its clock and at all others again. The
/// runtime does that by itself only after so many polls of tasks that a poll must be short: on a busy machine heartbeats
/// would come late else.
const AT_ONCE_BYTES: usize = 256 * 1024;

/// Most calls that one read has brought and that executors hear of at once: as many as one takes in a turn.
const AT_ONCE_CALLS: usize = 64;

/// How a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The peer has said goodbye.
    Left,
    /// It closed, or broke.
    Broken,
    /// The peer has broken the protocol.
    Misused,
}

impl Link {
    /// Reads until the connection ends, and tells how.
    pub(super) async fn read(self: Arc<Self>, socket: Arc<Socket>, mut buffer: BytesMut) -> End {
        let mut reader = self.reader.lock().await;
        reader.incoming.goes_on_elsewhere();
        let mut at_once = 0;
        loop {
            let heard = reader.take(&self, &mut buffer);
            if let Err(error) = heard {
                tracing::error!(peer = %self.peer.id, %error, "the peer broke the protocol; closing the link");
                return End::Misused;
            }
            if let Some(last_call) = reader.left {
                self.out().outgoing.reached_only(last_call);
                return End::Left;
            }
            let read = match reader.incoming.rest_of_chunk() {
                Some(mut rest) => socket.read_into(&mut rest).await,
                None => {
                    let most = reader.incoming.reads_at_most(&buffer);
                    socket.read_some(&mut buffer, most).await
                }
            };
            match read {
                Ok(0) => return End::Broken,
                Ok(count) => at_once += count,
                Err(error) => {
                    tracing::debug!(peer = %self.peer.id, %error, "the connection broke");
                    return End::Broken;
                }
            }
            self.is_heard();
            if at_once >= AT_ONCE_BYTES {
                at_once = 0;
                yield_now().await;
            }
        }
    }

    /// Writes what waits, in batches as large as what has come meanwhile.
    pub(super) async fn write(self: Arc<Self>, socket: Arc<Socket>) -> End {
        loop {
            self.waiting.notified().await;
            while let Some(batch) = self.next_batch(&socket) {
                let bytes = batch.remaining();
                if let Err(error) = socket.write_pieces(batch).await {
                    tracing::debug!(peer = %self.peer.id, %error, "the connection broke");
                    // What the peer has said before it went is still there to be read, and the reader comes to its end.
                    sleep(READ_ON).await;
                    return End::Broken;
                }
                if bytes >= AT_ONCE_BYTES {
                    yield_now().await;
                }
            }
        }
    }

    /// Takes what is to be written next. None: nothing, and the writer is off duty.
    fn next_batch(&self, socket: &Arc<Socket>) -> Option<Batch> {
        let mut out = self.out();
        if !out.socket.as_ref().is_some_and(|current| Arc::ptr_eq(current, socket)) {
            // What waits is for another connection, or for nobody.
            return None;
        }
        if out.batch.has_remaining() {
            return Some(std::mem::take(&mut out.batch));
        }
        let batch = out.outgoing.next_batch();
        self.tell_room(&mut out);
        // What a writer elsewhere left inside the TLS layer is flushed by an empty write.
        out.writing = batch.has_remaining() || !socket.flushed();
        if !out.writing {
            self.quiet.notify_waiters();
        }
        out.writing.then_some(batch)
    }

    /// Says that we live when nothing else does, and watches for how long the peer says nothing.
    pub(super) async fn tick(self: Arc<Self>) {
        let Some(node) = self.node.upgrade() else { return };
        let liveness = node.config().liveness;
        drop(node);
        let mut ticks = interval(liveness.heartbeat);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let late = ticks.tick().await.elapsed();
            if late > liveness.heartbeat && late < liveness.lost_after {
                // For so long nothing was said or heard here, whatever the peer did. Who was kept for longer is lost to it.
                self.did_not_listen(late);
            }
            let silent = self.is_silent_for();
            if silent > liveness.lost_after {
                self.tell(LinkMsg::Silent);
            }
            let Some(node) = self.node.upgrade() else { return };
            let suspect = silent > liveness.suspect_after;
            if self.suspect.swap(suspect, Ordering::Relaxed) != suspect {
                node.link_is_suspect(&self, suspect);
                self.tell(if suspect { LinkMsg::Suspect } else { LinkMsg::Heard });
            }
            self.tell_load(&node);
        }
    }

    /// Tells how much this node has to do.
    pub(crate) fn tell_load(&self, node: &NodeCore) {
        let processed = self.processed.load(Ordering::Relaxed);
        self.heartbeat(self.beats.next(Heartbeat { processed, clock_us: self.clock.now(), ..heartbeat(node) }));
    }
}

fn heartbeat(node: &NodeCore) -> Heartbeat {
    let LoadReport { unstarted, running, suspended, mean_us, stalled } = node.load();
    Heartbeat { processed: 0, unstarted, running, suspended, mean_us, stalled, beat: 0, echo: 0, clock_us: 0 }
}

/// The reading half of the session, and what one read has brought.
pub(super) struct Reader {
    incoming: Incoming,
    outcomes: Vec<(u64, crate::session::frame::Status, bytes::Bytes)>,
    /// The peer has left, and has got no call of ours above this one.
    left: Option<u64>,
}

impl Reader {
    pub(super) fn new(payload_max: u32) -> Self {
        Self { incoming: Incoming::new(payload_max), outcomes: Vec::new(), left: None }
    }

    pub(super) fn processed(&self) -> u64 {
        self.incoming.processed()
    }

    /// Hands on all that has arrived whole.
    fn take(&mut self, link: &Arc<Link>, buffer: &mut BytesMut) -> Result<(), ProtocolError> {
        let Some(node) = link.node.upgrade() else { return Ok(()) };
        if link.out().lost.is_some() {
            // What was cancelled with the link is all: nothing may start for it after that.
            buffer.clear();
            return Ok(());
        }
        let mut broken = Ok(());
        let Self { incoming, outcomes, left } = self;
        let mut arrivals = Arrivals::new(link);
        let received = incoming.receive(buffer, &mut |event| match event {
            Event::Invoke { head, extension, arguments } => {
                link.serve(&node, (head, &extension, arguments), &mut arrivals);
                if arrivals.len() >= AT_ONCE_CALLS {
                    arrivals.run(&node);
                }
            }
            Event::Outcome { call, status, result } => outcomes.push((call, status, result)),
            Event::Cancel { call, by } => {
                arrivals.run(&node);
                link.cancel_one(call, by);
            }
            Event::Abandoned { head, bytes, .. } => link.hand_back(&head, bytes, &arrivals),
            Event::Credit(credit) => broken = broken.clone().and_then(|()| link.hear_credit(credit)),
            Event::Heartbeat(heartbeat) => {
                let was_stalled = link.is_stalled();
                link.load.told(&heartbeat);
                if was_stalled && !link.is_stalled() {
                    // Whoever waits for room elsewhere has avoided it so far.
                    node.nodes_changed();
                }
                link.clock.read(heartbeat.clock_us);
                if link.beats.hear(&heartbeat) {
                    node.open_if_all_have_answered();
                }
                if link.takes_calls() {
                    node.agent().look_for_takers();
                }
                if heartbeat.processed > 0 {
                    broken = broken.clone().and(link.acknowledged(heartbeat.processed));
                }
            }
            Event::Ack { processed } => {
                broken = broken.clone().and(link.acknowledged(processed));
            }
            Event::Goodbye { last_call, .. } => *left = Some(last_call),
            Event::Notice(bytes) => link.noticed(&node, &bytes),
            Event::Tasks(bytes) => introduced(&node, link, &bytes),
            Event::Peers(bytes) => acquainted(&node, link, &bytes),
            Event::Ractor(piece) => link.streams.heard(link, &node, &piece),
        });
        arrivals.run(&node);
        received?;
        link.processed.store(incoming.processed(), Ordering::Relaxed);
        link.last_call.store(incoming.last_call(), Ordering::Relaxed);
        let arriving = incoming.arriving();
        if link.arriving.swap(arriving, Ordering::Relaxed) != arriving && node.is_draining() {
            node.agent().look_again();
        }
        link.settle(outcomes)?;
        if incoming.ack_due() {
            let mut out = link.out();
            out.outgoing.ack(incoming.tell_processed());
            link.send(out);
        }
        broken
    }
}

impl Link {
    fn noticed(self: &Arc<Self>, node: &Arc<NodeCore>, bytes: &[u8]) {
        match Notice::decode(bytes) {
            Some(Notice::Draining) => {
                self.draining.store(true, Ordering::Relaxed);
                node.link_drains(self);
            }
            Some(Notice::Drain) if self.peer.role == Role::Operator => node.drain_on_request(&self.peer.id),
            Some(Notice::Drain) => tracing::warn!(peer = %self.peer.id, "asks this node to drain, and is no operator"),
            Some(Notice::Lost { node: lost, roots }) => {
                roots.into_iter().for_each(|root| node.losses().merge(root, std::slice::from_ref(&lost)));
            }
            Some(Notice::Over { root }) if root.origin == self.peer.id.incarnation() => {
                node.losses().forget(root);
            }
            Some(Notice::Over { root }) => tracing::debug!(peer = %self.peer.id, %root, "is not the peer's to end"),
            None => tracing::debug!(peer = %self.peer.id, "a notice of a later version"),
        }
    }
}

fn introduced(node: &Arc<NodeCore>, link: &Arc<Link>, bytes: &[u8]) {
    match atasks_actors::codec::decode::<Introduction>(bytes) {
        Ok(introduction) => {
            link.windows_are_told();
            if link.abilities.set(Abilities::new(introduction, node.table())).is_ok() {
                node.link_is_up(link);
            }
        }
        Err(error) => tracing::warn!(peer = %link.id(), %error, "the peer's task table cannot be read"),
    }
}

fn acquainted(node: &Arc<NodeCore>, link: &Link, bytes: &[u8]) {
    match atasks_actors::codec::decode::<Vec<Acquaintance>>(bytes) {
        Ok(acquaintances) => node.heard_of(link.id(), acquaintances),
        Err(error) => tracing::warn!(%error, "a list of nodes cannot be read"),
    }
}
