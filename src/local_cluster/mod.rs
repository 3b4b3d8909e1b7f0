//! `LocalCluster`: worker processes of this executable, on this machine.

mod child;
mod orders;
mod process;
mod run_file;

use std::{fmt, sync::Arc, time::Duration};

use atasks_cluster::address::Address;

use self::process::Children;
pub use self::run_file::RunningCluster;
use crate::{Node, NodeBuilder, NodeId, StartError};

pub(crate) use self::child::{become_worker, is_child};

/// Longest that the workers may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// How long a worker may take to end before it is killed.
const ENDS_WITHIN: Duration = Duration::from_secs(1);
/// Most workers that are started when none are named.
const WORKERS_MAX: usize = 8;

/// A cluster on this machine: worker processes of this executable, and a client node in this process.
///
/// A worker runs this program up to the place where it becomes one, and no further: the first line of `#[atasks::main]`
/// or `#[atasks::test]`, else the same [`start`](LocalClusterBuilder::start). It ends with this process, however that
/// ends. One that dies is started again, up to 5 times in 30 s.
pub struct LocalCluster {
    node: Node,
    children: Arc<Children>,
}

/// A worker process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalWorker {
    /// The node that it is.
    pub node: NodeId,
    /// Its process id.
    pub pid: u32,
}

/// Makes a [`LocalCluster`].
#[derive(Debug, Default)]
#[must_use]
pub struct LocalClusterBuilder {
    workers: Option<usize>,
    executors: Option<usize>,
    test: Option<&'static str>,
    node: NodeBuilder,
}

impl LocalCluster {
    /// Makes a cluster step by step.
    pub fn builder() -> LocalClusterBuilder {
        LocalClusterBuilder::default()
    }

    /// The clusters of this user that run on this machine now, started by whatever program; sorted.
    #[must_use]
    pub fn running() -> Vec<RunningCluster> {
        run_file::running()
    }

    /// This process's node, a client.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The worker processes that run now.
    #[must_use]
    pub fn workers(&self) -> Vec<LocalWorker> {
        self.children.running()
    }

    /// Leaves, and ends the workers; returns when they have ended.
    pub async fn shutdown(self) {
        self.node.leave().await;
        let _ = self.children.end(ENDS_WITHIN).await;
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        self.children.end(ENDS_WITHIN);
    }
}

impl fmt::Debug for LocalCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCluster").field("workers", &self.workers()).finish_non_exhaustive()
    }
}

impl LocalClusterBuilder {
    /// Starts `count` workers; by default one a core, at most 8.
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = Some(count);
        self
    }

    /// Gives each worker `count` executor threads; by default the cores are shared among the workers.
    pub fn executors(mut self, count: usize) -> Self {
        self.executors = Some(count);
        self
    }

    /// The workers are started by this test.
    pub(crate) fn test(mut self, name: &'static str) -> Self {
        self.test = Some(name);
        self
    }

    /// Uses what is set in `node` for the node of this process.
    pub(crate) fn node(mut self, node: NodeBuilder) -> Self {
        self.node = node;
        self
    }

    /// Starts the workers and waits until all are linked. In a worker process this never returns.
    ///
    /// # Errors
    /// [`StartError::LocalCluster`] with the last output of a worker that did not start.
    pub async fn start(self) -> Result<LocalCluster, StartError> {
        if is_child() {
            become_worker(NodeBuilder::default());
        }
        let (cluster, seeds) = self.prepare().await?;
        cluster.node.core().add_seeds(seeds);
        cluster.children.start()?;
        cluster.ready().await?;
        Ok(cluster)
    }

    /// Makes the node, and starts the workers when the first call is made.
    pub(crate) async fn start_lazily(self) -> Result<LocalCluster, StartError> {
        let (cluster, seeds) = self.prepare().await?;
        let (core, children) = (Arc::downgrade(cluster.node.core()), cluster.children.clone());
        let count = children.count();
        cluster.node.core().before_first_call(
            count,
            Box::new(move || {
                eprintln!("atasks: no cluster configured: {count} local workers");
                if let Some(core) = core.upgrade() {
                    core.add_seeds(seeds);
                }
                if let Err(error) = children.start() {
                    eprintln!("atasks: {error}");
                    children.none_comes(&error.to_string());
                }
            }),
        );
        Ok(cluster)
    }

    async fn prepare(self) -> Result<(LocalCluster, Vec<Address>), StartError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = self.workers.unwrap_or(cores.min(WORKERS_MAX)).max(1);
        let executors = self.executors.unwrap_or((cores / workers).max(1));
        let test = self.test.map(str::to_owned).or_else(child::test_of_this_thread);
        let mut node = self.node.client().configure(|config| {
            config.cluster.seeds.clear();
            config.cluster.listen.clear();
            config.node.name = None;
        });
        if test.is_some() {
            node = node.private();
        }
        let node = node.start_as_default().await?;
        let children = Children::new(workers, executors, test, Arc::downgrade(node.core()));
        node.core().set_exit_of(children.exit_of());
        let seeds = children.addresses();
        Ok((LocalCluster { node, children }, seeds))
    }
}

impl LocalCluster {
    async fn ready(&self) -> Result<(), StartError> {
        let (core, children) = (self.node.core().clone(), self.children.clone());
        let waits = self.node.core().io().spawn(async move {
            tokio::select! {
                () = core.wait_for(children.count()) => Ok(()),
                error = children.failed() => Err(error),
                () = tokio::time::sleep(READY_WITHIN) => Err(children.not_ready(READY_WITHIN)),
            }
        });
        let ready = waits.await.map_err(std::io::Error::other)?;
        if ready.is_err() {
            let _ = self.children.end(Duration::ZERO).await;
        }
        ready.map_err(StartError::LocalCluster)
    }
}
