//! Which cluster a seed stands for, and what happens to it when.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Time in which calls are made and faults happen.
pub(crate) const BUSY: Duration = Duration::from_secs(7);

/// Least `limits.backlog`.
const BACKLOG_MIN: usize = 64 << 10;
/// Least `limits.memory`: a few tasks that are suspended.
const MEMORY_MIN: usize = 64 << 10;
/// Guarantee 8: a connection that comes back within that goes on.
const WINDOW_MS: u64 = 2250;
/// Between two blips of one pair: it has resumed by then, and silence of the old connection is forgotten.
const APART: Duration = Duration::from_millis(6000);
/// Of what nodes do by the clock: heartbeat, two of them, retry of a redial, its limit, fence, suspicion, window, loss,
/// and what is beyond that.
const BOUNDS_MS: [u64; 9] = [250, 500, 300, 750, 1500, 1000, 2250, 3000, 4500];

/// A run, but for the calls.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) workers: usize,
    pub(crate) clients: usize,
    pub(crate) executors: usize,
    /// `limits.backlog` of all nodes: less than what is sent at times.
    pub(crate) backlog: Option<usize>,
    /// Unstarted roots that a worker lets in of each peer, and their bytes.
    pub(crate) window: Option<(u64, u64)>,
    /// `limits.running` of workers.
    pub(crate) running: Option<usize>,
    /// `limits.memory` of workers: some trees are too large for it.
    pub(crate) memory: Option<usize>,
    /// `node.drain_timeout`: less than what runs may take.
    pub(crate) drain_timeout: Option<Duration>,
    /// Whether connections alone are broken, each for less than the window of a resume: then nobody may be lost.
    pub(crate) calm: bool,
    /// Mean time between two roots of a caller.
    pub(crate) root_every: Duration,
    pub(crate) faults: Vec<(Duration, Fault)>,
}

