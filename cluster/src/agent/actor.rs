//! The agent's actor: starts the executors and supervises them.

use std::sync::{Arc, Weak};

use atasks_actors::executor::Pool;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, Message, SpawnErr, SupervisionEvent};

use super::{load::tell_load, watch::watch};
use crate::node::NodeCore;

struct AgentActor;

/// Starts the agent of a worker as a child of `root`.
pub(crate) async fn start(node: &Arc<NodeCore>, root: ActorCell) -> Result<(), SpawnErr> {
    AgentActor::spawn_linked(None, AgentActor, node.clone(), root).await.map(drop)
}

/// Nothing is asked of it yet but to live.
enum AgentMsg {}

impl Message for AgentMsg {}

impl Actor for AgentActor {
    type Msg = AgentMsg;
    type State = Weak<NodeCore>;
    type Arguments = Arc<NodeCore>;

    async fn pre_start(
        &self,
        myself: ActorRef<AgentMsg>,
        node: Arc<NodeCore>,
    ) -> Result<Weak<NodeCore>, ActorProcessingErr> {
        let settings = node.executor_settings();
        let pool = Pool::start(node.me().clone(), settings, node.host(), &myself.get_cell()).await?;
        node.io().spawn(tell_load(pool.clone(), Arc::downgrade(&node)));
        node.io().spawn(watch(pool.clone(), Arc::downgrade(&node), node.agent().worth_a_look.clone()));
        let looks = pool.clone();
        node.io().spawn(async move { while looks.look_twice().await {} });
        let _ = node.agent().pool.set(pool);
        Ok(Arc::downgrade(&node))
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<AgentMsg>,
        event: SupervisionEvent,
        node: &mut Weak<NodeCore>,
    ) -> Result<(), ActorProcessingErr> {
        let (who, reason) = match event {
            SupervisionEvent::ActorFailed(who, reason) => (who, reason.to_string()),
            SupervisionEvent::ActorTerminated(who, _, reason) => (who, reason.unwrap_or_default()),
            _ => return Ok(()),
        };
        let Some(node) = node.upgrade() else { return Ok(()) };
        if node.is_closed() {
            return Ok(());
        }
        // An executor never ends by itself: its thread is gone, with all that ran there. Start afresh as a new node.
        tracing::error!(supervisor = %myself.get_id(), context = "executor", offender = %who.get_id(), reason, "an executor ended");
        Err(format!("an executor ended: {reason}").into())
    }
}
