//! The Gateway's actor: reads requests, and begins what they ask for.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use atasks_actors::{
    codec,
    router::Router,
    table::nearest,
    task::TaskEntry,
    task_error::{Payload, TaskError, Unplaced},
};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use serde_bytes::ByteBuf;
use tokio::task::JoinSet;

use super::{
    CALLS_MAX, Call, Caller, GatewayMsg, HELD_MAX, MESSAGE_MAX, Order, PAYLOAD_MAX, SUBSCRIPTIONS_MAX, WAITING_MAX,
    request::{Answer, Request, TalkId, Wanted},
    talk::{Port, Talks, answer, tell_end},
    watch::tell_events,
};
use crate::node::NodeCore;

pub(in crate::control) struct GatewayActor;

pub(in crate::control) struct State {
    node: Weak<NodeCore>,
    caller: Caller,
    calls: Talks,
    subscriptions: Talks,
    /// They end with the actor: what nobody can ask for is cancelled.
    talks: JoinSet<()>,
}

impl Actor for GatewayActor {
    type Msg = GatewayMsg;
    type State = State;
    type Arguments = (Weak<NodeCore>, Caller);

    async fn pre_start(
        &self,
        _myself: ActorRef<GatewayMsg>,
        (node, caller): (Weak<NodeCore>, Caller),
    ) -> Result<State, ActorProcessingErr> {
        Ok(State { node, caller, calls: Talks::default(), subscriptions: Talks::default(), talks: JoinSet::new() })
    }

    async fn handle(
        &self,
        _myself: ActorRef<GatewayMsg>,
        message: GatewayMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        while state.talks.try_join_next().is_some() {}
        match message {
            GatewayMsg::Ask(request, port) => state.ask(&request, port),
            GatewayMsg::Forget(bytes) => {
                if let Ok(id) = bytes.try_into().map(TalkId::from_le_bytes) {
                    state.calls.forget(id);
                    state.subscriptions.forget(id);
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<GatewayMsg>,
        _event: SupervisionEvent,
        _state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        // It has no children, and whoever links one to it must not end it by that.
        Ok(())
    }
}

impl State {
    fn ask(&mut self, request: &[u8], port: Port) {
        let Some(node) = self.node.upgrade() else { return };
        if request.len() > MESSAGE_MAX {
            return answer(port, &Answer::Malformed("it is too large".to_owned()));
        }
        match codec::decode(request) {
            Ok(Request::Call(id, call)) => self.call(&node, id, *call, port),
            Ok(Request::Watch(_)) if !may_subscribe(&self.subscriptions) => answer(port, &Answer::Full),
            Ok(Request::Room(_)) if self.talks.len() >= CALLS_MAX + SUBSCRIPTIONS_MAX + WAITING_MAX => {
                answer(port, &Answer::Full);
            }
            Ok(Request::Room(Wanted::Subscription)) => {
                self.talks.spawn(self.subscriptions.clone().tell_room(port, may_subscribe));
            }
            Ok(Request::Room(Wanted::Call(bytes))) => {
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                self.talks.spawn(self.calls.clone().tell_room(port, move |calls| may_call(calls, bytes)));
            }
            Ok(Request::Watch(id)) => {
                let (asked, entry) = self.subscriptions.begin(id, port, 0);
                let events = node.events().read();
                self.talks.spawn(async move {
                    let _entry = entry;
                    tell_events(asked, events).await;
                });
            }
            Ok(Request::More(id)) => {
                let asked = self.calls.ask(id, port).or_else(|port| self.subscriptions.ask(id, port));
                if let Err(port) = asked {
                    answer(port, &Answer::Unknown);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the gateway was sent what is no request");
                answer(port, &Answer::Malformed(error.to_string()));
            }
        }
    }

    fn call(&mut self, node: &Arc<NodeCore>, id: TalkId, call: Call, port: Port) {
        let bytes = call.arguments.len();
        if !may_call(&self.calls, bytes) {
            return answer(port, &Answer::Full);
        }
        let task = match find(node, &call) {
            Ok(task) => task,
            Err(error) => return answer(port, &Answer::Failed(error)),
        };
        let making = (self.caller)(node.clone(), order(task, call));
        let (asked, entry) = self.calls.begin(id, port, bytes);
        self.talks.spawn(async move {
            tell_end(asked, entry, HELD_MAX, async { ended(making.await) }).await;
        });
    }
}

/// Whether there is room for a call with so many bytes of arguments.
fn may_call(calls: &Talks, bytes: usize) -> bool {
    let held = calls.bytes();
    calls.len() < CALLS_MAX && (held == 0 || held.saturating_add(bytes) <= HELD_MAX)
}

fn may_subscribe(subscriptions: &Talks) -> bool {
    subscriptions.len() < SUBSCRIPTIONS_MAX
}

fn find(node: &NodeCore, call: &Call) -> Result<&'static TaskEntry, TaskError> {
    let table = node.table();
    let found = table.find(&call.task).and_then(|index| table.get(index));
    let reason = match found {
        Some(task) if task.fingerprint == call.fingerprint => return Ok(task.entry),
        Some(task) => Unplaced::VersionMismatch {
            here: call.fingerprint.to_string(),
            there: vec![(node.me().clone(), task.fingerprint.to_string())],
        },
        None => Unplaced::NotRegistered { nearest: nearest(&call.task, table.iter().map(|task| task.entry.name())) },
    };
    Err(TaskError::Unplaced { task: call.task.clone(), reason })
}

fn order(task: &'static TaskEntry, call: Call) -> Order {
    Order {
        task,
        arguments: call.arguments,
        placement: call.placement.into(),
        timeout: call.timeout_us.map(Duration::from_micros),
        label: call.label,
        baggage: (!call.baggage.is_empty()).then(|| Arc::new(call.baggage)),
        idempotent: call.idempotent,
    }
}

fn ended(end: Result<bytes::Bytes, TaskError>) -> Answer {
    match end {
        Ok(bytes) if bytes.len() > PAYLOAD_MAX => {
            Answer::Failed(TaskError::TooLarge { size: bytes.len(), limit: PAYLOAD_MAX, what: Payload::Result })
        }
        Ok(bytes) => Answer::Returned(ByteBuf::from(bytes)),
        Err(error) => Answer::Failed(error),
    }
}
