//! What waits when all task actors are taken: run by the executor's own thread as if each had one, with the same events and
//! crash reports, and ended with the executor.
//!
//! A ractor actor takes 9 KB, and of what only waits there may be a million.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::task::AbortHandle;

use super::{Executor, running::Running};

/// What an executor hosts, to be ended with it.
#[derive(Debug, Default)]
pub(super) struct Crowd(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    tasks: Vec<Option<AbortHandle>>,
    free: Vec<usize>,
    closed: bool,
}

impl Crowd {
    /// Ends all, and what comes later.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        let tasks = std::mem::take(&mut inner.tasks);
        drop(inner);
        tasks.iter().flatten().for_each(AbortHandle::abort);
    }

    fn leave(&self, place: usize) {
        let mut inner = self.lock();
        if let Some(task) = inner.tasks.get_mut(place) {
            *task = None;
            inner.free.push(place);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Executor {
    /// Runs an invocation to its end without an actor of its own.
    pub(super) fn host(self: &Arc<Self>, mut running: Box<Running>) {
        let mut inner = self.crowd.lock();
        if inner.closed {
            // Its caller is told as it is dropped, which may ask for this lock.
            drop(inner);
            return drop(running);
        }
        let place = inner.free.pop().unwrap_or(inner.tasks.len());
        let task = self.handle.spawn(async move {
            let outcome = poll_fn(|cx| running.poll_outcome(cx)).await;
            let executor = running.executor().clone();
            let (_, crash) = running.finish(outcome);
            drop(running);
            executor.report(crash);
            // Not before it has its place: that is given under the lock.
            executor.crowd.leave(place);
        });
        let task = Some(task.abort_handle());
        match inner.tasks.get_mut(place) {
            Some(free) => *free = task,
            None => inner.tasks.push(task),
        }
    }
}
