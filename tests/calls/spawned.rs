//! What a task spawns is part of it, as long as the context goes along.

use std::sync::Mutex;

use atasks::{Canceller, Event, EventStream, InvocationId, Ran, Result, TaskError, current};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinSet,
};

use crate::support::soon;

#[atasks::task]
async fn parent_of_mine() -> Result<Option<InvocationId>> {
    tokio::task::yield_now().await;
    Ok(current().parent())
}

/// Who cancelled the next invocation of `task` that is.
async fn canceller(events: &mut EventStream, task: &str) -> Canceller {
    loop {
        match soon(events.next()).await {
            Some(Event::Cancelled(subject, by)) if subject.task == task => return by,
            Some(_) => {}
            None => panic!("the node is gone"),
        }
    }
}

#[atasks::test]
async fn a_spawned_call_is_a_child_and_ends_with_its_parent() {
    static STARTED: Notify = Notify::const_new();
    static ANSWER: Mutex<Option<oneshot::Sender<Option<TaskError>>>> = Mutex::new(None);

    #[atasks::task]
    async fn never() -> Result<()> {
        STARTED.notify_one();
        std::future::pending().await
    }

    #[atasks::task]
    async fn parent() -> Result<bool> {
        let is_mine = tokio::spawn(parent_of_mine()).await?? == Some(current().id());
        let left_behind = tokio::spawn(never());
        tokio::spawn(async move {
            let error = left_behind.await.unwrap().unwrap_err();
            ANSWER.lock().unwrap().take().map(|answer| answer.send(error.task_error().cloned()))
        });
        STARTED.notified().await;
        Ok(is_mine)
    }

    let mut events = atasks::node().unwrap().events();
    let (answer, answered) = oneshot::channel();
    *ANSWER.lock().unwrap() = Some(answer);
    assert!(parent().await.unwrap());
    assert_eq!(canceller(&mut events, "atasks::spawned::never").await, Canceller::Parent);
    let cancelled = TaskError::Cancelled { by: Canceller::Parent, ran: Ran::Yes };
    assert_eq!(soon(answered).await.unwrap(), Some(cancelled));
}

#[atasks::test]
async fn a_crash_of_the_parent_ends_what_it_has_spawned() {
    static STARTED: Notify = Notify::const_new();

    #[atasks::task]
    async fn never_2() -> Result<()> {
        STARTED.notify_one();
        std::future::pending().await
    }

    #[atasks::task]
    async fn parent_2() -> Result<()> {
        tokio::spawn(never_2());
        STARTED.notified().await;
        panic!("on purpose");
    }

    let mut events = atasks::node().unwrap().events();
    parent_2().await.unwrap_err();
    assert_eq!(canceller(&mut events, "atasks::spawned::never_2").await, Canceller::Parent);
}

#[atasks::test]
async fn a_call_first_polled_after_its_parents_end_does_not_run() {
    static GO: Notify = Notify::const_new();
    static ANSWER: Mutex<Option<oneshot::Sender<Result<Option<InvocationId>>>>> = Mutex::new(None);

    #[atasks::task]
    async fn parent_3() -> Result<()> {
        let late = parent_of_mine();
        let answer = ANSWER.lock().unwrap().take();
        tokio::spawn(async move {
            GO.notified().await;
            let result = late.await;
            answer.map(|answer| answer.send(result))
        });
        Ok(())
    }

    let (answer, answered) = oneshot::channel();
    *ANSWER.lock().unwrap() = Some(answer);
    parent_3().await.unwrap();
    GO.notify_one();
    let error = soon(answered).await.unwrap().unwrap_err();
    assert_eq!(error.task_error(), Some(&TaskError::Cancelled { by: Canceller::Parent, ran: Ran::No }));
}

#[atasks::test]
async fn spawn_and_scope_take_the_context_along() {
    #[atasks::task]
    async fn parent_4() -> Result<Vec<bool>> {
        let me = current();
        let is_mine = |parent: Option<InvocationId>| parent == Some(current().id());
        let by_spawn = atasks::spawn(async { parent_of_mine().await }).await??;
        let mut set = JoinSet::new();
        set.spawn(me.scope(async { parent_of_mine().await }));
        let by_scope = set.join_next().await.transpose()?.transpose()?.flatten();
        let on_a_thread =
            std::thread::spawn(move || futures::executor::block_on(me.scope(async { parent_of_mine().await })));
        let by_thread = tokio::task::spawn_blocking(|| on_a_thread.join()).await?.expect("no panic")?;
        let plain = atasks::spawn(async { current().parent() }).await?;
        Ok([by_spawn, by_scope, by_thread].map(is_mine).into_iter().chain([plain.is_none()]).collect())
    }
    assert_eq!(parent_4().await.unwrap(), [true; 4]);
}

#[atasks::test]
async fn what_was_spawned_by_atasks_ends_with_its_task() {
    static STARTED: Notify = Notify::const_new();

    #[atasks::task]
    async fn never_3() -> Result<()> {
        STARTED.notify_one();
        std::future::pending().await
    }

    #[atasks::task]
    async fn parent_5() -> Result<()> {
        atasks::spawn(async { never_3().await });
        STARTED.notified().await;
        Ok(())
    }

    let mut events = atasks::node().unwrap().events();
    parent_5().await.unwrap();
    assert_eq!(canceller(&mut events, "atasks::spawned::never_3").await, Canceller::Parent);
}

#[atasks::test]
async fn outside_of_a_task_spawn_is_tokios() {
    assert_eq!(atasks::spawn(async { 7 }).await.unwrap(), 7);
}
