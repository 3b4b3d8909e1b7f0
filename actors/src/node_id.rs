//! Who a node is: a stable name and the incarnation of one start.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Identifies one start of one node: a name that stays, and an incarnation that is new at each start.
///
/// Shape: the name has 1 to 255 printable characters; the incarnation is 64 random bits. Two nodes are the same only if
/// both are equal: a node that was restarted under its name is another `NodeId`. Prints as `name#1a2b3c4d`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId {
    name: Arc<str>,
    incarnation: u64,
}

impl NodeId {
    /// Makes the id of the start `incarnation` of the node `name`.
    #[must_use]
    pub fn new(name: &str, incarnation: u64) -> Self {
        Self { name: name.into(), incarnation }
    }

    /// The name, which stays over restarts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The random number of this start.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{:08x}", self.name, self.incarnation >> 32)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
