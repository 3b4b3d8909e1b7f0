//! What the infrastructure answers when a call does not come back with its task's own result.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

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

/// What was missing for a call to be placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Unplaced {
    /// No worker is up.
    NoWorkers,
    /// Workers are up, but none has the task.
    NotRegistered {
        /// Names that some worker has and that look alike, the nearest first; at most 3.
        nearest: Vec<String>,
    },
    /// Workers have a task of this name, but of another shape or version.
    VersionMismatch {
        /// The caller's fingerprint.
        here: String,
        /// Nodes and their fingerprints.
        there: Vec<(NodeId, String)>,
    },
    /// No capable worker has the label.
    Labels,
    /// All capable workers are draining.
    Draining,
    /// No node of this name is up.
    NoSuchNode(String),
    /// The node runs no tasks.
    NotAWorker,
    /// The call's own placement policy has chosen none of the workers that can run it.
    NoneSuits,
    /// This program's local workers have all ended, and stay down; said at once. What has happened to the last of them.
    WorkersDown(String),
}

impl fmt::Display for Unplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWorkers => f.write_str("no worker is up"),
            Self::NotRegistered { nearest } => {
                f.write_str(
                    "no worker that may run it has it (another build, or its crate is not named there, as in \
                     `use the_crate as _;`?)",
                )?;
                match nearest.split_first() {
                    None => Ok(()),
                    Some((first, rest)) => {
                        write!(f, "; did you mean `{first}`")?;
                        rest.iter().try_for_each(|name| write!(f, " or `{name}`"))?;
                        f.write_str("?")
                    }
                }
            }
            Self::VersionMismatch { here, there } => {
                write!(f, "its fingerprint is {here} here")?;
                let mut prints: Vec<&String> = Vec::new();
                there.iter().for_each(|(_, print)| {
                    if !prints.contains(&print) {
                        prints.push(print);
                    }
                });
                for print in prints {
                    let nodes = there.iter().filter(|(_, other)| other == print).map(|(node, _)| node.to_string());
                    write!(f, ", {print} on {}", nodes.collect::<Vec<_>>().join(" and "))?;
                }
                f.write_str(
                    ": types, version, source file or build differ; build both sides from the same source, or, if they fit, \
                     give both one `name` and one `version` in `#[task(..)]`",
                )
            }
            Self::Labels => f.write_str("no worker has the label"),
            Self::Draining => f.write_str("all workers that have it are draining"),
            Self::NoSuchNode(name) => write!(f, "no node named `{name}` is up"),
            Self::NotAWorker => f.write_str("the node is a client and runs no tasks"),
            Self::NoneSuits => f.write_str("the call's placement policy chose none of the workers that can"),
            Self::WorkersDown(what) => write!(f, "all local workers stay down: {what}"),
        }
    }
}

/// Why a node refused a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Rejection {
    /// It finishes what it has and takes no more.
    Draining,
    /// The calls below one root would take more of its memory than `limits.tree` allows.
    TreeTooLarge {
        /// The task whose call was one too many.
        task: String,
        /// Invocations of the tree that wait or are suspended on that node; a blocking one that waits counts for its thread
        /// as well.
        count: u64,
        /// Bytes that they hold, as they are estimated.
        bytes: u64,
        /// Bytes that they may hold now: less than `limits.tree` allows where other trees are large as well.
        limit: u64,
    },
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draining => f.write_str("it is draining"),
            Self::TreeTooLarge { task, count, bytes, limit } => write!(
                f,
                "`{task}` is one call too many below one root, of which {count} hold {bytes} bytes there and may hold \
                 {limit}: bound the recursion, or raise `limits.memory`"
            ),
        }
    }
}

/// Which payload of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload {
    /// What the task is called with.
    Arguments,
    /// What the task returned.
    Result,
    /// What follows the call.
    Baggage,
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arguments => "arguments",
            Self::Result => "result",
            Self::Baggage => "baggage",
        })
    }
}

