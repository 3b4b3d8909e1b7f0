//! A further client: a process of this executable that calls as the first one does, and that may be killed.

use std::{
    env,
    io::{self, Read},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use atasks::{Error, Node, Result};
use rand::{SeedableRng, rngs::StdRng};
use tokio::{
    process::{Child, Command},
    task::spawn_blocking,
    time::timeout,
};

use crate::{
    ledger,
    load::{Roots, load},
    workers::{SECRET, Site},
};

/// All workers may be down when it starts.
const JOIN_TIMEOUT: &str = "ATASKS__CLUSTER__JOIN_TIMEOUT";
/// Longest that it may take to hear all that it awaits when it ends.
const PATIENCE: Duration = Duration::from_secs(100);

/// One client, over all its starts.
pub(crate) struct Client {
    site: Arc<Site>,
    seed: u64,
    seeds: Vec<String>,
    starts: u64,
    process: Option<Child>,
}

impl Client {
    pub(crate) fn start(site: &Arc<Site>, seed: u64, seeds: Vec<String>) -> Result<Self> {
        let mut client = Self { site: site.clone(), seed, seeds, starts: 0, process: None };
        client.start_again()?;
        Ok(client)
    }

    pub(crate) fn start_again(&mut self) -> Result<()> {
        self.starts += 1;
        let mut command = Command::new(env::current_exe()?);
        let (seed, start) = (self.seed.wrapping_add(self.starts), self.starts);
        command.arg("client").arg(self.site.ledger()).args([seed.to_string(), start.to_string()]).args(&self.seeds);
        command.env(SECRET, &self.site.secret).env(JOIN_TIMEOUT, "60s");
        command.stdin(Stdio::piped()).kill_on_drop(true);
        self.process = Some(command.spawn()?);
        Ok(())
    }

    /// 0: it does not run.
    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().and_then(Child::id).unwrap_or(0)
    }

    pub(crate) async fn kill(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        Ok(process.kill().await?)
    }

    /// Has it hear all that it awaits, and end.
    pub(crate) async fn end(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        // This closes its input.
        let status = timeout(PATIENCE, process.wait()).await.map_err(|_late| Error::msg("a client does not end"))??;
        if status.success() { Ok(()) } else { Err(Error::msg(format!("a client ended with {status}"))) }
    }
}

/// Is a client: until its input ends.
pub(crate) async fn call(arguments: &[String]) -> Result<()> {
    let [folder, seed, start, seeds @ ..] = arguments else {
        return Err(Error::msg("chaos client LEDGER SEED START SEED..."));
    };
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    ledger::open(folder.as_ref())?;
    let builder = Node::builder().client().name(format!("client-{start}"));
    let node = seeds.iter().fold(builder, |builder, seed| builder.seed(seed)).join().await?;
    ledger::is_node(node.id());
    let watches = ledger::watches(&node);
    let goes_on = Arc::new(AtomicBool::new(true));
    let ended = goes_on.clone();
    spawn_blocking(move || {
        let _end = io::stdin().read(&mut [0]);
        ended.store(false, Ordering::Relaxed);
    });
    let workers = (0..seeds.len()).map(|n| format!("worker-{n}")).collect();
    let dice = StdRng::seed_from_u64(seed.parse()?);
    let seen = load(dice, workers, Roots::of_start(start.parse()?), move || goes_on.load(Ordering::Relaxed)).await;
    watches.abort();
    node.leave().await;
    match seen.breaches.first() {
        None => std::process::exit(0),
        Some(breach) => Err(Error::msg(breach.clone())),
    }
}
