//! What a node holds, for tests that look for what is left behind.

use tokio::sync::oneshot;

use super::NodeCore;
use crate::placement::PlacementMsg;

/// What a node has in its tables; all of it is 0 when nothing is called, but for the links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Nodes that it is linked to.
    pub links: usize,
    /// Calls to peers without an outcome, abandoned ones included.
    pub pending: usize,
    /// Calls of peers that run here.
    pub serving: usize,
    /// Calls of peers whose arguments have not come whole.
    pub arriving: usize,
    /// Bytes that wait to be written, or that peers have not said to have.
    pub unacknowledged: usize,
    /// Calls that wait for somebody who can run them, or for room.
    pub kept: usize,
    /// Invocations in the queue, on executors, or suspended.
    pub running: usize,
    /// Deadlines of calls that are not over, and calls that wait to be repeated.
    pub timers: usize,
    /// Bytes that invocations hold.
    pub memory: usize,
    /// Roots that run here.
    pub roots: usize,
    /// Roots to which something belongs that is held here.
    pub trees: usize,
    /// Greetings under way.
    pub greetings: usize,
}

impl Counts {
    /// Whether nothing is left but links.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        *self == Self { links: self.links, ..Self::default() }
    }
}

impl NodeCore {
    /// Counts what is in its tables.
    pub async fn counts(&self) -> Counts {
        let mut counts =
            Counts { greetings: self.election().greetings(), timers: self.timers.wanted(), ..Counts::default() };
        for link in self.links() {
            link.count(&mut counts);
        }
        if let Some(pool) = self.agent.pool() {
            let load = pool.load();
            counts.running = (load.unstarted + load.running + load.suspended) as usize;
            let memory = pool.memory();
            counts.memory = memory.held + memory.waiting;
            counts.roots = memory.running;
            counts.trees = memory.trees;
        }
        let (told, kept) = oneshot::channel();
        if let Some(placement) = self.placement.get() {
            let _ = placement.cast(PlacementMsg::Count(told));
        }
        counts.kept = kept.await.unwrap_or(0);
        counts
    }
}
