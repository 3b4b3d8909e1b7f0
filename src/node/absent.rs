//! What stands for a worker's part of nodes in a program without the feature `worker`.

use atasks_cluster::control::gateway::Caller;

/// Nobody makes calls for a Gateway, as there is none.
pub(super) const CALLER: Option<Caller> = None;
