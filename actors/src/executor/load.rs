//! How much a node has to do, counted where it changes.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    time::Duration,
};

use tokio::sync::Notify;

use super::{LoadReport, MemoryReport, Pool, queue::Queue};

/// How much a node has to do, in invocations.
#[derive(Debug, Default)]
pub struct Load {
    pub(super) waiting: AtomicUsize,
    /// Roots among those that wait.
    pub(super) roots: AtomicUsize,
    pub(super) busy: AtomicUsize,
    pub(super) suspended: AtomicUsize,
    pub(super) stalled: AtomicUsize,
    /// Invocations that were suspended since the load was last told, less those that have ended since.
    pub(super) fresh: AtomicI64,
    /// What was last told, in invocations that want an executor.
    told: AtomicUsize,
    /// It is far from what was told, and whoever tells it knows.
    moved: AtomicBool,
    moves: Notify,
}

impl Load {
    /// Notes what waits, under the queue's lock.
    pub(super) fn note<T>(&self, queue: &Queue<T>) {
        self.roots.store(queue.roots(), Ordering::SeqCst);
        self.waiting.store(queue.len(), Ordering::SeqCst);
    }

    pub(super) fn told(&self) {
        self.moved.store(true, Ordering::Relaxed);
        self.moves.notify_one();
    }
}

impl Pool {
    /// Reads how much there is to do.
    #[must_use]
    pub fn load(&self) -> LoadReport {
        let read = |count: &AtomicUsize| u32::try_from(count.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        let aside = self.limits.waiting() + self.parked.waiting();
        let aside = u32::try_from(aside).unwrap_or(u32::MAX);
        let (unstarted, running) = (read(&self.load.waiting).saturating_add(aside), read(&self.load.busy));
        let mean = match (self.work.load(Ordering::Relaxed), u64::from(unstarted) + u64::from(running)) {
            (0, _) | (_, 0) => self.means.any(),
            (work, count) => work / count,
        };
        // Not known and very short are not the same.
        let mean_us = u32::try_from(mean.div_ceil(1000)).unwrap_or(u32::MAX);
        LoadReport {
            unstarted,
            running,
            suspended: read(&self.load.suspended),
            mean_us,
            stalled: read(&self.load.stalled),
        }
    }

    /// Reads what is held.
    #[must_use]
    pub fn memory(&self) -> MemoryReport {
        self.memory.report()
    }

    /// Invocations that were suspended since the load was last told, less those that have ended since: to whoever places
    /// the next one they are as new as those that were sent elsewhere.
    #[must_use]
    pub fn fresh(&self) -> i64 {
        self.load.fresh.load(Ordering::Relaxed).max(0)
    }

    /// Whether less is to be done than would keep every executor busy; a call that waits counts a sixteenth.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let busy = self.load.busy.load(Ordering::Relaxed) + self.load.waiting.load(Ordering::Relaxed);
        let executors = self.executor_count();
        // Read one after the other: mostly the first tells.
        busy < executors && self.fresh() < executors as i64 && self.pressing() + (self.fresh() as usize) < executors
    }

    /// Waits until the load is far from what was told of it. False: the node has left.
    pub async fn load_moved(&self) -> bool {
        while !self.load.moved.load(Ordering::Relaxed) {
            self.load.moves.notified().await;
        }
        !self.is_closed()
    }

    /// Whether the load that has moved is far from what was told still, by more than is over `soon`; if not, it is as if it
    /// had not moved.
    #[must_use]
    pub fn load_is_worth_telling(&self, soon: Duration) -> bool {
        let (mean_us, executors) = (self.load().mean_us, self.executor_count());
        let counts =
            |far: usize| mean_us == 0 || far as u128 * u128::from(mean_us) >= soon.as_micros() * executors as u128;
        let is_worth = || self.load_is_far().is_some_and(counts);
        if is_worth() {
            return true;
        }
        self.load.moved.store(false, Ordering::Relaxed);
        // Who moved it just before that told nobody.
        is_worth()
    }

    /// Notes that the load is about to be told.
    pub fn load_is_told(&self) {
        self.load.told.store(self.pressing(), Ordering::Relaxed);
        self.load.fresh.store(0, Ordering::Relaxed);
        self.load.moved.store(false, Ordering::Relaxed);
    }

    /// Looks whether what changed is worth telling: about one call for each executor, and not a small part of all.
    pub(super) fn load_moves(&self) {
        if self.load.moved.load(Ordering::Relaxed) {
            return;
        }
        if self.load_is_far().is_some() && !self.load.moved.swap(true, Ordering::Relaxed) {
            self.load.moves.notify_one();
        }
    }

    /// By how many invocations the load differs from what was told, if that is much.
    fn load_is_far(&self) -> Option<usize> {
        let (now, told) = (self.pressing(), self.load.told.load(Ordering::Relaxed));
        Some(now.abs_diff(told)).filter(|far| *far >= self.executor_count().max(told / 4))
    }

    /// Invocations that want an executor; a sixteenth of those that wait.
    fn pressing(&self) -> usize {
        let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        read(&self.load.waiting) + read(&self.load.busy) + read(&self.load.suspended) / 16 + self.limits.waiting()
    }
}
