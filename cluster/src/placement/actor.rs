//! The placement actor: keeps the calls that nobody can run yet.

use std::sync::{Arc, Weak};

use atasks_actors::{invocation::Invocation, outcome::Outcome, router::Placement, slot::Slot, task_error::TaskError};
use ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use tokio::time::{Instant, sleep_until};

use crate::node::{Kept, NodeCore};

pub(crate) struct PlacementActor;

/// A call that nobody can run now.
pub(crate) struct Unplaceable {
    pub(crate) invocation: Invocation,
    pub(crate) placement: Placement,
    pub(crate) slot: Arc<Slot>,
}

pub(crate) enum PlacementMsg {
    /// Keep this call until somebody can run it.
    Keep(Unplaceable),
    /// A node has come: try again.
    Changed,
    /// Time is over for the calls kept at first.
    Due,
    /// The node leaves: let all go.
    Leave,
}

impl Message for PlacementMsg {}

pub(crate) struct State {
    node: Weak<NodeCore>,
    /// Until when each is kept while nobody can run it.
    kept: Vec<(Instant, Unplaceable)>,
}

impl Actor for PlacementActor {
    type Msg = PlacementMsg;
    type State = State;
    type Arguments = Weak<NodeCore>;

    async fn pre_start(
        &self,
        _myself: ActorRef<PlacementMsg>,
        node: Weak<NodeCore>,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State { node, kept: Vec::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<PlacementMsg>,
        message: PlacementMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(node) = state.node.upgrade() else { return Ok(()) };
        match message {
            PlacementMsg::Keep(call) => {
                let until = Instant::now() + node.config().placement.place_timeout;
                // Somebody may have come between the caller's look and this one.
                if let Some((_, call)) = place(&node, call) {
                    state.kept.push((until, call));
                    tokio::spawn(async move {
                        sleep_until(until).await;
                        let _ = myself.cast(PlacementMsg::Due);
                    });
                }
            }
            PlacementMsg::Changed => {
                let kept = std::mem::take(&mut state.kept);
                state.kept =
                    kept.into_iter().filter_map(|(until, call)| Some((until, place(&node, call)?.1))).collect();
            }
            PlacementMsg::Due => {
                let now = Instant::now();
                let (due, kept) = std::mem::take(&mut state.kept).into_iter().partition(|(until, _)| *until <= now);
                state.kept = kept;
                let still: Vec<_> = due.into_iter().filter_map(|(_, call)| give_up(&node, call)).collect();
                state.kept.extend(still.into_iter().map(|call| (now, call)));
            }
            PlacementMsg::Leave => {
                for (_, call) in std::mem::take(&mut state.kept) {
                    call.slot.cancel(atasks_actors::task_error::Canceller::Leave);
                }
            }
        }
        Ok(())
    }
}

/// Places a call if somebody can run it; gives it back if not, with the reason.
fn place(node: &Arc<NodeCore>, call: Unplaceable) -> Option<(Kept, Unplaceable)> {
    if call.slot.is_over() {
        return None;
    }
    let kept = node.place(call.invocation.clone(), &call.placement, &call.slot).err()?;
    Some((kept, call))
}

/// Ends a call that nobody could run in time. One that only waits for room goes on waiting: busy is not absent.
fn give_up(node: &Arc<NodeCore>, call: Unplaceable) -> Option<Unplaceable> {
    match place(node, call)? {
        (Kept::Full, call) => Some(call),
        (Kept::Nobody, call) => {
            let error = node.hopeless(&call.invocation, &call.placement).unwrap_or_else(|| {
                let reason = node.lack(&call.invocation, &call.placement);
                TaskError::Unplaced { task: call.invocation.task.name().to_owned(), reason }
            });
            call.slot.complete(Outcome::Failed(error));
            None
        }
    }
}
