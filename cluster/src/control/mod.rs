//! The node's part in ractor's cluster: a NodeServer whose sessions ride on the node's links, and the Gateway.
//!
//! The only folder that names ractor_cluster. Everything here runs on a thread of its own, so that nothing that
//! ractor_cluster or an actor does there delays a link; and whatever here fails is told as an event and started again,
//! while calls go on.
//!
//! What a session says rides in the link's Ractor frames (`streams`), so it is authenticated and encrypted as the link
//! is. ractor's registries belong to the process: only one node of a process takes part.

mod actor;
pub mod gateway;
mod pause;
mod piece;
mod pipe;
mod server;
pub(crate) mod streams;

use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use atasks_actors::{
    event::{Event, Part},
    host::Place,
    node_id::NodeId,
    router::Router,
};
use ractor::{Actor, ActorCell, ActorId, ActorRef};
use tokio::time::{Instant, sleep};

pub(crate) use self::actor::ControlMsg;
use self::{actor::ControlActor, gateway::Caller, pause::Pause};
use crate::{link::Link, node::NodeCore};

/// Whether a node of this process takes part: ractor's registries have room for one.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A node's hold on its Control actor. Without a part in ractor's cluster it does nothing.
pub(crate) struct Control {
    caller: Option<Caller>,
    place: OnceLock<Place>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    actor: Option<ActorRef<ControlMsg>>,
    pause: Pause,
}

impl Control {
    /// `caller` makes the Gateway's calls; without one the node takes no part.
    pub(crate) fn new(caller: Option<Caller>) -> Self {
        let free = caller.is_some() && !TAKEN.swap(true, Ordering::SeqCst);
        if caller.is_some() && !free {
            tracing::warn!(
                "another node of this process takes part in ractor's cluster, whose registries are the process's: \
                 this one does not"
            );
        }
        Self { caller: caller.filter(|_| free), place: OnceLock::new(), running: Mutex::default() }
    }

    pub(crate) fn takes_part(&self) -> bool {
        self.caller.is_some()
    }

    /// Tells the actor. False: there is none now.
    pub(crate) fn tell(&self, message: ControlMsg) -> bool {
        let running = self.running();
        running.actor.as_ref().is_some_and(|actor| actor.cast(message).is_ok())
    }

    pub(crate) fn link_up(&self, link: &Arc<Link>) {
        if self.takes_part() {
            // One that is started later finds the link by itself.
            self.tell(ControlMsg::LinkUp(link.clone()));
        }
    }

    /// Whether this is, or was, the actor.
    pub(crate) fn is(&self, who: ActorId) -> bool {
        self.running().actor.as_ref().is_some_and(|actor| actor.get_id() == who)
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if self.takes_part() {
            TAKEN.store(false, Ordering::SeqCst);
        }
    }
}

/// Starts the actor as a child of `root`. A failure is told, and it is tried again: no call needs it.
pub(crate) async fn start(node: &Arc<NodeCore>, root: ActorCell) {
    if let Err(reason) = try_start(node, root.clone()).await {
        failed(node, root, reason);
    }
}

async fn try_start(node: &Arc<NodeCore>, root: ActorCell) -> Result<(), String> {
    let control = node.control();
    let Some(caller) = control.caller else { return Ok(()) };
    let place = match control.place.get() {
        Some(place) => place,
        None => {
            let place = node.host().place("atasks-ractor").map_err(|error| error.to_string())?;
            control.place.get_or_init(|| place)
        }
    };
    let arguments = (Arc::downgrade(node), caller);
    let spawns = place.spawn(ControlActor::spawn_linked(None, ControlActor, arguments, root));
    let (actor, _) = spawns.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    control.running().actor = Some(actor);
    // Links that came while there was nobody to tell.
    control.tell(ControlMsg::Begin);
    Ok(())
}

/// Control is over: tells it, and starts it again after a while.
pub(crate) fn failed(node: &Arc<NodeCore>, root: ActorCell, reason: String) {
    let wait = node.control().running().pause.next(Instant::now());
    tell_failure(node, Part::Control, reason);
    let weak = Arc::downgrade(node);
    node.io().spawn(async move {
        sleep(wait).await;
        if let Some(node) = weak.upgrade().filter(|node| !node.is_closed()) {
            start(&node, root).await;
        }
    });
}

fn tell_failure(node: &NodeCore, part: Part, reason: String) {
    tracing::error!(supervisor = "control", %part, reason, "it failed, and is started again");
    node.events().tell(|| Event::PartFailed(part, reason));
}

/// The name by which a node's Gateway is known in all of ractor's cluster: it tells whose it is.
#[must_use]
pub fn gateway_name(node: &NodeId) -> String {
    format!("{}:{}#{:016x}", gateway::GROUP, node.name(), node.incarnation())
}

/// Whose Gateway has this name.
#[must_use]
pub fn node_of(gateway_name: &str) -> Option<NodeId> {
    let (name, incarnation) = gateway_name.strip_prefix(gateway::GROUP)?.strip_prefix(':')?.rsplit_once('#')?;
    let valid = (1..=255).contains(&name.len()) && incarnation.len() == 16;
    valid.then_some(NodeId::new(name, u64::from_str_radix(incarnation, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateways_name_tells_whose_it_is() {
        for name in ["a", "host-1a2b3c", "with#and:in it", "ü"] {
            let node = NodeId::new(name, 0x00ab_0000_0000_0001);
            assert_eq!(node_of(&gateway_name(&node)), Some(node));
        }
        for other in ["", "atasks", "atasks:", "atasks:a#12", "atasks:#00ab000000000001", "other:a#00ab000000000001"] {
            assert_eq!(node_of(other), None, "{other}");
        }
    }
}