/// How a node went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Loss {
    /// It said goodbye; what still ran there was cancelled.
    Left,
    /// Its connection closed and it does not answer any more.
    Closed,
    /// Nothing was heard of it for `liveness.lost_after`.
    Silent,
    /// It answers as another incarnation.
    Restarted,
    /// It does not know this node any more.
    Evicted,
    /// Its process exited with this code.
    Exited(i32),
    /// A signal ended its process.
    Killed(i32),
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => f.write_str("it left"),
            Self::Closed => f.write_str("its connection closed"),
            Self::Silent => f.write_str("silent for too long"),
            Self::Restarted => f.write_str("it was restarted"),
            Self::Evicted => f.write_str("it has given this node up"),
            Self::Exited(code) => write!(f, "its process exited with code {code}"),
            Self::Killed(signal) => write!(f, "its process was ended by signal {signal}{}", signal_name(*signal)),
        }
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        2 => " SIGINT",
        4 => " SIGILL",
        6 => " SIGABRT",
        7 => " SIGBUS",
        8 => " SIGFPE",
        9 => " SIGKILL",
        11 => " SIGSEGV",
        15 => " SIGTERM",
        _ => "",
    }
}

/// What a call was waiting for when its deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Waiting {
    /// A node that can run it.
    Placement,
    /// The link to its node: room, or credit.
    Link,
    /// An executor, or its turn under `max`.
    Executor,
    /// The task itself.
    Result,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Placement => "a node that can run it",
            Self::Link => "the link to its node",
            Self::Executor => "its turn to run",
            Self::Result => "its result",
        })
    }
}

/// Who cancelled a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Canceller {
    /// The caller let go of it.
    Caller,
    /// The task that made the call has ended.
    Parent,
    /// The node of the task that made the call was lost.
    Loss,
    /// An operator.
    Operator,
    /// The node that ran it was drained.
    Drain,
    /// The node that made the call has left. A body is told so as well when its own node leaves; whoever awaits it from
    /// another node gets [`TaskError::NodeLost`] with [`Loss::Left`].
    Leave,
}

impl Canceller {
    /// In the order of their numbers on the wire, which are never given again.
    const ALL: [Self; 6] = [Self::Caller, Self::Parent, Self::Loss, Self::Operator, Self::Drain, Self::Leave];

    /// Its number on the wire.
    #[doc(hidden)]
    #[must_use]
    pub fn code(self) -> u8 {
        Self::ALL.iter().position(|one| *one == self).map_or(0, |place| place as u8)
    }

    /// Whom a number on the wire stands for; none for a newer one.
    #[doc(hidden)]
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

impl fmt::Display for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caller => "by its caller",
            Self::Parent => "because the task that made it has ended",
            Self::Loss => "because the node that made it was lost",
            Self::Operator => "by an operator",
            Self::Drain => "because its node is draining",
            Self::Leave => "because a node has left the cluster",
        })
    }
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

    /// The number on the wire. Numbers are never given again.
    fn code(&self) -> u16 {
        match self {
            Self::NotJoined => 1,
            Self::Unplaced { .. } => 2,
            Self::Rejected { .. } => 3,
            Self::TooLarge { .. } => 4,
            Self::Codec { .. } => 5,
            Self::Crashed(_) => 6,
            Self::NodeLost { .. } => 7,
            Self::DeadlineExceeded { .. } => 8,
            Self::Cancelled { .. } => 9,
            Self::WouldBlock => 10,
            Self::Other { code, .. } => *code,
        }
    }

    fn detail(&self) -> Result<Vec<u8>, codec::Error> {
        let limit = codec::PAYLOAD_CEILING;
        match self {
            Self::NotJoined | Self::WouldBlock | Self::Other { .. } => Ok(Vec::new()),
            Self::Unplaced { task, reason } => codec::encode(&(task, reason), limit),
            Self::Rejected { node, reason } => codec::encode(&(node, reason), limit),
            Self::TooLarge { size, limit: allowed, what } => codec::encode(&(size, allowed, what), limit),
            Self::Codec { stage, message } => codec::encode(&(stage, message), limit),
            Self::Crashed(crash) => codec::encode(crash, limit),
            // As it was before there were others to name, where there are none.
            Self::NodeLost { node, reason, ran, before } if before.is_empty() => {
                codec::encode(&(node, reason, ran), limit)
            }
            Self::NodeLost { node, reason, ran, before } => codec::encode(&(node, reason, ran, before), limit),
            Self::DeadlineExceeded { after, waited_for, ran } => codec::encode(&(after, waited_for, ran), limit),
            Self::Cancelled { by, ran } => codec::encode(&(by, ran), limit),
        }
    }

    fn from_wire(code: u16, message: String, detail: &[u8]) -> Self {
        fn read<T: DeserializeOwned>(detail: &[u8], make: impl FnOnce(T) -> TaskError) -> Option<TaskError> {
            codec::decode(detail).ok().map(make)
        }
        let known = match code {
            1 => Some(Self::NotJoined),
            2 => read(detail, |(task, reason)| Self::Unplaced { task, reason }),
            3 => read(detail, |(node, reason)| Self::Rejected { node, reason }),
            4 => read(detail, |(size, limit, what)| Self::TooLarge { size, limit, what }),
            5 => read(detail, |(stage, message)| Self::Codec { stage, message }),
            6 => read(detail, Self::Crashed),
            7 => read(detail, |(node, reason, ran)| Self::NodeLost { node, reason, ran, before: Vec::new() })
                .or_else(|| read(detail, |(node, reason, ran, before)| Self::NodeLost { node, reason, ran, before })),
            8 => read(detail, |(after, waited_for, ran)| Self::DeadlineExceeded { after, waited_for, ran }),
            9 => read(detail, |(by, ran)| Self::Cancelled { by, ran }),
            10 => Some(Self::WouldBlock),
            _ => None,
        };
        // A newer peer may know more of a variant than this version: its text is still worth having.
        known.unwrap_or(Self::Other { code, message })
    }
}

