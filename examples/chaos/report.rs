//! The table of a run.

use crate::{
    audit::{Audit, ORPHAN_MAX, VERDICT_MAX},
    faults::{Fault, Kind},
};

/// Breaches that are shown.
const SHOWN: usize = 20;

pub(crate) fn print(audit: &Audit, faults: &[Fault]) {
    println!("\ncalls");
    row("roots, of the client", audit.roots);
    row("awaits in all", audit.awaits);
    row("bodies started", audit.bodies);
    row("awaits that ended with their process", audit.cut_off);
    row("runs again, of idempotent calls", audit.repeated);
    row("double runs", audit.doubled);
    row("verdicts later than published", audit.late);
    row("bodies started when nobody awaited", audit.late_starts);
    println!("outcomes");
    for (outcome, count) in &audit.outcomes {
        row(outcome, *count);
    }
    println!("faults {:>37}{:>27}", "times", "verdicts, p50 / longest ms");
    for kind in Kind::ALL {
        let times = faults.iter().filter(|fault| fault.kind == kind).count();
        match audit.verdicts.get(&kind).map(|all| sorted(all)) {
            Some(all) => {
                println!(
                    "  {:36}{times:>6}{:>9} {:>8} / {:.1}",
                    name(kind),
                    all.len(),
                    at(&all, 50),
                    ms(all[all.len() - 1])
                );
            }
            None => println!("  {:36}{times:>6}", name(kind)),
        }
    }
    println!("times, ms");
    let longest = audit.verdicts.values().flatten().max().copied().unwrap_or(0);
    bounded("longest from a fault to its verdict", longest, VERDICT_MAX);
    bounded("longest life after an await", audit.orphans.iter().max().copied().unwrap_or(0), ORPHAN_MAX);
    let orphans = sorted(&audit.bereft);
    let most = at(&orphans, 100);
    println!("  {:36}{:>9} {:>9} {most:>9}", "life after a client, p50, p99, most", at(&orphans, 50), at(&orphans, 99));
    let quick = sorted(&audit.quick);
    println!("  {:36}{:>9} {:>9}", "calls that do nothing, p50, p99", at(&quick, 50), at(&quick, 99));
    println!("  {:36}{:>9.1}", "longest that the machine kept waiting", ms(audit.longest_lag));
    println!();
    for breach in audit.breaches.iter().take(SHOWN) {
        println!("BREACH {breach}");
    }
}

fn row(what: &str, count: u64) {
    println!("  {what:36}{count:>6}");
}

fn bounded(what: &str, micros: u64, most: u64) {
    println!("  {what:36}{:>9.1}   at most {:.0}", ms(micros), ms(most));
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Killed => "killed",
        Kind::Drained => "drained",
        Kind::Paused => "stopped, shorter than the window",
        Kind::NearlyFrozen => "stopped, for about lost_after",
        Kind::Frozen => "stopped, longer than lost_after",
        Kind::Cut => "connections reset",
        Kind::HalfCut => "connections reset at one end",
        Kind::Silenced => "silence, shorter than the window",
        Kind::NearlySevered => "silence, for about lost_after",
        Kind::Severed => "silence, longer than lost_after",
        Kind::Orphaned => "a client killed",
    }
}

pub(crate) fn sorted(all: &[u64]) -> Vec<u64> {
    let mut all = all.to_vec();
    all.sort_unstable();
    all
}

/// A percentile, for people.
pub(crate) fn at(sorted: &[u64], percent: usize) -> String {
    match sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))) {
        Some(micros) => format!("{:.1}", ms(*micros)),
        None => "-".to_owned(),
    }
}

fn ms(micros: u64) -> f64 {
    micros as f64 / 1e3
}
