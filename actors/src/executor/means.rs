//! How long tasks keep an executor: measured for each, at next to no cost for those that are short.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering},
};

use tokio::time::Instant;

use super::Executor;
use crate::{
    context::{inlined, inlined_last},
    task::TaskEntry,
};

/// A task whose invocations take less on the mean is short, in nanoseconds: to give one to another thread costs about a
/// tenth of that.
pub(super) const SHORT: u64 = 50_000;

/// One invocation in this many of a task that is known to be short is measured: two readings of the clock are a tenth of
/// what the shortest calls take.
const SAMPLED: u32 = 16;

/// Weight of a new measurement is one in this many.
const SMOOTH: u64 = 16;

/// Mean times of invocations on an executor, in nanoseconds; 0: none is over yet.
#[derive(Debug)]
pub(super) struct Means {
    /// By the task's number in the program's table.
    tasks: Box<[AtomicU64]>,
    /// Of all.
    any: AtomicU64,
}

impl Means {
    pub(super) fn new(tasks: usize) -> Self {
        Self { tasks: (0..tasks).map(|_| AtomicU64::new(0)).collect(), any: AtomicU64::new(0) }
    }

    /// The mean of one task.
    pub(super) fn of(&self, task: &TaskEntry) -> u64 {
        self.cell(task).map_or(0, |mean| mean.load(Ordering::Relaxed))
    }

    /// The mean of all.
    pub(super) fn any(&self) -> u64 {
        self.any.load(Ordering::Relaxed)
    }

    /// How long an invocation of a task is expected to keep an executor: as long as others, while nothing is known of its own.
    pub(super) fn expected(&self, task: &TaskEntry) -> u64 {
        match self.of(task) {
            0 => self.any(),
            mean => mean,
        }
    }

    /// Whether its invocations are known to be short.
    pub(super) fn is_short(&self, task: &TaskEntry) -> bool {
        (1..SHORT).contains(&self.of(task))
    }

    fn note(&self, task: &TaskEntry, nanos: u64) {
        for mean in self.cell(task).into_iter().chain([&self.any]) {
            let before = mean.load(Ordering::Relaxed);
            let after = if before == 0 { nanos } else { before - before / SMOOTH + nanos / SMOOTH };
            // Two that write at once: one of two samples is lost.
            mean.store(after.max(1), Ordering::Relaxed);
        }
    }

    fn cell(&self, task: &TaskEntry) -> Option<&AtomicU64> {
        self.tasks.get(task.index()? as usize)
    }
}

#[derive(Clone, Copy, Default)]
struct Within {
    /// Time in polls that were measured.
    nanos: u64,
    /// How many calls they were.
    calls: u32,
}

thread_local! {
    /// What was measured inside the poll that this thread is in.
    static WITHIN: Cell<Within> = const { Cell::new(Within { nanos: 0, calls: 0 }) };
}

/// Measures one invocation over all its polls; none for one that is not measured.
#[derive(Debug)]
pub(super) struct Stopwatch {
    nanos: Option<u64>,
}

/// The beginning of a poll.
pub(super) struct Lap {
    at: Instant,
    burnt: u64,
    inlined: u32,
    within: Within,
}

impl Stopwatch {
    pub(super) fn never() -> Self {
        Self { nanos: None }
    }

    pub(super) fn new(executor: &Executor, task: &TaskEntry) -> Self {
        let is_short = executor.pool.means.is_short(task);
        Self { nanos: (!is_short || executor.turn().is_multiple_of(SAMPLED)).then_some(0) }
    }

    pub(super) fn begin(&self, executor: &Executor) -> Option<Lap> {
        self.nanos?;
        let burnt = executor.burnt.load(Ordering::Relaxed);
        Some(Lap { at: Instant::now(), burnt, inlined: inlined(), within: WITHIN.get() })
    }

    pub(super) fn end(&mut self, executor: &Executor, lap: Option<Lap>) {
        let (Some(lap), Some(before)) = (lap, self.nanos) else { return };
        let real = u64::try_from(lap.at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let took = real.saturating_add(executor.burnt.load(Ordering::Relaxed) - lap.burnt);
        let within = WITHIN.get();
        // Calls that were polled inside of this poll are no part of it. Most are short and were not measured: what they
        // took is not known, but at most this.
        let begun = inlined_last().saturating_sub(lap.inlined);
        let unmeasured = begun.saturating_sub(within.calls.wrapping_sub(lap.within.calls));
        let others = within.nanos.wrapping_sub(lap.within.nanos).saturating_add(u64::from(unmeasured) * SHORT);
        let own = took.saturating_sub(others);
        WITHIN.set(Within { nanos: lap.within.nanos.wrapping_add(took), calls: lap.within.calls.wrapping_add(1) });
        // Nothing is left to be sure of: as good as not measured.
        self.nanos = (own > 0 || unmeasured == 0).then_some(before.saturating_add(own));
    }

    /// The invocation has come to its own end.
    pub(super) fn note(&self, executor: &Executor, task: &TaskEntry) {
        if let Some(nanos) = self.nanos {
            executor.pool.means.note(task, nanos);
        }
    }
}
