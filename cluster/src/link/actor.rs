//! The actor of a link: gives it its connections, has it redialled, and ends it with the verdict on its peer.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use atasks_actors::task_error::Loss;
use ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use tokio::{task::AbortHandle, time::sleep};

use super::{
    Connection, Link,
    io::End,
    redial::{Redialled, redial},
};
use crate::{address::Address, node::NodeCore, session::ProtocolError};

/// Heartbeats that a peer which does not listen has to come back after its connection closed.
const GRACE_HEARTBEATS: u32 = 2;

pub(crate) struct LinkActor;

/// What happens to a link.
pub(crate) enum LinkMsg {
    /// The session goes on over this connection.
    Connected(Connection),
    /// The connection of that number has ended in this way.
    Ended(u64, End),
    /// A peer that does not listen has not come back since that connection ended.
    NotBack(u64),
    /// Its process has ended in this way, if it is known.
    Exited(Option<Loss>),
    /// The peer has said nothing for `liveness.suspect_after`.
    Suspect,
    /// It is heard again.
    Heard,
    /// It has said nothing for `liveness.lost_after`.
    Silent,
    /// This is what came of redialling.
    Redialled(Redialled),
    /// The link has been ended from outside.
    Lost,
}

impl Message for LinkMsg {}

pub(crate) struct State {
    link: Arc<Link>,
    node: Weak<NodeCore>,
    /// The address by which this node has found the peer, if it has dialled.
    dialled: Option<Address>,
    /// Counts the connections.
    connection: u64,
    /// Reader and writer of the connection.
    loops: Vec<AbortHandle>,
    clock: AbortHandle,
    redialling: Option<AbortHandle>,
    /// The other end of the connection.
    reached: Option<Address>,
    /// The answer is awaited how the peer's process has ended.
    asking: bool,
    /// It is gone, and that answer may tell how.
    gone: bool,
}

impl Drop for State {
    /// Whatever ends the actor ends the link with it.
    fn drop(&mut self) {
        self.stop_loops();
        self.clock.abort();
        self.stop_redialling();
        if let Some(node) = self.node.upgrade() {
            node.link_is_lost(&self.link, Loss::Closed);
        }
        self.link.lose(Loss::Closed);
    }
}

impl Actor for LinkActor {
    type Msg = LinkMsg;
    type State = State;
    type Arguments = (Arc<Link>, Connection, Option<Address>);

    async fn pre_start(
        &self,
        myself: ActorRef<LinkMsg>,
        (link, connection, dialled): (Arc<Link>, Connection, Option<Address>),
    ) -> Result<State, ActorProcessingErr> {
        let _ = link.actor.set(myself.clone());
        // Before anything is read: the answer to the peer's introduction is whom this node knows, and a peer that hears
        // that first takes it for all that there is to wait for.
        if let Some(node) = link.node.upgrade() {
            link.tell_load(&node);
            node.introduce_to(&link);
        }
        let clock = link.spawn(link.clone().tick());
        let node = link.node.clone();
        let mut state = State {
            link,
            node,
            dialled,
            connection: 0,
            loops: Vec::new(),
            clock,
            redialling: None,
            reached: None,
            asking: false,
            gone: false,
        };
        state.connect(&myself, connection)?;
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<LinkMsg>,
        message: LinkMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(node) = state.node.upgrade() else {
            myself.stop(None);
            return Ok(());
        };
        if let Some(loss) = state.handle(&myself, &node, message).await {
            node.link_is_lost(&state.link, loss);
            myself.stop(None);
        }
        Ok(())
    }
}

impl State {
    /// Does what a message asks for. Gives the verdict if that is the end of the link.
    async fn handle(&mut self, actor: &ActorRef<LinkMsg>, node: &NodeCore, message: LinkMsg) -> Option<Loss> {
        match message {
            LinkMsg::Connected(connection) | LinkMsg::Redialled(Redialled::Again(connection)) => {
                self.stop_redialling();
                match self.connect(actor, connection) {
                    Ok(true) => None,
                    Ok(false) => {
                        if !self.link.is_connected() {
                            self.look_for_another(actor, node);
                        }
                        None
                    }
                    Err(error) => {
                        let peer = self.link.id();
                        tracing::error!(%peer, %error, "the peer claims what cannot be; closing the link");
                        Some(Loss::Closed)
                    }
                }
            }
            LinkMsg::Ended(connection, _) if connection != self.connection => None,
            LinkMsg::Ended(_, End::Left) => Some(Loss::Left),
            LinkMsg::Ended(_, End::Misused) => Some(Loss::Closed),
            LinkMsg::Ended(_, End::Broken) => {
                self.stop_loops();
                self.link.detach();
                if node.is_closed() {
                    return Some(Loss::Closed);
                }
                self.ask_for_exit(actor, node);
                self.look_for_another(actor, node);
                None
            }
            LinkMsg::NotBack(connection) if connection != self.connection || self.link.is_connected() => None,
            LinkMsg::NotBack(_) if self.may_be_at_the_door(node) => {
                // A greeting of its was cut off, or it is in the middle of one: on a busy machine that takes its time. It may
                // be somebody else's as well, so it is looked again soon.
                self.look_again(actor, node.config().liveness.heartbeat / 5);
                None
            }
            LinkMsg::NotBack(_) => self.closed(),
            LinkMsg::Exited(told) => {
                self.asking = false;
                told.or_else(|| self.gone.then_some(Loss::Closed))
            }
            LinkMsg::Suspect => {
                self.redial(actor);
                None
            }
            LinkMsg::Heard => {
                if self.link.is_connected() {
                    self.stop_redialling();
                }
                None
            }
            // It may have been heard since that was said.
            LinkMsg::Silent => (self.link.is_silent_for() > node.config().liveness.lost_after).then_some(Loss::Silent),
            LinkMsg::Redialled(Redialled::Over(loss)) => {
                self.redialling = None;
                let liveness = &node.config().liveness;
                let is_well = self.link.is_connected() && self.link.is_silent_for() <= liveness.suspect_after;
                match loss {
                    Loss::Closed if is_well => None,
                    Loss::Closed => self.closed(),
                    loss => Some(loss),
                }
            }
            LinkMsg::Lost => Some(Loss::Closed),
        }
    }

