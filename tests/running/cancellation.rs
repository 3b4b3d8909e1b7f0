//! What nobody awaits any more ends, wherever in its life it is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use atasks::{Actors, Canceller, Event, Node, TaskError};
use futures_util::future::try_join_all;
use tokio::time::Instant;

use crate::{eventually, lone, read_until};

type Result<T> = std::result::Result<T, TaskError>;

/// What bodies leave behind, on the node of one test.
#[derive(Default)]
struct Traces {
    started: AtomicUsize,
    dropped: AtomicUsize,
    tidied: AtomicUsize,
}

async fn traced(actors: Actors) -> (Node, Arc<Traces>) {
    let traces = Arc::new(Traces::default());
    let grace = Duration::from_millis(300);
    let builder = Node::builder().actors(actors).state(traces.clone());
    (builder.configure(move |config| config.node.cancel_grace = grace).loopback().await.unwrap(), traces)
}

fn traces() -> Arc<Traces> {
    (*atasks::state::<Arc<Traces>>()).clone()
}

/// Notes on which thread its future is dropped: only that of the executors counts.
struct Dropped(Arc<Traces>);

impl Drop for Dropped {
    fn drop(&mut self) {
        if std::thread::current().name().is_some_and(|name| name.starts_with("atasks-exec")) {
            self.0.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[atasks::task]
async fn waits_for_ever() -> Result<()> {
    let _dropped = Dropped(traces());
    traces().started.fetch_add(1, Ordering::SeqCst);
    std::future::pending().await
}

#[atasks::task]
async fn spins(millis: u64) -> Result<()> {
    let until = Instant::now() + Duration::from_millis(millis);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    Ok(())
}

#[atasks::task]
async fn wide(width: u64) -> Result<()> {
    let _dropped = Dropped(traces());
    traces().started.fetch_add(1, Ordering::SeqCst);
    try_join_all((0..width).map(|_| waits_for_ever())).await?;
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_dropped_in_the_queue_never_starts() {
    for actors in [Actors::Suspended, Actors::Every] {
        let (node, traces) = traced(actors).await;
        let events = node.events();
        let mut spinning = Box::pin(node.scope(async { spins(100).await }));
        assert!(futures_util::poll!(&mut spinning).is_pending());
        let mut queued = Box::pin(node.scope(async { try_join_all((0..10).map(|_| waits_for_ever())).await }));
        assert!(futures_util::poll!(&mut queued).is_pending());
        drop(queued);
        spinning.await.unwrap();
        let ended = std::cell::Cell::new(0);
        let is_last = |event: &Event| {
            ended.set(ended.get() + usize::from(matches!(event, Event::Cancelled(_, Canceller::Caller))));
            ended.get() == 10
        };
        let told = read_until(events, is_last).await;
        assert_eq!(told.iter().filter(|event| matches!(event, Event::Started(_))).count(), 1, "{told:#?}");
        assert_eq!(traces.started.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn a_suspended_body_is_dropped_on_its_own_thread() {
    for actors in [Actors::Suspended, Actors::Every] {
        let (node, traces) = traced(actors).await;
        let mut call = Box::pin(node.scope(async { waits_for_ever().await }));
        tokio::select! {
            biased;
            ended = &mut call => panic!("{ended:?}"),
            () = eventually(|| traces.started.load(Ordering::SeqCst), |started| *started == 1) => {}
        }
        drop(call);
        eventually(|| traces.dropped.load(Ordering::SeqCst), |dropped| *dropped == 1).await;
    }
}

#[tokio::test]
async fn ten_thousand_below_one_root_are_gone_quickly() {
    let (node, traces) = traced(Actors::Suspended).await;
    let mut call = Box::pin(node.scope(async { wide(10_000).await }));
    tokio::select! {
        biased;
        ended = &mut call => panic!("{ended:?}"),
        () = eventually(|| traces.started.load(Ordering::SeqCst), |started| *started == 10_001) => {}
    }
    let since = Instant::now();
    drop(call);
    eventually(|| traces.dropped.load(Ordering::SeqCst), |dropped| *dropped == 10_001).await;
    let took = since.elapsed();
    println!("10,000 were gone after {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// Holds a `cancelled()` future, and takes `millis` to tidy up.
#[atasks::task]
async fn tidies(millis: u64) -> Result<()> {
    let current = atasks::current();
    traces().started.fetch_add(1, Ordering::SeqCst);
    let cancelled = current.cancelled();
    tokio::pin!(cancelled);
    let _ = futures_util::poll!(&mut cancelled);
    std::future::poll_fn(
        |cx| if current.is_cancelled() { std::task::Poll::Ready(()) } else { cancelled.as_mut().poll(cx) },
    )
    .await;
    tokio::time::sleep(Duration::from_millis(millis)).await;
    let refused = waits_for_ever().await;
    assert!(matches!(refused, Err(TaskError::Cancelled { .. })), "{refused:?}");
    traces().tidied.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

#[tokio::test]
async fn who_waits_for_its_cancellation_has_the_grace_to_tidy_up_and_no_more() {
    for (actors, takes, tidied) in [
        (Actors::Suspended, 10, 1),
        (Actors::Every, 10, 1),
        (Actors::Suspended, 3_600_000, 0),
        (Actors::Every, 3_600_000, 0),
    ] {
        let (node, traces) = traced(actors).await;
        let events = node.events();
        let mut call = Box::pin(node.scope(async { tidies(takes).await }));
        tokio::select! {
            biased;
            ended = &mut call => panic!("{ended:?}"),
            () = eventually(|| traces.started.load(Ordering::SeqCst), |started| *started == 1) => {}
        }
        let since = Instant::now();
        drop(call);
        let is_over = |event: &Event| matches!(event, Event::Ended(_) | Event::Cancelled(..) | Event::Crashed(..));
        let told = read_until(events, is_over).await;
        assert_eq!(traces.tidied.load(Ordering::SeqCst), tidied, "{actors:?} {told:?}");
        match told.last() {
            Some(Event::Ended(_)) => assert_eq!(tidied, 1),
            Some(Event::Cancelled(_, Canceller::Caller)) => {
                assert_eq!(tidied, 0);
                assert!(since.elapsed() >= Duration::from_millis(300), "its grace was cut short");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(traces.started.load(Ordering::SeqCst), 1, "a call of a cancelled task was started");
    }
}

#[tokio::test]
async fn a_node_that_leaves_ends_what_runs_and_what_waits() {
    for actors in [Actors::Suspended, Actors::Every] {
        let node = lone(actors).await;
        let mut events = node.events();
        let calls: Vec<_> = (0..10)
            .map(|number| node.scope(async move { if number < 5 { forever().await } else { one_for_ever().await } }))
            .map(tokio::spawn)
            .collect();
        while !matches!(events.next().await, Some(Event::Started(_))) {}
        node.leave().await;
        for call in calls {
            let ended = call.await.unwrap();
            assert!(matches!(ended, Err(TaskError::Cancelled { by: Canceller::Leave, .. })), "{ended:?}");
        }
        assert_eq!(node.scope(async { forever().await }).await, Err(TaskError::NotJoined));
    }
}

#[atasks::task(max = 1)]
async fn one_for_ever() -> Result<()> {
    std::future::pending().await
}

#[atasks::task]
async fn forever() -> Result<()> {
    std::future::pending().await
}
