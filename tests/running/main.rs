//! How one worker runs its tasks: in which order, on which thread, how deep, and what ends with what.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cancellation;
mod conformance;
mod events;
mod limits;
mod recursion;
mod threads;

use std::time::Duration;

use atasks::{Actors, Event, EventStream, Node, Subject};

/// Longest that anything may take here: a test that waits for ever says what it waits for instead.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker without a network, with one executor.
async fn lone(actors: Actors) -> Node {
    Node::builder().actors(actors).loopback().await.unwrap()
}

/// A worker without a network, with so many executors.
async fn wide(executors: usize) -> Node {
    let builder = Node::builder().worker().executors(executors);
    builder.configure(|config| config.cluster.listen.clear()).join().await.unwrap()
}

/// Reads events until `last` says that all have come.
#[track_caller]
fn read_until(mut events: EventStream, last: impl Fn(&Event) -> bool) -> impl Future<Output = Vec<Event>> {
    let mut seen = Vec::new();
    async move {
        loop {
            match tokio::time::timeout(PATIENCE, events.next()).await {
                Ok(Some(event)) => {
                    let is_last = last(&event);
                    seen.push(event);
                    if is_last {
                        return seen;
                    }
                }
                other => panic!("{other:?} after {seen:#?}"),
            }
        }
    }
}

/// Which invocation an event is about.
#[track_caller]
fn subject(event: &Event) -> &Subject {
    match event {
        Event::Started(subject) | Event::Ended(subject) | Event::Crashed(subject, _) | Event::Cancelled(subject, _) => {
            subject
        }
        other => panic!("{other:?} is about no invocation"),
    }
}

/// Waits for a condition that other threads bring about; `state` is printed if they do not.
async fn eventually<S: std::fmt::Debug>(state: impl Fn() -> S, is_reached: impl Fn(&S) -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !is_reached(&state()) {
        assert!(tokio::time::Instant::now() < deadline, "still {:?}", state());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
