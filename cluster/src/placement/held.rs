//! The calls that wait with the placement actor, as those see it who made them.

use std::sync::{
    Weak,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use atasks_actors::{
    slot::Door,
    task::TaskEntry,
    task_error::{Canceller, Ran, Waiting},
};

use crate::node::NodeCore;

/// Calls that are given up below which nothing is swept.
const SWEEP_MIN: usize = 1024;

/// Counts what waits, and what was given up since it was last swept; it is where a call is that waits there.
#[derive(Debug)]
pub(crate) struct Held {
    node: Weak<NodeCore>,
    /// Calls that are kept.
    kept: AtomicUsize,
    /// Of those, about as many as were given up.
    given_up: AtomicUsize,
    sweeps: AtomicBool,
    /// Roots that wait for room: of unlimited tasks, and of limited ones.
    roots: [AtomicUsize; 2],
}

/// What a kept call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// Somebody who can run it.
    Somebody,
    /// Room on a link, or in the queue behind it.
    Link,
    /// Room in this node's own queue.
    Queue,
}

impl Held {
    pub(crate) fn new(node: Weak<NodeCore>) -> Self {
        Self {
            node,
            kept: AtomicUsize::new(0),
            given_up: AtomicUsize::new(0),
            sweeps: AtomicBool::new(false),
            roots: Default::default(),
        }
    }

    /// Whether roots of such tasks wait for room: one that comes now is not to overtake them.
    pub(crate) fn has_roots_like(&self, task: &TaskEntry) -> bool {
        self.roots_like(task).load(Ordering::Relaxed) > 0
    }

    /// Whether roots wait for room, wherever that is: whoever makes some tells placement. Roots are counted before they are
    /// tried, so one that found none before that is seen here.
    pub(crate) fn has_roots(&self) -> bool {
        self.roots.iter().any(|roots| roots.load(Ordering::SeqCst) > 0)
    }

    fn roots_like(&self, task: &TaskEntry) -> &AtomicUsize {
        let [unlimited, limited] = &self.roots;
        if task.options().limited() { limited } else { unlimited }
    }

    pub(super) fn begins(&self, task: &TaskEntry, waits_as_root: bool) {
        self.kept.fetch_add(1, Ordering::Relaxed);
        if waits_as_root {
            self.roots_like(task).fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(super) fn ends(&self, task: &TaskEntry, waits_as_root: bool) {
        self.kept.fetch_sub(1, Ordering::Relaxed);
        if waits_as_root {
            self.roots_like(task).fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// What is given up from now on counts for the next sweep.
    pub(super) fn sweep_begins(&self) {
        self.given_up.store(0, Ordering::Relaxed);
    }

    /// Another may be asked for.
    pub(super) fn sweep_ends(&self) {
        self.sweeps.store(false, Ordering::Relaxed);
        self.look();
    }

    /// Asks for a sweep when half of what is kept was given up.
    fn look(&self) {
        let given_up = self.given_up.load(Ordering::Relaxed);
        if given_up >= SWEEP_MIN.max(self.kept.load(Ordering::Relaxed) / 2)
            && !self.sweeps.swap(true, Ordering::Relaxed)
            && let Some(node) = self.node.upgrade()
        {
            node.sweep_kept();
        }
    }
}

impl Door for Held {
    fn cancel(&self, token: u64, _by: Canceller) -> (Waiting, Ran) {
        self.given_up.fetch_add(1, Ordering::Relaxed);
        self.look();
        (For::of(token).told(), Ran::No)
    }
}

impl For {
    pub(super) fn token(self) -> u64 {
        self as u64
    }

    fn of(token: u64) -> Self {
        match token {
            1 => Self::Link,
            2 => Self::Queue,
            _ => Self::Somebody,
        }
    }

    fn told(self) -> Waiting {
        match self {
            Self::Somebody => Waiting::Placement,
            Self::Link => Waiting::Link,
            Self::Queue => Waiting::Executor,
        }
    }
}
