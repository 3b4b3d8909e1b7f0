//! Chaos on real processes: two clients call without pause while workers are killed, stopped and continued, drained,
//! started again, their connections cut and silenced, and one of the clients is killed; then the books are audited.
//!
//! ```text
//! $ cargo run --example chaos -- --seconds 30 --workers 4 --seed 7
//! ```
//! Every body notes in a ledger when it starts, lives and ends, every await what came of it. Ends with an error, and the
//! seed, if a call ran twice that may not, one ran that was said not to have, or did not that was said to have, an await
//! had no outcome or came too late, something ran on after guarantee 4's bound, or a node was called lost for nothing.
//! The seed fixes what is called and what is done; how these meet is up to the machine.
//!
//! `-- --measure` measures instead how long it takes to learn of a loss, and to resume. `-- --burden --seconds 600` does
//! nothing to anybody, but keeps all cores busy while 64 MiB payloads cross: nobody may be called lost.

mod audit;
mod books;
mod burden;
mod client;
mod faults;
mod lag;
mod ledger;
mod load;
mod measure;
mod proxy;
mod report;
mod tasks;
mod workers;

use std::{env, process::ExitCode, sync::Arc, time::Duration};

use atasks::{Node, Result};
use clap::Parser;
use rand::{SeedableRng, rngs::StdRng};
use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::{
    audit::audit,
    books::Books,
    client::Client,
    faults::Faults,
    lag::Lag,
    load::Roots,
    workers::{Site, Worker},
};

/// Longest that the cluster may take to be whole again after the last fault.
const HEALS: Duration = Duration::from_secs(15);
/// How long nothing is done before the ledgers are read: whatever runs on must show.
const AFTERMATH: Duration = Duration::from_secs(5);

#[derive(Parser)]
struct Arguments {
    /// How long things are done to the workers.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How many workers there are; every other one is reached over TLS.
    #[arg(long, default_value_t = 4)]
    workers: usize,
    /// What is called and done follows from it.
    #[arg(long)]
    seed: Option<u64>,
    /// Measures how long it takes to learn of a loss, and to resume, instead.
    #[arg(long)]
    measure: bool,
    /// Does nothing to the workers but to keep the machine busy; nobody may be called lost.
    #[arg(long)]
    burden: bool,
}

fn main() -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "worker") {
        runtime.block_on(workers::serve(&arguments[1..]))?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.first().is_some_and(|first| first == "client") {
        runtime.block_on(client::call(&arguments[1..]))?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.first().is_some_and(|first| first == "spin") {
        burden::spin()?;
    }
    let cables = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        // Whichever comes first: what runs is dropped, and the processes with it.
        tokio::select! {
            code = run(Arguments::parse(), cables.handle()) => code,
            _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(130)),
            _ = terminated.recv() => Ok(ExitCode::from(143)),
        }
    })
}

async fn run(arguments: Arguments, cables: &Handle) -> Result<ExitCode> {
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let seconds = arguments.seconds.min(3600);
    let again = format!("--seconds {seconds} --workers {} --seed {seed}", arguments.workers);
    if !arguments.measure {
        println!("chaos {again}");
    }
    let folder = tempfile::tempdir()?;
    let site = Arc::new(Site::new(folder.path().to_owned(), cables.clone()));
    std::fs::create_dir(site.ledger())?;
    ledger::open(&site.ledger())?;
    if arguments.measure {
        measure::measure(&site).await?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.burden {
        let wrong = burden::burden(&site, arguments.workers, Duration::from_secs(seconds)).await?;
        wrong.iter().take(20).for_each(|wrong| println!("BREACH {wrong}"));
        return Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let workers = start(&site, arguments.workers.clamp(1, 32)).await?;
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    for worker in &workers {
        let worker = worker.lock().await;
        names.push(worker.name.clone());
        addresses.push(worker.address());
    }
    let builder = Node::builder().client().name("client").secret(&site.secret);
    let builder = addresses.iter().fold(builder, |builder, seed| builder.seed(seed));
    let node = builder.min_workers(workers.len()).join().await?;
    ledger::is_node(node.id());
    ledger::watches(&node);

    let until = Instant::now() + Duration::from_secs(seconds);
    let (faults, lag) = (Faults::default(), Lag::watch(cables));
    let goes_on = move || Instant::now() < until;
    let calls = tokio::spawn(load::load(StdRng::seed_from_u64(seed), names, Roots::of_start(0), goes_on));
    let client = Arc::new(Mutex::new(Client::start(&site, seed.wrapping_add(1 << 32), addresses)?));
    faults.happen(StdRng::seed_from_u64(seed.wrapping_add(1)), &workers, &client, until, cables).await?;
    let mut seen = calls.await?;
    if let Err(error) = client.lock().await.end().await {
        seen.breaches.push(error.to_string());
    }
    if timeout(HEALS, node.wait_for(workers.len())).await.is_err() {
        let up: Vec<_> = node.nodes().iter().map(|info| info.id.to_string()).collect();
        seen.breaches.push(format!("not whole again after {HEALS:?}: {up:?}"));
    }
    tokio::time::sleep(AFTERMATH).await;
    let over = ledger::now();
    node.leave().await;
    drop(workers);

    let books = Books::read(&site.ledger())?;
    let audit = audit(&books, &faults.all(), &lag, seen, over);
    report::print(&audit, &faults.all());
    if audit.breaches.is_empty() {
        println!("no breach");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{} BREACHES; again: cargo run --example chaos -- {again}", audit.breaches.len());
    if env::var_os("CHAOS_KEEP").is_some() {
        println!("the ledgers are in {}", folder.keep().display());
    }
    Ok(ExitCode::FAILURE)
}

async fn start(site: &Arc<Site>, count: usize) -> Result<Vec<Arc<Mutex<Worker>>>> {
    let (mut workers, mut seeds) = (Vec::new(), Vec::new());
    for n in 0..count {
        let worker = Worker::start(site, format!("worker-{n}"), n % 2 == 0, &seeds).await?;
        seeds.push(worker.address());
        workers.push(Arc::new(Mutex::new(worker)));
    }
    Ok(workers)
}
