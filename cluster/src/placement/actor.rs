//! The placement actor: keeps the calls that nobody can run yet.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use atasks_actors::{
    invocation::Invocation,
    outcome::Outcome,
    router::Placement,
    slot::Slot,
    task_error::{Canceller, TaskError},
};
use ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use tokio::time::{Instant, sleep_until};

use crate::node::{Kept, NodeCore};

/// Most calls that are tried again at once when there is room on a link: the node's thread has other things to do.
const TRIED_MAX: usize = 1024;

pub(crate) struct PlacementActor;

/// A call that cannot go anywhere now. Dropped, it is over: nobody else knows of it.
pub(crate) struct Unplaceable {
    pub(crate) invocation: Invocation,
    pub(crate) placement: Placement,
    pub(crate) slot: Arc<Slot>,
    placed: bool,
}

impl Unplaceable {
    pub(crate) fn new(invocation: Invocation, placement: Placement, slot: Arc<Slot>) -> Self {
        Self { invocation, placement, slot, placed: false }
    }

    /// Places the call if somebody can take it; gives it back if not, with the reason.
    fn place(mut self, node: &Arc<NodeCore>) -> Option<(Kept, Self)> {
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
    fn give_up_if_hopeless(mut self, node: &Arc<NodeCore>) -> Option<Self> {
        let Some(error) = node.hopeless(&self.invocation, &self.placement) else { return Some(self) };
        self.placed = true;
        self.slot.complete(Outcome::Failed(error));
        None
    }

    /// Ends the call: nobody could run it in time.
    fn give_up(mut self, node: &Arc<NodeCore>) {
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
        if !self.placed {
            self.slot.cancel(Canceller::Leave);
        }
    }
}

pub(crate) enum PlacementMsg {
    /// Keep this call until somebody can run it.
    Keep(Box<Unplaceable>),
    /// A node has come or gone, or there is room on a link: try again.
    Changed,
    /// Time is over for the first that nobody can run.
    Due,
    /// Tell how many calls are kept.
    #[cfg(feature = "testing")]
    Count(tokio::sync::oneshot::Sender<usize>),
}

impl Message for PlacementMsg {}

pub(crate) struct State {
    node: Weak<NodeCore>,
    /// Calls that nobody can run, in the order of until when they are kept.
    homeless: VecDeque<(Instant, Unplaceable)>,
    /// Calls that wait for room: busy is not absent, so they wait without a limit.
    roomless: VecDeque<Unplaceable>,
    /// A [`PlacementMsg::Due`] is on its way.
    alarmed: bool,
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
        Ok(State { node, homeless: VecDeque::new(), roomless: VecDeque::new(), alarmed: false })
    }

    async fn handle(
        &self,
        myself: ActorRef<PlacementMsg>,
        message: PlacementMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(node) = state.node.upgrade().filter(|node| !node.is_closed()) else {
            state.homeless.clear();
            state.roomless.clear();
            return Ok(());
        };
        match message {
            // Somebody may have come between the caller's look and this one.
            PlacementMsg::Keep(call) => state.keep(&node, *call),
            PlacementMsg::Changed => {
                if state.try_again(&node) {
                    // There may be room for more, and nobody else would tell.
                    myself.cast(PlacementMsg::Changed)?;
                }
            }
            #[cfg(feature = "testing")]
            PlacementMsg::Count(told) => {
                let _ = told.send(state.homeless.len() + state.roomless.len());
            }
            PlacementMsg::Due => {
                state.alarmed = false;
                let now = Instant::now();
                while state.homeless.front().is_some_and(|(until, _)| *until <= now) {
                    let Some((_, call)) = state.homeless.pop_front() else { break };
                    match call.place(&node) {
                        None => {}
                        Some((Kept::Full, call)) => state.roomless.push_back(call),
                        Some((Kept::Nobody, call)) => call.give_up(&node),
                    }
                }
            }
        }
        state.set_alarm(&myself);
        Ok(())
    }
}

impl State {
    fn keep(&mut self, node: &Arc<NodeCore>, call: Unplaceable) {
        match call.place(node) {
            None => {}
            Some((Kept::Full, call)) => self.roomless.push_back(call),
            Some((Kept::Nobody, call)) => {
                let Some(call) = call.give_up_if_hopeless(node) else { return };
                let until = Instant::now() + node.config().placement.place_timeout;
                self.homeless.push_back((until, call));
            }
        }
    }

    /// True: there was room, and more wait than were tried.
    fn try_again(&mut self, node: &Arc<NodeCore>) -> bool {
        for (until, call) in std::mem::take(&mut self.homeless) {
            match call.place(node) {
                None => {}
                Some((Kept::Full, call)) => self.roomless.push_back(call),
                Some((Kept::Nobody, call)) => {
                    self.homeless.extend(call.give_up_if_hopeless(node).map(|call| (until, call)));
                }
            }
        }
        // In turn: what finds no room goes to the end, so that a full link holds up no call to another one.
        let waited = self.roomless.len();
        for _ in 0..waited.min(TRIED_MAX) {
            if let Some(call) = self.roomless.pop_front() {
                self.keep(node, call);
            }
        }
        waited > TRIED_MAX && self.roomless.len() < waited
    }

    /// Sees to it that the first of the homeless is looked at when its time is over.
    fn set_alarm(&mut self, myself: &ActorRef<PlacementMsg>) {
        let Some((until, _)) = self.homeless.front().filter(|_| !self.alarmed) else { return };
        self.alarmed = true;
        let Some(node) = self.node.upgrade() else { return };
        let (until, myself) = (*until, myself.clone());
        node.io().spawn(async move {
            sleep_until(until).await;
            let _ = myself.cast(PlacementMsg::Due);
        });
    }
}
