//! Which cluster is meant, and the way into it.

use std::{future::Future, io};

use atasks::{Config, LocalCluster, Node, RunningCluster};

use crate::{
    arguments::Options,
    failure::{Failure, Kind},
};

/// Runs a command to its end, or until it is interrupted.
pub(crate) fn run(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let system = |error: io::Error| Failure::new(Kind::NotDone, "system", format!("the system refuses: {error}"));
    runtime.map_err(system)?.block_on(command)
}

/// Waits for Ctrl-C.
pub(crate) async fn interrupted() -> Failure {
    if tokio::signal::ctrl_c().await.is_err() {
        // Then the system ends the process by itself.
        std::future::pending::<()>().await;
    }
    Failure::new(Kind::Interrupted, "interrupted", "interrupted")
}

/// Joins the cluster, as an operator: what it then sees is what the first seed to answer knows.
pub(crate) async fn join(options: &Options) -> Result<Node, Failure> {
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
        interrupted = interrupted() => Err(interrupted),
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
