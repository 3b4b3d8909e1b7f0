//! `max` and `blocking`: bounded, and never a deadlock.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use atasks::{Actors, TaskError};
use futures_util::future::try_join_all;

use crate::{PATIENCE, eventually, lone};

type Result<T> = std::result::Result<T, TaskError>;

#[atasks::task(max = 1)]
async fn alone(levels: u32) -> Result<u32> {
    tokio::task::yield_now().await;
    if levels == 0 { Ok(0) } else { Ok(1 + alone(levels - 1).await?) }
}

/// Calls `alone` through a task that is not limited.
#[atasks::task]
async fn through(levels: u32) -> Result<u32> {
    alone_through(levels).await
}

#[atasks::task(max = 1)]
async fn alone_through(levels: u32) -> Result<u32> {
    if levels == 0 { Ok(0) } else { Ok(1 + through(levels - 1).await?) }
}

#[atasks::task]
async fn free() -> Result<()> {
    Ok(())
}

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[atasks::task(max = 2)]
async fn pair(crashes: bool) -> Result<()> {
    struct Running;
    impl Drop for Running {
        fn drop(&mut self) {
            RUNNING.fetch_sub(1, Ordering::SeqCst);
        }
    }
    MOST.fetch_max(RUNNING.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    let _running = Running;
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(!crashes, "a place is free again after a crash");
    Ok(())
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("a deadlock")
}

#[tokio::test]
async fn a_limited_task_may_await_itself() {
    for actors in [Actors::Suspended, Actors::Every] {
        let node = lone(actors).await;
        let calls = node.scope(async { tokio::try_join!(alone(50), alone(50), alone_through(50), through(50)) });
        assert_eq!(within(calls).await, Ok((50, 50, 50, 50)));
    }
}

#[tokio::test]
async fn no_more_than_so_many_run_and_nothing_else_waits_for_them() {
    for actors in [Actors::Suspended, Actors::Every] {
        let node = lone(actors).await;
        let mut hundred = Box::pin(node.scope(async { try_join_all((0..100).map(|_| pair(false))).await }));
        // Sent behind them all, and back long before.
        let frees = async {
            for _ in 0..10 {
                node.scope(async { free().await }).await.unwrap();
            }
        };
        tokio::select! {
            biased;
            ended = &mut hundred => panic!("{ended:?} before the others"),
            () = frees => {}
        }
        within(hundred).await.unwrap();
        assert_eq!(MOST.load(Ordering::SeqCst), 2);
        for _ in 0..3 {
            let crashed = node.scope(async { pair(true).await }).await;
            assert!(matches!(crashed, Err(TaskError::Crashed(_))), "{crashed:?}");
        }
        // Dropped while they run, while they wait, and before they were ever polled.
        let mut dropped = Box::pin(node.scope(async { try_join_all((0..5).map(|_| pair(false))).await }));
        assert!(futures_util::poll!(&mut dropped).is_pending());
        within(node.scope(async { free().await })).await.unwrap();
        drop(dropped);
        within(node.scope(async { try_join_all((0..4).map(|_| pair(false))).await })).await.unwrap();
    }
    assert_eq!((RUNNING.load(Ordering::SeqCst), MOST.load(Ordering::SeqCst)), (0, 2));
}

#[tokio::test]
async fn calls_that_were_given_up_do_not_fill_the_line() {
    #[atasks::task(max = 1)]
    async fn holds() -> Result<()> {
        std::future::pending().await
    }

    let node = lone(Actors::Suspended).await;
    let unstarted = || node.nodes()[0].load.unstarted;
    let mut holder = Box::pin(node.scope(async { holds().await }));
    assert!(futures_util::poll!(&mut holder).is_pending());
    eventually(|| node.nodes()[0].load.suspended, |suspended| *suspended == 1).await;
    let mut longest = 0;
    for _ in 0..2_000 {
        let mut given_up = Box::pin(node.scope(async { holds().await }));
        assert!(futures_util::poll!(&mut given_up).is_pending());
        drop(given_up);
        longest = longest.max(unstarted());
        if unstarted() > 100 {
            // Some may not even have come to the line.
            eventually(unstarted, |unstarted| *unstarted <= 100).await;
        }
    }
    println!("{longest} at most");
    // What is wanted keeps its place.
    let mut wanted = Box::pin(node.scope(async { holds().await }));
    assert!(futures_util::poll!(&mut wanted).is_pending());
    drop(holder);
    eventually(|| node.nodes()[0].load.suspended, |suspended| *suspended == 1).await;
    eventually(unstarted, |unstarted| *unstarted == 0).await;
    drop(wanted);
}

/// Waits on its thread. There are 4 places for an executor.
#[atasks::task(blocking)]
fn waits(levels: u32) -> Result<u32> {
    if levels == 0 { Ok(0) } else { Ok(1 + waits(levels - 1).wait()?) }
}

#[atasks::task(blocking)]
async fn awaits(levels: u32) -> Result<u32> {
    if levels == 0 { Ok(0) } else { Ok(1 + awaits(levels - 1).await?) }
}

#[tokio::test]
async fn blocking_tasks_may_wait_for_blocking_tasks_deeper_than_there_are_places() {
    for actors in [Actors::Suspended, Actors::Every] {
        let node = lone(actors).await;
        let calls = node.scope(async { tokio::try_join!(waits(30), awaits(30), waits(30), awaits(30)) });
        assert_eq!(within(calls).await, Ok((30, 30, 30, 30)));
    }
}

#[atasks::task(blocking)]
fn panics() -> Result<()> {
    panic!("on a thread for blocking tasks")
}

#[tokio::test]
async fn a_blocking_task_that_panics_gives_its_place_back() {
    let node = lone(Actors::Suspended).await;
    for _ in 0..10 {
        let ended = within(node.scope(async { panics().await })).await;
        let Err(TaskError::Crashed(crash)) = ended else { panic!("{ended:?}") };
        assert!(crash.location().is_some_and(|at| at.starts_with(file!())), "{crash:?}");
    }
    assert_eq!(within(node.scope(async { waits(3).await })).await, Ok(3));
}

#[atasks::task]
async fn would_block() -> Result<TaskError> {
    Ok(free().wait().unwrap_err())
}

#[tokio::test]
async fn waiting_on_an_executor_is_refused() {
    let node = lone(Actors::Suspended).await;
    assert_eq!(node.scope(async { would_block().await }).await, Ok(TaskError::WouldBlock));
}
