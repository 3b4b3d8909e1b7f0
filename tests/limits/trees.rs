//! One node: recursions without end are refused by what they hold, and all others go on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use atasks::{Actors, Node, Ran, Retry, TaskError, testing::counts};
use futures_util::{
    future::{join_all, try_join_all},
    stream::{FuturesUnordered, StreamExt},
};
use tokio::sync::Notify;

use crate::{Result, executors, is_left_empty, too_large, within, worker};

const MIB: usize = 1 << 20;

/// Never ends by itself.
#[atasks::task]
async fn endless(level: u64) -> Result<u64> {
    endless(level + 1).await
}

/// The same, and waits at each level.
#[atasks::task]
async fn endless_yielding(level: u64) -> Result<u64> {
    tokio::task::yield_now().await;
    endless_yielding(level + 1).await
}

/// The same, a thousand wide.
#[atasks::task]
async fn endless_wide(level: u64) -> Result<u64> {
    Ok(try_join_all((0..1000).map(|_| endless_wide(level + 1))).await?.into_iter().sum())
}

/// The same, on threads.
#[atasks::task(blocking)]
async fn endless_blocking(level: u64) -> Result<u64> {
    endless_blocking(level + 1).await
}

#[atasks::task]
async fn pending() -> Result<u64> {
    std::future::pending().await
}

/// One more call at each poll, all of which are polled where they are made.
#[atasks::task]
async fn ever_more() -> Result<u64> {
    let mut calls = FuturesUnordered::new();
    loop {
        calls.push(pending());
        tokio::select! {
            biased;
            ended = calls.next() => return ended.unwrap(),
            () = tokio::task::yield_now() => {}
        }
    }
}

#[atasks::task]
async fn leaf(n: u64) -> Result<u64> {
    tokio::task::yield_now().await;
    Ok(n)
}

#[atasks::task]
async fn small(width: u64) -> Result<u64> {
    Ok(try_join_all((0..width).map(leaf)).await?.into_iter().sum())
}

async fn limited(count: usize, memory: usize, tree: f64) -> Node {
    worker(executors(count), move |config| {
        config.limits.memory = Some(memory);
        config.limits.tree = tree;
    })
    .await
}

#[tokio::test]
async fn a_recursion_without_end_ends_with_an_error_and_its_worker_goes_on() {
    for count in [1, 2] {
        for actors in [Actors::Suspended, Actors::Every] {
            let node = worker(executors(count), move |config| {
                config.limits.memory = Some(32 * MIB);
                config.node.actors = actors;
            })
            .await;
            for task in 0..5 {
                let call = match task {
                    0 => endless(0),
                    1 => endless_yielding(0),
                    2 => endless_wide(0),
                    3 => endless_blocking(0),
                    _ => ever_more(),
                };
                let since = tokio::time::Instant::now();
                let refused = too_large(within(node.scope(call)).await);
                println!("{count} {actors:?} {task}: {:?}", since.elapsed());
                // What one poll can add before the next look: 512 calls on each executor.
                let added = count as u64 * 512 * 12_000;
                let half = 16 * MIB as u64;
                assert!(refused.limit <= half && refused.limit > half - added, "{task}: {refused:?}");
                assert!(refused.bytes < half + added, "{task}: {refused:?}");
                assert_eq!(refused.node, node.id().name());
                is_left_empty(&node).await;
                assert_eq!(within(node.scope(small(10))).await, Ok(45));
            }
        }
    }
}

