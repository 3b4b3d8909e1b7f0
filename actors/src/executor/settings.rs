//! How a node runs its tasks, as it is configured.

use std::time::Duration;

/// How a node runs its tasks.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Executor threads, at least 1.
    pub executors: usize,
    /// Gives each call an actor, also those that end in their first poll.
    pub actor_for_every: bool,
    /// How long a cancelled task may go on that holds a `cancelled()` future.
    pub cancel_grace: Duration,
    /// How late the clock of the node may be before it counts as stopped; none, and it never does.
    pub stopped_after: Option<Duration>,
    /// All nodes share one thread: blocking tasks run in it as well.
    pub shared_host: bool,
    /// Bytes that what it has begun may hold, as they are estimated.
    pub memory: usize,
    /// Roots that run at once, at least 1.
    pub running: usize,
    /// The share of the memory that what belongs to one root may hold.
    pub tree: f64,
    /// Tasks in the program's table.
    pub tasks: usize,
}
