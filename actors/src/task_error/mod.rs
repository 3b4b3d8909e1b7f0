//! What the infrastructure answers when a call does not come back with its task's own result.

mod reasons;
mod wire;

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::reasons::{Canceller, Loss, Payload, Rejection, Unplaced, Waiting};
use crate::{
    codec,
    crash::{Crash, Hop},
    node_id::NodeId,
    router::LOST_NODES_MAX,
};

/// Did the body of the task start?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ran {
    /// No, with proof: repeating the call is safe.
    No,
    /// It may have.
    Maybe,
    /// Yes.
    Yes,
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::No => "it did not run",
            Self::Maybe => "it may have run",
            Self::Yes => "it ran",
        })
    }
}

/// Why a call of a task did not come back with the task's own result.
///
/// [`ran`](Self::ran) tells whether the body started. Only calls that did not are placed again by themselves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// No node: the process joined no cluster, or has left it. Did not run; join first.
    #[error("this process has not joined a cluster: call `atasks::join().await` first, or use `#[atasks::main]`")]
    NotJoined,
    /// No node could run it within `place_timeout`. Did not run; start a node that can.
    #[error("no node can run `{task}`: {reason}")]
    Unplaced {
        /// The task.
        task: String,
        /// What was missing.
        reason: Unplaced,
    },
    /// A node refused it. Did not run.
    #[error("{node} rejected the call: {reason}")]
    Rejected {
        /// The node that refused.
        node: NodeId,
        /// Why.
        reason: Rejection,
    },
    /// Arguments (did not run) or result (ran) are larger than `limits.payload_max`.
    #[error(
        "{size} bytes of {what} are more than the {limit} that are allowed: send a reference to the data instead, or \
         raise `limits.payload_max`"
    )]
    TooLarge {
        /// Bytes that there are.
        size: usize,
        /// Bytes that may be.
        limit: usize,
        /// Which payload.
        what: Payload,
    },
    /// Arguments (did not run) or result (ran) could not be encoded or decoded; a panic in there included.
    #[error("the {stage} cannot be sent: {message}")]
    Codec {
        /// Which payload.
        stage: Payload,
        /// What is wrong with it.
        message: String,
    },
    /// The body panicked.
    #[error("{0}")]
    Crashed(#[source] Crash),
    /// The node that had the call is gone.
    ///
    /// A call that is [`idempotent`] and has a [`retry`] is repeated elsewhere, but one *root* call, with all calls below it,
    /// costs the cluster 2 nodes at most: once that many were lost with calls of it, none is repeated after a loss, so
    /// that a task that ends its process is not carried round. Then `before` names the other node.
    ///
    /// [`idempotent`]: crate::task::TaskOptions::idempotent
    /// [`retry`]: crate::task::TaskOptions::retry
    #[error("{node} was lost ({reason}); {ran}{}", not_again(before))]
    NodeLost {
        /// The node.
        node: NodeId,
        /// How it went.
        reason: Loss,
        /// Whether the body may have started.
        ran: Ran,
        /// The nodes that the same root call has cost beside this one, if it is not repeated because of them; else empty.
        before: Vec<NodeId>,
    },
    /// The call's own or an inherited deadline passed.
    #[error("the deadline passed after {:?}, waiting for {waited_for}; {ran}", for_reading(*.after))]
    DeadlineExceeded {
        /// Time since the call's first poll.
        after: Duration,
        /// What it was waiting for in the end.
        waited_for: Waiting,
        /// Whether the body may have started.
        ran: Ran,
    },
    /// It was cancelled.
    #[error("the call was cancelled {by}; {ran}")]
    Cancelled {
        /// By whom.
        by: Canceller,
        /// Whether the body may have started.
        ran: Ran,
    },
    /// `wait()` on a thread that runs tasks, which it would stop. Did not run; use `.await`.
    #[error("wait() would block a thread that runs tasks: use `.await` here, or `#[task(blocking)]`")]
    WouldBlock,
    /// A newer node answered with an error that this version does not know.
    #[error("{message} (error {code} of a newer version)")]
    Other {
        /// The newer version's number for it.
        code: u16,
        /// Its text.
        message: String,
    },
}

/// A time as people read it: in whole milliseconds, so that many alike are told in the same words.
fn for_reading(time: Duration) -> Duration {
    if time < Duration::from_millis(1) { time } else { Duration::new(time.as_secs(), time.subsec_millis() * 1_000_000) }
}

/// Says why a lost call is not repeated, if it would have been.
fn not_again(before: &[NodeId]) -> String {
    if before.is_empty() {
        return String::new();
    }
    let names: Vec<_> = before.iter().map(ToString::to_string).collect();
    format!(
        "; it is not repeated: the same root call has cost {} as well, and {LOST_NODES_MAX} nodes are the most that one may. \
         Look for a task in it that ends its process (abort, exit, stack overflow, memory)",
        names.join(" and ")
    )
}

impl TaskError {
    /// Tells whether the body of the task started.
    #[must_use]
    pub fn ran(&self) -> Ran {
        match self {
            Self::NotJoined | Self::Unplaced { .. } | Self::Rejected { .. } | Self::WouldBlock => Ran::No,
            Self::TooLarge { what: payload, .. } | Self::Codec { stage: payload, .. } => match payload {
                Payload::Arguments | Payload::Baggage => Ran::No,
                Payload::Result => Ran::Yes,
            },
            Self::Crashed(_) => Ran::Yes,
            Self::NodeLost { ran, .. } | Self::DeadlineExceeded { ran, .. } | Self::Cancelled { ran, .. } => *ran,
            Self::Other { .. } => Ran::Maybe,
        }
    }

    /// Adds an await that the error passes.
    #[doc(hidden)]
    pub fn passes(&mut self, hop: impl FnOnce() -> Hop) {
        if let Self::Crashed(crash) = self {
            crash.passes(hop());
        }
    }

    /// Makes the error of a payload that did not encode or decode.
    #[doc(hidden)]
    #[must_use]
    pub fn from_codec(error: codec::Error, what: Payload, limit: usize) -> Self {
        match error {
            codec::Error::TooLarge { size } => Self::TooLarge { size, limit, what },
            other => Self::Codec { stage: what, message: other.to_string() },
        }
    }
}

#[cfg(test)]
mod tests;
