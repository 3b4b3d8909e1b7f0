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
    table::nearest,
    task::TaskEntry,
    task_error::{Loss, Ran, Rejection, TaskError, Unplaced},
};
use tokio::time::Instant;

use super::NodeCore;
use crate::{
    config::Role,
    link::{Link, NotSent, unplaced},
    placement::{PlacementMsg, Score, Unplaceable, choose, prefers_here},
};

/// Why a call has to wait.
pub(crate) enum Kept {
    /// Nobody can run it now.
    Nobody,
    /// Too much waits to be written to the node that would.
    Full,
}

enum Chosen {
    Here,
    Peer(Arc<Link>, u32),
}

impl NodeCore {
    /// Places a call; `slot` takes its outcome.
    pub(crate) fn place(&self, invocation: Invocation, placement: &Placement, slot: &Arc<Slot>) -> Result<(), Kept> {
        match self.choose(&invocation, placement).ok_or(Kept::Nobody)? {
            Chosen::Here => match (self.agent.pool(), self.myself.upgrade()) {
                (Some(pool), Some(node)) => pool.submit_for(invocation, node, slot),
                _ => return Err(Kept::Nobody),
            },
            Chosen::Peer(link, number) => match link.call(&invocation, number, slot) {
                Ok(()) => {}
                Err(NotSent::Full) => return Err(Kept::Full),
                Err(NotSent::Failed(error)) => slot.complete(Outcome::Failed(error)),
            },
        }
        Ok(())
    }

    fn choose(&self, invocation: &Invocation, placement: &Placement) -> Option<Chosen> {
        let task = invocation.task;
        let pool = self.agent.pool().filter(|_| task.has_body());
        let view = self.view.load();
        let to = |link: &Arc<Link>| {
            let number = link.abilities().and_then(|abilities| abilities.number(task))?;
            Some(Chosen::Peer(link.clone(), number))
        };
        match placement {
            Placement::Local => pool.map(|_| Chosen::Here),
            Placement::Node(name) if name == self.me.name() => pool.map(|_| Chosen::Here),
            Placement::Node(name) => to(view.links().find(|link| link.id().name() == name && !link.is_draining())?),
            Placement::On(id) if *id == self.me => pool.map(|_| Chosen::Here),
            Placement::On(id) => to(view.links().find(|link| link.id() == id && !link.is_draining())?),
            _ => {
                let here = pool.map(|pool| {
                    let load = pool.load();
                    let load = (load.running + load.unstarted) as usize + load.suspended as usize / 16;
                    Score { load, executors: pool.executor_count() }
                });
                match here {
                    Some(here) if !self.is_draining() && prefers_here(here, None) && here.load < here.executors => {
                        return Some(Chosen::Here);
                    }
                    _ => {}
                }
                let peers = view.as_slice();
                let best = choose(peers.len(), dice(invocation.id), |at| {
                    let link = &peers[at];
                    if link.is_draining() {
                        return None;
                    }
                    let abilities = link.abilities()?;
                    abilities.number(task)?;
                    Some(Score { load: link.load(), executors: abilities.executors() as usize })
                });
                match (here, best) {
                    (Some(here), best)
                        if best.is_none()
                            || !self.is_draining() && prefers_here(here, best.map(|(_, score)| score)) =>
                    {
                        Some(Chosen::Here)
                    }
                    (_, Some((at, _))) => to(&peers[at]),
                    _ => None,
                }
            }
        }
    }

    /// Why nobody that `placement` allows can run a call.
    pub(crate) fn lack(&self, invocation: &Invocation, placement: &Placement) -> Unplaced {
        let name = invocation.task.name();
        if self.is_meant_by(placement) {
            let bodies = self.table.iter().map(|task| task.entry).filter(|entry| entry.has_body());
            return match self.role {
                Role::Worker => Unplaced::NotRegistered { nearest: nearest(name, bodies.map(TaskEntry::name)) },
                Role::Client | Role::Operator => Unplaced::NotAWorker,
            };
        }
        let view = self.view.load();
        let allowed = |link: &&Arc<Link>| match placement {
            Placement::Node(name) => link.id().name() == name,
            Placement::On(id) => link.id() == id,
            _ => true,
        };
        if let Placement::Node(name) = placement {
            match view.links().find(allowed) {
                None => return Unplaced::NoSuchNode(name.clone()),
                Some(link) if !link.is_worker() => return Unplaced::NotAWorker,
                Some(_) => {}
            }
        }
        let here = self.table.find(name).and_then(|index| self.table.get(index));
        let here = here.map(|task| task.fingerprint.to_string()).unwrap_or_default();
        let workers = view.workers().filter(allowed);
        unplaced(name, &here, workers.filter_map(|link| Some((link.id(), link.abilities()?))))
    }

