//! Which cluster a seed stands for, and what happens to it when.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Time in which calls are made and faults happen.
pub(crate) const BUSY: Duration = Duration::from_secs(7);

/// A run, but for the calls.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) workers: usize,
    pub(crate) clients: usize,
    pub(crate) executors: usize,
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
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed ^ 0x0005_eedf_a017);
        let (workers, clients) = (rng.random_range(2..=4), rng.random_range(1..=2));
        let calm = rng.random_bool(0.35);
        let mut plan = Self {
            workers,
            clients,
            executors: rng.random_range(1..=2),
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
            let at = millis(rng, 300..7000);
            let long = millis(rng, 1..1900);
            let free = |(when, fault): &(Duration, Fault)| {
                let (Fault::Cut(a, b) | Fault::CutAt(a, b) | Fault::Forget(a, b) | Fault::Silence(a, b)) = fault else {
                    return true;
                };
                let same = (a, b) == (&one, &other) || (b, a) == (&one, &other);
                !same || when.abs_diff(at) > Duration::from_millis(6000)
            };
            if !self.faults.iter().all(free) {
                continue;
            }
            let fault = match rng.random_range(0..8) {
                0..3 => Fault::Cut(one.clone(), other.clone()),
                3..5 => Fault::CutAt(one.clone(), other.clone()),
                5 => Fault::Forget(one.clone(), other.clone()),
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
            let (at, long) = (millis(rng, 100..7000), millis(rng, 1..5000));
            let away = millis(rng, 1..4000);
            let fault = match rng.random_range(0..24) {
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
                21..23 => Fault::Drain(format!("w{}", rng.random_range(0..self.workers)), away),
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

fn millis(rng: &mut StdRng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.random_range(range))
}
