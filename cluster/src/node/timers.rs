//! The node's clock for calls: ends those whose deadline has passed, and wakes those that wait to be repeated.
//!
//! Calls are awaited under any executor, so they cannot bring a timer of their own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::Waker,
};

use atasks_actors::slot::Slot;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Entries below which nothing is swept.
const SWEEP_MIN: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Timers {
    state: Mutex<State>,
    earlier: Notify,
}

#[derive(Debug)]
struct State {
    entries: BTreeMap<(Instant, u64), Timer>,
    next: u64,
    sweep_at: usize,
}

impl Default for State {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), next: 0, sweep_at: SWEEP_MIN }
    }
}

#[derive(Debug)]
enum Timer {
    Expire(Weak<Slot>),
    Wake(Waker),
}

impl Timer {
    fn is_wanted(&self) -> bool {
        match self {
            Self::Expire(slot) => slot.upgrade().is_some_and(|slot| !slot.is_over()),
            Self::Wake(_) => true,
        }
    }

    fn fire(self) {
        match self {
            Self::Expire(slot) => {
                if let Some(slot) = slot.upgrade() {
                    slot.expire();
                }
            }
            Self::Wake(waker) => waker.wake(),
        }
    }
}

impl Timers {
    /// Has `slot` expire at its deadline, if it has one.
    pub(crate) fn expire(&self, slot: &Arc<Slot>) {
        if let Some(deadline) = slot.deadline() {
            self.add(deadline, Timer::Expire(Arc::downgrade(slot)));
        }
    }

    pub(crate) fn wake_at(&self, when: Instant, waker: Waker) {
        self.add(when, Timer::Wake(waker));
    }

    fn add(&self, when: Instant, timer: Timer) {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        let is_first = state.entries.first_key_value().is_none_or(|((first, _), _)| when < *first);
        state.entries.insert((when, number), timer);
        // Most calls are over long before their deadline: what they left is swept when it is half of all.
        if state.entries.len() >= state.sweep_at {
            state.entries.retain(|_, timer| timer.is_wanted());
            state.sweep_at = SWEEP_MIN.max(state.entries.len() * 2);
        }
        drop(state);
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Fires what is due, for ever.
    pub(crate) async fn run(&self) {
        loop {
            let next = self.fire_due();
            let earlier = self.earlier.notified();
            match next {
                None => earlier.await,
                Some(when) => tokio::select! {
                    biased;
                    () = earlier => {}
                    () = sleep_until(when) => {}
                },
            }
        }
    }

    fn fire_due(&self) -> Option<Instant> {
        loop {
            let mut state = self.lock();
            let entry = state.entries.first_entry()?;
            let (when, _) = *entry.key();
            if when > Instant::now() {
                return Some(when);
            }
            let timer = entry.remove();
            drop(state);
            timer.fire();
        }
    }

    /// Wakes all that wait to be woken: the node is no more, and they find out.
    pub(crate) fn close(&self) {
        let entries = std::mem::take(&mut self.lock().entries);
        for timer in entries.into_values() {
            if let Timer::Wake(waker) = timer {
                waker.wake();
            }
        }
    }

    /// Counts those that somebody waits for.
    #[cfg(feature = "testing")]
    pub(crate) fn wanted(&self) -> usize {
        self.lock().entries.values().filter(|timer| timer.is_wanted()).count()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use atasks_actors::{
        outcome::Outcome,
        task_error::{Ran, TaskError, Waiting},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_slot_expires_at_its_deadline_and_says_what_it_waited_for() {
        let timers = Arc::new(Timers::default());
        let slot = Slot::new(Some(Instant::now() + Duration::from_secs(2)));
        timers.expire(&slot);
        let running = timers.clone();
        let runs = tokio::spawn(async move { running.run().await });
        let outcome = poll_fn(|cx| slot.poll(cx)).await;
        let Outcome::Failed(TaskError::DeadlineExceeded { after, waited_for, ran }) = outcome else {
            panic!("{outcome:?}")
        };
        assert!((2000..2010).contains(&after.as_millis()), "{after:?}");
        assert_eq!((waited_for, ran), (Waiting::Placement, Ran::No));
        runs.abort();
    }

    #[test]
    fn what_calls_leave_behind_does_not_pile_up() {
        let timers = Timers::default();
        for _ in 0..100_000 {
            timers.expire(&Slot::new(Some(Instant::now() + Duration::from_secs(3600))));
        }
        assert!(timers.lock().entries.len() <= SWEEP_MIN);
    }
}
