//! Destructors of a task that panic: a crash like any other, or, when nobody waits any more, a line in the log.

use std::{pin::Pin, sync::Mutex};

use atasks::{Result, TaskError, try_current};
use tokio::{sync::Notify, task::yield_now};

use crate::support::soon;

/// Tells that it is dropped, and panics.
struct Bomb(&'static Notify);

const BOMB: u32 = line!() + 5;

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.notify_one();
        panic!("in a destructor");
    }
}

#[atasks::task]
async fn holds_a_bomb(suspended: bool) -> Result<u32> {
    static DROPPED: Notify = Notify::const_new();
    let _bomb = Bomb(&DROPPED);
    if suspended {
        yield_now().await;
    }
    Ok(7)
}

#[atasks::task]
async fn fine() -> Result<u32> {
    yield_now().await;
    Ok(1)
}

#[atasks::test]
async fn a_panic_of_a_destructor_is_a_crash() {
    for suspended in [false, true] {
        let error = holds_a_bomb(suspended).await.unwrap_err();
        let Some(TaskError::Crashed(crash)) = error.task_error() else { panic!("{error:?}") };
        assert_eq!(crash.message(), "in a destructor");
        assert_eq!(crash.location(), Some(&format!("{}:{BOMB}", file!())[..]));
    }
    assert_eq!(fine().await.unwrap(), 1);
}

#[atasks::test]
async fn at_a_cancellation_it_takes_nothing_down() {
    static STARTED: Notify = Notify::const_new();
    static GONE: Notify = Notify::const_new();

    #[atasks::task]
    async fn never() -> Result<u32> {
        let _bomb = Bomb(&GONE);
        STARTED.notify_one();
        std::future::pending().await
    }

    let mut call = never();
    assert!(futures::poll!(Pin::new(&mut call)).is_pending());
    soon(STARTED.notified()).await;
    drop(call);
    soon(GONE.notified()).await;
    assert_eq!(soon(fine()).await.unwrap(), 1);
}

#[atasks::test]
async fn at_a_parents_end_it_takes_nothing_down() {
    static STARTED: Notify = Notify::const_new();
    static GONE: Notify = Notify::const_new();

    #[atasks::task]
    async fn never_ends() -> Result<u32> {
        let _bomb = Bomb(&GONE);
        STARTED.notify_one();
        std::future::pending().await
    }

    #[atasks::task]
    async fn parent() -> Result<u32> {
        tokio::spawn(never_ends());
        STARTED.notified().await;
        Ok(5)
    }

    assert_eq!(parent().await.unwrap(), 5);
    soon(GONE.notified()).await;
    assert_eq!(soon(fine()).await.unwrap(), 1);
}

#[atasks::test]
async fn when_its_node_leaves_it_takes_nothing_down() {
    static STARTED: Notify = Notify::const_new();
    static GONE: Notify = Notify::const_new();

    #[atasks::task]
    async fn outlived() -> Result<u32> {
        let _bomb = Bomb(&GONE);
        STARTED.notify_one();
        std::future::pending().await
    }

    let node = atasks::Node::loopback().await.unwrap();
    let mut calls = node.scope_sync(|| [outlived(), outlived()]);
    for call in &mut calls {
        assert!(futures::poll!(Pin::new(call)).is_pending());
        soon(STARTED.notified()).await;
    }
    node.leave().await;
    soon(GONE.notified()).await;
    for call in calls {
        let error = soon(call).await.unwrap_err();
        assert!(matches!(error.task_error(), Some(TaskError::Cancelled { .. })), "{error:?}");
    }
}

#[atasks::test]
async fn a_destructor_still_finds_its_invocation() {
    static SEEN: Mutex<Vec<bool>> = Mutex::new(Vec::new());
    static STARTED: Notify = Notify::const_new();
    static GONE: Notify = Notify::const_new();

    struct Looks;

    impl Drop for Looks {
        fn drop(&mut self) {
            SEEN.lock().unwrap().push(try_current().is_some());
            GONE.notify_one();
        }
    }

    #[atasks::task]
    async fn looks(ends: bool) -> Result<()> {
        let _looks = Looks;
        STARTED.notify_one();
        if ends { Ok(()) } else { std::future::pending().await }
    }

    looks(true).await.unwrap();
    soon(STARTED.notified()).await;
    soon(GONE.notified()).await;
    let mut call = looks(false);
    assert!(futures::poll!(Pin::new(&mut call)).is_pending());
    soon(STARTED.notified()).await;
    drop(call);
    soon(GONE.notified()).await;
    assert_eq!(*SEEN.lock().unwrap(), [true, true]);
}
