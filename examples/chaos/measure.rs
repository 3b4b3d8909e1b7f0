//! How long it takes to learn of a loss, and to go on after a cut. Run it optimized, on a quiet machine.

use std::{sync::Arc, time::Duration};

use atasks::{Error, Node, Placement, Result};
use rustix::process::Signal;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    ledger::Key,
    proxy::Cut,
    report::{at, sorted},
    tasks::{Failed, work},
    workers::{Site, Worker},
};

const KILLS: u64 = 200;
const FREEZES: usize = 10;
const CUTS: usize = 50;
/// Calls in flight while the connection is cut.
const IN_FLIGHT: usize = 32;
/// Longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than a worker is let live.
const LONG: u64 = 60_000;

pub(crate) async fn measure(site: &Arc<Site>) -> Result<()> {
    println!("{:34}{:>8}{:>8}{:>9}{:>9}{:>9}", "ms", "over", "times", "p50", "p99", "most");
    for over_tls in [false, true] {
        kills(site, over_tls).await?;
        freezes(site, over_tls).await?;
    }
    cuts(site).await
}

fn tell(what: &str, over_tls: bool, micros: &[u64]) {
    let (all, over) = (sorted(micros), if over_tls { "tls" } else { "unix" });
    println!("{what:34}{over:>8}{:>8}{:>9}{:>9}{:>9}", all.len(), at(&all, 50), at(&all, 99), at(&all, 100));
}

async fn client(site: &Site, worker: &Worker) -> Result<Node> {
    Ok(Node::builder().client().secret(&site.secret).seed(worker.address()).min_workers(1).join().await?)
}

/// Has a call run there; gives the time from when something is done to the worker to when the caller has its error.
async fn loss(site: &Site, worker: &mut Worker, key: Key, signal: Signal) -> Result<u64> {
    let node = client(site, worker).await?;
    let held = node.scope(work(key, LONG).place(Placement::Node(worker.name.clone())));
    let held = tokio::spawn(held);
    // It starts within that, or is under way: the measure is the same.
    sleep(Duration::from_millis(30)).await;
    if let (Some(proxy), Signal::KILL) = (&worker.proxy, signal) {
        proxy.refuse();
    }
    let begun = Instant::now();
    worker.signal(signal)?;
    let lost = timeout(PATIENCE, held).await.map_err(|_late| Error::msg("no error has come"))??;
    let took = begun.elapsed();
    match lost {
        Err(Failed::Call(atasks::TaskError::NodeLost { .. })) => {}
        other => return Err(Error::msg(format!("not lost but {other:?}"))),
    }
    worker.kill().await?;
    node.leave().await;
    Ok(took.as_micros() as u64)
}

async fn kills(site: &Arc<Site>, over_tls: bool) -> Result<()> {
    let mut took = Vec::new();
    for kill in 0..KILLS {
        let name = format!("kill-{over_tls}-{kill}");
        let mut worker = Worker::start_direct(site, name, over_tls, &[]).await?;
        took.push(loss(site, &mut worker, Key::root(kill), Signal::KILL).await?);
    }
    tell("killed, to the caller's error", over_tls, &took);
    Ok(())
}

async fn freezes(site: &Arc<Site>, over_tls: bool) -> Result<()> {
    let mut frozen = JoinSet::new();
    for freeze in 0..FREEZES {
        let site = site.clone();
        frozen.spawn(async move {
            let mut worker = Worker::start_direct(&site, format!("freeze-{over_tls}-{freeze}"), over_tls, &[]).await?;
            // Spread over the heartbeats.
            sleep(Duration::from_millis(77 * freeze as u64)).await;
            loss(&site, &mut worker, Key::root(freeze as u64), Signal::STOP).await
        });
    }
    let mut took = Vec::new();
    while let Some(one) = frozen.join_next().await {
        took.push(one??);
    }
    tell("stopped, to the caller's error", over_tls, &took);
    Ok(())
}

/// Cuts the connection under load: the longest time without an outcome around the cut, and how much less got through in
/// the second after it than in the one before.
async fn cuts(site: &Arc<Site>) -> Result<()> {
    let worker = Worker::start(site, "cut".to_owned(), true, &[]).await?;
    let node = client(site, &worker).await?;
    let Some(proxy) = worker.proxy.clone() else { return Err(Error::msg("no cable")) };
    let (mut gaps, mut dips) = (Vec::new(), Vec::new());
    for _ in 0..CUTS {
        let begun = Instant::now();
        let cut_at = begun + Duration::from_secs(1);
        let calls = (0..IN_FLIGHT).map(|_| {
            let node = node.clone();
            tokio::spawn(async move {
                let mut ends = Vec::new();
                while begun.elapsed() < Duration::from_secs(2) {
                    node.scope(work(Key::root(0), 0)).await?;
                    ends.push(Instant::now());
                }
                Ok::<_, Failed>(ends)
            })
        });
        let calls: Vec<_> = calls.collect();
        tokio::time::sleep_until(cut_at).await;
        proxy.cut(Cut::Both);
        let mut ends = Vec::new();
        for call in calls {
            ends.extend(call.await??);
        }
        ends.sort_unstable();
        let near =
            |end: &&Instant| (**end + Duration::from_millis(5) > cut_at) && **end < cut_at + Duration::from_millis(500);
        let around: Vec<_> = ends.iter().filter(near).collect();
        let gap = around.windows(2).map(|pair| *pair[1] - *pair[0]).max().unwrap_or_default();
        gaps.push(gap.as_micros() as u64);
        let before = ends.iter().filter(|end| **end < cut_at).count();
        dips.push(100.0 * (1.0 - (ends.len() - before) as f64 / before.max(1) as f64));
    }
    tell("cut, longest without an outcome", true, &gaps);
    dips.sort_by(f64::total_cmp);
    println!("calls in the second after a cut: {:.1} % fewer, p50 of {CUTS}", dips[dips.len() / 2]);
    Ok(())
}
