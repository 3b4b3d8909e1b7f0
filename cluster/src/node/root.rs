//! The root of a node's supervision tree. Its children are the node: if one fails, the node ends. Control alone is
//! started again, since no call needs it.

use std::sync::{Arc, Weak};

use ractor::{Actor, ActorProcessingErr, ActorRef, Message, SupervisionEvent};

use super::NodeCore;
use crate::{address::Address, agent, config::Role, control, membership::MembershipActor, placement::PlacementActor};

pub(crate) struct RootActor;

/// Nothing is asked of it but to supervise.
pub(crate) enum RootMsg {}

impl Message for RootMsg {}

impl Actor for RootActor {
    type Msg = RootMsg;
    type State = Weak<NodeCore>;
    type Arguments = (Arc<NodeCore>, Vec<Address>);

    /// Starts the children in the order in which they need each other.
    async fn pre_start(
        &self,
        myself: ActorRef<RootMsg>,
        (node, seeds): (Arc<NodeCore>, Vec<Address>),
    ) -> Result<Weak<NodeCore>, ActorProcessingErr> {
        let weak = Arc::downgrade(&node);
        let root = myself.get_cell();
        if node.role == Role::Worker {
            agent::start(&node, root.clone()).await?;
        }
        let (placement, _) = PlacementActor::spawn_linked(None, PlacementActor, node.clone(), root.clone()).await?;
        let _ = node.placement.set(placement);
        let (membership, _) =
            MembershipActor::spawn_linked(None, MembershipActor, (weak.clone(), seeds), root.clone()).await?;
        let _ = node.membership.set(membership);
        control::start(&node, root).await;
        Ok(weak)
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<RootMsg>,
        event: SupervisionEvent,
        node: &mut Weak<NodeCore>,
    ) -> Result<(), ActorProcessingErr> {
        let (who, reason) = match event {
            SupervisionEvent::ActorFailed(who, reason) => (who, reason.to_string()),
            SupervisionEvent::ActorTerminated(who, _, reason) => (who, reason.unwrap_or_default()),
            _ => return Ok(()),
        };
        if let Some(node) = node.upgrade().filter(|node| !node.is_closed()) {
            if node.control().is(who.get_id()) {
                control::failed(&node, myself.get_cell(), reason);
                return Ok(());
            }
            tracing::error!(supervisor = %myself.get_id(), context = "node", offender = %who.get_id(), reason, "a part of the node failed; it leaves");
            node.close();
        }
        Ok(())
    }
}
