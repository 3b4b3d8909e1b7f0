//! Many nodes in one thread, on a paused clock, over memory: a cluster that a test can replay exactly.
//!
//! [`simulate`] runs a body on a healthy cluster; a [`Simulation`] lets a test start nodes, break the [`Network`] between
//! them, end them, and look for what they leave behind.

mod simulation;

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use atasks_actors::{invocation::Invocation, router::Router, task::Form};
use atasks_cluster::node::{Amount, Windows};
pub use atasks_cluster::{node::Counts, transport::Network};
use bytes::Bytes;
use tokio::{task::JoinHandle, time::Instant};

pub use self::simulation::{Simulation, address};
use crate::{Event, EventStream, Node, NodeBuilder, NodeId, StartError, TaskCall, TaskReturn, program};

/// Names the seed that a simulated test runs with; by default it is 1.
pub const SEED: &str = "ATASKS_SEED";

/// Runs `body` in a simulation with the seed that [`SEED`] names.
pub(crate) fn run<F: Future>(workers: usize, body: impl FnOnce() -> F) -> F::Output {
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    // Shown by libtest when the test fails.
    println!("simulated with {SEED}={seed}");
    simulate(workers, seed, body)
}

/// Runs `body` in the scope of a client of `workers` simulated workers, all on this thread. Time is virtual: it goes on
/// when all wait. The same seed gives the same run, step by step.
///
/// # Panics
/// The cluster does not start; or this thread runs a tokio runtime already.
pub fn simulate<F: Future>(workers: usize, seed: u64, body: impl FnOnce() -> F) -> F::Output {
    on_cluster(alike(workers), seed, async |cluster| cluster.client.scope(body()).await)
}

/// Runs `body` in the scope of a client of these simulated workers, with the cluster at hand: each worker is started as its
/// builder says (labels, executors, ..), named `w0`, `w1`, ..
///
/// ```
/// use atasks::{Node, Placement, testing::simulate_cluster};
///
/// #[atasks::task]
/// async fn whereabouts() -> atasks::Result<String> {
///     Ok(atasks::current().node().name().to_owned())
/// }
///
/// let workers = [Node::builder(), Node::builder().label("gpu")];
/// simulate_cluster(workers, 1, async |cluster| {
///     assert_eq!(whereabouts().place(Placement::Label("gpu".into())).await.unwrap(), "w1");
///     cluster.workers()[1].drain().await;
///     assert_eq!(whereabouts().await.unwrap(), "w0");
/// });
/// ```
///
/// # Panics
/// As [`simulate`] does.
pub fn simulate_cluster<T>(
    workers: impl IntoIterator<Item = NodeBuilder>,
    seed: u64,
    body: impl AsyncFnOnce(&Cluster) -> T,
) -> T {
    on_cluster(workers.into_iter().collect(), seed, async |cluster| cluster.client.scope(body(cluster)).await)
}

/// Has a worker let in no more than `calls` unstarted roots of each peer, nor more of them than `bytes` and one: of all
/// unlimited tasks together, and of each limited one. So few callers make others wait.
pub fn windows(worker: NodeBuilder, calls: u64, bytes: u64) -> NodeBuilder {
    let window = Amount { calls, bytes };
    worker.windows(Windows { shared: window, own: window })
}

/// Where so many calls like this one would go, one after another, were they made from `node` now; none is made. Fewer than
/// `count`: its task is not registered, or nobody can run it.
pub fn targets<R: TaskReturn>(node: &Node, call: &TaskCall<R>, count: usize) -> Vec<NodeId> {
    let Some(task) = program::find(call.driver().task) else { return Vec::new() };
    let root = |id| Invocation {
        id,
        parent: None,
        root: id,
        attempt: 1,
        task,
        form: Form::Codec,
        arguments: Bytes::new(),
        deadline: None,
        label: None,
        baggage: None,
        holds: None,
        movable: true,
    };
    let placement = &call.driver().placement;
    (0..count).map_while(|_| node.core().target(&root(node.core().next_id()), placement)).collect()
}