/// Names are those of endpoints: `w` and `c` with a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Cut(String, String),
    CutAt(String, String),
    Forget(String, String),
    Silence(String, String),
    /// Standing connections alone become slow.
    Linger(String, String, Duration),
    Isolate(String),
    Delay(String, String, Duration),
    Slow(String, String, usize),
    Refuse(String, String),
    Heal(String, String),
    HealAll,
    /// Ends the process, and starts another one under the same name after this time.
    Kill(String, Duration),
    /// The same with its host.
    Unplug(String, Duration),
    Drain(String, Duration),
    /// As a drain does, but at once.
    Leave(String, Duration),
    /// As SIGSTOP and SIGCONT do.
    Freeze(String),
    Thaw(String),
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed ^ 0x0005_eedf_a017);
        let (workers, clients) = (rng.random_range(2..=4), rng.random_range(1..=2));
        let calm = rng.random_bool(0.35);
        let limits = &mut StdRng::seed_from_u64(seed ^ 0x0001_1417_5000);
        let mut plan = Self {
            workers,
            clients,
            window: limits.random_bool(0.35).then(|| (limits.random_range(1..5), limits.random_range(100..100_000))),
            running: limits.random_bool(0.25).then(|| limits.random_range(1..4)),
            memory: limits.random_bool(0.2).then(|| limits.random_range(MEMORY_MIN..32 * MEMORY_MIN)),
            drain_timeout: limits.random_bool(0.4).then(|| millis(limits, 0..1500)),
            executors: rng.random_range(1..=2),
            backlog: rng.random_bool(0.3).then(|| rng.random_range(BACKLOG_MIN..4 * BACKLOG_MIN)),
            calm,
            root_every: Duration::from_millis(rng.random_range(60..400)),
            faults: Vec::new(),
        };
        if calm {
            plan.blips(rng)
        } else {
            plan.disasters(rng)
        }
        plan.faults.sort_by_key(|(at, _)| *at);
        plan
    }

    /// What connections take longer at most, for as long as they stand: too little for anybody to replace them.
    pub(crate) fn lingers(&self) -> Duration {
        let lingers = self.faults.iter().filter_map(|(_, fault)| match fault {
            Fault::Linger(_, _, delay) => Some(*delay),
            _ => None,
        });
        lingers.max().unwrap_or_default()
    }

    /// Often that of another fault.
    fn moment(&self, rng: &mut StdRng, range: std::ops::Range<u64>) -> Duration {
        let at = millis(rng, range);
        let other = self.faults.len().checked_sub(1).map(|last| self.faults[rng.random_range(0..=last)].0);
        other.filter(|_| rng.random_bool(0.25)).unwrap_or(at)
    }

    fn node(&self, rng: &mut StdRng) -> String {
        let node = rng.random_range(0..self.workers + self.clients);
        if node < self.workers { format!("w{node}") } else { format!("c{}", node - self.workers) }
    }

    /// Two nodes that are linked.
    fn pair(&self, rng: &mut StdRng) -> (String, String) {
        loop {
            let (one, other) = (format!("w{}", rng.random_range(0..self.workers)), self.node(rng));
            if one != other {
                return if rng.random_bool(0.5) { (one, other) } else { (other, one) };
            }
        }
    }

    /// Each pair is left alone between its faults for long enough to have resumed.
    fn blips(&mut self, rng: &mut StdRng) {
        for _ in 0..rng.random_range(2..12) {
            let (one, other) = self.pair(rng);
            let at = self.moment(rng, 300..7000);
            let long = millis(rng, 1..WINDOW_MS);
            let long = near_a_bound(rng).filter(|long| *long < Duration::from_millis(WINDOW_MS)).unwrap_or(long);
            let stops = rng.random_bool(0.12);
            let free =
                |(when, fault): &(Duration, Fault)| !fault.touches(&one, &other, stops) || when.abs_diff(at) > APART;
            if !self.faults.iter().all(free) {
                continue;
            }
            if stops {
                self.faults.push((at, Fault::Freeze(one.clone())));
                self.faults.push((at + long, Fault::Thaw(one)));
                continue;
            }
            let fault = match rng.random_range(0..9) {
                0..3 => Fault::Cut(one.clone(), other.clone()),
                3..5 => Fault::CutAt(one.clone(), other.clone()),
                5 => Fault::Forget(one.clone(), other.clone()),
                6 => Fault::Linger(one.clone(), other.clone(), long),
                _ => {
                    if rng.random_bool(0.7) {
                        self.faults.push((at, Fault::Silence(other.clone(), one.clone())));
                    }
                    self.faults.push((at + long, Fault::Heal(one.clone(), other.clone())));
                    Fault::Silence(one.clone(), other.clone())
                }
            };
            self.faults.push((at, fault));
        }
    }

    fn disasters(&mut self, rng: &mut StdRng) {
        for _ in 0..rng.random_range(2..16) {
            let (one, other) = self.pair(rng);
            let at = self.moment(rng, 100..7000);
            let long = millis(rng, 1..5000);
            let long = near_a_bound(rng).unwrap_or(long);
            let away = if rng.random_bool(0.3) { millis(rng, 0..4) } else { millis(rng, 1..5000) };
            let fault = match rng.random_range(0..29) {
                0..4 => Fault::Cut(one.clone(), other.clone()),
                4..7 => Fault::CutAt(one.clone(), other.clone()),
                7..9 => Fault::Forget(one.clone(), other.clone()),
                9..12 => Fault::Silence(one.clone(), other.clone()),
                12 => Fault::Isolate(one.clone()),
                13 => Fault::Delay(one.clone(), other.clone(), millis(rng, 1..400)),
                14 => Fault::Slow(one.clone(), other.clone(), rng.random_range(400..5000)),
                15..17 => Fault::Refuse(one.clone(), other.clone()),
                17..20 => Fault::Kill(self.node(rng), away),
                20 => Fault::Unplug(self.node(rng), away),
                21..23 if rng.random_bool(0.4) => Fault::Leave(self.node(rng), away),
                21..23 => Fault::Drain(format!("w{}", rng.random_range(0..self.workers)), away),
                23..26 => {
                    let name = self.node(rng);
                    self.faults.push((at + long, Fault::Thaw(name.clone())));
                    Fault::Freeze(name)
                }
                26..28 => Fault::Linger(one.clone(), other.clone(), long),
                _ => Fault::HealAll,
            };
            self.faults.push((at + long, Fault::Heal(one, other)));
            self.faults.push((at, fault));
        }
        // Many faults at one moment, for what comes of meeting each other.
        for _ in 0..rng.random_range(0..3) {
            let at = millis(rng, 100..6500);
            for _ in 0..rng.random_range(2..6) {
                let ((one, other), later) = (self.pair(rng), millis(rng, 0..20));
                self.faults.push((at + later, Fault::Cut(one, other)));
            }
        }
    }
}

impl Fault {
    /// Whether it has to do with the connections of two nodes, or of the first of them alone.
    fn touches(&self, one: &str, other: &str, first_alone: bool) -> bool {
        match self {
            Self::Cut(a, b) | Self::CutAt(a, b) | Self::Forget(a, b) | Self::Silence(a, b) | Self::Linger(a, b, _) => {
                (a == one || a == other) && (b == one || b == other) || first_alone && (a == one || b == one)
            }
            Self::Freeze(name) => name == one || name == other || first_alone,
            _ => false,
        }
    }
}

/// Just before, at, or just after a moment at which something is decided: most of what goes wrong goes wrong there.
fn near_a_bound(rng: &mut StdRng) -> Option<Duration> {
    let bound = BOUNDS_MS[rng.random_range(0..BOUNDS_MS.len())];
    let off = if rng.random_bool(0.5) { rng.random_range(-4..=4) } else { rng.random_range(-100..=100) };
    rng.random_bool(0.5).then(|| Duration::from_millis(bound.saturating_add_signed(off)))
}

fn millis(rng: &mut StdRng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.random_range(range))
}
