//! A cluster that a test builds, breaks and looks into, step by step.

use std::{cell::Cell, future::Future};

use atasks_actors::{
    gate::Gate,
    host::{Host, Shared, mark_node_thread},
};
use atasks_cluster::{node::Counts, transport::Network};
use tokio::runtime::{Builder, Handle};

use crate::{Node, NodeBuilder, StartError};

/// Drift of a host's clock, more than any quartz has.
const DRIFT_PPM_MAX: i32 = 500;

/// Nodes on one thread, on a paused clock, over a network that does what it is told.
///
/// Shape: a worker listens at the address `memory:NAME`, and its endpoint in the [`network`](Self::network) is its name.
/// Everything follows from the seed: what is the same for the same seed is a run as a whole. All of it ends with
/// [`run`](Self::run).
#[derive(Debug)]
pub struct Simulation {
    seed: u64,
    network: Network,
    handle: Handle,
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
            let handle = Handle::current();
            body(&Self { seed, network: Network::new(seed), handle, starts: Cell::new(0) }).await
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

    /// Stops a node as SIGSTOP does its process: what peers send waits in its host, which still accepts connections for
    /// it, until it [goes on](Self::thaw). What the test itself does with it goes on, but
    /// [`on`](Self::on) it.
    pub fn freeze(&self, node: &Node) {
        if let Some(gate) = node.core().io().gate() {
            gate.close();
        }
    }

    /// Has a stopped node go on. Time did not stop.
    pub fn thaw(&self, node: &Node) {
        if let Some(gate) = node.core().io().gate() {
            gate.open();
        }
    }

    /// Does something as a part of the node's process, which is stopped with it.
    pub async fn on<F: Future>(&self, node: &Node, act: F) -> F::Output {
        match node.core().io().gate() {
            Some(gate) => gate.behind(act).await,
            None => act.await,
        }
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
        let host =
            Host::Shared(Shared { handle: self.handle.clone(), gate: Gate::default(), drift_ppm: self.drift(name) });
        builder.name(name).simulated(host, self.network.credentials(name), incarnation)
    }

    /// How many microseconds a second the clock of a host is fast: at most `DRIFT_PPM_MAX` either way.
    fn drift(&self, name: &str) -> i32 {
        let mixed = name.bytes().fold(self.seed, |all, byte| (all ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
        (mixed >> 33) as i32 % (DRIFT_PPM_MAX + 1) * if mixed & 1 == 0 { 1 } else { -1 }
    }
}

/// Where the worker of that name listens in a simulation; what others take as a seed.
#[must_use]
pub fn address(worker: &str) -> String {
    format!("memory:{worker}")
}
