//! Roots wait while enough of them run or enough is held, and start as soon as there is room.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use atasks::{Node, TaskError, testing::counts};
use futures_util::future::{join_all, try_join_all};

use crate::{PATIENCE, Result, executors, is_left_empty, within, worker};

/// How many roots run, the most that ran at once, and how many have ended.
#[derive(Default)]
struct Seen {
    now: AtomicUsize,
    most: AtomicUsize,
    ended: AtomicUsize,
}

struct Runs(Arc<Seen>);

impl Runs {
    fn here() -> Self {
        let seen = (*atasks::state::<Arc<Seen>>()).clone();
        seen.most.fetch_max(seen.now.fetch_add(1, SeqCst) + 1, SeqCst);
        Self(seen)
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, SeqCst);
        self.0.ended.fetch_add(1, SeqCst);
    }
}

async fn worker_with(count: usize, running: usize, memory: Option<usize>) -> (Node, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let node = worker(executors(count).state(seen.clone()), move |config| {
        config.limits.running = running;
        config.limits.memory = memory;
    })
    .await;
    (node, seen)
}

#[atasks::task]
async fn plain(millis: u64) -> Result<u64> {
    let _runs = Runs::here();
    tokio::time::sleep(Duration::from_millis(millis)).await;
    Ok(1)
}

#[atasks::task]
async fn nests(width: u64) -> Result<u64> {
    let _runs = Runs::here();
    Ok(try_join_all((0..width).map(nested)).await?.into_iter().sum())
}

#[atasks::task]
async fn nested(n: u64) -> Result<u64> {
    if n.is_multiple_of(2) {
        tokio::task::yield_now().await;
    }
    Ok(1)
}

#[atasks::task(max = 2)]
async fn limited(calls: u64) -> Result<u64> {
    tokio::task::yield_now().await;
    if calls == 0 { Ok(1) } else { limited(calls - 1).await }
}

#[atasks::task(max = 2)]
async fn limited_root(calls: u64) -> Result<u64> {
    let _runs = Runs::here();
    limited(calls).await
}

#[atasks::task(blocking)]
fn blocks(calls: u64) -> Result<u64> {
    if calls == 0 { Ok(1) } else { blocks(calls - 1).wait() }
}

#[atasks::task(blocking)]
fn blocking_root(calls: u64) -> Result<u64> {
    let _runs = Runs::here();
    blocks(calls).wait()
}

#[atasks::task]
async fn crashes() -> Result<u64> {
    let _runs = Runs::here();
    tokio::task::yield_now().await;
    panic!("on purpose")
}

#[tokio::test]
async fn never_more_than_so_many_roots_run_and_all_come_to_their_end() {
    for count in [1, 2] {
        let (node, seen) = worker_with(count, 10, None).await;
        let calls = node.scope(async {
            join_all((0..600).map(|n| match n % 6 {
                0 => plain(n % 7),
                1 => nests(20),
                2 => limited_root(3),
                3 => blocking_root(2),
                4 => crashes(),
                _ => plain(0),
            }))
            .await
        });
        for (n, ended) in within(calls).await.into_iter().enumerate() {
            match ended {
                Ok(count) => assert_eq!(count, if n % 6 == 1 { 20 } else { 1 }),
                Err(TaskError::Crashed(_)) => assert_eq!(n % 6, 4),
                other => panic!("{n}: {other:?}"),
            }
        }
        assert_eq!((seen.now.load(SeqCst), seen.most.load(SeqCst)), (0, 10));
        is_left_empty(&node).await;
    }
}

#[tokio::test]
async fn each_end_of_a_root_has_the_next_one_started() {
    // Many short ones behind a narrow gate: one start that is forgotten, and the rest waits for ever.
    for (count, running) in [(1, 1), (2, 1), (3, 2), (4, 3)] {
        let (node, seen) = worker_with(count, running, None).await;
        for _ in 0..20 {
            let calls = node
                .scope(async { try_join_all((0..200).map(|n| if n % 3 == 0 { nests(2) } else { plain(0) })).await });
            assert_eq!(within(calls).await.unwrap().len(), 200);
            assert_eq!(counts(&node).await.roots, 0);
        }
        assert!(seen.most.load(SeqCst) <= running);
        is_left_empty(&node).await;
    }
}

