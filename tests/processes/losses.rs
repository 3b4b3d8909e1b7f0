//! What a call is told when the worker process that had it is no more.

use std::fs;
use std::path::Path;
use std::time::Duration;

use atasks::{LocalCluster, Loss, Node, NodeId, Placement, Ran, Retry, TaskError};
use futures_util::future::join_all;
use rustix::process::Signal;
use tokio::time::Instant;

use crate::programs::send;
use crate::tasks::{Death, carry, die, die_once, hold, whereabouts};

/// From the end of a process to the error of a call that ran there. The kernel tells it at once.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

/// Waits for a file that a task writes; gives its text.
async fn read_when_there(path: &Path) -> String {
    loop {
        match fs::read_to_string(path) {
            Ok(text) => return text,
            Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
}

#[track_caller]
fn check_lost(error: &TaskError, expected: Loss, expected_ran: Ran) -> NodeId {
    match error {
        TaskError::NodeLost { node, reason, ran, .. } if (*reason, *ran) == (expected, expected_ran) => node.clone(),
        other => panic!("expected {expected:?}, {expected_ran:?}, got {other:?}"),
    }
}

#[atasks::test(cluster = 2)]
async fn a_killed_worker_is_told_at_once_by_name_and_signal() {
    let folder = tempfile::tempdir().unwrap();
    let held = hold(folder.path().into());
    let killed = async {
        let pid = read_when_there(&folder.path().join("started")).await.parse().unwrap();
        send(pid, Signal::KILL);
        Instant::now()
    };
    let (result, killed) = tokio::join!(async { (held.await, Instant::now()) }, killed);
    let (error, told) = (result.0.unwrap_err(), result.1);
    println!("told {:?} after SIGKILL: {error}", told - killed);
    assert!(check_lost(&error, Loss::Killed(9), Ran::Maybe).name().starts_with("local-"));
    assert!(told - killed < TOLD_WITHIN);
    assert!(error.to_string().contains("signal 9 SIGKILL); it may have run"), "{error}");
}

#[atasks::test(cluster = 1)]
async fn how_a_process_ends_is_told() {
    for (death, loss) in [
        (Death::Exit(7), Loss::Exited(7)),
        (Death::Exit(0), Loss::Exited(0)),
        (Death::Abort, Loss::Killed(6)),
        (Death::Overflow, Loss::Killed(6)),
    ] {
        let began = Instant::now();
        let error = die(death).await.unwrap_err();
        println!("{death:?}, start of the worker included: {:?}", began.elapsed());
        check_lost(&error, loss, Ran::Maybe);
    }
}

#[cfg(target_os = "linux")]
#[atasks::test(cluster = 1)]
async fn a_process_that_has_no_memory_left_is_told_by_its_signal() {
    use rustix::process::{Pid, Resource, getrlimit, prlimit};

    let pid = whereabouts().await.unwrap().pid;
    let mut limit = getrlimit(Resource::As);
    limit.current = Some(4 << 30);
    prlimit(Pid::from_raw(pid as i32), Resource::As, limit).unwrap();
    let error = die(Death::Memory).await.unwrap_err();
    check_lost(&error, Loss::Killed(6), Ran::Maybe);
    assert_ne!(whereabouts().await.unwrap().pid, pid);
}

#[atasks::test(cluster = 2)]
async fn only_a_call_that_may_run_twice_is_repeated_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let error = die_once(folder.path().into()).retry(Retry::times(3)).await.unwrap_err();
    check_lost(&error, Loss::Killed(6), Ran::Maybe);
    assert!(!folder.path().join("ran-2").exists(), "it was repeated");

    let folder = tempfile::tempdir().unwrap();
    let found = die_once(folder.path().into()).idempotent().retry(Retry::times(3)).await.unwrap();
    assert_eq!(found.attempt, 2);
    assert!(folder.path().join("ran-2").exists());
}

#[atasks::test(cluster = 2)]
async fn of_calls_under_way_only_those_that_may_have_run_fail() {
    let victim = whereabouts().await.unwrap();
    // More than a socket takes, for a worker that reads nothing: most are never sent.
    send(victim.pid, Signal::STOP);
    let calls = join_all((0..600).map(|_| carry(vec![7; 100 << 10], 1)));
    let kill = async {
        // Every call is polled once before this goes on.
        tokio::task::yield_now().await;
        send(victim.pid, Signal::KILL);
    };
    let (results, ()) = tokio::join!(biased; calls, kill);
    let (mut lost, mut again) = (0, 0);
    for result in results {
        match result {
            Ok(found) => again += usize::from(found.attempt > 1),
            Err(error) => {
                assert_eq!(check_lost(&error, Loss::Killed(9), Ran::Maybe), victim.node);
                lost += 1;
            }
        }
    }
    println!("{lost} of 600 may have run, {again} were placed again");
    assert!(lost > 0 && again > 0);
}

#[atasks::test(cluster = 1)]
async fn a_call_for_a_start_that_is_over_did_not_run() {
    let former = whereabouts().await.unwrap().node;
    die(Death::Abort).await.unwrap_err();
    let error = whereabouts().on(former.clone()).await.unwrap_err();
    assert!(matches!(&error, TaskError::NodeLost { node, ran: Ran::No, .. } if *node == former), "{error:?}");
    let new = whereabouts().place(Placement::Node(former.name().to_owned())).await.unwrap().node;
    assert!(new.name() == former.name() && new != former);
}

#[tokio::test]
async fn a_crash_is_no_loss_and_its_worker_goes_on() {
    let cluster = LocalCluster::builder().workers(2).start().await.unwrap();
    let before = cluster.workers();
    let names: Vec<_> = before.iter().map(|worker| worker.node.name().to_owned()).collect();
    let path = [names.clone(), names].concat();
    let node: &Node = cluster.node();
    let error = node.scope(crate::tasks::crash_after(path)).await.unwrap_err();
    let TaskError::Crashed(crash) = error else { panic!("{error:?}") };
    assert_eq!(crash.message(), "the end of the road");
    assert_eq!(crash.hops().len(), 5, "{crash:?}");
    assert_eq!(cluster.workers(), before);
}
