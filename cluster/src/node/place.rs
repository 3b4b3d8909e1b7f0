//! Where a call goes: here, to a peer, or to placement until somebody can take it.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    task::Waker,
};

use atasks_actors::{
    event::Events,
    invocation::{Invocation, InvocationId},
    node_id::NodeId,
    outcome::Outcome,
    router::{Placement, Router, Started},
    slot::Slot,
    task::TaskEntry,
    task_error::{TaskError, Unplaced},
};
use tokio::time::Instant;

use super::{NodeCore, choose::Chosen};
use crate::{
    link::NotSent,
    placement::{PlacementMsg, Unplaceable},
};

/// Why a call has to wait.
pub(crate) enum Kept {
    /// Nobody can run it now.
    Nobody,
    /// Too much waits to be written to the node that would, or waits there unstarted.
    Full(NodeId),
}

impl NodeCore {
    /// Places a call; `slot` takes its outcome.
    pub(crate) fn place(&self, invocation: Invocation, placement: &Placement, slot: &Arc<Slot>) -> Result<(), Kept> {
        match self.choose(&invocation, placement).ok_or(Kept::Nobody)? {
            Chosen::Here => match (self.agent.pool(), self.myself.upgrade()) {
                (Some(pool), Some(node)) => match node.let_in(&invocation) {
                    Some(ticket) => pool.submit_for(invocation, node, slot, ticket),
                    None => return Err(Kept::Full(self.me.clone())),
                },
                _ => return Err(Kept::Nobody),
            },
            Chosen::Peer(link, number) => match link.call(&invocation, number, slot, &self.losses) {
                Ok(()) => {}
                Err(NotSent::Full) => return Err(Kept::Full(link.id().clone())),
                Err(NotSent::Failed(error)) => slot.complete(Outcome::Failed(error)),
            },
        }
        Ok(())
    }

    /// Has placement keep a call until it can go somewhere.
    fn keep(&self, invocation: Invocation, placement: &Placement) -> Started {
        let slot = Slot::new(invocation.deadline);
        let call = Box::new(Unplaceable::new(invocation, placement.clone(), slot.clone()));
        match self.placement.get().map(|placement| placement.cast(PlacementMsg::Keep(call))) {
            Some(Ok(())) => Started::Pending(slot),
            _ => Started::Done(Outcome::Failed(TaskError::NotJoined)),
        }
    }

    fn note_first_call(&self) {
        if !self.awaits_first_call.load(Ordering::Acquire) {
            return;
        }
        let mut first_call = self.first_call.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((workers, action)) = first_call.take() {
            let _ = self.gathering.set((workers, Instant::now() + self.config.placement.place_timeout));
            self.awaits_first_call.store(false, Ordering::Release);
            drop(first_call);
            action();
        }
    }
}

impl Router for NodeCore {
    fn id(&self) -> &NodeId {
        &self.me
    }

    fn next_id(&self) -> InvocationId {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        InvocationId { origin: self.me.incarnation(), number }
    }

    fn payload_max(&self) -> usize {
        self.config.limits.payload_max
    }

    fn events(&self) -> &Events {
        &self.events
    }

    fn start(&self, invocation: &Invocation, placement: &Placement) -> Started {
        if self.left.load(Ordering::Relaxed) {
            return Started::Done(Outcome::Failed(TaskError::NotJoined));
        }
        self.note_first_call();
        // In turn: else those that wait would find all room taken by those that come.
        if invocation.parent.is_none() && self.held.has_roots_like(invocation.task) {
            return self.keep(invocation.clone(), placement);
        }
        let failed = |error| Started::Done(Outcome::Failed(error));
        match self.choose(invocation, placement) {
            Some(Chosen::Here) => {
                if let (Some(pool), Some(node)) = (self.agent.pool(), self.myself.upgrade())
                    && let Some(ticket) = node.let_in(invocation)
                {
                    return pool.start_here(invocation.clone(), node, ticket);
                }
            }
            Some(Chosen::Peer(link, number)) => {
                let slot = Slot::new(invocation.deadline);
                match link.call(invocation, number, &slot, &self.losses) {
                    Ok(()) => return Started::Pending(slot),
                    Err(NotSent::Failed(error)) => return failed(error),
                    Err(NotSent::Full) => {}
                }
            }
            None => {
                if let Some(error) = self.hopeless(invocation, placement) {
                    return failed(error);
                }
            }
        }
        self.keep(invocation.clone(), placement)
    }

    fn capable(&self, task: &'static TaskEntry, placement: &Placement) -> Result<Vec<NodeId>, Unplaced> {
        let capable = self.all_capable(task, placement);
        if capable.is_empty() { Err(self.lack(task, placement)) } else { Ok(capable) }
    }

    fn gathers_until(&self) -> Option<Instant> {
        self.note_first_call();
        let (count, until) = *self.gathering.get()?;
        (*self.workers.borrow() < count && Instant::now() < until).then_some(until)
    }

    fn watch_deadline(&self, slot: &Arc<Slot>) {
        self.timers.expire(slot);
    }

    fn lost_under(&self, root: InvocationId) -> Vec<NodeId> {
        self.losses.of(root)
    }

    fn root_is_over(&self, root: InvocationId) {
        self.forget_root(root);
    }

    fn has_left(&self) -> bool {
        self.is_closed()
    }

    fn wake_at(&self, when: Instant, waker: Waker) {
        self.timers.wake_at(when, waker);
    }
}
