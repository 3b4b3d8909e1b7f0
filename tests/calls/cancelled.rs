//! A cancelled task ends at its next yield, or tidies up first.

use std::{
    pin::Pin,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use atasks::{Canceller, Placement, Ran, Result, TaskError, current};
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, sleep},
};

use crate::support::{OnDrop, soon};

const SECOND: Duration = Duration::from_secs(1);

#[atasks::task]
async fn nothing() -> Result<()> {
    Ok(())
}

#[atasks::test]
async fn a_task_that_awaits_its_cancellation_may_tidy_up() {
    static STARTED: Notify = Notify::const_new();
    static ANSWER: Mutex<Option<oneshot::Sender<(bool, Option<TaskError>)>>> = Mutex::new(None);

    #[atasks::task]
    async fn tidy() -> Result<()> {
        let before = current().is_cancelled();
        STARTED.notify_one();
        let me = current();
        let cancelled = me.cancelled();
        tokio::pin!(cancelled);
        (&mut cancelled).await;
        // Still running: it yields, and it may not call any more.
        tokio::task::yield_now().await;
        let refused = nothing().await.unwrap_err().task_error().cloned();
        let answer = ANSWER.lock().unwrap().take();
        answer.map(|answer| answer.send((!before && me.is_cancelled(), refused)));
        Ok(())
    }

    let (answer, answered) = oneshot::channel();
    *ANSWER.lock().unwrap() = Some(answer);
    let mut call = tidy();
    assert!(futures::poll!(Pin::new(&mut call)).is_pending());
    soon(STARTED.notified()).await;
    drop(call);
    let (told, refused) = soon(answered).await.unwrap();
    assert!(told);
    assert_eq!(refused, Some(TaskError::Cancelled { by: Canceller::Caller, ran: Ran::No }));
}

#[atasks::test(sim = 1)]
async fn the_grace_has_an_end() {
    static GONE: Notify = Notify::const_new();

    #[atasks::task]
    async fn stay() -> Result<()> {
        let _gone = OnDrop(&GONE);
        let me = current();
        tokio::join!(me.cancelled(), std::future::pending::<()>(), async {
            loop {
                me.cancelled().await;
                sleep(SECOND / 100).await;
            }
        });
        Ok(())
    }

    let error = stay().timeout(5 * SECOND).await.unwrap_err();
    assert!(matches!(error.task_error(), Some(TaskError::DeadlineExceeded { .. })), "{error:?}");
    let start = Instant::now();
    soon(GONE.notified()).await;
    let took = start.elapsed();
    assert!(took > SECOND / 2 && took < SECOND + SECOND / 5, "dropped {took:?} after its cancellation");
}

#[atasks::test(sim = 3)]
async fn the_graces_of_a_tree_run_at_the_same_time() {
    static STARTED: Notify = Notify::const_new();
    static GONE: Notify = Notify::const_new();

    #[atasks::task]
    async fn linger(depth: u32) -> Result<()> {
        let _gone = (depth == 0).then(|| OnDrop(&GONE));
        let me = current();
        let below = async {
            match depth {
                0 => STARTED.notify_one(),
                _ => drop(linger(depth - 1).place(Placement::Spread).await),
            }
            std::future::pending::<()>().await;
        };
        tokio::join!(me.cancelled(), below);
        Ok(())
    }

    let mut call = linger(5);
    assert!(futures::poll!(Pin::new(&mut call)).is_pending());
    soon(STARTED.notified()).await;
    drop(call);
    let start = Instant::now();
    soon(GONE.notified()).await;
    let took = start.elapsed();
    assert!(took > SECOND / 2 && took < SECOND + SECOND / 5, "dropped {took:?} after its cancellation");
}

#[atasks::test]
async fn a_blocking_task_is_told_where_it_waits_for_a_call() {
    static STARTED: Notify = Notify::const_new();
    static SEEN: Notify = Notify::const_new();

    #[atasks::task]
    async fn forever() -> Result<()> {
        STARTED.notify_one();
        std::future::pending().await
    }

    #[atasks::task(blocking)]
    fn wait_below() -> Result<()> {
        if forever().wait().is_err() && current().is_cancelled() {
            SEEN.notify_one();
        }
        Ok(())
    }

    let mut call = wait_below();
    assert!(futures::poll!(Pin::new(&mut call)).is_pending());
    soon(STARTED.notified()).await;
    drop(call);
    soon(SEEN.notified()).await;
}

#[atasks::test]
async fn a_blocking_task_sees_that_it_is_cancelled() {
    static STARTED: Notify = Notify::const_new();
    static SEEN: Notify = Notify::const_new();

    #[atasks::task(blocking)]
    fn spin() -> Result<()> {
        STARTED.notify_one();
        while !current().is_cancelled() {
            std::thread::yield_now();
        }
        SEEN.notify_one();
        Ok(())
    }

    let mut call = spin();
    assert!(futures::poll!(Pin::new(&mut call)).is_pending());
    soon(STARTED.notified()).await;
    drop(call);
    soon(SEEN.notified()).await;
}

#[atasks::test]
async fn the_whole_subtree_is_cancelled() {
    static STARTED: Notify = Notify::const_new();
    static GONE: Notify = Notify::const_new();

    #[atasks::task]
    async fn deep(depth: u32) -> Result<()> {
        let _gone = (depth == 0).then(|| OnDrop(&GONE));
        if depth == 0 {
            STARTED.notify_one();
            std::future::pending::<()>().await;
        }
        deep(depth - 1).await
    }

    let mut call = deep(100);
    assert!(futures::poll!(Pin::new(&mut call)).is_pending());
    soon(STARTED.notified()).await;
    drop(call);
    soon(GONE.notified()).await;
}

#[atasks::test]
async fn a_task_cancelled_while_it_waits_its_turn_never_runs() {
    static STARTED: Notify = Notify::const_new();
    static GO: Notify = Notify::const_new();
    static RAN: AtomicU32 = AtomicU32::new(0);

    #[atasks::task(max = 1)]
    async fn one_at_a_time(first: bool) -> Result<()> {
        if first {
            STARTED.notify_one();
            GO.notified().await;
        }
        RAN.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    let mut holder = one_at_a_time(true);
    assert!(futures::poll!(Pin::new(&mut holder)).is_pending());
    soon(STARTED.notified()).await;
    let mut waiting: Vec<_> = (0..3).map(|_| one_at_a_time(false)).collect();
    for call in &mut waiting {
        assert!(futures::poll!(Pin::new(call)).is_pending());
    }
    drop(waiting.remove(1));
    GO.notify_one();
    soon(holder).await.unwrap();
    soon(futures::future::try_join_all(waiting)).await.unwrap();
    assert_eq!(RAN.load(Ordering::SeqCst), 3);
}
