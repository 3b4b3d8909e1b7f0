//! Who watches a node: its events, bounded.

use atasks::{
    Actors, Event, MONITORED_MAX, Monitored, TaskError,
    ractor::{Actor, ActorProcessingErr, ActorRef, Message},
};
use tokio::sync::mpsc;

use crate::lone;

type Result<T> = std::result::Result<T, TaskError>;

#[atasks::task]
async fn quick() -> Result<()> {
    Ok(())
}

#[atasks::task]
async fn many(calls: u32) -> Result<()> {
    for _ in 0..calls {
        quick().await?;
    }
    Ok(())
}

struct Seen(Event);

impl Message for Seen {}

impl From<Monitored> for Seen {
    fn from(monitored: Monitored) -> Self {
        Self(monitored.event)
    }
}

/// Passes on what it sees.
struct Watcher;

impl Actor for Watcher {
    type Msg = Seen;
    type State = mpsc::UnboundedSender<Event>;
    type Arguments = mpsc::UnboundedSender<Event>;

    async fn pre_start(
        &self,
        _myself: ActorRef<Seen>,
        told: mpsc::UnboundedSender<Event>,
    ) -> std::result::Result<Self::State, ActorProcessingErr> {
        Ok(told)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Seen>,
        Seen(event): Seen,
        told: &mut Self::State,
    ) -> std::result::Result<(), ActorProcessingErr> {
        told.send(event)?;
        Ok(())
    }
}

#[tokio::test]
async fn an_actor_may_monitor_a_node() {
    let node = lone(Actors::Suspended).await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let (watcher, _) = Actor::spawn(None, Watcher, tell).await.unwrap();
    node.monitor(&watcher);
    node.scope(async { quick().await }).await.unwrap();
    let first = told.recv().await;
    let second = told.recv().await;
    assert!(matches!(&first, Some(Event::Started(one)) if one.task == "atasks::events::quick"), "{first:?}");
    assert!(matches!(&second, Some(Event::Ended(_))), "{second:?}");
}

#[tokio::test]
async fn a_slow_reader_misses_the_oldest_is_told_how_many_and_holds_up_nobody() {
    const CALLS: u32 = 10_000;
    let node = lone(Actors::Suspended).await;
    let mut events = node.events();
    node.scope(async { many(CALLS).await }).await.unwrap();
    let Some(Event::Missed(missed)) = events.next().await else { panic!("nothing was missed") };
    let mut read = 0;
    loop {
        read += 1;
        match events.next().await {
            Some(Event::Ended(one)) if one.parent.is_none() => break,
            Some(Event::Missed(more)) => panic!("{more} more were missed while it read"),
            Some(_) => {}
            None => panic!("the node is gone"),
        }
    }
    assert_eq!(missed + read, u64::from(2 * (CALLS + 1)));
    assert_eq!(read, 4096);
}

/// Keeps what it sees.
struct Hoarder;

struct Kept(Monitored);

impl Message for Kept {}

impl From<Monitored> for Kept {
    fn from(monitored: Monitored) -> Self {
        Self(monitored)
    }
}

impl Actor for Hoarder {
    type Msg = Kept;
    type State = (Vec<Monitored>, mpsc::UnboundedSender<usize>);
    type Arguments = mpsc::UnboundedSender<usize>;

    async fn pre_start(
        &self,
        _myself: ActorRef<Kept>,
        told: mpsc::UnboundedSender<usize>,
    ) -> std::result::Result<Self::State, ActorProcessingErr> {
        Ok((Vec::new(), told))
    }

    async fn handle(
        &self,
        _myself: ActorRef<Kept>,
        Kept(monitored): Kept,
        (kept, told): &mut Self::State,
    ) -> std::result::Result<(), ActorProcessingErr> {
        kept.push(monitored);
        told.send(kept.len())?;
        if kept.len() == MONITORED_MAX {
            kept.clear();
        }
        Ok(())
    }
}

#[tokio::test]
async fn no_more_than_so_many_events_wait_for_an_actor() {
    let node = lone(Actors::Suspended).await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let (hoarder, _) = Actor::spawn(None, Hoarder, tell).await.unwrap();
    node.monitor(&hoarder);
    node.scope(async { many(MONITORED_MAX as u32).await }).await.unwrap();
    let mut most = 0;
    // Twice as many as fit: it goes on when the actor lets go.
    for _ in 0..2 * MONITORED_MAX {
        most = most.max(told.recv().await.unwrap());
    }
    assert_eq!(most, MONITORED_MAX);
}
