//! Many workers that start at the same moment: one full mesh, with one connection a pair.

use std::{
    fs,
    net::TcpListener,
    ops::Range,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use atasks::{Node, Role};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{BOTH, Over, SECRET, client};
use crate::programs::{PATIENCE, Running, program};
use crate::tasks::links;

const WORKERS: usize = 16;
/// Ports that are tried; the system takes those of outgoing connections from above.
const PORTS: Range<u16> = 20_000..32_000;

#[tokio::test]
async fn sixteen_workers_that_are_seeds_of_each_other_become_one_mesh() {
    for over in BOTH {
        let mut workers = Workers::new(over);
        let seeds = workers.addresses.clone();
        (0..WORKERS).for_each(|n| workers.start(n, &seeds));
        workers.become_one_mesh().await;
    }
}

#[tokio::test]
async fn a_seed_that_starts_last_is_found_by_all() {
    for over in BOTH {
        let mut workers = Workers::new(over);
        let seeds = [workers.addresses[WORKERS - 1].clone(), "unix:/nobody/is/here".to_owned()];
        (0..WORKERS).for_each(|n| workers.start(n, &seeds));
        workers.become_one_mesh().await;
    }
}

struct Workers {
    over: Over,
    addresses: Vec<String>,
    processes: Vec<Running>,
    _folder: TempDir,
}

impl Workers {
    fn new(over: Over) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let addresses = match over {
            Over::Unix => (0..WORKERS).map(|n| format!("unix:{}/{n}", folder.path().display())).collect(),
            Over::Tls => free_ports().into_iter().map(|port| format!("127.0.0.1:{port}")).collect(),
        };
        Self { over, addresses, processes: Vec::new(), _folder: folder }
    }

    /// Starts a worker, and does not wait for it.
    fn start(&mut self, n: usize, seeds: &[String]) {
        let mut command = program("launched");
        command.args(["worker", "--listen", &self.addresses[n], "--name", &format!("worker-{n}")]);
        command.args(seeds.iter().flat_map(|seed| ["--seed", seed]));
        command.env("ATASKS__NODE__EXECUTORS", "1").env("ATASKS__CLUSTER__SECRET", SECRET);
        self.processes.push(Running::start(&mut command));
    }

    async fn become_one_mesh(&self) {
        let begun = Instant::now();
        let seeds: Vec<_> = self.addresses.iter().map(String::as_str).collect();
        let node = client(&seeds).join().await.unwrap();
        tokio::time::timeout(PATIENCE, node.wait_for(WORKERS)).await.unwrap();
        let expected = (vec![WORKERS - 1; WORKERS], self.connections().map(|_| WORKERS * (WORKERS - 1) / 2 + WORKERS));
        loop {
            let found = (links_of_each(&node).await, self.connections());
            if found == expected {
                println!("one mesh over {:?} after {:?}", self.over, begun.elapsed());
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "over {:?}: {found:?}, not {expected:?}", self.over);
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Open connections that the workers have accepted, those of the client included; none where the system does not tell.
    fn connections(&self) -> Option<usize> {
        let (table, state, at) = match self.over {
            Over::Unix => ("/proc/net/unix", (5, "03"), 7),
            Over::Tls => ("/proc/net/tcp", (3, "01"), 1),
        };
        let ends: Vec<_> = self.addresses.iter().map(|address| accepting_end(address)).collect();
        let told = fs::read_to_string(table).ok()?;
        let open = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|fields| {
            let end = fields.get(at).is_some_and(|own| ends.iter().any(|end| own.ends_with(end)));
            end && fields.get(state.0) == Some(&state.1)
        });
        Some(open.count())
    }
}

/// How the system's tables name the accepting end of a connection: by the socket's path, or the port.
fn accepting_end(address: &str) -> String {
    match address.strip_prefix("unix:") {
        Some(path) => path.to_owned(),
        None => format!(":{:04X}", address.rsplit_once(':').unwrap().1.parse::<u16>().unwrap()),
    }
}

async fn links_of_each(node: &Node) -> Vec<usize> {
    let mut each = Vec::new();
    for worker in node.nodes().into_iter().filter(|info| info.role == Role::Worker) {
        each.push(node.scope(links().on(worker.id)).await.unwrap());
    }
    each
}

/// Each only once: tests run side by side.
fn free_ports() -> Vec<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    let next = || (std::process::id() + NEXT.fetch_add(1, Ordering::Relaxed)) % count;
    let tried = (0..count).map(|_| PORTS.start + u16::try_from(next()).unwrap());
    let free: Vec<_> = tried.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).take(WORKERS).collect();
    assert_eq!(free.len(), WORKERS, "free ports in {PORTS:?}");
    free
}
