//! Await async functions on other machines: supervised, typed, without a broker.
//!
//! A function under [`#[task]`](macro@task) is awaited like any other. The await is the only point at which it is decided
//! where it runs: on this thread, in another process, on another host. What a network can do to it comes back as a
//! [`TaskError`], which says whether the work may have run.
//!
//! ```
//! #[atasks::task]
//! async fn shout(text: String) -> atasks::Result<String> {
//!     Ok(text.to_uppercase())
//! }
//!
//! # #[tokio::main] async fn main() -> atasks::Result<()> {
//! let node = atasks::Node::loopback().await?;
//! assert_eq!(node.scope(async { shout("hello".into()).await }).await?, "HELLO");
//! # Ok(()) }
//! ```
//!
//! # Where to start
//!
//! - [`#[task]`](macro@task) makes a task, [`TaskCall`] is a call of one, [`TaskError`] and [`Error`] are what comes back.
//! - [`#[main]`](macro@main) starts a program on the configured cluster, or on a [`LocalCluster`]; [`Node`] does it by hand.
//! - [`#[test]`](macro@test) runs a test on a loopback node, on worker processes, or on a simulated cluster.
//! - In a task [`current`] tells which invocation runs, [`state`] gives what the process has set up, [`spawn`] keeps spawned
//!   futures part of the task.
//!
//! # Clusters
//!
//! A program with [`#[main]`](macro@main) is a worker when its first argument is `worker`, else a client:
//!
//! ```text
//! myapp worker --listen 10.0.0.1:7000 --seed 10.0.0.2:7000     # on a host of its own; `--name`, and `--help`
//! ATASKS__CLUSTER__SEEDS=10.0.0.1:7000 myapp                   # anywhere
//! ```
//!
//! Every worker is linked with every other, a client with all workers; one seed that answers is enough for either. Without
//! `--listen` or `cluster.listen` a worker listens on a Unix socket, for this user on this machine alone. Between hosts all
//! have the same secret (`atasks secret`), from which each start makes its certificate for mutual TLS; a worker that others
//! can reach does not start without one. SIGTERM drains a worker. By hand it is [`Node::builder`]:
//!
//! ```no_run
//! # async fn example() -> Result<(), atasks::StartError> {
//! let worker = atasks::Node::builder().worker().listen("10.0.0.1:7000").seed("10.0.0.2:7000").join().await?;
//! println!("{} serves at {}", worker.id(), worker.address().unwrap_or_default());
//! worker.serve().await // until a signal ends that, and what runs is over
//! # }
//! ```
//!
//! What a loss means and when it is told, names, restarts: `docs/cluster.md` in the sources.
//!
//! # Configuration
//!
//! What the program does not set with [`NodeBuilder`] comes from environment variables named `ATASKS__SECTION__KEY`, then
//! from `atasks.toml` in the current folder, or the file that `ATASKS_CONFIG` names. The module [`config`] has the fields
//! with their meaning; `docs/configuration.md` in the sources, and `atasks config`, have every key with its default.
//!
//! ```toml
//! [cluster]
//! listen = ["10.0.0.1:7000"]
//! seeds = ["10.0.0.1:7000", "10.0.0.2:7000"]
//! secret_file = "secret"
//! ```
//!
//! # Placement
//!
//! A call goes to a worker that has its task, by name and by the shape of its types; among those [`Placement`] says which, and
//! [`TaskCall::place`] takes it. [`TaskCall::everywhere`] is one call on each of them. A call waits while they are busy, for as
//! long as its deadline allows; if there is none at all, it ends after `placement.place_timeout`.
//!
//! ```
//! use atasks::Placement;
//!
//! #[atasks::task]
//! async fn cached(key: String) -> atasks::Result<usize> {
//!     Ok(key.len())
//! }
//!
//! # #[tokio::main] async fn main() -> atasks::Result<()> {
//! # atasks::Node::loopback().await?.scope(async {
//! // The same key goes to the same worker.
//! assert_eq!(cached("ada".into()).place(Placement::key("ada")).await?, 3);
//! for (node, length) in cached("ada".into()).everywhere().await? {
//!     println!("{node}: {}", length?);
//! }
//! # Ok(()) }).await }
//! ```
//!
//! # State
//!
//! What all tasks of a process share is put into its node before it joins, and read by [`state`]. With `#[main]` that is done
//! by `setup`, an async function that runs in every process, on the node's own thread: a pool made there does not stop with
//! an executor. See `examples/state`.
//!
//! ```
//! struct Greeting(&'static str);
//!
//! async fn setup(builder: &mut atasks::NodeBuilder) -> atasks::Result<()> {
//!     if builder.role() == atasks::Role::Worker {
//!         builder.put_state(Greeting("hello"));
//!     }
//!     Ok(())
//! }
//!
//! #[atasks::task]
//! async fn greet(name: String) -> atasks::Result<String> {
//!     Ok(format!("{} {name}", atasks::state::<Greeting>().0))
//! }
//!
//! // In a program: #[atasks::main(setup = setup)] async fn main() ..
//! # #[tokio::main] async fn main() -> atasks::Result<()> {
//! let mut builder = atasks::Node::builder().worker();
//! setup(&mut builder).await?;
//! let node = builder.loopback().await?;
//! assert_eq!(node.scope(async { greet("world".into()).await }).await?, "hello world");
//! # Ok(()) }
//! ```
//!
//! # Ractor actors
//!
//! Every worker is a node of ractor's cluster: remotable actors of your own and pg groups reach all workers, and a client
//! that asks for it ([`NodeBuilder::ractor`]). In pg group `atasks` is the [`Gateway`] of each worker, through which
//! actors call tasks and hear events by message. Their sessions ride on the nodes' own authenticated links; messages of
//! more than 16 MiB end the session, which is made anew. One node of a process takes part. See `examples/ractor_actors.rs`.
//!
//! ```no_run
//! # #[atasks::task] async fn resize(url: String) -> atasks::Result<Vec<u8>> { Ok(url.into_bytes()) }
//! # async fn example() -> atasks::Result<()> {
//! for gateway in atasks::Gateway::all() {
//!     println!("{}: {} bytes", gateway.node(), gateway.call(resize("a.png".into())).await?.len());
//! }
//! # Ok(()) }
//! ```
//!
//! **ractor is built with its feature `cluster`, in your program too, and that changes two things.**
//!
//! - **No type is a message by itself any more.** Every message type needs a line `impl ractor::Message for MyMessage {}`.
//!   For one that other nodes may send it is `#[derive(RactorClusterMessage)]`, which writes `::ractor`: depend on ractor
//!   0.16 without default features, too.
//! - **`String`, `()`, numbers, `Vec<u8>` and whatever else ractor turns into bytes are messages of remotable actors.** An
//!   actor with `type Msg = ()` or `String` is made known to every node of the cluster and takes messages from it. Give an
//!   actor that is meant for this process a message type of its own.
//!
//! Of an actor on another node there is a proxy here. Never `call` it without a timeout: an answer that will not come is
//! told by nothing. Never stop, kill or link it: that ends the session with its whole node, until it is made anew.
//!
//! # Features
//!
//! - `worker`, on by default: all that runs tasks, and the part in ractor's cluster. A program that only calls tasks of
//!   workers elsewhere, which it knows by [`declare!`], does without: `atasks = { version = "..", default-features = false }`
//!   builds a quarter fewer crates, none of them ractor_cluster, and a binary smaller by a quarter. It joins as a client, or
//!   by [`#[main]`](macro@main) the cluster that is configured; there is no [`LocalCluster`], [`#[test]`](macro@test),
//!   [`Node::loopback`] or [`Gateway`], and a node that is to be a worker does not start. See `examples/thin_client`.
//! - `tool`: the program `atasks` for the shell, which lists nodes and tasks, calls and drains:
//!   `cargo install --path . --features tool` in the sources, then `atasks --help`.
//! - `testing`: simulated clusters in virtual time, `#[atasks::test(sim = 3)]`.

