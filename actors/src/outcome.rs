//! How an invocation ended.

use std::sync::Arc;

use bytes::Bytes;

use crate::task_error::TaskError;

/// How one invocation ended, as it is told to the node that asked for it.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The body returned; the encoded return value, which may itself be the task's own `Err`.
    Returned(Bytes),
    /// It did not return.
    Failed(TaskError),
    /// It was handed back unstarted and may be placed elsewhere.
    HandedBack,
}

/// Takes the outcome of an invocation: the waiting call itself, or the link to the node that asked.
pub trait Sink: Send + Sync + 'static {
    /// Takes the outcome of the invocation that `token` stands for; called exactly once for each.
    fn outcome(&self, token: u64, outcome: Outcome);
}

/// Where the outcome of one invocation goes.
#[derive(Clone)]
pub struct Reply {
    sink: Arc<dyn Sink>,
    token: u64,
}

impl Reply {
    /// Sends the outcome to `sink`, under `token`.
    #[must_use]
    pub fn new(sink: Arc<dyn Sink>, token: u64) -> Self {
        Self { sink, token }
    }

    /// Tells how it ended.
    pub fn send(self, outcome: Outcome) {
        self.sink.outcome(self.token, outcome);
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply").field("token", &self.token).finish_non_exhaustive()
    }
}
