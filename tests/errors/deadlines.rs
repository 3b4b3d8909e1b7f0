//! A deadline that passes tells for what the call was waiting, and whether it may have run.

use std::{
    pin::Pin,
    sync::{Barrier, LazyLock},
    time::Duration,
};

use atasks::{Placement, Ran, Result, TaskError, Waiting};
use tokio::{sync::Notify, time::Instant};

use crate::support::soon;

const SHORT: Duration = Duration::from_millis(50);

#[track_caller]
fn exceeded<T: std::fmt::Debug>(result: Result<T>) -> (Duration, Waiting, Ran) {
    let error = result.unwrap_err();
    match error.task_error() {
        Some(TaskError::DeadlineExceeded { after, waited_for, ran }) => (*after, *waited_for, *ran),
        _ => panic!("{error:?}"),
    }
}

#[atasks::task]
async fn nothing() -> Result<()> {
    Ok(())
}

#[atasks::test]
async fn for_a_node() {
    let call = nothing().place(Placement::Node("nobody".into())).timeout(SHORT);
    let (after, waited_for, ran) = exceeded(soon(call).await);
    assert_eq!((waited_for, ran), (Waiting::Placement, Ran::No));
    assert!(after >= SHORT, "{after:?}");
}

#[atasks::test]
async fn for_its_turn() {
    static STARTED: Notify = Notify::const_new();

    #[atasks::task(max = 1)]
    async fn holds_its_place() -> Result<()> {
        STARTED.notify_one();
        std::future::pending().await
    }

    let mut holder = holds_its_place();
    assert!(futures::poll!(Pin::new(&mut holder)).is_pending());
    soon(STARTED.notified()).await;
    let (after, waited_for, ran) = exceeded(soon(holds_its_place().timeout(SHORT)).await);
    assert_eq!((waited_for, ran), (Waiting::Executor, Ran::No));
    assert!(after >= SHORT, "{after:?}");
}

#[atasks::test]
async fn for_its_turn_among_blocking_tasks() {
    static GO: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(5));
    static STARTED: Notify = Notify::const_new();

    #[atasks::task(blocking)]
    fn waits_for_go() -> Result<()> {
        STARTED.notify_one();
        GO.wait();
        Ok(())
    }

    let mut running: Vec<_> = (0..4).map(|_| waits_for_go()).collect();
    for call in &mut running {
        assert!(futures::poll!(Pin::new(call)).is_pending());
        soon(STARTED.notified()).await;
    }
    let (_, waited_for, ran) = exceeded(soon(waits_for_go().timeout(SHORT)).await);
    assert_eq!((waited_for, ran), (Waiting::Executor, Ran::No));
    tokio::task::spawn_blocking(|| GO.wait()).await.unwrap();
    soon(futures::future::try_join_all(running)).await.unwrap();
}

#[atasks::test]
async fn for_its_result() {
    static STARTED: Notify = Notify::const_new();

    #[atasks::task]
    async fn never() -> Result<()> {
        STARTED.notify_one();
        std::future::pending().await
    }

    // Its node does nothing else: it has started long before.
    let second = Duration::from_secs(1);
    let (result, ()) = soon(async { tokio::join!(never().timeout(second), STARTED.notified()) }).await;
    let (after, waited_for, ran) = exceeded(result);
    assert_eq!((waited_for, ran), (Waiting::Result, Ran::Yes));
    assert!(after >= second, "{after:?}");
}

#[atasks::test]
async fn an_inherited_one_ends_the_whole_tree() {
    static GONE: Notify = Notify::const_new();

    #[atasks::task]
    async fn never_ends() -> Result<()> {
        let _gone = crate::support::OnDrop(&GONE);
        std::future::pending().await
    }

    #[atasks::task]
    async fn parent() -> Result<()> {
        never_ends().await
    }

    let start = Instant::now();
    let (after, ..) = exceeded(soon(parent().timeout(Duration::from_secs(1))).await);
    assert!(after >= Duration::from_secs(1) && start.elapsed() >= after, "{after:?}");
    soon(GONE.notified()).await;
}

#[atasks::test(sim = 1)]
async fn the_parent_of_a_child_that_was_too_slow_goes_on() {
    #[atasks::task]
    async fn too_slow() -> Result<()> {
        std::future::pending().await
    }

    #[atasks::task]
    async fn patient() -> Result<(Duration, bool)> {
        let (after, waited_for, ran) = exceeded(too_slow().timeout(SHORT).place(Placement::Local).await);
        Ok((after, (waited_for, ran) == (Waiting::Result, Ran::Yes)))
    }

    let (after, told) = patient().await.unwrap();
    assert!(told);
    assert!(after >= SHORT && after < 2 * SHORT, "{after:?}");
}

#[atasks::test]
async fn a_crash_that_comes_in_time_is_never_a_timeout() {
    #[atasks::task]
    async fn crash() -> Result<()> {
        panic!("in time")
    }

    for _ in 0..200 {
        let error = crash().timeout(Duration::from_secs(60)).await.unwrap_err();
        assert!(matches!(error.task_error(), Some(TaskError::Crashed(_))), "{error:?}");
    }
}
