//! A call that waits with the placement actor.

use std::sync::Arc;

use atasks_actors::{
    invocation::Invocation,
    outcome::Outcome,
    router::Placement,
    slot::Slot,
    task_error::{Canceller, TaskError},
};
use tokio::time::Instant;

use super::held::{For, Held};
use crate::node::{Kept, NodeCore};

/// A call that cannot go anywhere now. Dropped, it is over: nobody else knows of it.
pub(crate) struct Unplaceable {
    pub(super) invocation: Invocation,
    pub(super) placement: Placement,
    pub(super) slot: Arc<Slot>,
    waits: Option<Waits>,
    placed: bool,
}

struct Waits {
    held: Arc<Held>,
    until: Option<Instant>,
    as_root: bool,
}

impl Unplaceable {
    pub(crate) fn new(invocation: Invocation, placement: Placement, slot: Arc<Slot>) -> Self {
        Self { invocation, placement, slot, waits: None, placed: false }
    }

    pub(super) fn is_root(&self) -> bool {
        self.invocation.parent.is_none()
    }

    /// Until when it is kept, if nobody can run it.
    pub(super) fn until(&self) -> Option<Instant> {
        self.waits.as_ref()?.until
    }

    /// Notes what the call waits for. False: it was given up.
    pub(super) fn wait(&mut self, held: &Arc<Held>, what: For, until: Option<Instant>) -> bool {
        let as_root = self.is_root() && what != For::Somebody;
        // Counted all along, if it has waited before.
        held.begins(self.invocation.task, as_root);
        self.wait_no_more();
        self.waits = Some(Waits { held: held.clone(), until, as_root });
        self.slot.enter(held.clone(), what.token())
    }

    fn wait_no_more(&mut self) {
        if let Some(Waits { held, as_root, .. }) = self.waits.take() {
            held.ends(self.invocation.task, as_root);
        }
    }

    /// Places the call if somebody can take it; gives it back if not, with the reason.
    pub(super) fn place(mut self: Box<Self>, node: &Arc<NodeCore>) -> Option<(Kept, Box<Self>)> {
        if self.slot.is_over() {
            return None;
        }
        match node.place(self.invocation.clone(), &self.placement, &self.slot) {
            Ok(()) => {
                self.placed = true;
                None
            }
            Err(kept) => Some((kept, self)),
        }
    }

    /// Ends the call if nobody can ever run it; gives it back if somebody may.
    pub(super) fn give_up_if_hopeless(mut self: Box<Self>, node: &Arc<NodeCore>) -> Option<Box<Self>> {
        let Some(error) = node.hopeless(&self.invocation, &self.placement) else { return Some(self) };
        self.placed = true;
        self.slot.complete(Outcome::Failed(error));
        None
    }

    /// Ends the call: nobody could run it in time.
    pub(super) fn give_up(mut self: Box<Self>, node: &Arc<NodeCore>) {
        let error = node.hopeless(&self.invocation, &self.placement).unwrap_or_else(|| {
            let reason = node.lack(self.invocation.task, &self.placement);
            TaskError::Unplaced { task: self.invocation.task.name().to_owned(), reason }
        });
        self.placed = true;
        self.slot.complete(Outcome::Failed(error));
    }
}

impl Drop for Unplaceable {
    fn drop(&mut self) {
        self.wait_no_more();
        if !self.placed {
            self.slot.cancel(Canceller::Leave);
        }
    }
}
