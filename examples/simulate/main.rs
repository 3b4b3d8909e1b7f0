//! Runs simulated clusters under faults, and looks for what must never happen: see [`model`].
//!
//! ```text
//! $ cargo run --release --example simulate                            # 1000 seeds
//! $ cargo run --release --example simulate -- --seeds 10000 --from 1  # those of 1 to 10000
//! $ cargo run --release --example simulate -- --seed 4711             # one, step by step: RUST_LOG=debug tells more
//! ```
//! Each seed stands for a cluster, its work and its faults, and runs twice to the same hash of all that happened. Prints a
//! table, and ends with an error at a breach, after the command that shows it again.

mod ledger;
mod model;
mod plan;
mod run;
mod work;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use run::{Report, run};

/// What all seeds of a thread came to.
#[derive(Default)]
struct Sums {
    seeds: usize,
    calm: usize,
    awaits: usize,
    bodies: usize,
    faults: usize,
    losses: usize,
    failed: Vec<(u64, Vec<String>)>,
}

impl Sums {
    fn add(&mut self, seed: u64, report: Report) {
        self.seeds += 1;
        self.calm += usize::from(report.calm);
        self.awaits += report.awaits;
        self.bodies += report.bodies;
        self.faults += report.faults;
        self.losses += report.losses;
        if !report.breaches.is_empty() {
            self.failed.push((seed, report.breaches));
        }
    }

    fn join(mut self, other: Self) -> Self {
        self.seeds += other.seeds;
        self.calm += other.calm;
        self.awaits += other.awaits;
        self.bodies += other.bodies;
        self.faults += other.faults;
        self.losses += other.losses;
        self.failed.extend(other.failed);
        self
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    if let Some(seed) = value("--seed") {
        return show(seed);
    }
    let (seeds, from) = (value("--seeds").unwrap_or(1000), value("--from").unwrap_or(1));
    #[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
    let began = std::time::Instant::now();
    let sums = all(from, seeds, arguments.iter().any(|argument| argument == "--keep-going"));
    report(&sums, began.elapsed())
}

/// Runs seeds on all cores until one fails.
fn all(from: u64, seeds: u64, keeps_going: bool) -> Sums {
    let (next, failed) = (AtomicU64::new(from), AtomicBool::new(false));
    let work = || {
        let mut sums = Sums::default();
        while !failed.load(Ordering::Relaxed) || keeps_going {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + seeds {
                break;
            }
            sums.add(seed, twice(seed));
            failed.fetch_or(!sums.failed.is_empty(), Ordering::Relaxed);
        }
        sums
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().filter_map(|thread| thread.join().ok());
        joined.fold(Sums::default(), Sums::join)
    })
}

fn twice(seed: u64) -> Report {
    let (mut report, again) = (run(seed), run(seed));
    if report.hash != again.hash {
        let differ = report.lines.iter().zip(&again.lines).find(|(one, other)| one != other);
        report.breaches.push(format!("it does not replay: {differ:?}"));
    }
    report.lines.clear();
    report
}

fn show(seed: u64) -> ExitCode {
    let level = std::env::var("RUST_LOG").ok().and_then(|level| level.parse().ok());
    tracing_subscriber::fmt().with_max_level(level.unwrap_or(tracing::Level::INFO)).without_time().init();
    println!("{:#?}", plan::Plan::new(seed));
    let report = twice(seed);
    println!("{report:#?}");
    if report.breaches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(sums: &Sums, took: Duration) -> ExitCode {
    for (name, count) in [
        ("seeds, each twice", sums.seeds),
        ("of them with blips alone", sums.calm),
        ("awaits", sums.awaits),
        ("bodies", sums.bodies),
        ("faults", sums.faults),
        ("losses of nodes, told by nodes", sums.losses),
        ("seeds with a breach", sums.failed.len()),
    ] {
        println!("{count:>10}  {name}");
    }
    println!("{:>10.1}  seeds a second", sums.seeds as f64 / took.as_secs_f64());
    let Some((seed, breaches)) = sums.failed.iter().min_by_key(|(seed, _)| seed) else { return ExitCode::SUCCESS };
    for breach in breaches.iter().take(10) {
        println!("seed {seed}: {breach}");
    }
    if sums.failed.len() > 1 {
        let mut all: Vec<_> = sums.failed.iter().map(|(seed, breaches)| (seed, &breaches[0])).collect();
        all.sort();
        for (seed, breach) in all.into_iter().take(40) {
            println!("{seed}: {}", breach.chars().take(200).collect::<String>());
        }
    }
    println!("again: cargo run --release --example simulate -- --seed {seed}");
    ExitCode::FAILURE
}
