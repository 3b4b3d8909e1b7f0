//! The guarantees of ATasks, each kept by real processes from end to end.
//!
//! | guarantee | tests | in depth |
//! |---|---|---|
//! | 1 | no await outlives what it waits for: `awaits` | `tests/cluster`, `tests/errors/deadlines.rs`, the simulator |
//! | 2 | one outcome: `awaits` | `tests/errors/deadlines.rs`, the simulator |
//! | 3 | at most once: `awaits` | `tests/calls/retry.rs`, `tests/processes/losses.rs`, the simulator |
//! | 4 | structured concurrency: `subtrees`, `endings` | `tests/calls`, `tests/running/cancellation.rs`, the simulator |
//! | 5 | deadlines shrink per hop: `deadlines` | `tests/errors/deadlines.rs`, `cluster/src/link/clock.rs` |
//! | 6 | no deadlock by recursion: `running` | `tests/running/recursion.rs`, `tests/running/limits.rs` |
//! | 7 | one thread: `running` | `tests/running/threads.rs` |
//! | 8 | a blip is not a loss: `links` | `tests/cluster/blips.rs`, the simulator |
//! | 9 | user code cannot fake a death: `links` | `tests/placement/moved.rs`, `tests/placement/real.rs` |
//! | 10 | mixed versions fail closed: `bounds` | `tests/placement/lacks.rs`, `actors/src/shape/tests` |
//! | 11 | bounded everything: `bounds` | `tests/errors/payloads.rs`, `tests/running/limits.rs`, `cluster/src/session/tests` |
//! | 12 | nobody unauthenticated: `links` | `tests/cluster/strangers.rs`, `tests/cluster/joining.rs`, `tests/ractor/listener.rs` |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../programs/mod.rs"]
mod programs;
#[allow(dead_code, reason = "only some of its faults are made here")]
#[path = "../cluster/proxy.rs"]
mod proxy;
#[path = "../programs/subtree.rs"]
mod subtree;
#[path = "../programs/tasks.rs"]
mod tasks;

mod awaits;
mod bounds;
mod deadlines;
mod endings;
mod ledger;
mod links;
mod running;
mod subtrees;
mod tables;

use std::path::Path;

use atasks::{Node, NodeBuilder, NodeId, Placement};
use tokio::time::{Duration, Instant};

use programs::{PATIENCE, Running, program};

/// Two secrets, of 32 random bytes each.
const SECRET: &str = "5fd1c3a07be94428a6132f70e98c4d1bb8271f6e0cd34a95e7f02c69d8315ab4";
const OTHER_SECRET: &str = "c94e1a7db2035f8861f7d04ba93ce2587016bd3fe8a52c94d70b69f1e34825ac";

/// A worker process.
struct Worker {
    process: Running,
    address: String,
}

impl Worker {
    /// With one executor, at a Unix socket.
    fn new(name: &str, seeds: &[&str]) -> Self {
        Self::of(&mut Self::command(name, "unix", seeds))
    }

    /// The program before it is started.
    fn command(name: &str, listen: &str, seeds: &[&str]) -> std::process::Command {
        let mut command = program("launched");
        // A name lives once on a machine, as its socket does.
        command.args(["worker", "--listen", listen, "--name", &format!("{name}-{}", std::process::id())]);
        command.args(seeds.iter().flat_map(|seed| ["--seed", *seed]));
        command.env("ATASKS__NODE__EXECUTORS", "1").env("ATASKS__CLUSTER__SECRET", SECRET);
        command
    }

    fn of(command: &mut std::process::Command) -> Self {
        let (process, address) = Running::worker(command);
        Self { process, address }
    }

    /// Who it is, as `node` knows it.
    fn id(&self, node: &Node) -> NodeId {
        node.nodes().into_iter().find(|info| info.addresses.contains(&self.address)).unwrap().id
    }

    fn name(&self, node: &Node) -> String {
        self.id(node).name().to_owned()
    }

    fn place(&self, node: &Node) -> Placement {
        Placement::Node(self.name(node))
    }
}

/// Workers that know of each other, and a client of all.
async fn cluster<const N: usize>(name: &str) -> ([Worker; N], Node) {
    let mut workers: Vec<Worker> = Vec::new();
    for number in 0..N {
        let seeds: Vec<_> = workers.first().map(|first| first.address.clone()).into_iter().collect();
        let seeds: Vec<_> = seeds.iter().map(String::as_str).collect();
        workers.push(Worker::new(&format!("{name}-{number}"), &seeds));
    }
    let node = client(&workers[0]).min_workers(N).join().await.unwrap();
    (workers.try_into().ok().unwrap(), node)
}

/// A client in this process that knows the secret.
fn client(seed: &Worker) -> NodeBuilder {
    Node::builder().client().secret(SECRET).seed(&seed.address)
}

/// Waits for a file that a task writes.
async fn file(path: &Path) {
    until(&format!("the file {}", path.display()), async || path.exists().then_some(())).await;
}

/// Waits until it gives something.
async fn until<T>(what: &str, mut done: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done().await {
            return value;
        }
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
