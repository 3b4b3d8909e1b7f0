//! What an executor polls, for the node's clock to see: written by the executor at next to no cost, read from outside.

use std::{
    sync::{
        PoisonError,
        atomic::{AtomicU64, Ordering, fence},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{Executor, Pool};
use crate::{context::Context, invocation::InvocationId};

/// Stands for no task, and for no parent.
const NONE: u64 = u64::MAX;

/// Counts the polls of an executor, and names the invocation of the last one. No clock is read for it: whoever looks has one.
#[derive(Debug, Default)]
pub(super) struct Stamp {
    polls: AtomicU64,
    id: [AtomicU64; 2],
    parent: [AtomicU64; 2],
    root: [AtomicU64; 2],
    task: AtomicU64,
}

/// An invocation that has kept its executor for long without yielding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// The invocation.
    pub id: InvocationId,
    /// The invocation that made the call; none for a root.
    pub parent: Option<InvocationId>,
    /// The top of its tree.
    pub root: InvocationId,
    /// The task's number in the program's table, if it is in there.
    pub task: Option<u32>,
    /// For how long it is known to have kept it.
    pub lasted: Duration,
}

/// What was last seen of an executor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    poll: u64,
    since: Instant,
    told: bool,
}

impl Stamp {
    /// A poll begins. Only the executor's own thread calls this.
    pub(super) fn begin(&self, context: &Context) {
        // Whoever reads some of what is written below finds that the count has moved.
        self.polls.store(self.polls.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        let write = |pair: &[AtomicU64; 2], id: InvocationId| {
            pair[0].store(id.origin, Ordering::Relaxed);
            pair[1].store(id.number, Ordering::Relaxed);
        };
        write(&self.id, context.id());
        write(&self.parent, context.parent().unwrap_or(InvocationId { origin: 0, number: NONE }));
        write(&self.root, context.root());
        self.task.store(context.task().index().map_or(NONE, u64::from), Ordering::Relaxed);
    }

    pub(super) fn polls(&self) -> u64 {
        self.polls.load(Ordering::Relaxed)
    }

    /// Whom it names; none if another poll has begun since the one of that number.
    fn read(&self, poll: u64, lasted: Duration) -> Option<Stall> {
        let read = |[origin, number]: &[AtomicU64; 2]| InvocationId {
            origin: origin.load(Ordering::Relaxed),
            number: number.load(Ordering::Relaxed),
        };
        let (id, parent, root) = (read(&self.id), read(&self.parent), read(&self.root));
        let task = u32::try_from(self.task.load(Ordering::Relaxed)).ok();
        fence(Ordering::Acquire);
        let parent = (parent.number != NONE).then_some(parent);
        (self.polls() == poll).then_some(Stall { id, parent, root, task, lasted })
    }
}

impl Executor {
    /// The poll that it is in.
    fn poll_now(&self) -> Option<u64> {
        (self.polls.load(Ordering::Relaxed) > 0).then(|| self.stamp.polls())
    }
}

impl Pool {
    /// Looks for executors that have been in one poll for longer than `after`, and gives those that were not given before.
    ///
    /// It is to be called again and again; a poll counts from the first time that it was seen, so none is told too early, and
    /// each at most two calls too late.
    pub fn look_for_stalls(&self, after: Duration) -> Vec<Stall> {
        let now = Instant::now();
        let mut stalls = Vec::new();
        let mut stalled = 0;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let executors = self.executors.get().map_or(0, Vec::len);
        seen.resize(executors, None);
        for (executor, seen) in self.executors().zip(seen.iter_mut()) {
            let Some(poll) = executor.poll_now() else {
                *seen = None;
                continue;
            };
            let known = seen.filter(|seen| seen.poll == poll).unwrap_or(Seen { poll, since: now, told: false });
            let lasted = now.saturating_duration_since(known.since);
            let is_stalled = lasted > after;
            stalled += usize::from(is_stalled);
            if is_stalled && !known.told {
                stalls.extend(executor.stamp.read(poll, lasted));
            }
            *seen = Some(Seen { told: is_stalled, ..known });
        }
        drop(seen);
        self.load.stalled.store(stalled, Ordering::Relaxed);
        stalls
    }

    /// Whether none of its executors comes to anything new.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        let stalled = self.load.stalled.load(Ordering::Relaxed);
        stalled > 0 && stalled >= self.executor_count()
    }
}
