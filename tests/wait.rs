//! `.wait()`: a call without async, on every thread but those that a node needs.
#![allow(clippy::unwrap_used, clippy::type_complexity)]

#[path = "support/mod.rs"]
mod support;

use std::{
    sync::{Barrier, LazyLock},
    thread,
    time::Duration,
};

use atasks::{Node, Ran, Result, TaskError};
use futures::executor::block_on;
use tokio::{runtime, task::yield_now};

use crate::support::soon;

#[atasks::task]
async fn double(n: u64) -> Result<u64> {
    yield_now().await;
    Ok(2 * n)
}

/// Waits on the thread that it blocks.
#[atasks::task(blocking)]
fn tower(height: u32, width: u32) -> Result<u64> {
    let mut sum = 1;
    if height > 0 {
        for _ in 0..width {
            sum += tower(height - 1, width).wait()?;
        }
    }
    Ok(sum)
}

#[atasks::test]
fn a_plain_thread_waits() {
    assert_eq!(double(21).wait().unwrap(), 42);
    let call = double(4);
    assert_eq!(thread::spawn(move || call.wait()).join().unwrap().unwrap(), 8);
}

/// As in `fn main` of a program without async: the node becomes the process's own.
#[test]
fn a_program_without_a_runtime_joins_and_waits() {
    assert_eq!(double(1).wait().unwrap_err().task_error(), Some(&TaskError::NotJoined));
    let node = Node::builder().worker().executors(1).join_wait().unwrap();
    assert_eq!(double(21).wait().unwrap(), 42);
    assert_eq!(thread::spawn(|| double(4).wait()).join().unwrap().unwrap(), 8);
    block_on(node.leave());
    assert_eq!(double(1).wait().unwrap_err().task_error(), Some(&TaskError::NotJoined));
}

#[atasks::test]
fn many_threads_wait_at_once() {
    let node = atasks::node().unwrap();
    thread::scope(|scope| {
        for t in 0..32 {
            let node = &node;
            scope.spawn(move || {
                node.scope_sync(|| (0..50).for_each(|n| assert_eq!(double(n + t).wait().unwrap(), 2 * (n + t))));
            });
        }
    });
}

#[atasks::test]
async fn a_spawn_blocking_thread_waits() {
    let calls: Vec<_> = (0..20).map(|n| (n, double(n))).collect();
    for (n, call) in calls {
        assert_eq!(tokio::task::spawn_blocking(move || call.wait()).await.unwrap().unwrap(), 2 * n);
    }
}

#[test]
fn an_async_function_of_a_runtime_of_ones_own_waits() {
    let node = block_on(Node::loopback()).unwrap();
    for mut builder in [runtime::Builder::new_multi_thread(), runtime::Builder::new_current_thread()] {
        let runtime = builder.enable_all().build().unwrap();
        let waited = runtime.block_on(node.scope(async {
            let call = double(3);
            let spawned = tokio::spawn(async move { call.wait() });
            (double(1).wait().unwrap(), double(2).await.unwrap(), spawned.await.unwrap().unwrap())
        }));
        assert_eq!(waited, (2, 4, 6));
    }
    block_on(node.leave());
}

#[atasks::test]
fn a_call_that_was_polled_before_is_waited_for_on() {
    let mut call = double(4);
    let _ = block_on(async { futures::poll!(&mut call) });
    match call.id() {
        Some(_) => drop(call.wait()),
        None => panic!("it was not polled"),
    }
}

#[atasks::test]
fn a_wait_ends_at_its_deadline() {
    #[atasks::task]
    async fn never() -> Result<()> {
        std::future::pending().await
    }

    let error = never().timeout(Duration::from_millis(20)).wait().unwrap_err();
    assert!(matches!(error.task_error(), Some(TaskError::DeadlineExceeded { .. })), "{error:?}");
}

#[atasks::test]
async fn on_an_executor_thread_it_would_block() {
    #[atasks::task]
    async fn waits() -> Result<Vec<Option<TaskError>>> {
        let here = double(1).wait();
        let call = double(1);
        let spawned = tokio::spawn(async { call.wait() }).await?;
        let awaited = double(1).await;
        Ok([here, spawned, awaited].map(|result| result.err().and_then(|e| e.task_error().cloned())).into())
    }

    let [here, spawned, awaited] = waits().await.unwrap().try_into().unwrap();
    assert_eq!((here, spawned, awaited), (Some(TaskError::WouldBlock), Some(TaskError::WouldBlock), None));
    assert_eq!(TaskError::WouldBlock.ran(), Ran::No);
}

