//! The Control actor: keeps the NodeServer and the Gateway running, and a session over every link.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use atasks_actors::{event::Part, node_id::NodeId};
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, Message, SupervisionEvent};
use ractor_cluster::NodeServerMessage;
use tokio::time::{Instant, sleep};

use super::{
    gateway::{Caller, GROUP, GatewayActor},
    gateway_name,
    pause::Pause,
    pipe::Stream,
    server::{self, Server},
    streams::opens,
    tell_failure,
};
use crate::{config::Role, link::Link, node::NodeCore};

pub(crate) struct ControlActor;

pub(crate) enum ControlMsg {
    /// It is known to the node: links may be looked for.
    Begin,
    /// A peer has introduced itself.
    LinkUp(Arc<Link>),
    /// A peer has opened a stream.
    Asked(Arc<Link>),
    /// The session over this stream of a peer is over.
    Over(NodeId, u32),
    /// Time to open a stream to a peer again.
    Open(NodeId),
    /// Time to start a part again.
    Start(Part),
}

impl Message for ControlMsg {}

pub(crate) struct State {
    node: Weak<NodeCore>,
    caller: Caller,
    server: Option<Server>,
    gateway: Option<ActorId>,
    pauses: BTreeMap<Part, Pause>,
    /// Links whose streams are opened here.
    opened: BTreeMap<NodeId, Opened>,
}

struct Opened {
    link: Weak<Link>,
    pause: Pause,
}

impl Actor for ControlActor {
    type Msg = ControlMsg;
    type State = State;
    type Arguments = (Weak<NodeCore>, Caller);

    async fn pre_start(
        &self,
        _myself: ActorRef<ControlMsg>,
        (node, caller): (Weak<NodeCore>, Caller),
    ) -> Result<State, ActorProcessingErr> {
        Ok(State { node, caller, server: None, gateway: None, pauses: BTreeMap::new(), opened: BTreeMap::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<ControlMsg>,
        message: ControlMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(node) = state.node.upgrade() else { return Ok(()) };
        match message {
            ControlMsg::Begin => {
                for link in node.links() {
                    state.track(&node, &link);
                }
                state.start(&myself, &node, Part::Gateway).await;
                state.start(&myself, &node, Part::NodeServer).await;
            }
            ControlMsg::LinkUp(link) => {
                state.track(&node, &link);
                state.open(&link);
            }
            ControlMsg::Asked(link) => {
                if let Some(stream) = link.streams().accept(&link) {
                    state.hand_over(stream, true);
                }
            }
            ControlMsg::Over(peer, stream) => state.over(&myself, &peer, stream),
            ControlMsg::Open(peer) => {
                if let Some(link) = state.opened.get(&peer).and_then(|opened| opened.link.upgrade()) {
                    state.open(&link);
                }
            }
            ControlMsg::Start(part) => state.start(&myself, &node, part).await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<ControlMsg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (who, reason) = match event {
            SupervisionEvent::ActorFailed(who, reason) => (who, reason.to_string()),
            SupervisionEvent::ActorTerminated(who, _, reason) => (who, reason.unwrap_or_default()),
            _ => return Ok(()),
        };
        let part = if state.gateway == Some(who.get_id()) {
            state.gateway = None;
            Part::Gateway
        } else if state.server.as_ref().is_some_and(|server| server.actor.get_id() == who.get_id()) {
            // Its sessions are over with it, and their streams.
            state.server = None;
            Part::NodeServer
        } else {
            return Ok(());
        };
        if let Some(node) = state.node.upgrade().filter(|node| !node.is_closed()) {
            state.failed(&myself, &node, part, reason);
        }
        Ok(())
    }
}

impl State {
    async fn start(&mut self, myself: &ActorRef<ControlMsg>, node: &Arc<NodeCore>, part: Part) {
        let started = match part {
            Part::Gateway if node.role() == Role::Worker && self.gateway.is_none() => {
                self.start_gateway(node, myself.get_cell()).await
            }
            Part::NodeServer if self.server.is_none() => self.start_server(node, myself.get_cell()).await,
            _ => Ok(()),
        };
        if let Err(error) = started {
            self.failed(myself, node, part, error.to_string());
        }
    }

    async fn start_gateway(&mut self, node: &Arc<NodeCore>, me: ActorCell) -> Result<(), ActorProcessingErr> {
        let arguments = (Arc::downgrade(node), self.caller);
        let (gateway, _) =
            GatewayActor::spawn_linked(Some(gateway_name(node.me())), GatewayActor, arguments, me).await?;
        self.gateway = Some(gateway.get_id());
        ractor::pg::join(GROUP.to_owned(), vec![gateway.get_cell()]);
        Ok(())
    }

    async fn start_server(&mut self, node: &Arc<NodeCore>, me: ActorCell) -> Result<(), ActorProcessingErr> {
        self.server = Some(server::start(node.me(), me).await?);
        let links: Vec<_> = self.opened.values().filter_map(|opened| opened.link.upgrade()).collect();
        for link in links {
            self.open(&link);
        }
        Ok(())
    }

    fn failed(&mut self, myself: &ActorRef<ControlMsg>, node: &NodeCore, part: Part, reason: String) {
        tell_failure(node, part, reason);
        let wait = self.pauses.entry(part).or_default().next(Instant::now());
        later(myself, wait, ControlMsg::Start(part));
    }

    /// Remembers the link if its stream is opened here.
    fn track(&mut self, node: &NodeCore, link: &Arc<Link>) {
        self.opened.retain(|_, opened| opened.link.strong_count() > 0);
        if opens(node, link) {
            let opened = Opened { link: Arc::downgrade(link), pause: Pause::default() };
            self.opened.insert(link.id().clone(), opened);
        }
    }

    fn open(&self, link: &Arc<Link>) {
        if self.server.is_some()
            && self.opened.contains_key(link.id())
            && let Some(stream) = link.streams().open(link)
        {
            self.hand_over(stream, false);
        }
    }

    /// Gives a stream to the NodeServer; without one it is dropped, which tells the peer.
    fn hand_over(&self, stream: Stream, is_server: bool) {
        if let Some(server) = &self.server {
            let stream = Box::new(stream);
            // Should it be over, its end is about to be told, and the stream is over as well.
            let _ = server.actor.cast(NodeServerMessage::ConnectionOpenedExternal { stream, is_server });
        }
    }

    fn over(&mut self, myself: &ActorRef<ControlMsg>, peer: &NodeId, stream: u32) {
        let Some(opened) = self.opened.get_mut(peer) else { return };
        match opened.link.upgrade() {
            Some(link) if link.streams().is_latest(stream) => {
                let wait = opened.pause.next(Instant::now());
                tracing::debug!(%peer, ?wait, "the ractor session is over, and is made anew");
                later(myself, wait, ControlMsg::Open(peer.clone()));
            }
            Some(_) => {}
            None => drop(self.opened.remove(peer)),
        }
    }
}

/// Tells itself after `wait`.
fn later(myself: &ActorRef<ControlMsg>, wait: Duration, message: ControlMsg) {
    let myself = myself.clone();
    tokio::spawn(async move {
        sleep(wait).await;
        let _ = myself.cast(message);
    });
}
