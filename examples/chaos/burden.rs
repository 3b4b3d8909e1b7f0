//! A burden and no faults: all that a machine can be made busy with, and nobody may be called lost.
//!
//! As many processes spin as there are cores; on every worker tasks compute without yielding, 64 MiB cross both ways to
//! the client and to the next worker, and small calls go beside them.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use atasks::{Node, Placement, Result};
use futures_util::future::try_join;
use rustix::process::Signal;
use tokio::{
    process::{Child, Command},
    sync::Mutex,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    books::Books,
    ledger,
    report::{at, sorted},
    workers::{Site, Worker},
};

/// A payload, with room for what the codec adds.
const LOAD: usize = (64 << 20) - 1024;
/// How long a task computes at a time, in milliseconds.
const COMPUTES: [u64; 4] = [50, 120, 250, 500];
/// How often the small calls are made.
const PAUSE: Duration = Duration::from_millis(20);

#[atasks::task]
async fn compute(millis: u64) -> Result<()> {
    let until = Instant::now() + Duration::from_millis(millis);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    Ok(())
}

#[atasks::task]
async fn nothing() -> Result<()> {
    Ok(())
}

/// Brings back what it got.
#[atasks::task]
async fn echo(load: Vec<u8>) -> Result<Vec<u8>> {
    Ok(load)
}

/// Exchanges a load with another worker, and brings back how much came.
#[atasks::task]
async fn exchange(with: String) -> Result<usize> {
    Ok(echo(vec![3; LOAD]).place(Placement::Node(with)).await?.len())
}

#[derive(Default)]
struct Tally {
    computed: AtomicU64,
    echoed: AtomicU64,
    exchanged: AtomicU64,
    small: Mutex<Vec<u64>>,
    failed: Mutex<Vec<String>>,
}

/// Puts all under load for so long; gives what was called lost, and what failed.
pub(crate) async fn burden(site: &Arc<Site>, count: usize, lasts: Duration) -> Result<Vec<String>> {
    let (mut workers, mut seeds) = (Vec::new(), Vec::new());
    for n in 0..count {
        let worker = Worker::start_direct(site, format!("worker-{n}"), n % 2 == 1, &seeds).await?;
        seeds.push(worker.address());
        workers.push(worker);
    }
    let builder = Node::builder().client().name("client").secret(&site.secret);
    let builder = seeds.iter().fold(builder, |builder, seed| builder.seed(seed));
    let node = builder.min_workers(count).join().await?;
    ledger::watches(&node);

    let _spinners = spinners()?;
    let (tally, until) = (Arc::new(Tally::default()), Instant::now() + lasts);
    let names: Vec<_> = workers.iter().map(|worker| worker.name.clone()).collect();
    let mut loads = JoinSet::new();
    for (n, name) in names.iter().enumerate() {
        let next = names[(n + 1) % count].clone();
        for kind in 0..5 {
            let (node, tally, name, next) = (node.clone(), tally.clone(), name.clone(), next.clone());
            loads.spawn(async move { node.clone().scope(calls(kind, n, name, next, tally, until)).await });
        }
    }
    while let Some(ended) = loads.join_next().await {
        ended?;
    }
    let over = ledger::now();
    for worker in &mut workers {
        worker.signal(Signal::TERM)?;
        worker.is_over().await?;
    }
    node.leave().await;
    tell(&tally, &Books::read(&site.ledger())?, lasts, over).await
}

async fn calls(kind: usize, n: usize, name: String, next: String, tally: Arc<Tally>, until: Instant) {
    let place = || Placement::Node(name.clone());
    let mut turn = n;
    while Instant::now() < until {
        turn += 1;
        let begun = Instant::now();
        let ended: Result<()> = match kind {
            0..2 => compute(COMPUTES[turn % COMPUTES.len()]).place(place()).await,
            2 => try_join(echo(vec![turn as u8; LOAD]).place(place()), nothing()).await.map(|_| ()),
            3 => exchange(next.clone()).place(place()).await.map(|_| ()),
            _ => nothing().place(place()).await,
        };
        match (kind, ended) {
            (_, Err(error)) => tally.failed.lock().await.push(format!("{name}: {error:?}")),
            (0..2, Ok(())) => drop(tally.computed.fetch_add(1, Ordering::Relaxed)),
            (2, Ok(())) => drop(tally.echoed.fetch_add(1, Ordering::Relaxed)),
            (3, Ok(())) => drop(tally.exchanged.fetch_add(1, Ordering::Relaxed)),
            (_, Ok(())) => {
                tally.small.lock().await.push(begun.elapsed().as_micros() as u64);
                sleep(PAUSE).await;
            }
        }
    }
}

/// Keeps all cores busy while they are held.
fn spinners() -> Result<Vec<Child>> {
    let cores = std::thread::available_parallelism()?.get();
    let spin = || Command::new(std::env::current_exe()?).arg("spin").stdin(Stdio::null()).kill_on_drop(true).spawn();
    (0..cores).map(|_| Ok(spin()?)).collect()
}

/// Spins until the process that started it is gone.
pub(crate) fn spin() -> Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    loop {
        std::hint::spin_loop();
    }
}

async fn tell(tally: &Tally, books: &Books, lasts: Duration, over: u64) -> Result<Vec<String>> {
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    let (echoed, exchanged) = (count(&tally.echoed), count(&tally.exchanged));
    println!(
        "in {lasts:?}: {} times computed; {echoed} and {exchanged} times 64 MiB there and back",
        count(&tally.computed)
    );
    let small = sorted(&tally.small.lock().await);
    println!("small calls beside them: {}, p50 {} ms, p99 {} ms", small.len(), at(&small, 50), at(&small, 99));
    // At the end all leave.
    let seen = || books.seen.iter().filter(|seen| seen.at < over);
    println!("suspect {} times", seen().filter(|seen| seen.what == "suspect").count());
    let lost = seen().filter(|seen| seen.what.starts_with("lost"));
    let lost = lost.map(|seen| format!("in {}: {} of {}", seen.pid, seen.what, seen.node));
    Ok(lost.chain(tally.failed.lock().await.iter().cloned()).collect())
}
