//! What is done to the workers, drawn from the seed, and when it was.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use atasks::Result;
use rand::{Rng, rngs::StdRng};
use rustix::process::Signal;
use tokio::{
    runtime::Handle,
    sync::{Mutex as Lock, OwnedMutexGuard},
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{client::Client, ledger::now, proxy::Cut, workers::Worker};

/// A worker is left alone for so long after each fault: two that follow each other closely would be one that is longer.
const RECOVERY: Duration = Duration::from_millis(1500);

/// One in so many faults is a client's.
const CLIENTS_SHARE: u32 = 6;

/// Silence in which a session resumes under the default configuration, in microseconds.
const WINDOW: u64 = 2_250_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Killed,
    Drained,
    /// Stopped and continued within the window in which sessions resume.
    Paused,
    /// Stopped for about `lost_after`: either may be.
    NearlyFrozen,
    /// Stopped for longer than `lost_after`.
    Frozen,
    /// Its connections were reset.
    Cut,
    /// Its connections were reset at one end only.
    HalfCut,
    /// Nothing passed its connections for less than the window.
    Silenced,
    /// The same for about `lost_after`.
    NearlySevered,
    /// The same for longer than `lost_after`.
    Severed,
    /// A client was killed, and all that runs for it is nobody's.
    Orphaned,
}

impl Kind {
    pub(crate) const ALL: [Self; 11] = [
        Self::Killed,
        Self::Drained,
        Self::Paused,
        Self::NearlyFrozen,
        Self::Frozen,
        Self::Cut,
        Self::HalfCut,
        Self::Silenced,
        Self::NearlySevered,
        Self::Severed,
        Self::Orphaned,
    ];

    fn needs_a_cable(self) -> bool {
        matches!(self, Self::Cut | Self::HalfCut | Self::Silenced | Self::NearlySevered | Self::Severed)
    }

    /// Whether nobody hears of the worker while it lasts.
    pub(crate) fn silences(self) -> bool {
        self.stops() || matches!(self, Self::Silenced | Self::NearlySevered | Self::Severed)
    }

    fn stops(self) -> bool {
        matches!(self, Self::Paused | Self::NearlyFrozen | Self::Frozen)
    }
}

/// One thing that was done, in microseconds of the ledger's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) pid: u32,
    pub(crate) from: u64,
    pub(crate) until: u64,
}

impl Fault {
    /// Whether calls on the worker may end as `NodeLost` by it.
    pub(crate) fn may_lose(&self) -> bool {
        match self.kind {
            Kind::Killed | Kind::Frozen | Kind::HalfCut | Kind::Severed => true,
            // The first and the third if the machine made it longer than was meant.
            Kind::Paused | Kind::NearlyFrozen | Kind::Silenced | Kind::NearlySevered => {
                self.until.saturating_sub(self.from) > WINDOW
            }
            Kind::Drained | Kind::Cut | Kind::Orphaned => false,
        }
    }

    /// For how much of that time the process was stopped.
    pub(crate) fn stopped_during(&self, from: u64, until: u64) -> u64 {
        if self.kind.stops() { self.until.min(until).saturating_sub(self.from.max(from)) } else { 0 }
    }
}

#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<Vec<Fault>>>);

impl Faults {
    /// Notes the begin of one; its end is told later. Until then it has none.
    fn begins(&self, kind: Kind, pid: u32) -> usize {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Fault { kind, pid, from: now(), until: u64::MAX });
        all.len() - 1
    }

    fn ends(&self, at: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[at].until = now();
    }

    pub(crate) fn all(&self) -> Vec<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Does something to some worker again and again until then; all of them run afterwards.
    pub(crate) async fn happen(
        &self,
        mut dice: StdRng,
        workers: &[Arc<Lock<Worker>>],
        client: &Arc<Lock<Client>>,
        until: Instant,
        runtime: &Handle,
    ) -> Result<()> {
        let most = (workers.len() / 2).max(1);
        let mut under_way = JoinSet::new();
        loop {
            sleep_until((Instant::now() + Duration::from_millis(dice.random_range(100..700))).min(until)).await;
            if Instant::now() >= until {
                break;
            }
            while under_way.len() >= most
                && let Some(done) = under_way.join_next().await
            {
                done??;
            }
            let first = dice.random_range(0..workers.len());
            let mut all = workers.iter().cycle().skip(first).take(workers.len());
            let Some(worker) = all.find_map(|worker| worker.clone().try_lock_owned().ok()) else { continue };
            let faults = self.clone();
            if dice.random_ratio(1, CLIENTS_SHARE)
                && let Ok(client) = client.clone().try_lock_owned()
            {
                let orphans = Orphans::draw(&mut dice);
                under_way.spawn_on(orphans.carry_out(faults, worker, client), runtime);
                continue;
            }
            let plan = Plan::draw(&mut dice, worker.proxy.is_some());
            // Where nothing else keeps the clock waiting: a pause is to be as long as it was drawn.
            let happens = async move {
                let mut worker = worker;
                plan.carry_out(&faults, &mut worker).await?;
                sleep(RECOVERY).await;
                Ok::<_, atasks::Error>(())
            };
            under_way.spawn_on(happens, runtime);
        }
        while let Some(done) = under_way.join_next().await {
            done??;
        }
        Ok(())
    }
}

