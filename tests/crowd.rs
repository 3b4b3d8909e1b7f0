//! More calls than anybody can serve: who made them waits, what it and the worker hold stays within bounds, and no call fails.
//!
//! A program of its own, as it measures the memory of its process. Optimized, it makes a million calls.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "programs/mod.rs"]
mod programs;
#[path = "programs/tasks.rs"]
mod tasks;

use std::{fs, path::PathBuf, time::Duration};

use atasks::{Placement, Ran, Result, Role, TaskError, Waiting};
use futures_util::future::{join_all, try_join_all};

use self::tasks::{stay, whereabouts};

const CALLS: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

/// What the worker may hold more than before: its window is 16,384 calls.
const WORKER_MIB: u64 = 32;

/// What a waiting call may take of its caller's memory, its future included.
const CALL_BYTES: u64 = 3072;

#[atasks::task]
async fn number(n: u64) -> Result<u64> {
    Ok(n)
}

/// A field of what the system tells about a process's memory, in bytes; none, where it tells nothing.
fn memory(pid: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Starts to poll a future elsewhere.
async fn begun<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    let handle = tokio::spawn(future);
    tokio::task::yield_now().await;
    handle
}

/// Keeps an executor of the worker until there is a file `go` in the folder.
async fn keep(folder: PathBuf) -> tokio::task::JoinHandle<()> {
    fs::create_dir(&folder).unwrap();
    let stays = stay(folder.clone(), "go".into(), true);
    let kept = begun(async move { drop(stays.await.unwrap()) }).await;
    while !folder.join("before-go").exists() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    kept
}

#[atasks::test(cluster = 1)]
async fn more_calls_than_a_worker_can_take_wait_with_their_caller() {
    let folder = tempfile::tempdir().unwrap();
    let node = atasks::node().unwrap();
    let (worker, executors) =
        node.nodes().into_iter().find(|info| info.executors > 0).map(|info| (info.id, info.executors)).unwrap();
    println!("{worker} has {executors} executors");
    let worker = whereabouts().await.unwrap().pid;
    let mut kept = Vec::new();
    for executor in 0..executors {
        kept.push(keep(folder.path().join(executor.to_string())).await);
    }
    let (here, there) = (memory(std::process::id(), "VmRSS"), memory(worker, "VmHWM"));

    let crowd = begun(join_all((0..CALLS).map(number))).await;
    // Behind all of them.
    let error = loop {
        let error = number(0).timeout(Duration::from_secs(2)).await.unwrap_err();
        let error = error.task_error().unwrap().clone();
        // Before the window was full it went there.
        if !matches!(error, TaskError::DeadlineExceeded { waited_for: Waiting::Result, .. }) {
            break error;
        }
    };
    let TaskError::DeadlineExceeded { waited_for, ran, .. } = &error else { panic!("{error}") };
    assert_eq!((*waited_for, *ran), (Waiting::Link, Ran::No), "{error}");

    (0..executors).for_each(|executor| fs::write(folder.path().join(format!("{executor}/go")), "").unwrap());
    try_join_all(kept).await.unwrap();
    let results = crowd.await.unwrap();
    assert_eq!(results.len() as u64, CALLS);
    for (n, result) in (0..).zip(results) {
        assert_eq!(result.unwrap(), n);
    }
    // The most that each has ever held, less what it held before.
    let more = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
    let there = more(memory(worker, "VmHWM"), there);
    let here = more(memory(std::process::id(), "VmHWM"), here).map(|bytes| bytes / CALLS);
    match (here, there) {
        (Some(here), Some(there)) => {
            println!("{CALLS} calls: the worker held {} KiB more, the caller {here} bytes a call", there >> 10);
            assert!(there < WORKER_MIB << 20, "the worker held {there} bytes more");
            assert!(here < CALL_BYTES, "a waiting call takes {here} bytes");
        }
        _ => println!("skipped: this system does not tell how much memory processes have held"),
    }
}

#[atasks::task]
async fn mebibyte() -> Result<Vec<u8>> {
    Ok(vec![7; 1 << 20])
}

/// Has another node send so many results of 1 MiB at once, asked for by roots, or as nested calls.
#[atasks::task]
async fn flooded_by(node: String, count: u64, as_roots: bool) -> Result<u64> {
    let ask = || {
        let call = mebibyte().place(Placement::Node(node.clone()));
        if as_roots { call.detached() } else { call }
    };
    let all = try_join_all((0..count).map(|_| ask())).await?;
    Ok(all.iter().map(|bytes| bytes.len() as u64).sum())
}

#[atasks::test(cluster = 2)]
async fn two_workers_that_flood_each_other_never_stop_reading() {
    let nodes = atasks::node().unwrap().nodes();
    let workers = nodes.into_iter().filter(|info| info.role == Role::Worker);
    let names: Vec<_> = workers.map(|info| info.id.name().to_owned()).collect();
    for as_roots in [true, false] {
        let flood = |on: usize, by: usize| {
            flooded_by(names[by].clone(), 128, as_roots)
                .place(Placement::Node(names[on].clone()))
                .timeout(programs::PATIENCE)
        };
        let (one, other) = tokio::join!(flood(0, 1), flood(1, 0));
        assert_eq!((one.unwrap(), other.unwrap()), (128 << 20, 128 << 20));
    }
}