    /// Whether a peer that does not listen may be about to come back.
    fn may_be_at_the_door(&self, node: &NodeCore) -> bool {
        let silence = self.link.silence();
        silence < grace(node) || node.is_greeted() && silence < node.config().liveness.lost_after / 2
    }

    /// The peer is gone: the verdict, unless it may still be told how its process has ended.
    fn closed(&mut self) -> Option<Loss> {
        self.gone = true;
        (!self.asking).then_some(Loss::Closed)
    }

    fn ask_for_exit(&mut self, actor: &ActorRef<LinkMsg>, node: &NodeCore) {
        if self.asking {
            return;
        }
        let Some(exit) = node.ask_for_exit(self.link.id()) else { return };
        self.asking = true;
        let actor = actor.clone();
        self.link.spawn(async move {
            let _ = actor.cast(LinkMsg::Exited(exit.await));
        });
    }

    /// False: it is no connection of this link any more.
    fn connect(&mut self, actor: &ActorRef<LinkMsg>, connection: Connection) -> Result<bool, ProtocolError> {
        let reached = connection.socket.peer().clone();
        let Some((socket, read)) = self.link.attach(connection)? else { return Ok(false) };
        self.stop_loops();
        self.connection += 1;
        self.gone = false;
        self.reached = Some(reached);
        let reader = self.link.clone().read(socket.clone(), read);
        let writer = self.link.clone().write(socket);
        self.loops = vec![self.watch(actor, reader), self.watch(actor, writer)];
        Ok(true)
    }

    /// The connection is gone: sees to it that there is another, or a verdict.
    fn look_for_another(&mut self, actor: &ActorRef<LinkMsg>, node: &NodeCore) {
        if !self.addresses().is_empty() {
            return self.redial(actor);
        }
        // A worker, which listens where only others reach it, redials as long as it can: silence alone tells of its end.
        if !self.link.is_worker() {
            self.look_again(actor, grace(node));
        }
    }

    /// Looks after a while whether a peer that does not listen has come back.
    fn look_again(&self, actor: &ActorRef<LinkMsg>, after: Duration) {
        let (connection, actor) = (self.connection, actor.clone());
        self.link.spawn(async move {
            sleep(after).await;
            let _ = actor.cast(LinkMsg::NotBack(connection));
        });
    }

    /// Dials the peer, beside a silent connection or after a broken one.
    fn redial(&mut self, actor: &ActorRef<LinkMsg>) {
        let addresses = self.addresses();
        if self.redialling.is_some() || addresses.is_empty() {
            return;
        }
        let (link, actor) = (self.link.clone(), actor.clone());
        let redials = self.link.spawn(async move {
            let redialled = redial(link, addresses).await;
            let _ = actor.cast(LinkMsg::Redialled(redialled));
        });
        self.redialling = Some(redials);
    }

    /// Where the peer can be dialled: where it was found, and where it says that it listens, as far as that can be reached
    /// from here. Nowhere, for a client: that nobody listens at an address tells something only where the peer would.
    fn addresses(&self) -> Vec<Address> {
        let mut addresses: Vec<_> = self.dialled.iter().cloned().collect();
        let listens = self.link.addresses().iter().filter_map(|text| text.parse::<Address>().ok());
        let reached = self.reached.as_ref();
        for address in listens.filter(|address| reached.is_some_and(|reached| address.is_reached_like(reached))) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }

    /// Runs a loop of the connection; its end is told to the actor.
    fn watch(&self, actor: &ActorRef<LinkMsg>, running: impl Future<Output = End> + Send + 'static) -> AbortHandle {
        let (actor, connection) = (actor.clone(), self.connection);
        self.link.spawn(async move {
            let end = running.await;
            // The actor may have ended already: then the link has as well.
            let _ = actor.cast(LinkMsg::Ended(connection, end));
        })
    }

    fn stop_redialling(&mut self) {
        if let Some(redials) = self.redialling.take() {
            redials.abort();
        }
    }

    fn stop_loops(&mut self) {
        self.loops.drain(..).for_each(|running| running.abort());
    }
}

/// How long a peer that does not listen may stay away.
fn grace(node: &NodeCore) -> Duration {
    node.config().liveness.heartbeat * GRACE_HEARTBEATS
}

impl Link {
    /// Runs something on the node's own thread.
    fn spawn(&self, running: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        match self.node.upgrade() {
            Some(node) => node.io().spawn(running).abort_handle(),
            // That is where links' actors run.
            None => tokio::spawn(running).abort_handle(),
        }
    }
}