/// How it crosses the wire: opaque to fingerprints, so that a new variant breaks nobody.
#[derive(Serialize, Deserialize)]
struct Wire {
    code: u16,
    message: String,
    #[serde(with = "serde_bytes")]
    detail: Vec<u8>,
}

impl Serialize for TaskError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let detail = self.detail().map_err(serde::ser::Error::custom)?;
        let message = match self {
            // As it came: each node that passes it on would add to it.
            Self::Other { message, .. } => message.clone(),
            known => known.to_string(),
        };
        Wire { code: self.code(), message, detail }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TaskError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { code, message, detail } = Wire::deserialize(deserializer)?;
        Ok(Self::from_wire(code, message, &detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_code_is_other_and_keeps_its_number_and_text() {
        let newer = Wire { code: 777, message: "too hot".into(), detail: vec![1, 2, 3] };
        let bytes = codec::encode(&newer, 1 << 20).unwrap();
        let error: TaskError = codec::decode(&bytes).unwrap();
        assert_eq!(error, TaskError::Other { code: 777, message: "too hot".into() });
        assert_eq!(error.ran(), Ran::Maybe);
        let again: TaskError = codec::decode(&codec::encode(&error, 1 << 20).unwrap()).unwrap();
        assert_eq!(again, error, "it is passed on as it came");
    }

    #[test]
    fn a_known_code_with_a_newer_detail_is_other() {
        let newer = Wire { code: 9, message: "cancelled by the moon".into(), detail: vec![99, 0] };
        let error: TaskError = codec::decode(&codec::encode(&newer, 1 << 20).unwrap()).unwrap();
        assert_eq!(error, TaskError::Other { code: 9, message: "cancelled by the moon".into() });
    }

    #[test]
    fn every_variant_crosses_as_itself() {
        let node = NodeId::new("n", 7);
        let all = [
            TaskError::NotJoined,
            TaskError::Unplaced { task: "t".into(), reason: Unplaced::NotRegistered { nearest: vec!["u".into()] } },
            TaskError::Rejected { node: node.clone(), reason: Rejection::Draining },
            TaskError::TooLarge { size: 9, limit: 8, what: Payload::Result },
            TaskError::Codec { stage: Payload::Arguments, message: "m".into() },
            TaskError::NodeLost { node: node.clone(), reason: Loss::Exited(3), ran: Ran::Maybe, before: Vec::new() },
            TaskError::NodeLost {
                node: node.clone(),
                reason: Loss::Closed,
                ran: Ran::Maybe,
                before: vec![NodeId::new("m", 8), node],
            },
            TaskError::DeadlineExceeded { after: Duration::from_secs(1), waited_for: Waiting::Link, ran: Ran::No },
            TaskError::Cancelled { by: Canceller::Parent, ran: Ran::Yes },
            TaskError::WouldBlock,
        ];
        for error in all {
            let bytes = codec::encode(&error, 1 << 20).unwrap();
            assert_eq!(codec::decode::<TaskError>(&bytes).unwrap(), error);
        }
    }

    #[test]
    fn times_are_told_in_whole_milliseconds_and_small_ones_as_they_are() {
        for (after, told) in
            [(2_009_349_352, "2.009s"), (15_000_505_831, "15s"), (301_857_378, "301ms"), (420, "420ns")]
        {
            let error = TaskError::DeadlineExceeded {
                after: Duration::from_nanos(after),
                waited_for: Waiting::Link,
                ran: Ran::No,
            };
            assert!(error.to_string().starts_with(&format!("the deadline passed after {told}, ")), "{error}");
        }
    }
}
