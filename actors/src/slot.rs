//! Where a call waits for its outcome, and where it can be taken back from.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context as TaskContext, Poll, Waker},
};

use tokio::time::Instant;

use crate::{
    outcome::{Outcome, Sink},
    task_error::{Canceller, Ran, TaskError, Waiting},
};

/// Where an invocation went: the task actor that runs it here, or the link to the node that has it.
pub trait Door: Send + Sync + 'static {
    /// Cancels the invocation that `token` stands for, and tells what it waited for and whether it may have run. Its
    /// outcome is told all the same.
    fn cancel(&self, token: u64, by: Canceller) -> (Waiting, Ran);
}

/// Waits for one outcome. The first one stays: what comes later is dropped.
pub struct Slot {
    inner: Mutex<Inner>,
    /// Since when there is a deadline: nobody else asks.
    since: Option<Instant>,
    deadline: Option<Instant>,
}

#[derive(Default)]
struct Inner {
    outcome: Option<Outcome>,
    over: bool,
    waker: Option<Waker>,
    door: Option<(Arc<dyn Door>, u64)>,
    cancelled: Option<Canceller>,
}

impl Slot {
    /// Waits for an outcome until `deadline`.
    #[must_use]
    pub fn new(deadline: Option<Instant>) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), since: deadline.map(|_| Instant::now()), deadline })
    }

    /// When the caller stops waiting.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether nothing waits any more, or the outcome is there.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let inner = self.lock();
        inner.over || inner.cancelled.is_some()
    }

    /// Notes where the invocation is about to go. False: the call was given up meanwhile, and must not go there.
    #[must_use]
    pub fn enter(&self, door: Arc<dyn Door>, token: u64) -> bool {
        let mut inner = self.lock();
        let wanted = inner.cancelled.is_none();
        if wanted {
            inner.door = Some((door, token));
        }
        wanted
    }

    /// Takes the outcome, or has `cx` woken when it comes.
    pub fn poll(&self, cx: &mut TaskContext<'_>) -> Poll<Outcome> {
        let mut inner = self.lock();
        if let Some(outcome) = inner.outcome.take() {
            return Poll::Ready(outcome);
        }
        match &mut inner.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Gives the call up: cancels it where it went. Whoever still waits gets `Cancelled`.
    pub fn cancel(&self, by: Canceller) {
        self.give_up(by, |(_, ran), _| TaskError::Cancelled { by, ran });
    }

    /// Gives the call up because its deadline has passed.
    pub fn expire(&self) {
        let after = self.since.map_or(std::time::Duration::ZERO, |since| since.elapsed());
        self.give_up(Canceller::Caller, |(waited_for, ran), _| TaskError::DeadlineExceeded { after, waited_for, ran });
    }

    /// Cancels first and tells afterwards: whether the body may have started is known only then.
    fn give_up(&self, by: Canceller, error: impl FnOnce((Waiting, Ran), Canceller) -> TaskError) {
        let mut inner = self.lock();
        if inner.over || inner.cancelled.is_some() {
            return;
        }
        // From here on an outcome of the call itself is dropped.
        inner.cancelled = Some(by);
        let door = inner.door.take();
        drop(inner);
        let standing = door.map_or((Waiting::Placement, Ran::No), |(door, token)| door.cancel(token, by));
        self.store(self.lock(), Outcome::Failed(error(standing, by)));
    }

    /// Stores the outcome if it is the first, and wakes who waits for it.
    pub fn complete(&self, outcome: Outcome) {
        let inner = self.lock();
        if !inner.over && inner.cancelled.is_none() {
            self.store(inner, outcome);
        }
    }

    fn store(&self, mut inner: MutexGuard<'_, Inner>, outcome: Outcome) {
        inner.over = true;
        inner.outcome = Some(outcome);
        inner.door = None;
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Slot {
    fn outcome(&self, _token: u64, outcome: Outcome) {
        self.complete(outcome);
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("over", &self.is_over()).finish_non_exhaustive()
    }
}
