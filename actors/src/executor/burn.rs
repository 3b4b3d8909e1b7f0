//! Work that keeps its executor, for tests: real on a thread of its own, pretended where all nodes share one thread.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    task::{Context as TaskContext, Poll, Waker},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::Executor;
use crate::{
    context::{Context, polling},
    invocation::InvocationId,
};

/// Keeps the executor for `work`: it polls nothing else until then, as if it computed. On a shared host that is virtual
/// time, and costs nothing; elsewhere it computes.
#[must_use]
pub fn burn(work: Duration) -> Burn {
    Burn { work: Some(work) }
}

/// See [`burn`].
#[derive(Debug)]
pub struct Burn {
    work: Option<Duration>,
}

impl Future for Burn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let Some(work) = self.work.take() else { return Poll::Ready(()) };
        let Some((executor, context)) = polling().zip(Context::try_current()) else { return compute(work) };
        if executor.occupied.is_none() {
            return compute(work);
        }
        executor.occupy(work, context.id());
        // It goes on when the executor is free, as all that runs there.
        executor.is_occupied(Some(context.id()), cx);
        Poll::Pending
    }
}

fn compute(work: Duration) -> Poll<()> {
    let since = Instant::now();
    while since.elapsed() < work {
        std::hint::spin_loop();
    }
    Poll::Ready(())
}

/// Until when an executor computes, on a shared host.
#[derive(Debug, Default)]
pub(super) struct Occupied(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    until: Option<Instant>,
    /// Who computes: they go on first.
    by: Vec<InvocationId>,
    waiting: Vec<(Option<InvocationId>, Waker)>,
}

impl Executor {
    /// Whether the executor computes, or is stopped; if so `cx` is woken when it goes on.
    pub(super) fn is_occupied(&self, by: Option<InvocationId>, cx: &TaskContext<'_>) -> bool {
        if self.gate.as_ref().is_some_and(|gate| gate.keeps(cx)) {
            return true;
        }
        let Some(occupied) = &self.occupied else { return false };
        let mut inner = occupied.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_occupied = inner.until.is_some();
        if is_occupied {
            inner.waiting.push((by, cx.waker().clone()));
        }
        is_occupied
    }

    /// Whether the executor computes, on a shared host.
    pub(super) fn computes(&self) -> bool {
        let of = |occupied: &Occupied| occupied.0.lock().unwrap_or_else(PoisonError::into_inner).until.is_some();
        self.occupied.as_ref().is_some_and(of)
    }

    fn occupy(self: &Arc<Self>, work: Duration, by: InvocationId) {
        let Some(occupied) = &self.occupied else { return };
        let nanos = u64::try_from(work.as_nanos()).unwrap_or(u64::MAX);
        self.burnt.fetch_add(nanos, Ordering::Relaxed);
        self.pool.work.fetch_add(nanos, Ordering::Relaxed);
        let mut inner = occupied.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What one poll computes, its calls included, is computed one after the other.
        let until = inner.until.unwrap_or_else(Instant::now) + work;
        inner.until = Some(until);
        inner.by.push(by);
        drop(inner);
        let (executor, busy) = (self.clone(), self.busy(None));
        tokio::spawn(async move {
            sleep_until(until).await;
            executor.pool.work.fetch_sub(nanos, Ordering::Relaxed);
            drop(busy);
            executor.go_on(until);
        });
    }

    /// It has computed until `until`: unless more has come, all goes on.
    fn go_on(&self, until: Instant) {
        let Some(occupied) = &self.occupied else { return };
        let mut inner = occupied.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.until != Some(until) {
            return;
        }
        let Inner { by, waiting, .. } = std::mem::take(&mut *inner);
        drop(inner);
        let (first, then): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(id, _)| id.is_some_and(|id| by.contains(&id)));
        first.into_iter().chain(then).for_each(|(_, waker)| waker.wake());
    }
}
