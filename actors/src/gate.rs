//! Stops what runs at a place, as a signal stops a process: for tests whose nodes share one thread.

use std::{
    future::Future,
    mem::take,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// While it is closed nothing behind it is polled. Cheap to clone; open at first.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// Who was not polled meanwhile, in the order in which they were woken.
    waiting: Vec<Waker>,
}

impl Gate {
    /// Stops all that is behind it.
    pub fn close(&self) {
        self.lock().closed = true;
    }

    /// Lets all go on that was woken meanwhile.
    pub fn open(&self) {
        let waiting = {
            let mut state = self.lock();
            state.closed = false;
            take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether it is closed; then `cx` is woken when it opens.
    pub(crate) fn keeps(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        if state.closed {
            state.waiting.push(cx.waker().clone());
        }
        state.closed
    }

    /// Puts a future behind it.
    pub fn behind<F: Future>(&self, future: F) -> Behind<F> {
        Behind { gate: self.clone(), future: Box::pin(future) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A future behind a [`Gate`].
#[derive(Debug)]
pub struct Behind<F> {
    gate: Gate,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Behind<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if self.gate.keeps(cx) {
            return Poll::Pending;
        }
        self.future.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_behind_stops_while_it_is_closed_and_finds_that_time_went_on() {
        let (gate, began) = (Gate::default(), Instant::now());
        let naps = tokio::spawn(gate.behind(async move {
            sleep(Duration::from_secs(1)).await;
            began.elapsed()
        }));
        tokio::task::yield_now().await;
        gate.close();
        sleep(Duration::from_secs(5)).await;
        assert!(!naps.is_finished());
        gate.open();
        assert!(naps.await.unwrap() >= Duration::from_secs(5));
    }
}