/// The death of a client: out of the blue, or while it has lost a connection.
struct Orphans {
    cut: Option<Plan>,
    after: Duration,
    down: Duration,
}

impl Orphans {
    fn draw(dice: &mut StdRng) -> Self {
        let cut = dice.random::<bool>().then(|| {
            loop {
                let plan = Plan::draw(dice, true);
                if matches!(plan.kind, Kind::Cut | Kind::HalfCut) {
                    break plan;
                }
            }
        });
        let [after, down] = [60, 800].map(|most| Duration::from_millis(dice.random_range(0..most)));
        Self { cut, after, down }
    }

    async fn carry_out(
        self,
        faults: Faults,
        mut worker: OwnedMutexGuard<Worker>,
        mut client: OwnedMutexGuard<Client>,
    ) -> Result<()> {
        let has_cable = worker.proxy.is_some();
        if let Some(cut) = self.cut.filter(|_| has_cable) {
            cut.carry_out(&faults, &mut worker).await?;
            sleep(self.after).await;
        }
        let fault = faults.begins(Kind::Orphaned, client.pid());
        client.kill().await?;
        faults.ends(fault);
        sleep(self.down).await;
        client.start_again()?;
        sleep(RECOVERY).await;
        Ok(())
    }
}

/// What is to be done.
struct Plan {
    kind: Kind,
    lasts: Duration,
    pauses: Vec<Duration>,
    half: Cut,
}

impl Plan {
    fn draw(dice: &mut StdRng, has_cable: bool) -> Self {
        let kind = loop {
            let kind = Kind::ALL[dice.random_range(0..Kind::ALL.len())];
            if kind != Kind::Orphaned && (has_cable || !kind.needs_a_cable()) {
                break kind;
            }
        };
        let lasts = Duration::from_millis(match kind {
            Kind::Paused | Kind::Silenced => dice.random_range(20..2100),
            Kind::NearlyFrozen | Kind::NearlySevered => dice.random_range(2300..3700),
            Kind::Frozen | Kind::Severed => dice.random_range(3700..5000),
            // Down for so long before it is started again.
            _ => dice.random_range(0..4u64) * dice.random_range(0..300),
        });
        let cuts = dice.random_range(1..6);
        let pauses = (0..cuts).map(|_| Duration::from_millis(dice.random_range(0..150))).collect();
        let half = if dice.random() { Cut::Dialler } else { Cut::Acceptor };
        Self { kind, lasts, pauses, half }
    }

    async fn carry_out(self, faults: &Faults, worker: &mut Worker) -> Result<()> {
        let fault = faults.begins(self.kind, worker.pid());
        match self.kind {
            Kind::Killed => {
                worker.kill().await?;
                faults.ends(fault);
                sleep(self.lasts).await;
                return worker.start_again().await;
            }
            Kind::Drained => {
                worker.signal(Signal::TERM)?;
                worker.is_over().await?;
                faults.ends(fault);
                sleep(self.lasts).await;
                return worker.start_again().await;
            }
            Kind::Paused | Kind::NearlyFrozen | Kind::Frozen => {
                worker.signal(Signal::STOP)?;
                sleep(self.lasts).await;
                worker.signal(Signal::CONT)?;
            }
            _ => self.at_the_cable(worker).await,
        }
        faults.ends(fault);
        Ok(())
    }

    async fn at_the_cable(&self, worker: &Worker) {
        let Some(proxy) = &worker.proxy else { return };
        match self.kind {
            Kind::Cut => {
                for pause in &self.pauses {
                    proxy.cut(Cut::Both);
                    sleep(*pause).await;
                }
            }
            Kind::HalfCut => proxy.cut(self.half),
            _ => {
                proxy.be_silent(true);
                sleep(self.lasts).await;
                proxy.be_silent(false);
            }
        }
    }
}
