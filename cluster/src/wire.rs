//! What nodes tell each other beside calls; only these types are encoded for peers.

use atasks_actors::{codec, fingerprint::Fingerprint, invocation::InvocationId, node_id::NodeId, table::TaskTable};
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The sender takes no more calls, and leaves when what it runs is over.
    Draining,
    /// Asks the receiver to drain; heard from operators.
    Drain,
    /// The sender has lost a node on which calls of these roots may have run.
    Lost { node: NodeId, roots: Vec<InvocationId> },
    /// A call of the sender's that was a root is over.
    Over { root: InvocationId },
}

/// Most characters of a name in a notice, which is to fit its bound with whatever else it tells.
const NAME_CHARACTERS_MAX: usize = 64;

impl Notice {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, codec::Error> {
        let (kind, mut content) = match self {
            Self::Draining => (1, Vec::new()),
            Self::Drain => (2, Vec::new()),
            Self::Lost { node, roots } => {
                let name: String = node.name().chars().take(NAME_CHARACTERS_MAX).collect();
                (3, encode(&(NodeId::new(&name, node.incarnation()), roots))?)
            }
            Self::Over { root } => (4, encode(root)?),
        };
        content.insert(0, kind);
        Ok(content)
    }

    /// None: it comes from a later version, and means nothing here.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, content) = bytes.split_first()?;
        match kind {
            1 => Some(Self::Draining),
            2 => Some(Self::Drain),
            3 => codec::decode(content).ok().map(|(node, roots)| Self::Lost { node, roots }),
            4 => codec::decode(content).ok().map(|root| Self::Over { root }),
            _ => None,
        }
    }
}

/// Most bytes of one of these.
const WIRE_MAX: usize = crate::session::limits::TABLE_MAX;

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, codec::Error> {
    codec::encode(value, WIRE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::limits::NOTICE_MAX;

    #[test]
    fn notices_cross_as_they_are_and_fit_their_bound_whatever_the_name() {
        let root = InvocationId { origin: u64::MAX, number: u64::MAX };
        let node = NodeId::new(&"\u{1F980}".repeat(255), u64::MAX);
        let longest = Notice::Lost { node, roots: vec![root; 32] }.encode().unwrap();
        assert!(longest.len() <= NOTICE_MAX, "{}", longest.len());
        let lost = Notice::Lost { node: NodeId::new("n", 7), roots: vec![root] };
        for notice in [Notice::Draining, Notice::Drain, lost, Notice::Over { root }] {
            assert_eq!(Notice::decode(&notice.encode().unwrap()), Some(notice));
        }
    }

    #[test]
    fn a_notice_that_is_newer_or_cut_means_nothing() {
        let root = InvocationId { origin: 1, number: 2 };
        let whole = Notice::Over { root }.encode().unwrap();
        for bytes in [&[][..], &[99, 1], &[3], &whole[..whole.len() - 1]] {
            assert_eq!(Notice::decode(bytes), None, "{bytes:?}");
        }
    }
}
