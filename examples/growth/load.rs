//! Calls that are kept going, and what they cost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use atasks::Result;
use rustix::time::{ClockId, clock_gettime};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

/// How many windows make one figure: their median.
const WINDOWS: usize = 5;

/// Reads how long the processes that take part have used a processor.
pub(crate) type Spent<'a> = &'a (dyn Fn() -> Result<Duration> + Sync);

/// Loops that call without pause.
pub(crate) struct Load {
    counter: Counter,
    loops: JoinSet<Result<()>>,
}

/// Counts calls that are over, and tells when there are enough.
#[derive(Clone, Default)]
pub(crate) struct Counter {
    done: Arc<AtomicU64>,
    enough: Arc<AtomicBool>,
}

/// What a call takes while others are in flight.
pub(crate) struct Cost {
    /// Of processors.
    pub(crate) cpu_us: f64,
    /// From the end of one call to that of the next.
    pub(crate) wall_us: f64,
}

impl Counter {
    pub(crate) fn add(&self, calls: u64) {
        self.done.fetch_add(calls, Ordering::Relaxed);
    }

    pub(crate) fn is_enough(&self) -> bool {
        self.enough.load(Ordering::Relaxed)
    }

    fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

impl Load {
    /// As many loops as are to be in flight, each a task of tokio's that awaits one call after another.
    pub(crate) fn of_calls<F: Future<Output = Result<()>> + Send>(
        in_flight: u64,
        call: impl Fn(u64) -> F + Clone + Send + 'static,
    ) -> Self {
        let counter = Counter::default();
        let mut loops = JoinSet::new();
        for first in 0..in_flight {
            let (counter, call) = (counter.clone(), call.clone());
            loops.spawn(async move {
                let mut at = first;
                while !counter.is_enough() {
                    call(at).await?;
                    counter.add(1);
                    at += in_flight;
                }
                Ok(())
            });
        }
        Self { counter, loops }
    }

    /// Loops of another kind, which count.
    pub(crate) fn of_loops(counter: Counter, loops: JoinSet<Result<()>>) -> Self {
        Self { counter, loops }
    }

    /// What a call takes, once each loop has called: the medians of some windows.
    pub(crate) async fn cost(&mut self, spent: Spent<'_>, window: Duration) -> Result<Cost> {
        self.until(self.loops.len() as u64, Duration::ZERO).await?;
        let (mut cpu, mut wall) = (Vec::new(), Vec::new());
        for _ in 0..WINDOWS {
            let (begun, done, before) = (Instant::now(), self.counter.done(), spent()?);
            self.until(done + 1, window).await?;
            let micros = |time: Duration| time.as_secs_f64() * 1e6 / (self.counter.done() - done) as f64;
            cpu.push(micros(spent()?.saturating_sub(before)));
            wall.push(micros(begun.elapsed()));
        }
        Ok(Cost { cpu_us: median(cpu), wall_us: median(wall) })
    }

    /// Waits until so many calls are over, and so long.
    async fn until(&mut self, done: u64, during: Duration) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < during || self.counter.done() < done {
            let look = during.saturating_sub(begun.elapsed()).max(Duration::from_millis(5));
            tokio::select! {
                biased;
                Some(ended) = self.loops.join_next() => return Err(match ended? {
                    Ok(()) => atasks::Error::msg("a loop has ended too early"),
                    Err(error) => error,
                }),
                () = sleep(look) => {}
            }
        }
        Ok(())
    }

    /// Waits until all that was begun is over.
    pub(crate) async fn end(mut self) -> Result<()> {
        self.counter.enough.store(true, Ordering::Relaxed);
        while let Some(ended) = self.loops.join_next().await {
            ended??;
        }
        Ok(())
    }
}

/// Microseconds of a processor that a call takes, one after another: the median of some windows, each of whole calls.
pub(crate) async fn cost_of_each<F: Future<Output = Result<()>>>(
    spent: Spent<'_>,
    window: Duration,
    call: impl Fn() -> F,
) -> Result<f64> {
    call().await?;
    let mut costs = Vec::with_capacity(WINDOWS);
    for _ in 0..WINDOWS {
        let (begun, before, mut calls) = (Instant::now(), spent()?, 0);
        while calls == 0 || begun.elapsed() < window {
            call().await?;
            calls += 1;
        }
        costs.push(spent()?.saturating_sub(before).as_secs_f64() * 1e6 / f64::from(calls));
    }
    Ok(median(costs))
}

/// Microseconds that a call takes, one after another: the median.
pub(crate) async fn time_of_each<F: Future<Output = Result<()>>>(calls: u64, call: impl Fn(u64) -> F) -> Result<f64> {
    let mut took = Vec::new();
    for at in 0..calls {
        let begun = Instant::now();
        call(at).await?;
        took.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(took))
}

/// How long this process has used a processor, threads that have ended included.
pub(crate) fn own_processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
