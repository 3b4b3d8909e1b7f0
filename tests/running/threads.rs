//! One thread for one task, and no thread that one task takes from all.

use std::{
    collections::BTreeSet,
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use atasks::TaskError;
use futures_util::future::{join_all, try_join_all};
use tokio::time::Instant;

use crate::{PATIENCE, eventually, wide};

type Result<T> = std::result::Result<T, TaskError>;

fn thread() -> String {
    format!("{:?}", std::thread::current().id())
}

/// The threads that it was polled on.
#[atasks::task]
async fn wanders(yields: u32) -> Result<BTreeSet<String>> {
    let mut threads = BTreeSet::new();
    for turn in 0..yields {
        threads.insert(thread());
        match turn % 10 {
            9 => tokio::time::sleep(Duration::from_millis(1)).await,
            _ => tokio::task::yield_now().await,
        }
    }
    threads.insert(thread());
    Ok(threads)
}

#[tokio::test]
async fn a_task_stays_on_the_thread_of_its_first_poll() {
    let node = wide(4).await;
    let calls = node.scope(async { try_join_all((0..200).map(|_| wanders(100))).await });
    let threads = calls.await.unwrap();
    assert!(threads.iter().all(|threads| threads.len() == 1), "{threads:?}");
}

static MEETING: AtomicUsize = AtomicUsize::new(0);

/// Keeps its thread until three others have come.
#[atasks::task]
async fn meets() -> Result<String> {
    MEETING.fetch_add(1, Ordering::SeqCst);
    let until = Instant::now() + PATIENCE;
    while MEETING.load(Ordering::SeqCst) < 4 {
        assert!(Instant::now() < until, "the others wait for this thread");
        std::thread::yield_now();
    }
    Ok(thread())
}

#[tokio::test]
async fn calls_use_all_executors() {
    let node = wide(4).await;
    let calls = node.scope(async { try_join_all((0..4).map(|_| meets())).await });
    let threads: BTreeSet<_> = calls.await.unwrap().into_iter().collect();
    assert_eq!(threads.len(), 4);
}

static HOGS: AtomicBool = AtomicBool::new(false);

/// Never yields.
#[atasks::task]
async fn hogs(millis: u64) -> Result<()> {
    let until = Instant::now() + Duration::from_millis(millis);
    HOGS.store(true, Ordering::SeqCst);
    while Instant::now() < until {
        black_box(());
    }
    HOGS.store(false, Ordering::SeqCst);
    Ok(())
}

#[atasks::task]
async fn nests(levels: u32) -> Result<u32> {
    tokio::task::yield_now().await;
    if levels == 0 { Ok(0) } else { Ok(1 + nests(levels - 1).await?) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_task_that_never_yields_holds_up_one_executor_only() {
    let node = wide(2).await;
    // Sent in one go, so that some wait behind the hog in the queue.
    let all = node.scope(async { tokio::join!(hogs(2000), join_all((0..100).map(|_| nests(3)))) });
    let all = tokio::spawn(all);
    eventually(|| HOGS.load(Ordering::SeqCst), |hogs| *hogs).await;
    let since = Instant::now();
    for _ in 0..100 {
        assert_eq!(node.scope(async { nests(2).await }).await, Ok(2));
    }
    println!("100 calls beside a hog took {:?}", since.elapsed());
    assert!(HOGS.load(Ordering::SeqCst), "they waited for the hog");
    let (hog, others) = all.await.unwrap();
    assert_eq!(hog, Ok(()));
    assert!(others.iter().all(|other| *other == Ok(3)), "{others:?}");
}
