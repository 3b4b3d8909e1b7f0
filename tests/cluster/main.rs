//! Workers that are processes of their own, over Unix sockets and over mutual TLS, and clients that come and go.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../programs/mod.rs"]
mod programs;
#[path = "../programs/tasks.rs"]
mod tasks;

mod blips;
mod calls;
mod draining;
mod joining;
mod losses;
mod mesh;
mod poison;
mod proxy;
mod strangers;

use std::path::Path;
use std::time::Duration;

use atasks::{Node, NodeBuilder, NodeId, Placement};
use tokio::time::Instant;

use programs::{PATIENCE, Running, program};

/// How the workers of a test are reached.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Over {
    Unix,
    Tls,
}

const BOTH: [Over; 2] = [Over::Unix, Over::Tls];

/// Two secrets, of 32 random bytes each.
const SECRET: &str = "5fd1c3a07be94428a6132f70e98c4d1bb8271f6e0cd34a95e7f02c69d8315ab4";
const OTHER_SECRET: &str = "c94e1a7db2035f8861f7d04ba93ce2587016bd3fe8a52c94d70b69f1e34825ac";

/// A worker process.
struct Worker {
    process: Running,
    address: String,
}

impl Worker {
    fn new(over: Over, name: &str, seeds: &[&str]) -> Self {
        let listen = match over {
            Over::Unix => "unix",
            Over::Tls => "127.0.0.1:0",
        };
        // A name lives once on a machine, as its socket does.
        let name = format!("{name}-{over:?}-{}", std::process::id());
        let mut command = program("launched");
        command.args(["worker", "--listen", listen, "--name", &name]).env("ATASKS__NODE__EXECUTORS", "1");
        command.args(seeds.iter().flat_map(|seed| ["--seed", *seed]));
        if over == Over::Tls {
            command.env("ATASKS__CLUSTER__SECRET", SECRET);
        }
        let (process, address) = Running::worker(&mut command);
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

/// A client in this process that knows the secret.
fn client(seeds: &[&str]) -> NodeBuilder {
    seeds.iter().fold(Node::builder().client().secret(SECRET), |builder, seed| builder.seed(*seed))
}

/// Two workers that know of each other, and a client that was told of one.
async fn two_workers(over: Over, name: &str) -> ([Worker; 2], Node) {
    let first = Worker::new(over, &format!("{name}-1"), &[]);
    let second = Worker::new(over, &format!("{name}-2"), &[&first.address]);
    let node = client(&[&second.address]).join().await.unwrap();
    tokio::time::timeout(PATIENCE, node.wait_for(2)).await.unwrap();
    ([first, second], node)
}

/// Waits until that many nodes are up, `node` included.
async fn nodes_are(node: &Node, count: usize) {
    let end = Instant::now() + PATIENCE;
    while node.nodes().len() != count {
        assert!(Instant::now() < end, "{count} nodes: at last {:?}", node.nodes());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits for a file that a task writes.
async fn file(path: &Path) {
    let end = Instant::now() + PATIENCE;
    while !path.exists() {
        assert!(Instant::now() < end, "{} has not come", path.display());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