// A client leaves what only workers use idle, and no binary has it.
#![cfg_attr(not(feature = "worker"), allow(dead_code))]

mod call;
mod context;
mod default_node;
mod driver;
mod everywhere;
#[cfg(feature = "worker")]
mod gateway;
mod json;
mod launch;
#[cfg(feature = "worker")]
mod local_cluster;
mod node;
mod portable;
mod program;
mod retry;
#[cfg(feature = "worker")]
mod serve;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "worker")]
mod trial;
mod worker_options;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use atasks_actors::{
    context::{Context, Progress},
    crash::{Crash, Hop},
    error::{Error, Result, ResultExt},
    event::{Event, EventStream, Part, Subject},
    executor::LoadReport,
    invocation::InvocationId,
    node_id::NodeId,
    policy::{Candidate, Policy, Snapshot},
    router::Placement,
    task::TaskOptions,
    task_error::{Canceller, Loss, Payload, Ran, Rejection, TaskError, Unplaced, Waiting},
};
pub use atasks_cluster::{
    config::{self, Actors, Config, Role},
    error::StartError,
    node::{NodeInfo, TaskInfo},
};
pub use atasks_macros::{declare, main, task};
pub use ractor;
#[cfg(feature = "worker")]
pub use {atasks_macros::test, ractor_cluster};

pub use self::{
    call::TaskCall,
    context::{current, spawn, state, try_current},
    default_node::InScope,
    everywhere::Everywhere,
    json::{JsonCall, JsonReturn},
    node::{MONITORED_MAX, Monitored, Node, NodeBuilder},
    portable::Portable,
    retry::Retry,
    task::{Fallible, Task, TaskReturn},
};
#[cfg(feature = "worker")]
pub use self::{
    gateway::{Gateway, NotAGateway},
    local_cluster::{LocalCluster, LocalClusterBuilder, LocalWorker, RunningCluster},
};

/// The node that a call made here would use: the one in scope, else the process's default node.
///
/// # Errors
/// [`TaskError::NotJoined`]: there is none.
pub fn node() -> std::result::Result<Node, TaskError> {
    default_node::node()
}

/// Joins the cluster that the configuration names.
///
/// # Errors
/// See [`StartError`].
pub async fn join() -> std::result::Result<Node, StartError> {
    Node::builder().join().await
}

/// Joins the cluster that the configuration names, and blocks this thread until that is done.
///
/// # Errors
/// See [`StartError`].
pub fn join_wait() -> std::result::Result<Node, StartError> {
    Node::builder().join_wait()
}

/// Registers a task that was written by hand, as an `impl Task`.
#[macro_export]
macro_rules! register {
    ($task:ty) => {
        const _: () = {
            #[$crate::__private::linkme::distributed_slice($crate::__private::TASKS)]
            #[linkme(crate = $crate::__private::linkme)]
            static ENTRY: $crate::__private::Entry =
                $crate::__private::entry_of::<$task>($crate::__private::origin!(named = true));
        };
    };
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
