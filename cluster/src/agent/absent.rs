//! What stands for the agent's actor in a program without the feature `worker`: it does not start.

use std::sync::Arc;

use ractor::{ActorCell, SpawnErr};

use crate::{error::StartError, node::NodeCore};

pub(crate) async fn start(_node: &Arc<NodeCore>, _root: ActorCell) -> Result<(), SpawnErr> {
    Err(SpawnErr::StartupFailed(StartError::NotAWorker.into()))
}
