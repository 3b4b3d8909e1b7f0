//! Which executors are awake. One that takes short roots one after the other is faster than two that share them: each would
//! wait for lines of memory that the other has written. A further one is woken where that is worth it, or where the first
//! turns out to be kept by a task.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};

use super::{Executor, Pool, actor::Turn};

/// What may wait for each executor that is awake before a further one is woken, in nanoseconds of expected work.
const KEPT_UP: u64 = 100_000;

/// After so long without a new poll an executor is taken to be kept by a task that was thought to be short.
const LOOK: Duration = Duration::from_millis(1);

/// Somebody relies on executors that are awake, and wants it looked whether they go on.
#[derive(Debug, Default)]
pub(super) struct SecondLook {
    is_due: AtomicBool,
    wanted: Notify,
}

impl SecondLook {
    /// Has whoever looks find that the node has left.
    pub(super) fn ends(&self) {
        self.wanted.notify_one();
    }
}

impl Pool {
    /// Whether the executors that are awake do what waits in time, as far as is known. Whether they really do is looked at
    /// a little later.
    pub(super) fn keeps_up(&self) -> bool {
        let asleep = self.asleep.load(Ordering::SeqCst);
        let awake = self.executor_count().saturating_sub(asleep) as u64;
        let keeps_up = awake > 0
            && self.work.load(Ordering::Relaxed) < KEPT_UP.saturating_mul(awake)
            && !self.executors().any(|executor| executor.is_kept());
        if keeps_up && asleep > 0 && !self.second_look.is_due.swap(true, Ordering::SeqCst) {
            self.second_look.wanted.notify_one();
        }
        keeps_up
    }

    /// Waits until somebody relies on the executors that are awake, and wakes others if those do not go on. False: the node
    /// has left.
    pub async fn look_twice(&self) -> bool {
        self.second_look.wanted.notified().await;
        while !self.is_closed() {
            let before = self.polls();
            sleep(LOOK).await;
            self.second_look.is_due.store(false, Ordering::SeqCst);
            if self.asleep.load(Ordering::SeqCst) == 0 || !(self.has_startable() && self.fence.lets_pass()) {
                return true;
            }
            let stays = self.polls().into_iter().zip(before).any(|(now, before)| now == before && now.1);
            if stays {
                self.wake_one();
            }
        }
        false
    }

    /// For each executor: how many polls it has begun, and whether it is at work.
    fn polls(&self) -> Vec<(u64, bool)> {
        let of = |executor: Arc<Executor>| (executor.stamp.polls(), executor.awake.load(Ordering::SeqCst));
        self.executors().map(of).collect()
    }

    /// Wakes an executor that sleeps: one that is not busy with a task, if there is one.
    pub(super) fn wake_one(&self) {
        // Who goes to sleep is counted first, and looks for what waits afterwards.
        if self.asleep.load(Ordering::SeqCst) == 0 {
            return;
        }
        let asleep = || self.executors().filter(|executor| !executor.awake.load(Ordering::SeqCst));
        if let Some(executor) = self.free_executor().or_else(|| asleep().next()) {
            executor.wake();
        }
    }

    /// An executor that has nothing to do.
    pub(super) fn free_executor(&self) -> Option<Arc<Executor>> {
        if self.asleep.load(Ordering::SeqCst) == 0 {
            return None;
        }
        self.executors()
            .find(|executor| !executor.awake.load(Ordering::SeqCst) && executor.polls.load(Ordering::Relaxed) == 0)
    }
}

impl Executor {
    /// Asks the executor to look at the queue, once until it has.
    pub(super) fn wake(&self) {
        if self.awake.load(Ordering::SeqCst) || self.awake.swap(true, Ordering::SeqCst) {
            return;
        }
        self.pool.asleep.fetch_sub(1, Ordering::SeqCst);
        if let Some(actor) = self.actor() {
            let _ = actor.cast(Turn);
        }
    }

    /// It polls something that may take long.
    fn is_kept(&self) -> bool {
        self.polls.load(Ordering::Relaxed) > 0 && self.at_length.load(Ordering::Relaxed)
    }
}
