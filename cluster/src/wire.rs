//! What nodes tell each other beside calls; only these types are encoded for peers.

use atasks_actors::{codec, fingerprint::Fingerprint, node_id::NodeId, table::TaskTable};
use serde::{Deserialize, Serialize};

/// A task that a worker can run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Advert {
    pub(crate) name: String,
    pub(crate) fingerprint: Fingerprint,
}

/// What a node tells a peer as soon as they are linked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Introduction {
    /// Its tasks, in the order of the numbers that calls name them by. Empty for a client.
    pub(crate) tasks: Vec<Advert>,
    /// Its executors.
    pub(crate) executors: u32,
    /// What calls may ask for.
    pub(crate) labels: Vec<String>,
}

impl Introduction {
    pub(crate) fn of(table: &TaskTable, executors: usize, labels: &[String]) -> Self {
        let tasks = table
            .iter()
            .filter(|task| task.entry.has_body())
            .map(|task| Advert { name: task.entry.name().to_owned(), fingerprint: task.fingerprint })
            .collect();
        Self { tasks, executors: u32::try_from(executors).unwrap_or(u32::MAX), labels: labels.to_vec() }
    }
}

/// A worker that the sender is linked to, and where it listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Acquaintance {
    pub(crate) node: NodeId,
    pub(crate) addresses: Vec<String>,
}

/// A fact about the sender, or something that it asks for: a byte, and what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The sender takes no more calls, and leaves when what it runs is over.
    Draining,
    /// Asks the receiver to drain; heard from operators.
    Drain,
}

impl Notice {
    pub(crate) fn encode(self) -> [u8; 1] {
        match self {
            Self::Draining => [1],
            Self::Drain => [2],
        }
    }

    /// None: it comes from a later version, and means nothing here.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.first()? {
            1 => Some(Self::Draining),
            2 => Some(Self::Drain),
            _ => None,
        }
    }
}

/// Most bytes of one of these.
const WIRE_MAX: usize = crate::session::limits::TABLE_MAX;

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, codec::Error> {
    codec::encode(value, WIRE_MAX)
}
