//! `max = N`: how many invocations of a task run at once. Further ones wait unstarted and hold up nobody else.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::Order;
use crate::context::Context;

/// The limited tasks of a node: how many of each run, and what waits.
#[derive(Default)]
pub(crate) struct Limits {
    // Ordered, so that a simulated run replays exactly.
    tasks: Mutex<BTreeMap<u64, Limit>>,
    waiting: AtomicUsize,
}

#[derive(Default)]
struct Limit {
    running: u32,
    waiting: VecDeque<Order>,
    /// Length of the line from which on it is looked through for calls that were given up.
    crowded: usize,
}

/// Least length of a line that is worth looking through.
const CROWDED_MIN: usize = 64;

impl Limits {
    /// Gives the order a place, or keeps it until one is free. Below an ancestor that holds a place of the same task it
    /// passes: it would wait for that ancestor for ever. One that was cancelled passes as well, as it will not run.
    ///
    /// A root that waits here is not counted as one that runs: it would keep those from starting that nothing holds up.
    ///
    /// # Errors
    /// It waits; these have waited and were cancelled, and are to be ended.
    pub(crate) fn admit(&self, mut order: Order) -> Result<Order, Vec<Order>> {
        let Some(max) = order.context.task().options().max else { return Ok(order) };
        // It got the place of one that has ended.
        if order.context.place_held().load(Ordering::Acquire) || order.context.is_cancelled() {
            return Ok(order);
        }
        let key = order.context.task().key();
        if order.context.invocation().holds.as_ref().is_some_and(|held| held.contains(&key)) {
            return Ok(order);
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = tasks.entry(key).or_default();
        if limit.running < max {
            limit.running += 1;
            order.context.place_held().store(true, Ordering::Release);
            Ok(order)
        } else {
            order.charge.start_later();
            limit.waiting.push_back(order);
            let cancelled = limit.take_cancelled();
            self.waiting.fetch_add(1, Ordering::Relaxed);
            self.waiting.fetch_sub(cancelled.len(), Ordering::Relaxed);
            Err(cancelled)
        }
    }

    /// Gives back the place that `context` held. The next in line gets it and is to be started. A root is counted from here
    /// on, before whoever held the place is not any more: nobody else gets in between. It does not wait for room again, as
    /// what runs may wait for its place.
    pub(crate) fn release(&self, context: &Context) -> Option<Order> {
        if !context.place_held().swap(false, Ordering::AcqRel) {
            return None;
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = tasks.get_mut(&context.task().key())?;
        match limit.waiting.pop_front() {
            Some(mut next) => {
                next.charge.start(&next.context);
                next.context.place_held().store(true, Ordering::Release);
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                Some(next)
            }
            None => {
                limit.running -= 1;
                None
            }
        }
    }

    /// How many wait for a place.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Takes at most `most` of what waits and may run elsewhere, of each task the last that came, and looks at no more of it.
    pub(crate) fn take_last(&self, most: usize, wanted: impl Fn(&Order) -> bool) -> Vec<Order> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        for waiting in tasks.values_mut().map(|limit| &mut limit.waiting) {
            for at in (waiting.len().saturating_sub(most)..waiting.len()).rev() {
                let fits = |order: &Order| order.context.invocation().movable && wanted(order);
                if taken.len() < most && waiting.get(at).is_some_and(fits) {
                    taken.extend(waiting.remove(at));
                }
            }
        }
        self.waiting.fetch_sub(taken.len(), Ordering::Relaxed);
        taken
    }

    /// Takes all that waits, at a shutdown.
    pub(crate) fn drain(&self) -> Vec<Order> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.store(0, Ordering::Relaxed);
        tasks.values_mut().flat_map(|limit| std::mem::take(&mut limit.waiting)).collect()
    }
}

impl Limit {
    /// Takes those out of the line that were cancelled, each time that it has doubled: so it is never much longer than what
    /// is wanted, and nobody looks at the whole of it for each call.
    fn take_cancelled(&mut self) -> Vec<Order> {
        if self.waiting.len() < self.crowded.max(CROWDED_MIN) {
            return Vec::new();
        }
        let (cancelled, waiting): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|order| order.context.is_cancelled());
        self.waiting = waiting.into();
        self.crowded = 2 * self.waiting.len();
        cancelled
    }
}