#[atasks::test(sim = 1)]
async fn where_all_nodes_share_this_thread_it_would_block() {
    assert_eq!(double(1).wait().unwrap_err().task_error(), Some(&TaskError::WouldBlock));
}

#[atasks::test]
async fn a_thread_that_a_task_has_made_waits() {
    #[atasks::task]
    async fn on_threads() -> Result<u64> {
        let call = double(4);
        let by_pool = tokio::task::spawn_blocking(move || call.wait()).await??;
        let call = double(5);
        let thread = thread::spawn(move || call.wait());
        let by_thread = tokio::task::spawn_blocking(|| thread.join()).await?.expect("no panic")?;
        Ok(by_pool + by_thread)
    }

    assert_eq!(on_threads().await.unwrap(), 18);
}

/// The loopback node runs 4 blocking tasks at once.
#[atasks::test]
async fn blocking_tasks_that_wait_for_blocking_tasks_never_lock_each_other_out() {
    assert_eq!(soon(tower(40, 1)).await.unwrap(), 41);
    assert_eq!(soon(tower(4, 3)).await.unwrap(), 1 + 3 + 9 + 27 + 81);
    let towers = (0..40).map(|_| tower(3, 2));
    let heights = soon(futures::future::try_join_all(towers)).await.unwrap();
    assert_eq!(heights, [15; 40]);
}

#[atasks::test]
async fn a_limit_of_one_does_not_lock_out_its_own_children() {
    #[atasks::task(blocking, max = 1)]
    fn one_at_a_time(depth: u32) -> Result<u32> {
        Ok(if depth == 0 { 0 } else { 1 + one_at_a_time(depth - 1).wait()? })
    }

    let calls = soon(futures::future::try_join_all((0..8).map(one_at_a_time))).await.unwrap();
    assert_eq!(calls, (0..8).collect::<Vec<_>>());
}

#[atasks::test]
async fn a_blocking_task_awaits_and_waits_by_turns() {
    #[atasks::task(blocking)]
    async fn by_turns() -> Result<u64> {
        let mut sum = 0;
        for n in 0..100 {
            sum += double(n).await? + double(n).wait()?;
        }
        Ok(sum)
    }

    assert_eq!(soon(by_turns()).await.unwrap(), 4 * 99 * 50);
}

/// What wakes the future as a whole while a part of it waits must not be lost.
#[atasks::test]
async fn a_wait_inside_of_a_join_loses_no_wakeup() {
    static GO: tokio::sync::Notify = tokio::sync::Notify::const_new();

    #[atasks::task]
    async fn wait_for_go() -> Result<u64> {
        GO.notified().await;
        Ok(1)
    }

    /// Ends long after `wait_for_go` has.
    #[atasks::task]
    async fn go() -> Result<u64> {
        GO.notify_one();
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(2)
    }

    #[atasks::task(blocking)]
    async fn both() -> Result<(u64, u64)> {
        tokio::try_join!(biased; wait_for_go(), async { go().wait() })
    }

    assert_eq!(soon(both()).await.unwrap(), (1, 2));
}

/// A place that is free is used, however the calls come in.
#[atasks::test]
async fn blocking_tasks_run_at_once_up_to_the_number_of_places() {
    static MEET: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(4));

    #[atasks::task(blocking)]
    fn meet() -> Result<()> {
        MEET.wait();
        Ok(())
    }

    #[atasks::task(blocking)]
    fn nothing() -> Result<()> {
        Ok(())
    }

    for _ in 0..20 {
        let node = Node::loopback().await.unwrap();
        // Leaves one thread idle.
        soon(node.scope(async { nothing().await })).await.unwrap();
        let meeting = node.scope(async { futures::future::try_join_all((0..4).map(|_| meet())).await });
        soon(meeting).await.unwrap();
        node.leave().await;
    }
}

#[atasks::test]
async fn an_error_comes_out_of_a_wait_as_itself() {
    #[derive(Debug, PartialEq, thiserror::Error, serde::Serialize, serde::Deserialize)]
    enum Refusal {
        #[error("no")]
        No,
        #[error(transparent)]
        Task(#[from] TaskError),
    }

    #[atasks::task]
    async fn refuse() -> std::result::Result<u64, Refusal> {
        Err(Refusal::No)
    }

    #[atasks::task]
    async fn waits_for_it() -> std::result::Result<u64, Refusal> {
        refuse().wait()
    }

    #[atasks::task(blocking)]
    fn relays() -> std::result::Result<u64, Refusal> {
        refuse().wait()
    }

    assert_eq!(relays().await, Err(Refusal::No));
    assert_eq!(waits_for_it().await, Err(Refusal::Task(TaskError::WouldBlock)));
}
