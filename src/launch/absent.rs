//! What stands for workers in a program without the feature `worker`: it is none, and starts none.

use crate::{NodeBuilder, StartError};

/// Worker processes, of which there are none.
pub(super) enum Local {}

pub(super) fn is_child() -> bool {
    false
}

pub(super) fn become_worker(_builder: NodeBuilder) -> ! {
    super::fail(&StartError::NotAWorker)
}

pub(super) fn local_cluster(_builder: NodeBuilder) -> Result<Local, StartError> {
    Err(StartError::NoSeed(Vec::new()))
}

pub(super) fn serve(_builder: NodeBuilder) -> Result<(), StartError> {
    Err(StartError::NotAWorker)
}
