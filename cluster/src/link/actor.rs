//! The actor of a link: runs its loops, and gives the verdict when one of them ends.

use std::{
    future::Future,
    sync::{Arc, Weak},
};

use atasks_actors::task_error::Loss;
use bytes::BytesMut;
use ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use tokio::task::AbortHandle;

use super::Link;
use crate::node::NodeCore;

pub(crate) struct LinkActor;

/// What the loops of a link tell its actor.
pub(crate) enum LinkMsg {
    /// The link has ended in this way.
    Over(Loss),
}

impl Message for LinkMsg {}

pub(crate) struct State {
    link: Arc<Link>,
    node: Weak<NodeCore>,
    loops: Vec<AbortHandle>,
}

impl Drop for State {
    /// Whatever ends the actor ends the link with it.
    fn drop(&mut self) {
        self.loops.iter().for_each(AbortHandle::abort);
        if let Some(node) = self.node.upgrade() {
            node.link_is_lost(&self.link, Loss::Closed);
        }
        self.link.lose(Loss::Closed);
    }
}

impl Actor for LinkActor {
    type Msg = LinkMsg;
    type State = State;
    type Arguments = (Arc<Link>, BytesMut);

    async fn pre_start(
        &self,
        myself: ActorRef<LinkMsg>,
        (link, read): (Arc<Link>, BytesMut),
    ) -> Result<State, ActorProcessingErr> {
        // Before anything is read: the answer to the peer's introduction is whom this node knows, and a peer that hears
        // that first takes it for all that there is to wait for.
        if let Some(node) = link.node.upgrade() {
            node.introduce_to(&link);
        }
        let writer = link.clone();
        let loops = vec![
            watch(&myself, link.clone().read(read)),
            watch(&myself, async move {
                if let Err(error) = writer.write().await {
                    tracing::debug!(%error, "the connection broke");
                }
                Loss::Closed
            }),
            watch(&myself, link.clone().tick()),
        ];
        let node = link.node.clone();
        Ok(State { link, node, loops })
    }

    async fn handle(
        &self,
        myself: ActorRef<LinkMsg>,
        LinkMsg::Over(loss): LinkMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(node) = state.node.upgrade() else {
            myself.stop(None);
            return Ok(());
        };
        let loss = node.verdict(state.link.id(), loss).await;
        node.link_is_lost(&state.link, loss);
        myself.stop(None);
        Ok(())
    }
}

/// Runs a loop of the link; its end is told to the actor.
fn watch(actor: &ActorRef<LinkMsg>, link: impl Future<Output = Loss> + Send + 'static) -> AbortHandle {
    let actor = actor.clone();
    tokio::spawn(async move {
        let loss = link.await;
        // The actor may have ended already: then the link has as well.
        let _ = actor.cast(LinkMsg::Over(loss));
    })
    .abort_handle()
}
