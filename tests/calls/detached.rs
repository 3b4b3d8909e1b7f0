//! A detached call is a root of its own.

use std::{pin::Pin, time::Duration};

use atasks::{InvocationId, Result, current};
use tokio::{sync::Notify, time::Instant};

use crate::support::{OnDrop, soon};

#[atasks::test]
async fn it_lives_on_when_it_is_dropped() {
    static STARTED: Notify = Notify::const_new();
    static GO: Notify = Notify::const_new();
    static ENDED: Notify = Notify::const_new();

    #[atasks::task]
    async fn long() -> Result<()> {
        STARTED.notify_one();
        GO.notified().await;
        ENDED.notify_one();
        Ok(())
    }

    let mut call = long().detached();
    assert!(futures::poll!(Pin::new(&mut call)).is_pending());
    soon(STARTED.notified()).await;
    drop(call);
    GO.notify_one();
    soon(ENDED.notified()).await;
}

#[atasks::test]
async fn it_outlives_its_parent_as_a_root_without_the_parents_deadline() {
    static IDS: std::sync::Mutex<Vec<(Option<InvocationId>, bool, Option<Instant>)>> =
        std::sync::Mutex::new(Vec::new());
    static STARTED: Notify = Notify::const_new();
    static GO: Notify = Notify::const_new();
    static ENDED: Notify = Notify::const_new();

    #[atasks::task]
    async fn long_2() -> Result<()> {
        STARTED.notify_one();
        GO.notified().await;
        let me = current();
        IDS.lock().unwrap().push((me.parent(), me.root() == me.id(), me.deadline()));
        ENDED.notify_one();
        Ok(())
    }

    #[atasks::task]
    async fn parent() -> Result<()> {
        atasks::spawn(long_2().detached());
        STARTED.notified().await;
        Ok(())
    }

    parent().timeout(Duration::from_secs(3600)).await.unwrap();
    GO.notify_one();
    soon(ENDED.notified()).await;
    assert_eq!(*IDS.lock().unwrap(), [(None, true, None)]);
}

#[atasks::test]
async fn its_own_deadline_still_ends_it() {
    static GONE: Notify = Notify::const_new();

    #[atasks::task]
    async fn endless() -> Result<()> {
        let _gone = OnDrop(&GONE);
        current().cancelled().await;
        Ok(())
    }

    let mut call = endless().detached().timeout(Duration::from_secs(1));
    assert!(futures::poll!(Pin::new(&mut call)).is_pending());
    drop(call);
    soon(GONE.notified()).await;
}
