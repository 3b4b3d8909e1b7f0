//! What `#[atasks::test]` does around the body of a test.

use std::future::Future;

use tokio::runtime::Builder;

use crate::{
    LocalCluster, Node, NodeBuilder, StartError,
    local_cluster::{become_worker, is_child},
};

/// Runs a test in the scope of a node of its own.
#[derive(Debug)]
pub struct Trial {
    name: &'static str,
    nodes: Nodes,
}

#[derive(Clone, Copy, Debug)]
enum Nodes {
    Loopback,
    Cluster(usize),
    Simulated(usize),
}

impl Trial {
    /// Runs the test `name`, as `--exact` names it, on a loopback node.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, nodes: Nodes::Loopback }
    }

    /// Runs it on a `LocalCluster` of its own.
    #[must_use]
    pub fn cluster(mut self, workers: u32) -> Self {
        self.nodes = Nodes::Cluster(workers as usize);
        self
    }

    /// Runs it on a simulated cluster, in virtual time.
    #[must_use]
    pub fn sim(mut self, workers: u32) -> Self {
        self.nodes = Nodes::Simulated(workers as usize);
        self
    }

    /// Runs an async test.
    pub fn run_async<F: Future>(self, body: impl FnOnce() -> F) -> F::Output {
        if let Nodes::Simulated(workers) = self.nodes {
            return simulated(workers, body);
        }
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => give_up(&StartError::System(error)),
        };
        runtime.block_on(async {
            let nodes = self.start().await;
            let result = nodes.node().scope(body()).await;
            nodes.end().await;
            result
        })
    }

    /// Runs a plain test.
    pub fn run_sync<T>(self, body: impl FnOnce() -> T) -> T {
        if let Nodes::Simulated(workers) = self.nodes {
            return simulated(workers, || async { body() });
        }
        match atasks_actors::wait::wait(self.start()) {
            Ok(nodes) => {
                let result = nodes.node().scope_sync(body);
                // A test thread may always wait.
                let _ = atasks_actors::wait::wait(nodes.end());
                result
            }
            Err(error) => give_up(&StartError::System(std::io::Error::other(error))),
        }
    }

    async fn start(&self) -> Running {
        // Before anything of the test: in a worker process this is where the worker begins.
        if is_child() {
            become_worker(NodeBuilder::default());
        }
        let running = match self.nodes {
            Nodes::Cluster(workers) => {
                let cluster = LocalCluster::builder().workers(workers).test(self.name).start().await;
                cluster.map(Running::Cluster)
            }
            Nodes::Loopback | Nodes::Simulated(_) => Node::loopback().await.map(Running::Loopback),
        };
        running.unwrap_or_else(|error| give_up(&error))
    }
}

enum Running {
    Loopback(Node),
    Cluster(LocalCluster),
}

impl Running {
    fn node(&self) -> &Node {
        match self {
            Self::Loopback(node) => node,
            Self::Cluster(cluster) => cluster.node(),
        }
    }

    async fn end(self) {
        match self {
            Self::Loopback(node) => node.leave().await,
            Self::Cluster(cluster) => cluster.shutdown().await,
        }
    }
}

#[track_caller]
fn give_up(error: &StartError) -> ! {
    panic!("the test's node did not start: {error}")
}

#[cfg(feature = "testing")]
fn simulated<F: Future>(workers: usize, body: impl FnOnce() -> F) -> F::Output {
    crate::testing::run(workers, body)
}

#[cfg(not(feature = "testing"))]
fn simulated<F: Future>(_workers: usize, _body: impl FnOnce() -> F) -> F::Output {
    panic!("#[atasks::test(sim = ..)] needs the feature `testing` of atasks: turn it on in [dev-dependencies]")
}
