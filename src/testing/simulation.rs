//! A cluster that a test builds, breaks and looks into, step by step.

use std::cell::Cell;

use atasks_actors::host::{Host, mark_node_thread};
use atasks_cluster::{node::Counts, transport::Network};
use tokio::runtime::{Builder, Handle};

use crate::{Node, NodeBuilder, StartError};

/// Nodes on one thread, on a paused clock, over a network that does what it is told.
///
/// Shape: a worker listens at the address `memory:NAME`, and its endpoint in the [`network`](Self::network) is its name.
/// Everything follows from the seed: what is the same for the same seed is a run as a whole. All of it ends with
/// [`run`](Self::run).
#[derive(Debug)]
pub struct Simulation {
    seed: u64,
    network: Network,
    host: Host,
    starts: Cell<u64>,
}

impl Simulation {
    /// Runs `body` on a runtime of this thread whose time is virtual: it goes on when all wait.
    ///
    /// # Panics
    /// The system gives no runtime, or this thread runs one already.
    pub fn run<T>(seed: u64, body: impl AsyncFnOnce(&Self) -> T) -> T {
        let _marked = mark_node_thread();
        let runtime = match Builder::new_current_thread().enable_all().start_paused(true).build() {
            Ok(runtime) => runtime,
            Err(error) => panic!("no runtime for the simulation: {error}"),
        };
        runtime.block_on(async {
            let host = Host::Shared(Handle::current());
            body(&Self { seed, network: Network::new(seed), host, starts: Cell::new(0) }).await
        })
    }

    /// What connects the nodes, and where its faults are made.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The builder of a worker with one executor. After a [`kill`](Self::kill), or when it has left, the same name makes
    /// another incarnation at the same address.
    pub fn worker(&self, name: &str) -> NodeBuilder {
        self.worker_of(Node::builder().executors(1), name)
    }

    /// The same of a builder that has settings already.
    pub fn worker_of(&self, builder: NodeBuilder, name: &str) -> NodeBuilder {
        self.simulated(builder.worker().listen(address(name)), name)
    }

    /// The builder of a client.
    pub fn client(&self, name: &str) -> NodeBuilder {
        self.simulated(Node::builder().client(), name)
    }

    /// Starts a node of a builder that came from here, and waits for nobody; to wait, [`join`](NodeBuilder::join) it.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(&self, builder: NodeBuilder) -> Result<Node, StartError> {
        builder.start().await
    }

    /// Ends a node as the death of its process does: nobody hears from it any more but that its connections are reset.
    /// What runs on it is dropped a little later, unheard.
    pub fn kill(&self, node: &Node) {
        self.network.kill(node.id().name());
        node.core().close();
    }

    /// Ends a node as the loss of its host's power does: nobody hears anything at all.
    pub fn unplug(&self, node: &Node) {
        self.network.unplug(node.id().name());
        node.core().close();
    }

    /// Counts what a node has in its tables.
    pub async fn counts(&self, node: &Node) -> Counts {
        node.core().counts().await
    }

    fn simulated(&self, builder: NodeBuilder, name: &str) -> NodeBuilder {
        self.starts.set(self.starts.get() + 1);
        // Looks like that of a real start, and is the same for the same seed.
        let incarnation =
            (self.seed.wrapping_mul(100_000).wrapping_add(self.starts.get())).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        builder.name(name).simulated(self.host.clone(), self.network.credentials(name), incarnation)
    }
}

/// Where the worker of that name listens in a simulation; what others take as a seed.
#[must_use]
pub fn address(worker: &str) -> String {
    format!("memory:{worker}")
}