#[tokio::test]
async fn the_error_says_who_how_much_and_what_to_do() {
    let node = limited(1, MIB, 0.5).await;
    let error = within(node.scope(endless(0))).await.unwrap_err();
    let text = error.to_string();
    let refused = too_large::<u64>(Err(error.clone()));
    assert!(refused.task.ends_with("endless"), "{refused:?}");
    for part in [&refused.node, &refused.task, "limits.memory", "bound the recursion"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    for number in [refused.count, refused.bytes, refused.limit] {
        assert!(text.contains(&number.to_string()), "{number} is not in: {text}");
    }
    assert_eq!(error.ran(), Ran::No);
}

#[tokio::test]
async fn the_share_of_one_tree_is_what_is_set() {
    for (share, most) in [(0.1, 16 * MIB / 10), (0.5, 8 * MIB), (0.9, 16 * MIB * 9 / 10), (1.0, 16 * MIB)] {
        let node = limited(1, 16 * MIB, share).await;
        let refused = too_large(within(node.scope(endless_yielding(0))).await);
        assert!(refused.bytes.abs_diff(most as u64) < 64 << 10, "{share}: {refused:?}");
    }
}

/// How often it was begun.
static BEGUN: AtomicUsize = AtomicUsize::new(0);

#[atasks::task]
async fn counted(level: u64) -> Result<u64> {
    BEGUN.fetch_add(1, SeqCst);
    tokio::task::yield_now().await;
    counted(level + 1).retry(Retry::times(5).backoff(Duration::ZERO, Duration::ZERO)).await
}

#[tokio::test]
async fn a_tree_that_is_too_large_is_not_tried_again() {
    let node = limited(1, MIB, 0.5).await;
    let refused = too_large(within(node.scope(counted(0))).await);
    assert_eq!(BEGUN.load(SeqCst) as u64, refused.count);
}

#[tokio::test]
async fn trees_that_grow_together_stay_within_the_memory() {
    let node = limited(2, 16 * MIB, 0.5).await;
    let most = Arc::new(AtomicUsize::new(0));
    let looks = async {
        loop {
            most.fetch_max(counts(&node).await.memory, SeqCst);
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    };
    let all = node.scope(async { join_all((0..8).map(endless_yielding)).await });
    let ended = tokio::select! {
        ended = within(all) => ended,
        () = looks => unreachable!(),
    };
    ended.into_iter().for_each(|ended| drop(too_large(ended)));
    let most = most.load(SeqCst);
    println!("{most} bytes were held at most");
    assert!(most > 4 * MIB && most < 17 * MIB, "{most}");
    is_left_empty(&node).await;
}

#[derive(Default)]
struct Gate(Notify);

/// Fills its tree, and waits.
#[atasks::task]
async fn fill(width: u64) -> Result<u64> {
    let mut calls: FuturesUnordered<_> = (0..width).map(|_| pending()).collect();
    tokio::select! {
        biased;
        ended = calls.next() => ended.unwrap(),
        () = async {
            let gate = atasks::state::<Gate>();
            tokio::task::yield_now().await;
            gate.0.notified().await;
        } => Ok(width),
    }
}

#[tokio::test]
async fn small_trees_go_on_beside_one_that_is_refused() {
    let node = worker(executors(2).state(Gate::default()), |config| config.limits.memory = Some(16 * MIB)).await;
    // Not half of the memory, so that roots may start.
    let mut large = Box::pin(node.scope(async { fill(2000).await }));
    assert!(futures_util::poll!(&mut large).is_pending());
    let deadline = tokio::time::Instant::now() + crate::PATIENCE;
    while counts(&node).await.memory < 2000 * 3_000 {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", counts(&node).await);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (endless, smalls) = within(node.scope(async {
        tokio::join!(
            endless_yielding(0),
            join_all((0..200).map(|_| async {
                tokio::task::yield_now().await;
                small(20).await
            }))
        )
    }))
    .await;
    too_large(endless);
    assert!(smalls.iter().all(|small| *small == Ok(190)), "{smalls:?}");
    drop(large);
    is_left_empty(&node).await;
}

#[tokio::test]
async fn a_legal_recursion_of_any_depth_passes_by_default() {
    #[atasks::task]
    async fn chain(levels: u64) -> Result<u64> {
        if levels == 0 { Ok(0) } else { Ok(1 + chain(levels - 1).await?) }
    }
    // About a tenth of what a tree may hold on a machine of 2 GiB.
    let node = worker(executors(1), |_| {}).await;
    assert_eq!(within(node.scope(async { chain(5000).await })).await, Ok(5000));
    is_left_empty(&node).await;
}

#[tokio::test]
async fn a_call_that_is_refused_says_so_to_whoever_awaits_it_and_not_to_the_tree() {
    #[atasks::task]
    async fn catches(level: u64) -> Result<u64> {
        tokio::task::yield_now().await;
        match catches(level + 1).await {
            Err(TaskError::Rejected { .. }) => Ok(level),
            other => other,
        }
    }
    let node = limited(1, MIB, 0.5).await;
    let depth = within(node.scope(async { catches(0).await })).await.unwrap();
    assert!(depth > 10, "{depth}");
    is_left_empty(&node).await;
}
