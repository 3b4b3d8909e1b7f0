//! The placement actor: keeps the calls that nobody can run yet, and those that wait for room.

use std::sync::{Arc, Weak};

use ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use tokio::time::{Instant, sleep_until};

use super::{
    held::{For, Held},
    kept::Unplaceable,
    lines::Lines,
    row::Row,
};
use crate::node::{Kept, NodeCore};

/// Most calls that are tried, or looked at, in one go: the node's thread has other things to do.
const AT_ONCE_MAX: usize = 1024;

pub(crate) struct PlacementActor;

pub(crate) enum PlacementMsg {
    /// Keep this call until somebody can run it.
    Keep(Box<Unplaceable>),
    /// A node has come or gone: try all again.
    Changed,
    /// There is room: try those again that wait for it.
    Room,
    /// Go on with what was not done in one go.
    GoOn,
    /// Let go of what was given up.
    Sweep,
    /// Time is over for the first that nobody can run.
    Due,
    /// Tell how many calls are kept.
    #[cfg(feature = "testing")]
    Count(tokio::sync::oneshot::Sender<usize>),
}

impl Message for PlacementMsg {}

pub(crate) struct State {
    node: Weak<NodeCore>,
    held: Arc<Held>,
    /// Calls that nobody can run, in the order of until when they are kept.
    homeless: Row<Unplaceable>,
    /// Where it is to be looked next whether somebody can run them; none, while nothing has changed.
    looks_at: Option<u64>,
    /// Calls that wait for room: busy is not absent, so they wait without a limit.
    lines: Lines,
    /// Where the homeless are swept next, after all lines are.
    sweeps_at: Option<u64>,
    /// A [`PlacementMsg::Due`] is on its way.
    alarmed: bool,
    /// A [`PlacementMsg::GoOn`] is on its way.
    goes_on: bool,
}

impl Actor for PlacementActor {
    type Msg = PlacementMsg;
    type State = State;
    type Arguments = Arc<NodeCore>;

    async fn pre_start(
        &self,
        _myself: ActorRef<PlacementMsg>,
        node: Arc<NodeCore>,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State {
            held: node.held().clone(),
            node: Arc::downgrade(&node),
            homeless: Row::default(),
            looks_at: None,
            lines: Lines::default(),
            sweeps_at: None,
            alarmed: false,
            goes_on: false,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<PlacementMsg>,
        message: PlacementMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(node) = state.node.upgrade().filter(|node| !node.is_closed()) else {
            state.homeless.clear();
            state.lines.clear();
            return Ok(());
        };
        match message {
            PlacementMsg::Keep(call) => state.keep(&node, call),
            PlacementMsg::Changed => {
                state.looks_at = Some(0);
                state.lines.try_all();
            }
            PlacementMsg::Room => {
                node.room_is_heard_of();
                state.lines.try_all();
            }
            PlacementMsg::GoOn => state.goes_on = false,
            PlacementMsg::Sweep => {
                state.held.sweep_begins();
                state.lines.sweep_all();
                state.sweeps_at = Some(0);
            }
            #[cfg(feature = "testing")]
            PlacementMsg::Count(told) => {
                let _ = told.send(state.homeless.len() + state.lines.len());
            }
            PlacementMsg::Due => {
                state.alarmed = false;
                state.end_what_is_due(&node);
            }
        }
        if state.go_on(&node) && !std::mem::replace(&mut state.goes_on, true) {
            // Nobody else would tell.
            myself.cast(PlacementMsg::GoOn)?;
        }
        state.set_alarm(&myself);
        Ok(())
    }
}

impl State {
    /// Keeps a call, unless it can be placed: somebody may have come between the caller's look and this one.
    fn keep(&mut self, node: &Arc<NodeCore>, call: Box<Unplaceable>) {
        if call.slot.is_over() {
            return;
        }
        // Behind those that wait for the same.
        let Some(mut call) = self.lines.join(node, &self.held, call) else { return };
        // Before it is tried: of room that comes after that, be it elsewhere, placement is told.
        if !call.wait(&self.held, For::Link, None) {
            return;
        }
        match call.place(node) {
            None => {}
            Some((Kept::Full(target), call)) => self.lines.push(node, &self.held, call, &target),
            Some((Kept::Nobody, call)) => self.keep_homeless(node, call),
        }
    }

    fn keep_homeless(&mut self, node: &Arc<NodeCore>, call: Box<Unplaceable>) {
        let Some(mut call) = call.give_up_if_hopeless(node) else { return };
        let until = Instant::now() + node.config().placement.place_timeout;
        if call.wait(&self.held, For::Somebody, Some(until)) {
            self.homeless.push(call);
        }
    }

    /// Does what is to be done, but not too much of it. True: there is more.
    fn go_on(&mut self, node: &Arc<NodeCore>) -> bool {
        let mut left = AT_ONCE_MAX;
        self.look_at_homeless(node, &mut left);
        let mut unwanted = self.lines.try_fronts(node, &self.held, &mut left);
        while let Some(call) = unwanted.pop() {
            self.keep_homeless(node, call);
        }
        self.sweep(&mut left);
        self.looks_at.is_some() || self.lines.is_trying() || self.sweeps_at.is_some()
    }

    fn look_at_homeless(&mut self, node: &Arc<NodeCore>, left: &mut usize) {
        let Some(at) = &mut self.looks_at else { return };
        let (lines, held) = (&mut self.lines, &self.held);
        let most = *left;
        let seen = self.homeless.walk(at, most, |call| match call.place(node) {
            None => None,
            Some((Kept::Full(target), call)) => {
                lines.push(node, held, call, &target);
                // Room that came before it was counted is told by nobody.
                lines.try_all();
                None
            }
            Some((Kept::Nobody, call)) => call.give_up_if_hopeless(node),
        });
        *left -= seen;
        if seen < most {
            self.looks_at = None;
        }
    }

    fn sweep(&mut self, left: &mut usize) {
        let Some(at) = &mut self.sweeps_at else { return };
        self.lines.sweep(left);
        if *left == 0 {
            return;
        }
        let most = *left;
        let seen = self.homeless.walk(at, most, |call| (!call.slot.is_over()).then_some(call));
        *left -= seen;
        if seen < most {
            self.sweeps_at = None;
            if self.homeless.close_up() {
                self.looks_at = self.looks_at.map(|_| 0);
            }
            self.held.sweep_ends();
        }
    }

    fn end_what_is_due(&mut self, node: &Arc<NodeCore>) {
        let now = Instant::now();
        for _ in 0..AT_ONCE_MAX {
            if self.homeless.front().and_then(Unplaceable::until).is_none_or(|until| until > now) {
                return;
            }
            let Some(call) = self.homeless.pop() else { return };
            match call.place(node) {
                None => {}
                Some((Kept::Full(target), call)) => {
                    self.lines.push(node, &self.held, call, &target);
                    self.lines.try_all();
                }
                Some((Kept::Nobody, call)) => call.give_up(node),
            }
        }
    }

    /// Sees to it that the first of the homeless is looked at when its time is over.
    fn set_alarm(&mut self, myself: &ActorRef<PlacementMsg>) {
        if self.alarmed {
            return;
        }
        let Some(until) = self.homeless.front().and_then(Unplaceable::until) else { return };
        let Some(node) = self.node.upgrade() else { return };
        self.alarmed = true;
        let myself = myself.clone();
        node.io().spawn(async move {
            sleep_until(until).await;
            let _ = myself.cast(PlacementMsg::Due);
        });
    }
}