#[tokio::test]
async fn roots_wait_while_half_of_the_memory_is_held_and_all_end() {
    // Each that sleeps holds a good 3 KiB.
    let (node, seen) = worker_with(2, 1000, Some(1 << 20)).await;
    let ended = within(node.scope(async { try_join_all((0..500).map(|n| plain(1 + n % 5))).await })).await.unwrap();
    assert_eq!(ended.len(), 500);
    let most = seen.most.load(SeqCst);
    assert!((60..=180).contains(&most), "{most} at once");
    is_left_empty(&node).await;
}

#[tokio::test]
async fn what_waits_keeps_nobody_from_starting() {
    // The arguments of what waits are a hundred times the memory.
    #[atasks::task]
    async fn carries(load: Vec<u8>) -> Result<u64> {
        let _runs = Runs::here();
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(load.len() as u64)
    }
    let (node, seen) = worker_with(1, 1000, Some(1 << 20)).await;
    let calls = node.scope(async { try_join_all((0..1000).map(|_| carries(vec![7; 100 << 10]))).await });
    assert!(within(calls).await.unwrap().iter().all(|bytes| *bytes == 100 << 10));
    assert!(seen.most.load(SeqCst) > 1, "what is begun has room for some");
    is_left_empty(&node).await;
}

#[tokio::test]
async fn too_small_limits_slow_and_do_not_stop() {
    for count in [1, 2] {
        let (node, seen) = worker_with(count, 1, Some(4 << 10)).await;
        let ended = within(node.scope(async { try_join_all((0..200).map(|n| plain(n % 2))).await })).await.unwrap();
        assert_eq!((ended.len(), seen.most.load(SeqCst)), (200, 1));
        is_left_empty(&node).await;
    }
}

#[tokio::test]
async fn a_root_that_is_dropped_while_it_waits_leaves_nothing() {
    let (node, _) = worker_with(1, 1, None).await;
    let mut first = Box::pin(node.scope(async { plain(50).await }));
    assert!(futures_util::poll!(&mut first).is_pending());
    let mut others = Box::pin(node.scope(async { join_all((0..50).map(|_| limited_root(1))).await }));
    assert!(futures_util::poll!(&mut others).is_pending());
    drop(others);
    assert_eq!(within(first).await, Ok(1));
    is_left_empty(&node).await;
    assert_eq!(within(node.scope(async { plain(0).await })).await, Ok(1));
}

#[tokio::test]
async fn detached_calls_are_roots_and_wait_like_them() {
    #[atasks::task]
    async fn lets_go() -> Result<u64> {
        let _runs = Runs::here();
        for _ in 0..20 {
            atasks::spawn(plain(1).detached());
        }
        Ok(0)
    }
    let (node, seen) = worker_with(2, 3, None).await;
    within(node.scope(async { lets_go().await })).await.unwrap();
    // The twenty are handed to this runtime and reach the node when it polls them, maybe long after the root's end.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while seen.ended.load(SeqCst) < 21 {
        assert!(tokio::time::Instant::now() < deadline, "{} ended", seen.ended.load(SeqCst));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(seen.most.load(SeqCst), 3);
    is_left_empty(&node).await;
}

#[tokio::test]
async fn a_worker_that_leaves_tells_roots_that_wait() {
    let node = worker(executors(1), |config| config.limits.running = 1).await;
    #[atasks::task]
    async fn holds() -> Result<u64> {
        std::future::pending().await
    }
    let mut calls = Box::pin(node.scope(async { join_all((0..20).map(|_| holds())).await }));
    assert!(futures_util::poll!(&mut calls).is_pending());
    while counts(&node).await.roots == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (ended, ()) = within(async { tokio::join!(calls, node.leave()) }).await;
    assert!(ended.iter().all(|ended| matches!(ended, Err(TaskError::Cancelled { .. }))), "{ended:?}");
}
