//! The loops of a link, on the node's own thread: one reads, one writes, one keeps the time.

use std::{
    io,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use atasks_actors::{executor::LoadReport, task_error::Loss};
use bytes::BytesMut;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Abilities, Link};
use crate::{
    config::Role,
    node::NodeCore,
    session::{Event, Incoming, ProtocolError, frame::Heartbeat},
    wire::{Acquaintance, Introduction, Notice},
};

/// Capacity that the writer's buffer keeps.
const BATCH_KEPT: usize = 1 << 20;

impl Link {
    /// Reads until the connection ends, and tells how.
    pub(super) async fn read(self: Arc<Self>, mut buffer: BytesMut) -> Loss {
        let payload_max = self.node.upgrade().map_or(0, |node| node.payload_max_wire());
        let mut reader = Reader { incoming: Incoming::new(payload_max), outcomes: Vec::new(), left: None };
        loop {
            let heard = reader.take(&self, &mut buffer);
            if let Err(error) = heard {
                tracing::error!(peer = %self.peer.id, %error, "the peer broke the protocol; closing the link");
                return Loss::Closed;
            }
            if let Some(last_call) = reader.left {
                self.out().outgoing.reached_only(last_call);
                return Loss::Left;
            }
            match self.socket.read(&mut buffer).await {
                Ok(0) => return Loss::Closed,
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(peer = %self.peer.id, %error, "the connection broke");
                    return Loss::Closed;
                }
            }
            *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }

    /// Writes what waits, in batches as large as what has come meanwhile.
    pub(super) async fn write(self: Arc<Self>) -> io::Result<()> {
        let mut batch = Vec::new();
        loop {
            self.waiting.notified().await;
            while self.next_batch(&mut batch) {
                self.socket.write_all(&batch).await?;
            }
        }
    }

    /// Takes what is to be written next. False: nothing, and the writer is off duty.
    fn next_batch(&self, batch: &mut Vec<u8>) -> bool {
        batch.clear();
        if batch.capacity() > BATCH_KEPT {
            batch.shrink_to(BATCH_KEPT);
        }
        let mut out = self.out();
        if out.lost.is_some() {
            // Whoever waited was told that what waits here never left.
            return false;
        }
        if !out.batch.is_empty() {
            std::mem::swap(batch, &mut out.batch);
            return true;
        }
        out.outgoing.next_batch(batch);
        if out.wanted && out.outgoing.has_room() {
            out.wanted = false;
            if let Some(node) = self.node.upgrade() {
                node.room_again();
            }
        }
        // What a writer elsewhere left inside the TLS layer is flushed by an empty write.
        out.writing = !batch.is_empty() || !self.socket.flushed();
        if !out.writing {
            self.quiet.notify_waiters();
        }
        out.writing
    }

    /// Says that we live when nothing else does, and gives a peer up that says nothing.
    pub(super) async fn tick(self: Arc<Self>) -> Loss {
        let Some(node) = self.node.upgrade() else { return Loss::Left };
        let liveness = node.config().liveness;
        drop(node);
        let mut ticks = interval(liveness.heartbeat);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let silent = self.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            if silent > liveness.lost_after {
                return Loss::Silent;
            }
            let Some(node) = self.node.upgrade() else { return Loss::Left };
            let suspect = silent > liveness.suspect_after;
            if self.suspect.swap(suspect, Ordering::Relaxed) != suspect {
                node.link_is_suspect(&self, suspect);
            }
            self.tell_load(&node);
        }
    }

    /// Tells how much this node has to do.
    pub(crate) fn tell_load(&self, node: &NodeCore) {
        self.heartbeat(heartbeat(node));
    }
}

fn heartbeat(node: &NodeCore) -> Heartbeat {
    let LoadReport { unstarted, running, suspended, mean_us } = node.load();
    Heartbeat { processed: 0, unstarted, running, suspended, mean_us }
}

/// The reading half of the session, and what one read has brought.
struct Reader {
    incoming: Incoming,
    outcomes: Vec<(u64, crate::session::frame::Status, bytes::Bytes)>,
    /// The peer has left, and has got no call of ours above this one.
    left: Option<u64>,
}

impl Reader {
    /// Hands on all that has arrived whole.
    fn take(&mut self, link: &Arc<Link>, buffer: &mut BytesMut) -> Result<(), ProtocolError> {
        let Some(node) = link.node.upgrade() else { return Ok(()) };
        let mut broken = Ok(());
        let Self { incoming, outcomes, left } = self;
        incoming.receive(buffer, &mut |event| match event {
            Event::Invoke { head, extension, arguments } => link.serve(&node, head, &extension, arguments),
            Event::Outcome { call, status, result } => outcomes.push((call, status, result)),
            Event::Cancel { call, by } => link.cancel_one(call, by),
            Event::Abandoned { call, .. } => link.hand_back(call),
            Event::Heartbeat(heartbeat) => {
                link.load.told(&heartbeat);
                if heartbeat.processed > 0 {
                    broken = broken.clone().and(link.out().outgoing.acknowledge(heartbeat.processed));
                }
            }
            Event::Ack { processed } => {
                broken = broken.clone().and(link.out().outgoing.acknowledge(processed));
            }
            Event::Goodbye { last_call, .. } => *left = Some(last_call),
            Event::Notice(bytes) => link.noticed(&node, &bytes),
            Event::Tasks(bytes) => introduced(&node, link, &bytes),
            Event::Peers(bytes) => acquainted(&node, link, &bytes),
            // Pieces of ractor_cluster's stream: nothing here takes part in it yet.
            Event::Ractor(_) => {}
        })?;
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
            None => tracing::debug!(peer = %self.peer.id, "a notice of a later version"),
        }
    }
}

fn introduced(node: &Arc<NodeCore>, link: &Arc<Link>, bytes: &[u8]) {
    match atasks_actors::codec::decode::<Introduction>(bytes) {
        Ok(introduction) => {
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
