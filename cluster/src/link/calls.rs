//! Calls that go out: filed, sent, cancelled, and settled by their outcomes or by the peer's loss.

use std::sync::{Arc, atomic::Ordering};

use atasks_actors::{
    codec,
    invocation::{Invocation, InvocationId},
    outcome::Outcome,
    slot::{Door, Slot},
    task::Form,
    task_error::{Canceller, Loss, Payload, Ran, TaskError, Waiting},
};
use bytes::Bytes;

use super::{Asked, Link, LinkMsg};
use crate::node::{Bereaved, Losses};
use crate::session::{
    Awaited, Lost, ProtocolError, Refused,
    frame::{Head, Id, Lineage, Status, extension},
    limits::EXTENSION_MAX,
};

impl Link {
    /// Asks the peer to run an invocation, which it has as its task `number`; `slot` takes the outcome.
    ///
    /// # Errors
    /// Nothing was sent: there is no room now, the peer is lost, or it takes no payload as large as this.
    pub(crate) fn call(
        self: &Arc<Self>,
        invocation: &Invocation,
        number: u32,
        slot: &Arc<Slot>,
        losses: &Losses,
    ) -> Result<(), NotSent> {
        let area = extension_of(invocation, losses)?;
        let mut out = self.out();
        if let Some(reason) = out.lost {
            return Err(self.loss(reason, Ran::No).into());
        }
        if !out.outgoing.has_room() {
            out.wanted = true;
            return Err(NotSent::Full);
        }
        if invocation.parent.is_none()
            && let Some(cost) = out.outgoing.account().cost(number, 0)
            && !out.outgoing.account().has_room(cost.class)
        {
            self.note_room(&mut out, cost.class);
            return Err(NotSent::Full);
        }
        let call = out.outgoing.next_call();
        // Before anything is sent: who gives the call up from now on waits for this lock, and cancels what was sent.
        if !slot.enter(self.clone(), call) {
            return Ok(());
        }
        let head = self.head_of(invocation, call, number);
        let cost = out.outgoing.invoke(head, &area, &invocation.arguments)?;
        let asked = Asked { slot: slot.clone(), root: invocation.root, is_root: invocation.parent.is_none() };
        out.pending.insert(call, asked, cost);
        if let Some(cost) = cost {
            self.note_room(&mut out, cost.class);
        }
        self.load.placed();
        self.send(out);
        Ok(())
    }

    /// Gives the outcomes that one read has brought to those who wait for them.
    pub(super) fn settle(&self, outcomes: &mut Vec<(u64, Status, Bytes)>) -> Result<(), ProtocolError> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let mut done = Vec::with_capacity(outcomes.len());
        let mut settled = Ok(());
        let mut out = self.out();
        for (call, status, bytes) in outcomes.drain(..) {
            let (awaited, cost) = out.pending.take(call);
            if let Some(cost) = cost
                && out.outgoing.account().ended(cost)
            {
                self.tell_credit_again(cost.class);
            }
            match awaited {
                Awaited::Waiting(asked) => done.push((asked.slot, status, bytes)),
                Awaited::Abandoned => {
                    self.load.ended(1);
                }
                Awaited::Unknown => {
                    // Those before it are not pending any more: nobody else would tell who waits for them.
                    settled = Err(ProtocolError::OutcomeOfNoCall { call });
                    break;
                }
            }
        }
        drop(out);
        // What is handed back is told by the peer's next report, which may have overtaken it: counted twice, it would make the
        // peer seem idle to the very calls that it has too much of.
        self.load.ended(done.iter().filter(|(_, status, _)| *status != Status::HandedBack).count());
        for (slot, status, bytes) in done {
            slot.complete(outcome_of(status, bytes));
        }
        settled
    }

    /// Ends the link: who waits for an outcome is told, what runs here for the peer is cancelled. False: it has ended before.
    pub(crate) fn lose(&self, reason: Loss) -> bool {
        let mut out = self.out();
        if out.lost.is_some() {
            return false;
        }
        out.lost = Some(reason);
        let super::Out { outgoing, pending, .. } = &mut *out;
        let lost = pending.drain(|call| outgoing.reached_wire(call));
        drop(out);
        self.detach();
        self.tell(LinkMsg::Lost);
        self.streams.end();
        // Before anybody hears of it, and so before anything is repeated.
        self.note_loss(reason, &lost);
        for lost in lost {
            let ran = if lost.reached { Ran::Maybe } else { Ran::No };
            lost.waiting.slot.complete(Outcome::Failed(self.loss(reason, ran)));
        }
        self.serving.cancel_all(Canceller::Loss);
        // What waited for the peer to read is let go of as it starts.
        self.unread.store(false, Ordering::SeqCst);
        self.start_what_was_parked();
        true
    }

    /// Ends the calls that wait here because this node leaves, and what runs here for the peer: that is told nothing more
    /// of it but the goodbye. How far a cancelled body came until then would be chance.
    pub(crate) fn leave(&self) {
        let mut out = self.out();
        out.leaving = true;
        // What waits to be written leaves before the goodbye, and outcomes may still come: the calls stay known.
        let left = out.pending.abandon_all();
        drop(out);
        for asked in left {
            let error = TaskError::Cancelled { by: Canceller::Leave, ran: Ran::Maybe };
            asked.slot.complete(Outcome::Failed(error));
        }
        self.serving.cancel_all(Canceller::Leave);
    }

    /// Has the loss counted for the roots of what may have run there. Whoever leaves is not lost.
    fn note_loss(&self, reason: Loss, lost: &[Lost<Asked>]) {
        let Some(node) = self.node.upgrade().filter(|_| reason != Loss::Left) else { return };
        let mut roots = Bereaved::default();
        for Asked { root, is_root, .. } in lost.iter().filter(|lost| lost.reached).map(|lost| &lost.waiting) {
            if *is_root {
                roots.own.insert(*root)
            } else {
                roots.above.insert(*root)
            };
        }
        node.note_loss(&self.peer.id, &roots);
    }

    fn head_of(&self, invocation: &Invocation, call: u64, task: u32) -> Head {
        let id = |InvocationId { origin, number }| Id { origin, number };
        Head {
            call,
            task,
            idempotent: invocation.task.options().idempotent,
            detached: false,
            attempt: u8::try_from(invocation.attempt).unwrap_or(u8::MAX),
            id: invocation.id.number,
            origin: None,
            lineage: invocation.parent.map(|parent| Lineage { parent: id(parent), root: id(invocation.root) }),
            deadline: invocation.deadline.map(|at| self.clock.tell(at)),
        }
    }

    fn loss(&self, reason: Loss, ran: Ran) -> TaskError {
        TaskError::NodeLost { node: self.peer.id.clone(), reason, ran, before: Vec::new() }
    }
}

