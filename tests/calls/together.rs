//! Calls are ordinary futures: they join, race, stand in collections and structs, and run under any executor.

use std::{
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering},
    task::Poll,
};

use atasks::{Payload, Result, TaskCall, TaskError};
use futures::{StreamExt, executor::block_on, future::join_all, stream, stream::FuturesUnordered};
use tokio::{
    sync::Notify,
    task::{JoinSet, yield_now},
};

use crate::support::{OnDrop, soon};

/// Ends in its first poll if `n` is even, else later.
#[atasks::task]
async fn double(n: u64) -> Result<u64> {
    if n % 2 == 1 {
        yield_now().await;
    }
    Ok(2 * n)
}

#[atasks::task]
async fn length(text: String) -> Result<u64> {
    Ok(text.len() as u64)
}

#[atasks::task]
async fn refuse(why: String) -> Result<u64> {
    Err(atasks::Error::msg(why))
}

#[atasks::test]
async fn calls_join() {
    let (a, b, c) = tokio::join!(double(1), length("four".into()), double(2));
    assert_eq!((a.unwrap(), b.unwrap(), c.unwrap()), (2, 4, 4));
    let both = tokio::try_join!(double(3), double(4));
    assert_eq!(both.unwrap(), (6, 8));
    let either = tokio::try_join!(double(3), refuse("no".into()));
    assert_eq!(either.unwrap_err().to_string(), "no");
}

#[atasks::test]
async fn the_loser_of_a_select_is_cancelled() {
    static STARTED: Notify = Notify::const_new();
    static GONE: Notify = Notify::const_new();

    #[atasks::task]
    async fn never() -> Result<u64> {
        let _gone = OnDrop(&GONE);
        STARTED.notify_one();
        std::future::pending().await
    }

    let winner = async {
        STARTED.notified().await;
        double(5).await
    };
    let first = tokio::select! {
        lost = never() => lost,
        won = winner => won,
    };
    assert_eq!(first.unwrap(), 10);
    soon(GONE.notified()).await;
}

#[atasks::test]
async fn the_failure_of_a_try_join_cancels_the_others() {
    static STARTED: Notify = Notify::const_new();
    static GONE: Notify = Notify::const_new();

    #[atasks::task]
    async fn never_2() -> Result<u64> {
        let _gone = OnDrop(&GONE);
        STARTED.notify_one();
        std::future::pending().await
    }

    let failing = async {
        STARTED.notified().await;
        refuse("enough".into()).await
    };
    let either = tokio::try_join!(never_2(), failing);
    assert_eq!(either.unwrap_err().to_string(), "enough");
    soon(GONE.notified()).await;
}

#[atasks::test]
async fn streams_of_calls_give_all_results() {
    let unordered: FuturesUnordered<_> = (0..200).map(double).collect();
    assert_eq!(unordered.map(Result::unwrap).fold(0, async |sum, n| sum + n).await, 199 * 200);
    let bounded = stream::iter((0..200).map(double)).buffer_unordered(7);
    assert_eq!(bounded.map(Result::unwrap).fold(0, async |sum, n| sum + n).await, 199 * 200);
    let in_order = stream::iter((0..50).map(double)).buffered(7);
    assert_eq!(in_order.map(Result::unwrap).collect::<Vec<_>>().await, (0..50).map(|n| 2 * n).collect::<Vec<_>>());
}

#[atasks::test]
async fn a_join_set_runs_calls() {
    let mut set: JoinSet<_> = (0..100).map(double).collect();
    let mut sum = 0;
    while let Some(joined) = set.join_next().await {
        sum += joined.unwrap().unwrap();
    }
    assert_eq!(sum, 99 * 100);
}

#[atasks::test]
async fn calls_of_different_tasks_are_of_one_type() {
    struct Job {
        title: &'static str,
        call: TaskCall<Result<u64>>,
    }

    let calls: Vec<TaskCall<Result<u64>>> = vec![double(1), length("abc".into()), refuse("no".into())];
    let results: Vec<_> = join_all(calls).await.into_iter().map(|result| result.ok()).collect();
    assert_eq!(results, [Some(2), Some(3), None]);

    let mut job = Job { title: "by reference", call: double(21) };
    assert_eq!((job.title, (&mut job.call).await.unwrap()), ("by reference", 42));
    let chosen = match job.title.len() {
        0 => double(1),
        _ => length("chosen".into()),
    };
    assert_eq!(chosen.await.unwrap(), 6);
}

#[atasks::test]
async fn a_foreign_executor_on_a_plain_thread_awaits_calls() {
    let (one, other) = (double(1), length("abc".into()));
    let thread = std::thread::spawn(move || block_on(async { tokio::join!(one, other) }));
    let (one, other) = thread.join().unwrap();
    assert_eq!((one.unwrap(), other.unwrap()), (2, 3));
}

#[atasks::test]
async fn a_call_that_is_never_polled_never_runs() {
    static RAN: AtomicU32 = AtomicU32::new(0);

    #[atasks::task]
    async fn count() -> Result<()> {
        RAN.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    let call = count();
    assert_eq!(call.id(), None);
    double(2).await.unwrap();
    drop(call);
    double(3).await.unwrap();
    assert_eq!(RAN.load(Ordering::SeqCst), 0);
    count().await.unwrap();
    assert_eq!(RAN.load(Ordering::SeqCst), 1);
}

#[atasks::test]
async fn a_call_that_is_over_answers_another_poll_with_an_error() {
    let mut call = double(1);
    (&mut call).await.unwrap();
    let error = (&mut call).await.unwrap_err();
    assert!(matches!(error.task_error(), Some(TaskError::Codec { stage: Payload::Result, .. })), "{error:?}");
}

#[atasks::test]
async fn a_call_moves_to_another_thread_between_polls() {
    static GO: Notify = Notify::const_new();

    #[atasks::task]
    async fn wait_for_go() -> Result<u64> {
        GO.notified().await;
        Ok(7)
    }

    let mut call = wait_for_go();
    let first = futures::poll!(Pin::new(&mut call));
    assert!(matches!(first, Poll::Pending));
    let id = call.id();
    assert!(id.is_some());
    let thread = std::thread::spawn(move || (block_on(&mut call), call.id()));
    GO.notify_one();
    let (result, id_after) = thread.join().unwrap();
    assert_eq!((result.unwrap(), id_after), (7, id));
}

/// Without a node, in a unit test of a body.
#[test]
fn a_body_runs_without_a_node() {
    assert_eq!(block_on(double(4).run()).unwrap(), 8);
    assert_eq!(block_on(length("abc".into()).run()).unwrap(), 3);
    let error = block_on(double(4)).unwrap_err();
    assert_eq!(error.task_error(), Some(&TaskError::NotJoined));
}
