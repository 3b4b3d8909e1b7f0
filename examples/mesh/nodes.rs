//! The nodes of a cluster, each a process.

use std::{
    env,
    io::{self, BufRead, BufReader, Read},
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use atasks::{Node, Result};
use tempfile::TempDir;
use tokio::{
    task::{spawn_blocking, yield_now},
    time::{Instant, sleep},
};

use crate::system;

/// Ports that are tried; the system takes those of outgoing connections from above.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How long a connection that lost against another one may take to be closed.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);
/// Names the secret for a node's process.
const SECRET: &str = "ATASKS__CLUSTER__SECRET";

/// How the nodes reach each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Over {
    Unix,
    Tls,
}

impl Over {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Tls => "tls",
        }
    }
}

/// Whom the nodes know when they start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Seeds {
    /// Everybody.
    All,
    /// The node that starts last.
    StartedLast,
}

/// Processes that are nodes. They end with it.
pub(crate) struct Nodes {
    over: Over,
    processes: Vec<Child>,
    addresses: Vec<String>,
    secret: String,
    _folder: TempDir,
}

impl Nodes {
    /// Starts them, one right after the other.
    pub(crate) fn start(over: Over, seeds: Seeds, count: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let addresses = match over {
            Over::Unix => (0..count).map(|n| format!("unix:{}", folder.path().join(n.to_string()).display())).collect(),
            Over::Tls => free_ports(count)?.into_iter().map(|port| format!("127.0.0.1:{port}")).collect(),
        };
        let secret = (0..4).map(|_| format!("{:016x}", rand::random::<u64>())).collect();
        let mut nodes = Self { over, processes: Vec::with_capacity(count), addresses, secret, _folder: folder };
        let known = match seeds {
            Seeds::All => &nodes.addresses[..],
            Seeds::StartedLast => &nodes.addresses[count - 1..],
        };
        for (n, address) in nodes.addresses.iter().enumerate() {
            let mut command = Command::new(env::current_exe()?);
            command.args(["node", &format!("mesh-{n}"), &count.to_string(), address]).args(known);
            command.env(SECRET, &nodes.secret).stdin(Stdio::piped()).stdout(Stdio::piped());
            nodes.processes.push(command.spawn()?);
        }
        Ok(nodes)
    }

    /// Waits until each says that it is linked with all; tells with how many.
    pub(crate) async fn meshed(&mut self) -> Result<Vec<usize>> {
        let outputs: Vec<_> = self.processes.iter_mut().filter_map(|process| process.stdout.take()).collect();
        let mut links = Vec::with_capacity(outputs.len());
        for output in outputs {
            let mut line = String::new();
            let read = move || BufReader::new(output).read_line(&mut line).map(|_| line);
            links.push(spawn_blocking(read).await??.trim().parse()?);
        }
        Ok(links)
    }

    pub(crate) fn address(&self, node: usize) -> &str {
        &self.addresses[node]
    }

    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    pub(crate) fn processor_times(&self) -> Result<Vec<Duration>> {
        self.processes.iter().map(|process| Ok(system::processor_time(process.id())?)).collect()
    }

    /// Resident bytes of a node, and those of them that no other process shares: the means.
    pub(crate) fn memory(&self) -> Result<(u64, u64)> {
        let each: io::Result<Vec<_>> = self.processes.iter().map(|process| system::memory(process.id())).collect();
        let (resident, own): (Vec<_>, Vec<_>) = each?.into_iter().unzip();
        let mean = |bytes: Vec<u64>| bytes.iter().sum::<u64>() / bytes.len() as u64;
        Ok((mean(resident), mean(own)))
    }

    /// The connections that the nodes have accepted, once those are as many as `expected`; none where the system does not tell.
    pub(crate) async fn connections_when(&self, expected: usize) -> Result<Option<usize>> {
        let until = Instant::now() + CLOSED_WITHIN;
        loop {
            let accepted = match self.over {
                Over::Unix => system::accepted_unix(&self.addresses),
                Over::Tls => system::accepted_tcp(&self.addresses),
            };
            match accepted {
                Some(accepted) if accepted != expected && Instant::now() < until => {
                    sleep(Duration::from_millis(20)).await
                }
                Some(accepted) if accepted != expected => {
                    let problem = format!("{accepted} connections, not the {expected} of one a pair");
                    return Err(atasks::Error::msg(problem));
                }
                told => return Ok(told),
            }
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // It ends by itself as well, when its input does.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Is a node until its input ends.
pub(crate) async fn serve(arguments: &[String]) -> Result<()> {
    let [name, count, address, seeds @ ..] = arguments else {
        return Err(atasks::Error::msg("mesh node NAME COUNT ADDRESS SEED..."));
    };
    let builder = Node::builder().worker().name(name).executors(1).listen(address);
    let node = seeds.iter().fold(builder, |builder, seed| builder.seed(seed)).join().await?;
    node.wait_for(count.parse()?).await;
    println!("{}", node.nodes().len() - 1);
    // The line is out before this thread is given away.
    yield_now().await;
    spawn_blocking(|| io::stdin().read(&mut [0])).await??;
    Ok(())
}

fn free_ports(count: usize) -> Result<Vec<u16>> {
    let begin = rand::random_range(PORTS);
    let tried = (begin..PORTS.end).chain(PORTS.start..begin);
    let free: Vec<_> = tried.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).take(count).collect();
    if free.len() == count { Ok(free) } else { Err(atasks::Error::msg(format!("no {count} free ports in {PORTS:?}"))) }
}