impl Door for Link {
    fn cancel(&self, call: u64, by: Canceller) -> (Waiting, Ran) {
        let mut out = self.out();
        // The outcome is owed all the same: the call stays known until it comes.
        if out.pending.abandon(call).is_none() {
            return (Waiting::Result, Ran::Maybe);
        }
        let arrives = out.outgoing.cancel(call, by.code());
        self.send(out);
        if arrives { (Waiting::Result, Ran::Maybe) } else { (Waiting::Link, Ran::No) }
    }
}

fn extension_of(invocation: &Invocation, losses: &Losses) -> Result<Vec<u8>, TaskError> {
    let mut area = Vec::new();
    if let Some(baggage) = &invocation.baggage {
        put(&mut area, extension::BAGGAGE, &**baggage)?;
    }
    if let Some(label) = &invocation.label {
        add(&mut area, extension::LABEL, label.as_bytes())?;
    }
    if invocation.form == Form::Json {
        add(&mut area, extension::JSON, &[])?;
    }
    // Most calls may move, and so say nothing.
    if !invocation.movable {
        add(&mut area, extension::PINNED, &[])?;
    }
    if let Some(holds) = &invocation.holds {
        put(&mut area, extension::HELD_LIMITS, &**holds)?;
    }
    let lost = losses.share(invocation.root);
    if !lost.is_empty() && put(&mut area, extension::LOST_NODES, &lost).is_err() {
        // Not worth a failure: who was up at the time of the loss has been told.
        tracing::debug!(id = %invocation.id, "no room to tell what the root has cost");
    }
    Ok(area)
}

fn put<T: serde::Serialize + ?Sized>(area: &mut Vec<u8>, kind: u8, value: &T) -> Result<(), TaskError> {
    let bytes = codec::encode(value, EXTENSION_MAX)
        .map_err(|error| TaskError::from_codec(error, Payload::Baggage, EXTENSION_MAX))?;
    add(area, kind, &bytes)
}

fn add(area: &mut Vec<u8>, kind: u8, bytes: &[u8]) -> Result<(), TaskError> {
    let size = area.len() + bytes.len();
    extension::put(area, kind, bytes).map_err(|_full| TaskError::TooLarge {
        size,
        limit: EXTENSION_MAX,
        what: Payload::Baggage,
    })
}

/// Why a call was not sent.
pub(crate) enum NotSent {
    /// Too much waits to be written to the peer, or there unstarted: the call waits as well, where it is.
    Full,
    /// It never will be.
    Failed(TaskError),
}

impl From<TaskError> for NotSent {
    fn from(error: TaskError) -> Self {
        Self::Failed(error)
    }
}

impl From<Refused> for NotSent {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooLarge { bytes, limit, .. } => {
                Self::Failed(TaskError::TooLarge { size: bytes, limit, what: Payload::Arguments })
            }
            Refused::Full | Refused::NoCredit { .. } => Self::Full,
        }
    }
}

fn outcome_of(status: Status, bytes: Bytes) -> Outcome {
    match status {
        Status::Returned => Outcome::Returned(bytes),
        Status::HandedBack => Outcome::HandedBack,
        Status::Failed => Outcome::Failed(codec::decode(&bytes).unwrap_or_else(|error| TaskError::Codec {
            stage: Payload::Result,
            message: format!("the failure could not be read: {error}"),
        })),
    }
}
