//! The workers: processes of this executable, each reached over a Unix socket, or over TLS and a cable.

use std::{
    env,
    io::{self, Read},
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use atasks::{Error, Node, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
    runtime::Handle,
    task::spawn_blocking,
    time::timeout,
};

use crate::{ledger, proxy::Proxy};

/// Names the secret for a process of the cluster.
pub(crate) const SECRET: &str = "ATASKS__CLUSTER__SECRET";
/// How long a worker waits for what it runs when it is drained: longer than anything takes here.
const DRAIN_TIMEOUT: &str = "10s";
/// Longest that a process may take to start, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// What all workers of a run share.
pub(crate) struct Site {
    pub(crate) cables: Handle,
    pub(crate) folder: PathBuf,
    pub(crate) secret: String,
}

impl Site {
    pub(crate) fn new(folder: PathBuf, cables: Handle) -> Self {
        let secret = (0..4).map(|_| format!("{:016x}", rand::random::<u64>())).collect();
        Self { cables, folder, secret }
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.join("ledger")
    }
}

/// One worker, over all its starts.
pub(crate) struct Worker {
    site: Arc<Site>,
    pub(crate) name: String,
    /// The cable to it; none: a Unix socket.
    pub(crate) proxy: Option<Arc<Proxy>>,
    /// Where it listens if it has no cable and no Unix socket.
    address: Option<String>,
    seeds: Vec<String>,
    process: Option<Child>,
    /// Its end ends the process.
    input: Option<ChildStdin>,
}

impl Worker {
    /// Starts it; the address is where it is reached.
    pub(crate) async fn start(site: &Arc<Site>, name: String, over_tls: bool, seeds: &[String]) -> Result<Self> {
        let proxy = if over_tls { Some(Proxy::new(site.cables.clone()).await?) } else { None };
        Self::reached_by(site, name, proxy, None, seeds).await
    }

    /// Starts one without a cable.
    pub(crate) async fn start_direct(site: &Arc<Site>, name: String, over_tls: bool, seeds: &[String]) -> Result<Self> {
        Self::reached_by(site, name, None, over_tls.then(|| "127.0.0.1:0".to_owned()), seeds).await
    }

    async fn reached_by(
        site: &Arc<Site>,
        name: String,
        proxy: Option<Arc<Proxy>>,
        address: Option<String>,
        seeds: &[String],
    ) -> Result<Self> {
        let (site, seeds) = (site.clone(), seeds.to_vec());
        let mut worker = Self { site, name, proxy, address, seeds, process: None, input: None };
        worker.start_again().await?;
        Ok(worker)
    }

    pub(crate) fn address(&self) -> String {
        match (&self.proxy, &self.address) {
            (Some(proxy), _) => proxy.address(),
            (None, Some(address)) => address.clone(),
            (None, None) => format!("unix:{}", self.site.folder.join(&self.name).display()),
        }
    }

    pub(crate) async fn start_again(&mut self) -> Result<()> {
        let (listens, advertises) = match &self.proxy {
            Some(proxy) => {
                proxy.listen().await?;
                ("127.0.0.1:0".to_owned(), proxy.address())
            }
            None => (self.address(), "-".to_owned()),
        };
        let mut command = Command::new(env::current_exe()?);
        command.arg("worker").arg(self.site.ledger()).args([&self.name, &listens, &advertises]).args(&self.seeds);
        command.env(SECRET, &self.site.secret).env("ATASKS__NODE__DRAIN_TIMEOUT", DRAIN_TIMEOUT);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn()?;
        let output = process.stdout.take().ok_or_else(|| Error::msg("no output"))?;
        // Kept here, since whoever waits for a process closes its input.
        self.input = process.stdin.take();
        self.process = Some(process);
        let mut lines = BufReader::new(output).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.map_err(|_late| self.problem("does not start"))??;
        let address = line.ok_or_else(|| self.problem("has ended at its start"))?;
        if let Some(proxy) = &self.proxy {
            proxy.lead_to(address.parse()?);
        } else if self.address.is_some() {
            self.address = Some(address);
        }
        Ok(())
    }

    /// 0: it does not run.
    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().and_then(Child::id).unwrap_or(0)
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid())?;
        Ok(kill_process(Pid::from_raw(pid).ok_or_else(|| self.problem("does not run"))?, signal)?)
    }

    /// Ends it at once. Its address refuses from then on, as the system has it.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        if let Some(proxy) = &self.proxy {
            proxy.refuse();
        }
        self.signal(Signal::KILL)?;
        self.is_over().await
    }

    /// Waits until the process has ended.
    pub(crate) async fn is_over(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        timeout(PATIENCE, process.wait()).await.map_err(|_late| self.problem("does not end"))??;
        if let Some(proxy) = &self.proxy {
            proxy.refuse();
        }
        Ok(())
    }

    fn problem(&self, what: &str) -> Error {
        Error::msg(format!("worker {} {what}", self.name))
    }
}

/// Is a worker: until SIGTERM, or until the program that started it is gone.
pub(crate) async fn serve(arguments: &[String]) -> Result<()> {
    let [folder, name, listens, advertises, seeds @ ..] = arguments else {
        return Err(Error::msg("chaos worker LEDGER NAME ADDRESS ADVERTISED SEED..."));
    };
    // A stopped process would not see its input end.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    ledger::open(folder.as_ref())?;
    // Crashes are told to the callers; here they would only fill the screen.
    std::panic::set_hook(Box::new(|_| {}));
    let advertises = Some(advertises.clone()).filter(|address| address != "-");
    let builder = Node::builder().worker().name(name).executors(1).listen(listens);
    let builder = builder.configure(move |config| config.cluster.advertise = advertises);
    let node = seeds.iter().fold(builder, |builder, seed| builder.seed(seed)).join().await?;
    ledger::is_node(node.id());
    ledger::watches(&node);
    println!("{}", node.address().unwrap_or_default());
    let orphaned = spawn_blocking(|| io::stdin().read(&mut [0]));
    tokio::select! {
        served = node.serve() => served?,
        _ = orphaned => {}
    }
    std::process::exit(0)
}
