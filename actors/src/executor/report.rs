//! How much a node has to do, as it is told to others.

/// How much a node has to do, in invocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Invocations that wait to be started.
    pub unstarted: u32,
    /// Executors that are polling.
    pub running: u32,
    /// Invocations that are started and wait for something.
    pub suspended: u32,
    /// Mean time on an executor of what is to be done, or of what was, in microseconds; 0: not known yet.
    pub mean_us: u32,
    /// Executors that one invocation keeps for longer than `node.stall_after` without yielding; they count as running.
    pub stalled: u32,
}

/// What is held on a node, in estimated bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryReport {
    /// Bytes of what is begun: nested calls that wait to be started, and all that is suspended.
    pub held: usize,
    /// Bytes of roots that wait to be started.
    pub waiting: usize,
    /// Roots that are started and not over.
    pub running: usize,
    /// Roots to which something belongs that is held here.
    pub trees: usize,
}

impl LoadReport {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_nothing(self) -> bool {
        self.unstarted == 0 && self.running == 0 && self.suspended == 0
    }
}
