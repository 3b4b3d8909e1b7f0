//! Counts the words of files and folders on worker processes, here or on other hosts.
//!
//! ```text
//! $ cargo run --release --example wordcount                     # this project's own text, on local workers
//! $ cargo run --release --example wordcount -- --workers 4 ~/texts
//!
//! $ wordcount worker --listen 127.0.0.1:4711                    # in another terminal
//! $ wordcount --seed 127.0.0.1:4711 ~/texts
//! ```
//!
//! A word is a run of bytes other than space, tab, line feed, vertical tab, form feed and carriage return. Kill a worker
//! in the middle of the job: it ends with a sentence that names the node and says whether the lost chunk may have been
//! counted there; with `--retry N` such chunks are counted again and the job goes on.

mod chunks;
mod count;
mod files;
mod job;
mod loss;
mod table;
mod totals;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use atasks::{Config, LocalCluster, Node};
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::files::Sources;
use crate::job::{Done, Job};
use crate::table::Table;

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Counts words on worker processes.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Files, and folders with all files below them [default: the sources and documents of this project]
    #[arg(value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,
    /// Where a running worker listens, as it says when it starts: HOST:PORT or unix:NAME, such as 127.0.0.1:4711. May be
    /// given several times; of workers that have joined each other one is enough [default: local workers, started for this job]
    #[arg(long = "seed", value_name = "ADDRESS")]
    seeds: Vec<String>,
    /// How many local workers to start [default: one a core, at most 8]
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    workers: Option<usize>,
    /// Count a chunk again, up to N times, when its node is lost
    #[arg(long, value_name = "N", default_value_t = 0)]
    retry: u32,
    /// Count in one thread of this process, without any worker: to compare
    #[arg(long, conflicts_with_all = ["seeds", "workers", "retry"])]
    alone: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Counts for others, until SIGTERM or Ctrl-C
    Worker {
        /// Where to listen: `unix`, `unix:NAME` or HOST:PORT [default: unix]
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<String>,
        /// Where another worker listens whose cluster it joins, HOST:PORT or unix:NAME, such as 127.0.0.1:4711
        #[arg(long = "seed", value_name = "ADDRESS")]
        seeds: Vec<String>,
    },
}

fn main() -> ExitCode {
    // A local worker is this very program with these very arguments: it becomes a worker where `LocalCluster` starts.
    // Nothing may be read or printed before that.
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("wordcount: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: Arguments) -> atasks::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        if let Some(Command::Worker { listen, seeds }) = arguments.command.take() {
            return serve(listen, seeds).await;
        }
        tokio::select! {
            ended = count(arguments) => ended,
            _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(INTERRUPTED)),
        }
    });
    // Reading a pipe may take for ever, and nobody waits for it any more.
    runtime.shutdown_background();
    ended
}

/// Runs tasks for whoever asks.
async fn serve(listen: Option<String>, seeds: Vec<String>) -> atasks::Result<ExitCode> {
    let mut worker = Node::builder().worker();
    if let Some(address) = listen {
        worker = worker.listen(address);
    }
    for seed in seeds {
        worker = worker.seed(seed);
    }
    let node = worker.join().await?;
    if let Some(address) = node.address() {
        eprintln!("worker {} counts for: wordcount --seed {address}", node.id());
    }
    node.serve().await?;
    Ok(ExitCode::SUCCESS)
}

/// Counts on the workers that are named, else on those that are configured, else on local ones.
async fn count(arguments: Arguments) -> atasks::Result<ExitCode> {
    let Arguments { paths, seeds, workers, retry, alone, .. } = arguments;
    if alone {
        return report(&paths, None).await;
    }
    if seeds.is_empty() && Config::load()?.cluster.seeds.is_empty() {
        let mut cluster = LocalCluster::builder();
        if let Some(workers) = workers {
            cluster = cluster.workers(workers);
        }
        let cluster = cluster.start().await?;
        let ended = cluster.node().scope(report(&paths, Some(retry))).await;
        cluster.shutdown().await;
        return ended;
    }
    let mut client = Node::builder().client();
    for seed in seeds {
        client = client.seed(seed);
    }
    let node = client.join().await?;
    let ended = node.scope(report(&paths, Some(retry))).await;
    node.leave().await;
    ended
}

/// Counts on the nodes of the current scope, or without `retries` in this thread, and prints the table.
async fn report(paths: &[PathBuf], retries: Option<u32>) -> atasks::Result<ExitCode> {
    let Sources { files, unreadable } = if paths.is_empty() { Sources::own() } else { Sources::given(paths) };
    for path in &unreadable {
        eprintln!("wordcount: {path}");
    }
    let progress = progress(files.iter().map(|file| file.bytes).sum());
    let job = Job { files, retries: retries.unwrap_or(0), progress: progress.clone() };
    let ended = if retries.is_some() { job.run().await } else { Ok(job.run_alone()) };
    progress.finish_and_clear();
    let Done { totals, took, unreadable: unread } = ended?;
    let complete = unreadable.is_empty() && unread == 0;
    if complete || totals.bytes() > 0 {
        print(&Table { totals: &totals, took })?;
    }
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the table; a reader that has seen enough of it (`| head -1`) is no error.
fn print(table: &Table<'_>) -> io::Result<()> {
    match io::stdout().write_all(table.to_string().as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// A bar up to `bytes` bytes (0: nobody knows how many) where a person watches, and none in a pipe.
fn progress(bytes: u64) -> ProgressBar {
    if !(io::stdout().is_terminal() && io::stderr().is_terminal()) {
        return ProgressBar::hidden();
    }
    let (bar, look) = match bytes {
        0 => (ProgressBar::no_length(), "{binary_bytes}  {binary_bytes_per_sec}"),
        bytes => (ProgressBar::new(bytes), "{bar:40} {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}"),
    };
    match ProgressStyle::with_template(look) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