    /// Whether this node, and no other, is where a call is to run.
    fn is_meant_by(&self, placement: &Placement) -> bool {
        match placement {
            Placement::Local => true,
            Placement::Node(name) => name == self.me.name(),
            Placement::On(id) => *id == self.me,
            _ => false,
        }
    }

    /// The one node that a call may run on, if it takes no more.
    fn named_that_drains(&self, placement: &Placement) -> Option<NodeId> {
        let view = self.view.load();
        let named = view.links().find(|link| match placement {
            Placement::Node(name) => link.id().name() == name,
            Placement::On(id) => link.id() == id,
            _ => false,
        });
        named.filter(|link| link.is_draining()).map(|link| link.id().clone())
    }

    fn do_first_call(&self) {
        self.awaits_first_call.store(false, Ordering::Relaxed);
        let action = self.first_call.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(action) = action {
            action();
        }
    }

    /// What is wrong with a placement that no waiting would mend.
    pub(crate) fn hopeless(&self, invocation: &Invocation, placement: &Placement) -> Option<TaskError> {
        if let Some(node) = self.named_that_drains(placement) {
            return Some(TaskError::Rejected { node, reason: Rejection::Draining });
        }
        match placement {
            // What it runs is fixed at its start.
            _ if self.is_meant_by(placement) => {
                let (task, reason) = (invocation.task.name().to_owned(), self.lack(invocation, placement));
                Some(TaskError::Unplaced { task, reason })
            }
            Placement::On(id) if !self.election().is_linked(id) => {
                Some(TaskError::NodeLost { node: id.clone(), reason: Loss::Closed, ran: Ran::No })
            }
            _ => None,
        }
    }
}

/// A number that differs from call to call and is the same in every replay.
fn dice(id: InvocationId) -> u64 {
    // SplitMix64's finalizer.
    let mut dice = id.number.wrapping_add(id.origin).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    dice = (dice ^ (dice >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    dice ^ (dice >> 27)
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

    fn start(&self, invocation: Invocation, placement: &Placement) -> Started {
        if self.left.load(Ordering::Relaxed) {
            return Started::Done(Outcome::Failed(TaskError::NotJoined));
        }
        if self.awaits_first_call.load(Ordering::Relaxed) {
            self.do_first_call();
        }
        let unplaceable = match self.choose(&invocation, placement) {
            Some(Chosen::Here) => match (self.agent.pool(), self.myself.upgrade()) {
                (Some(pool), Some(node)) => return pool.start_here(invocation, node),
                _ => invocation,
            },
            Some(Chosen::Peer(link, number)) => {
                let slot = Slot::new(invocation.deadline);
                match link.call(&invocation, number, &slot) {
                    Ok(()) => return Started::Pending(slot),
                    Err(NotSent::Failed(error)) => return Started::Done(Outcome::Failed(error)),
                    Err(NotSent::Full) => invocation,
                }
            }
            None => invocation,
        };
        let failed = |error| Started::Done(Outcome::Failed(error));
        if let Some(error) = self.hopeless(&unplaceable, placement) {
            return failed(error);
        }
        let slot = Slot::new(unplaceable.deadline);
        let call = Box::new(Unplaceable::new(unplaceable, placement.clone(), slot.clone()));
        if self.placement.get().is_some_and(|placement| placement.cast(PlacementMsg::Keep(call)).is_ok()) {
            Started::Pending(slot)
        } else {
            failed(TaskError::NotJoined)
        }
    }

    fn watch_deadline(&self, slot: &Arc<Slot>) {
        self.timers.expire(slot);
    }

    fn has_left(&self) -> bool {
        self.is_closed()
    }

    fn wake_at(&self, when: Instant, waker: Waker) {
        self.timers.wake_at(when, waker);
    }
}
