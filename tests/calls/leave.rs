//! Leaving ends what is awaited here.

use std::pin::Pin;

use atasks::{Canceller, Error, Node, Placement, Ran, Result, TaskCall, TaskError};
use tokio::sync::Notify;

use crate::support::{OnDrop, soon};

#[atasks::task]
async fn nothing() -> Result<()> {
    Ok(())
}

#[track_caller]
fn assert_left(result: Result<()>, ran: Ran) {
    let error = result.unwrap_err();
    assert_eq!(error.task_error(), Some(&TaskError::Cancelled { by: Canceller::Leave, ran }), "{error:?}");
}

/// Polls a call that has to wait.
#[track_caller]
fn begin(call: &mut TaskCall<Result<()>>) {
    let waker = std::task::Waker::noop();
    let polled = Future::poll(Pin::new(call), &mut std::task::Context::from_waker(waker));
    assert!(polled.is_pending());
}

#[atasks::test]
async fn awaits_in_flight_end_as_cancelled_and_later_ones_as_not_joined() {
    static STARTED: Notify = Notify::const_new();
    static GONE: Notify = Notify::const_new();
    static BLOCKED: Notify = Notify::const_new();

    #[atasks::task]
    async fn never() -> Result<()> {
        let _gone = OnDrop(&GONE);
        STARTED.notify_one();
        std::future::pending().await
    }

    #[atasks::task(blocking)]
    fn block() -> Result<()> {
        BLOCKED.notify_one();
        while !atasks::current().is_cancelled() {
            std::thread::yield_now();
        }
        Ok(())
    }

    let node = Node::loopback().await.unwrap();
    let (mut running, mut blocking, mut placed) =
        node.scope_sync(|| (never(), block(), nothing().place(Placement::Node("nobody".into()))));
    let unpolled = node.scope_sync(nothing);
    [&mut running, &mut blocking, &mut placed].into_iter().for_each(begin);
    soon(STARTED.notified()).await;
    soon(BLOCKED.notified()).await;
    soon(node.leave()).await;
    soon(GONE.notified()).await;
    assert_left(soon(running).await, Ran::Yes);
    assert_left(soon(blocking).await, Ran::Yes);
    assert_left(soon(placed).await, Ran::No);
    let not_joined = |error: Error| assert_eq!(error.task_error(), Some(&TaskError::NotJoined), "{error:?}");
    not_joined(soon(unpolled).await.unwrap_err());
    not_joined(soon(node.scope(async { nothing().await })).await.unwrap_err());
    // Twice is once.
    soon(node.leave()).await;
}

#[atasks::test]
async fn what_waits_its_turn_ends_unstarted() {
    static STARTED: Notify = Notify::const_new();

    #[atasks::task(max = 1)]
    async fn never_2() -> Result<()> {
        STARTED.notify_one();
        std::future::pending().await
    }

    let node = Node::loopback().await.unwrap();
    let (mut holder, mut waiting) = node.scope_sync(|| (never_2(), never_2()));
    begin(&mut holder);
    soon(STARTED.notified()).await;
    begin(&mut waiting);
    soon(node.leave()).await;
    assert_left(soon(holder).await, Ran::Yes);
    assert_left(soon(waiting).await, Ran::No);
}

#[atasks::test]
async fn the_last_handle_that_is_dropped_leaves() {
    static STARTED: Notify = Notify::const_new();

    #[atasks::task]
    async fn never_3() -> Result<()> {
        STARTED.notify_one();
        std::future::pending().await
    }

    let node = Node::loopback().await.unwrap();
    let mut call = node.scope_sync(never_3);
    let other = node.clone();
    begin(&mut call);
    soon(STARTED.notified()).await;
    drop(node);
    soon(other.scope(async { nothing().await })).await.unwrap();
    drop(other);
    assert_left(soon(call).await, Ran::Yes);
}

#[atasks::test]
async fn a_task_may_end_its_own_node() {
    #[atasks::task]
    async fn leave() -> Result<()> {
        atasks::node()?.leave().await;
        Ok(())
    }

    let node = Node::loopback().await.unwrap();
    // Whether it hears of that before it ends itself is a race; it does not wait for itself.
    if let Err(error) = soon(node.scope(async { leave().await })).await {
        assert_left(Err(error), Ran::Yes);
    }
    let error = soon(node.scope(async { nothing().await })).await.unwrap_err();
    assert_eq!(error.task_error(), Some(&TaskError::NotJoined));
}
