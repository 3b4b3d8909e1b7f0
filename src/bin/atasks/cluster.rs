//! Which cluster is meant, and the way into it.

use std::{future::Future, io};

use atasks::{Config, LocalCluster, Node, RunningCluster};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    arguments::Options,
    failure::{Failure, Kind},
};

/// Runs a command to its end, or until it is interrupted.
pub(crate) fn run<F>(command: impl FnOnce(Interrupt) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let system = |error: io::Error| Failure::new(Kind::NotDone, "system", format!("the system refuses: {error}"));
    runtime.map_err(system)?.block_on(async { command(Interrupt::new().map_err(system)?).await })
}

/// Ctrl-C, heard from the start of the command: wherever it comes, what was begun is cancelled in order.
#[derive(Clone)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    fn new() -> io::Result<Self> {
        let mut signal = signal(SignalKind::interrupt())?;
        let (told, heard) = watch::channel(false);
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                told.send_replace(true);
            }
        });
        Ok(Self(heard))
    }

    /// Waits for it.
    pub(crate) async fn wait(&self) -> Failure {
        if self.0.clone().wait_for(|interrupted| *interrupted).await.is_err() {
            // The system gives no more signals.
            std::future::pending::<()>().await;
        }
        Failure::new(Kind::Interrupted, "interrupted", "interrupted")
    }
}

/// Joins the cluster, as an operator: what it then sees is what the first seed to answer knows.
pub(crate) async fn join(options: &Options, interrupt: &Interrupt) -> Result<Node, Failure> {
    let config = Config::load_from(options.config.as_deref())?;
    let seeds = match (&options.seeds[..], &config.cluster.seeds[..]) {
        ([], []) => only(LocalCluster::running())?,
        ([], configured) => configured.to_vec(),
        (given, _) => given.to_vec(),
    };
    let timeout = options.timeout;
    let mut builder = Node::builder().operator();
    if let Some(file) = &options.config {
        builder = builder.config_file(file);
    }
    let joins = builder.configure(move |config| {
        config.cluster.seeds = seeds;
        // The file may be a worker's, and this is none.
        config.cluster.listen.clear();
        config.node.name = None;
        config.cluster.join_timeout = timeout.unwrap_or(config.cluster.join_timeout).min(config.cluster.join_timeout);
    });
    tokio::select! {
        node = joins.join() => Ok(node?),
        interrupted = interrupt.wait() => Err(interrupted),
    }
}

/// The workers of the one cluster that runs on this machine.
fn only(running: Vec<RunningCluster>) -> Result<Vec<String>, Failure> {
    match <[RunningCluster; 1]>::try_from(running) {
        Ok([cluster]) => Ok(cluster.addresses),
        Err(none) if none.is_empty() => Err(Failure::no_cluster(
            "no cluster is configured, and none of yours runs on this machine: name one of its workers with `--seed \
             ADDRESS`, or set cluster.seeds in atasks.toml",
        )),
        Err(several) => {
            let lines = several.iter().map(|RunningCluster { pid, program, addresses }| {
                let seed = addresses.first().map_or("", String::as_str);
                format!("\n  --seed {seed}  {program} (process {pid})")
            });
            let lines: String = lines.collect();
            Err(Failure::no_cluster(format!("{} clusters run on this machine; choose one:{lines}", several.len())))
        }
    }
}