/// Keeps the executor for `work`, as a task does that computes: nothing else runs there until then. In a simulated cluster
/// that is virtual time and costs nothing; elsewhere it computes.
///
/// ```
/// # use std::time::Duration;
/// use atasks::testing::{burn, simulate};
///
/// #[atasks::task]
/// async fn render() -> atasks::Result<()> {
///     burn(Duration::from_secs(2)).await;
///     Ok(())
/// }
///
/// simulate(1, 1, || async {
///     let began = tokio::time::Instant::now();
///     let (one, other) = tokio::join!(render(), render());
///     assert!(one.is_ok() && other.is_ok());
///     // One executor: one after the other.
///     assert!(began.elapsed() >= Duration::from_secs(4));
/// });
/// ```
pub fn burn(work: Duration) -> impl Future<Output = ()> + Send {
    atasks_actors::executor::burn(work)
}

/// Does the same as [`simulate`], and notes what happens on all nodes until `body` is over: the same seed gives the same
/// trace.
///
/// # Panics
/// As [`simulate`] does.
pub fn replay<F: Future>(workers: usize, seed: u64, body: impl FnOnce() -> F) -> (F::Output, Trace) {
    on_cluster(alike(workers), seed, async |cluster| {
        let trace = Arc::new(Mutex::new(Trace::default()));
        let nodes = cluster.workers.iter().chain([&cluster.client]);
        let readers: Vec<_> =
            nodes.map(|node| tokio::spawn(note(node.id().clone(), node.events(), trace.clone()))).collect();
        let output = cluster.client.scope(body()).await;
        // What has been told is read before time goes on.
        tokio::time::sleep(Duration::from_millis(1)).await;
        readers.iter().for_each(JoinHandle::abort);
        let trace = std::mem::take(&mut *trace.lock().unwrap_or_else(PoisonError::into_inner));
        (output, trace)
    })
}

/// Counts what a node has in its tables, simulated or not.
pub async fn counts(node: &Node) -> Counts {
    node.core().counts().await
}

/// What happened on the nodes of a simulated cluster, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// When, in virtual time since the run began, on which node, and what.
    pub entries: Vec<(Duration, NodeId, Event)>,
}

async fn note(node: NodeId, mut events: EventStream, trace: Arc<Mutex<Trace>>) {
    let began = Instant::now();
    while let Some(event) = events.next().await {
        let entry = (began.elapsed(), node.clone(), event);
        trace.lock().unwrap_or_else(PoisonError::into_inner).entries.push(entry);
    }
}

fn alike(workers: usize) -> Vec<NodeBuilder> {
    (0..workers).map(|_| Node::builder()).collect()
}

fn on_cluster<T>(workers: Vec<NodeBuilder>, seed: u64, run: impl AsyncFnOnce(&Cluster) -> T) -> T {
    Simulation::run(seed, async |simulation| match Cluster::start(simulation, workers).await {
        Ok(cluster) => run(&cluster).await,
        Err(error) => panic!("the simulated cluster did not start: {error}"),
    })
}

/// A simulated cluster: workers, and a client linked to all of them.
#[derive(Debug)]
pub struct Cluster {
    client: Node,
    workers: Vec<Node>,
}

impl Cluster {
    /// The client in whose scope the test runs.
    #[must_use]
    pub fn client(&self) -> &Node {
        &self.client
    }

    /// Counts what one of its nodes has in its tables.
    pub async fn counts(&self, node: &Node) -> Counts {
        node.core().counts().await
    }

    /// The workers, in the order of their builders.
    #[must_use]
    pub fn workers(&self) -> &[Node] {
        &self.workers
    }

    async fn start(simulation: &Simulation, workers: Vec<NodeBuilder>) -> Result<Self, StartError> {
        let name = |worker: usize| format!("w{worker}");
        let count = workers.len();
        let mut started = Vec::with_capacity(count);
        for (worker, builder) in workers.into_iter().enumerate() {
            let builder = simulation.worker_of(builder, &name(worker));
            let builder = (0..worker).fold(builder, |builder, seed| builder.seed(address(&name(seed))));
            started.push(simulation.start(builder).await?);
        }
        let client = simulation.client("client");
        let client = (0..count).fold(client, |builder, seed| builder.seed(address(&name(seed))));
        Ok(Self { client: client.min_workers(count).join().await?, workers: started })
    }
}
