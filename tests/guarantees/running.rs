//! Guarantees 6 and 7: recursion waits for nothing that it has itself, and a task stays on one thread.
//!
//! In depth: `tests/running/recursion.rs`, `tests/running/limits.rs`, `tests/running/threads.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use atasks::{LocalCluster, TaskError};
use futures_util::future::{join_all, try_join_all};
use tokio::time::{sleep, timeout};

use crate::programs::PATIENCE;
use crate::subtree::machine_time;

type Done<T> = Result<T, TaskError>;

/// Calls of this one and all below.
#[atasks::task]
async fn wide(depth: u32, width: u32) -> Done<u32> {
    let below = if depth == 0 { Vec::new() } else { try_join_all((0..width).map(|_| wide(depth - 1, width))).await? };
    tokio::task::yield_now().await;
    Ok(1 + below.into_iter().sum::<u32>())
}

/// The same, with one place for all.
#[atasks::task(max = 1)]
async fn one_place(depth: u32, width: u32) -> Done<u32> {
    let calls = (0..width).map(|_| one_place(depth - 1, width));
    let below = if depth == 0 { Vec::new() } else { try_join_all(calls).await? };
    Ok(1 + below.into_iter().sum::<u32>())
}

/// The same, with a thread for each that waits.
#[atasks::task(blocking)]
fn on_threads(depth: u32) -> Done<u32> {
    Ok(1 + if depth == 0 { 0 } else { on_threads(depth - 1).wait()? })
}

#[tokio::test]
async fn guarantee_6_recursion_of_any_kind_ends_on_one_executor() {
    let cluster = LocalCluster::builder().workers(1).executors(1).start().await.unwrap();
    let all = async {
        assert_eq!(wide(6, 4).await, Ok(5461));
        assert_eq!(wide(3_000, 1).await, Ok(3_001));
        assert_eq!(wide(1, 3_000).await, Ok(3_001));
        assert_eq!(one_place(4, 5).await, Ok(781));
        // Beside each other, so that each meets places that the other has.
        assert_eq!(tokio::join!(one_place(3, 4), one_place(3, 4)), (Ok(85), Ok(85)));
        assert_eq!(on_threads(60).await, Ok(61));
    };
    timeout(PATIENCE, cluster.node().scope(all)).await.expect("it waits for itself");
    cluster.shutdown().await;
}

/// On which threads it ran from poll to poll, and from when to when.
#[atasks::task]
async fn wanders(turns: u32) -> Done<(Vec<String>, u64, u64)> {
    let here = || format!("{:?}", std::thread::current().id());
    let (began, mut threads) = (machine_time(), vec![here()]);
    // Long enough for the others to go elsewhere.
    std::thread::park_timeout(Duration::from_millis(2));
    for turn in 0..turns {
        match turn % 3 {
            0 => tokio::task::yield_now().await,
            1 => sleep(Duration::from_millis(2)).await,
            // A call that is not over at once.
            _ => drop(wide(1, 2).await?),
        }
        threads.push(here());
    }
    threads.dedup();
    Ok((threads, began, machine_time()))
}

#[tokio::test]
async fn guarantee_7_a_task_stays_on_its_thread_and_shares_it() {
    let cluster = LocalCluster::builder().workers(1).executors(3).start().await.unwrap();
    let all = cluster.node().scope(join_all((0..60).map(|_| wanders(12)))).await;
    let mut by_thread: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for (threads, began, ended) in all.into_iter().map(Result::unwrap) {
        let [thread] = &threads[..] else { panic!("one task ran on {threads:?}") };
        by_thread.entry(thread.clone()).or_default().push((began, ended));
    }
    assert!((2..=3).contains(&by_thread.len()), "{:?}", by_thread.keys());
    // Somewhere two were under way at once.
    let overlap = |times: &Vec<(u64, u64)>| {
        let pairs =
            times.iter().enumerate().flat_map(|(at, one)| times[at + 1..].iter().map(move |other| (one, other)));
        pairs.into_iter().any(|(one, other)| one.0 < other.1 && other.0 < one.1)
    };
    assert!(by_thread.values().any(overlap), "{by_thread:?}");
    cluster.shutdown().await;
}
