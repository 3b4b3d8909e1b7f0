//! Guarantee 4: no task outlives what waits for it.
//!
//! In depth: `tests/calls/cancelled.rs`, `tests/calls/detached.rs`, `tests/running/cancellation.rs`,
//! `tests/cluster/losses.rs`, and the simulator, which looks for orphans after each run.

use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use atasks::{Loss, Node, Placement, TaskError};
use futures_util::future::join_all;
use rustix::process::Signal;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::programs::{Running, program, send};
use crate::subtree::{alive, grow, machine_time};
use crate::tasks::{note, whereabouts};
use crate::{SECRET, cluster, until};

/// What the contract allows while links are up, of a machine that does nothing else.
const AT_ONCE: Duration = Duration::from_millis(100);
/// The same of one that does much else, in a build that is not optimized: still far below all that is waited for elsewhere.
const LOADED: Duration = Duration::from_secs(2);
/// How often it may be tried whether this machine keeps the contract.
const TRIES: usize = if cfg!(debug_assertions) { 2 } else { 10 };

/// Tasks of the tree on each of the nodes, and the latest end of one.
async fn seen(node: &Node, names: &[String]) -> (usize, u64) {
    let asked = join_all(names.iter().map(|name| node.scope(alive().place(Placement::Node(name.clone())))));
    let told = asked.await.into_iter().map(Result::unwrap);
    told.fold((0, 0), |(count, last), (alive, end)| (count + alive, last.max(end)))
}

/// Waits until that many run.
async fn grown(node: &Node, names: &[String], count: usize) {
    until("a tree", async || (seen(node, names).await.0 == count).then_some(())).await;
}

/// Waits until none runs; gives the time from `began` to the end of the last one.
async fn gone(node: &Node, names: &[String], began: u64) -> Duration {
    until("the end of a tree", async || {
        let (alive, last) = seen(node, names).await;
        (alive == 0).then(|| Duration::from_nanos(last.saturating_sub(began)))
    })
    .await
}

/// The workers of this test, in order.
fn names() -> Vec<String> {
    let node = atasks::node().unwrap();
    let mut names: Vec<_> = node.nodes().iter().map(|info| info.id.name().to_owned()).collect();
    names.retain(|name| name != node.id().name());
    names.sort();
    names
}

/// The first node has the root, each of them a branch, and they all have leaves of all branches.
fn tree(names: &[String], tasks: usize, folder: &Path) -> atasks::TaskCall<Result<(), TaskError>> {
    let leaves = (tasks - 1) / names.len() - 1;
    grow(names.to_vec(), leaves as u32, folder.into()).place(Placement::Node(names[0].clone()))
}

#[atasks::test(cluster = 5)]
async fn guarantee_4_ten_thousand_over_five_nodes_are_gone_when_their_root_is_dropped() {
    let (node, names, folder) = (atasks::node().unwrap(), names(), tempfile::tempdir().unwrap());
    assert_eq!(names.len(), 5);
    let mut all = Vec::new();
    while all.len() < TRIES && all.last().is_none_or(|within| *within > AT_ONCE) {
        let mut call = tree(&names, 10_001, folder.path());
        let began = Instant::now();
        assert!(futures_util::poll!(Pin::new(&mut call)).is_pending());
        grown(&node, &names, 10_001).await;
        println!("10,001 tasks grown in {:?}", began.elapsed());
        let began = machine_time();
        drop(call);
        all.push(gone(&node, &names, began).await);
        println!("gone {:?} after the drop", all.last());
    }
    let bound = if cfg!(debug_assertions) { LOADED } else { AT_ONCE };
    assert!(*all.iter().min().unwrap() < bound, "{all:?}");
}

const SMALL: usize = 1501;

/// A tree over all nodes, all of it up, and its folder.
async fn planted(names: &[String], timeout: Duration) -> (JoinHandle<Result<(), TaskError>>, tempfile::TempDir) {
    let (node, folder) = (atasks::node().unwrap(), tempfile::tempdir().unwrap());
    let call = tokio::spawn(tree(names, SMALL, folder.path()).timeout(timeout));
    grown(&node, names, SMALL).await;
    (call, folder)
}

const LONG: Duration = Duration::from_secs(3600);

#[atasks::test(cluster = 3)]
async fn guarantee_4_a_tree_is_gone_when_its_root_crashes() {
    let (node, names) = (atasks::node().unwrap(), names());
    let (call, folder) = planted(&names, LONG).await;
    let began = machine_time();
    note(folder.path(), "crash", "");
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, TaskError::Crashed(_)), "{error:?}");
    let within = gone(&node, &names, began).await;
    println!("{SMALL} tasks gone {within:?} after the crash of their root");
    assert!(within < LOADED, "{within:?}");
}

#[atasks::test(cluster = 3)]
async fn guarantee_4_a_tree_is_gone_at_its_deadline() {
    let (node, names, time) = (atasks::node().unwrap(), names(), Duration::from_secs(5));
    let began = machine_time();
    let (call, _folder) = planted(&names, time).await;
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, TaskError::DeadlineExceeded { .. }), "{error:?}");
    let within = gone(&node, &names, began).await;
    println!("{SMALL} tasks gone {within:?} after the first poll of a call that has {time:?}");
    assert!(within > time && within < time + LOADED, "{within:?}");
}

#[atasks::test(cluster = 3)]
async fn guarantee_4_a_tree_is_gone_when_the_node_of_its_root_is_lost() {
    let (node, names) = (atasks::node().unwrap(), names());
    let root = whereabouts().place(Placement::Node(names[0].clone())).await.unwrap();
    let (call, _folder) = planted(&names, LONG).await;
    let began = machine_time();
    send(root.pid, Signal::KILL);
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, TaskError::NodeLost { reason: Loss::Killed(9), .. }), "{error:?}");
    let within = gone(&node, &names[1..], began).await;
    println!("what {SMALL} tasks had elsewhere is gone {within:?} after their root's node was killed");
    assert!(within < LOADED, "{within:?}");
}

/// Two heartbeats, in which a client may come back.
const TWO_HEARTBEATS: Duration = Duration::from_millis(500);

#[tokio::test]
async fn guarantee_4_a_tree_is_gone_two_heartbeats_after_its_client_was_killed() {
    let (workers, node) = cluster::<3>("orphaned").await;
    let mut names: Vec<_> = workers.iter().map(|worker| worker.name(&node)).collect();
    names.sort();
    let folder = tempfile::tempdir().unwrap();
    let mut client = program("launched");
    client.args(["grow", "499", folder.path().to_str().unwrap()]);
    client.env("ATASKS__CLUSTER__SEEDS", &workers[0].address).env("ATASKS__CLUSTER__SECRET", SECRET);
    let client = Running::start(&mut client);
    grown(&node, &names, SMALL).await;
    let began = machine_time();
    client.signal(Signal::KILL);
    let within = gone(&node, &names, began).await;
    println!("{SMALL} tasks gone {within:?} after their client was killed");
    assert!(within < TWO_HEARTBEATS + LOADED, "{within:?}");
}
