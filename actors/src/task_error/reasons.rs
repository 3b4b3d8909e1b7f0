//! What stands in an error beside its variant: why, by whom, where.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::node_id::NodeId;

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
    /// another node gets [`TaskError::NodeLost`](super::TaskError::NodeLost) with [`Loss::Left`].
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
