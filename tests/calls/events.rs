//! What happens on a node is told to whoever reads, and to actors.

use std::{collections::HashMap, pin::Pin};

use atasks::{Canceller, Event, EventStream, InvocationId, Monitored, Node, Result, Subject};
use futures::{StreamExt, stream};
use ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use tokio::sync::{Notify, mpsc};

use crate::support::soon;

/// Most events that a reader may be behind.
const BEHIND_MAX: u64 = 4096;

#[atasks::task]
async fn nothing() -> Result<()> {
    Ok(())
}

#[atasks::task]
async fn refuse() -> Result<()> {
    Err(atasks::Error::msg("a result"))
}

#[atasks::task]
async fn crash() -> Result<()> {
    panic!("on purpose")
}

#[atasks::task]
async fn parent() -> Result<()> {
    nothing().await
}

async fn next(events: &mut EventStream) -> Event {
    soon(events.next()).await.expect("the node lives")
}

async fn subjects(events: &mut EventStream, count: usize) -> Vec<(&'static str, Subject)> {
    let mut subjects = Vec::new();
    for _ in 0..count {
        subjects.push(match next(events).await {
            Event::Started(subject) => ("started", subject),
            Event::Ended(subject) => ("ended", subject),
            Event::Crashed(subject, _) => ("crashed", subject),
            Event::Cancelled(subject, _) => ("cancelled", subject),
            other => panic!("{other:?}"),
        });
    }
    subjects
}

#[atasks::test]
async fn a_call_starts_and_ends() {
    let mut events = atasks::node().unwrap().events();
    nothing().await.unwrap();
    refuse().await.unwrap_err();
    crash().await.unwrap_err();
    let told = subjects(&mut events, 6).await;
    let kinds: Vec<_> = told.iter().map(|(kind, subject)| (*kind, subject.task)).collect();
    assert_eq!(
        kinds,
        [
            ("started", "atasks::events::nothing"),
            ("ended", "atasks::events::nothing"),
            ("started", "atasks::events::refuse"),
            ("ended", "atasks::events::refuse"),
            ("started", "atasks::events::crash"),
            ("crashed", "atasks::events::crash"),
        ]
    );
    assert!(told.chunks(2).all(|pair| pair[0].1 == pair[1].1));
}

#[atasks::test]
async fn an_event_tells_whose_child_it_is_about() {
    let mut events = atasks::node().unwrap().events();
    parent().await.unwrap();
    let told = subjects(&mut events, 4).await;
    let [("started", top), ("started", child), ("ended", _), ("ended", last)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((child.parent, child.root, top.parent, top.root), (Some(top.id), top.id, None, top.id));
    assert_eq!(last, top);
}

#[atasks::test]
async fn a_crash_is_told_with_all_that_is_known() {
    let mut events = atasks::node().unwrap().events();
    crash().await.unwrap_err();
    next(&mut events).await;
    let Event::Crashed(subject, crash) = next(&mut events).await else { panic!("no crash") };
    assert_eq!((crash.id(), crash.task(), crash.message()), (subject.id, subject.task, "on purpose"));
}

#[atasks::test]
async fn a_cancellation_tells_by_whom() {
    #[atasks::task]
    async fn never() -> Result<()> {
        std::future::pending().await
    }

    let mut events = atasks::node().unwrap().events();
    let mut call = never();
    assert!(futures::poll!(Pin::new(&mut call)).is_pending());
    let Event::Started(started) = next(&mut events).await else { panic!("not started") };
    drop(call);
    assert_eq!(next(&mut events).await, Event::Cancelled(started, Canceller::Caller));
}

#[atasks::test]
async fn what_never_started_has_not_ended_either() {
    let mut events = atasks::node().unwrap().events();
    let past = tokio::time::Instant::now() - std::time::Duration::from_secs(1);
    nothing().deadline(past).await.unwrap_err();
    crash().await.unwrap_err();
    let mut kinds = Vec::new();
    while kinds.last() != Some(&"crashed") {
        kinds.extend(subjects(&mut events, 1).await.into_iter().map(|(kind, _)| kind));
    }
    assert_eq!(kinds, ["cancelled", "started", "crashed"]);
}

#[atasks::test]
async fn a_slow_reader_is_told_how_many_it_has_missed_and_nobody_else_suffers() {
    const CALLS: u64 = 3000;
    let node = atasks::node().unwrap();
    let (mut slow, mut quick) = (node.events(), node.events());
    let mut read = 0;
    for _ in 0..CALLS {
        nothing().await.unwrap();
        for _ in 0..2 {
            assert!(!matches!(next(&mut quick).await, Event::Missed(_)));
            read += 1;
        }
    }
    assert_eq!(read, 2 * CALLS);
    assert_eq!(next(&mut slow).await, Event::Missed(2 * CALLS - BEHIND_MAX));
    let mut last = None;
    for _ in 0..BEHIND_MAX {
        last = Some(next(&mut slow).await);
    }
    assert!(matches!(last, Some(Event::Ended(_))), "{last:?}");
    // It is up to date again.
    nothing().await.unwrap();
    assert!(matches!(next(&mut slow).await, Event::Started(_)));
}

#[atasks::test]
async fn the_stream_ends_with_its_node() {
    let node = Node::loopback().await.unwrap();
    let mut events = node.events();
    node.leave().await;
    drop(node);
    assert_eq!(soon(events.next()).await, None);
}

/// Counts what it is told, but only when it may.
struct Monitor {
    go: &'static Notify,
    told: mpsc::UnboundedSender<Event>,
}

struct Told(Monitored);

impl Message for Told {}

impl From<Monitored> for Told {
    fn from(monitored: Monitored) -> Self {
        Self(monitored)
    }
}

impl Actor for Monitor {
    type Msg = Told;
    type State = bool;
    type Arguments = bool;

    async fn pre_start(&self, _: ActorRef<Told>, slow: bool) -> std::result::Result<bool, ActorProcessingErr> {
        Ok(slow)
    }

    async fn handle(
        &self,
        _: ActorRef<Told>,
        Told(monitored): Told,
        slow: &mut bool,
    ) -> std::result::Result<(), ActorProcessingErr> {
        if std::mem::take(slow) {
            self.go.notified().await;
        }
        let _ = self.told.send(monitored.event.clone());
        Ok(())
    }
}

#[atasks::test]
async fn an_actor_is_told_in_order() {
    static GO: Notify = Notify::const_new();
    let (told, mut heard) = mpsc::unbounded_channel();
    let (actor, _) = Actor::spawn(None, Monitor { go: &GO, told }, false).await.unwrap();
    atasks::node().unwrap().monitor(&actor);
    nothing().await.unwrap();
    crash().await.unwrap_err();
    let mut kinds = Vec::new();
    for _ in 0..4 {
        kinds.push(match soon(heard.recv()).await {
            Some(Event::Started(_)) => "started",
            Some(Event::Ended(_)) => "ended",
            Some(Event::Crashed(..)) => "crashed",
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(kinds, ["started", "ended", "started", "crashed"]);
    actor.stop(None);
}

#[atasks::test]
async fn a_slow_actor_has_a_bounded_mailbox_and_is_told_what_it_has_missed() {
    const CALLS: u64 = 5000;
    static GO: Notify = Notify::const_new();
    let (told, mut heard) = mpsc::unbounded_channel();
    let (actor, _) = Actor::spawn(None, Monitor { go: &GO, told }, true).await.unwrap();
    atasks::node().unwrap().monitor(&actor);
    stream::iter((0..CALLS).map(|_| nothing())).buffer_unordered(50).for_each(async |result| result.unwrap()).await;
    GO.notify_one();
    let (mut seen, mut missed, mut open) = (0, 0, HashMap::<InvocationId, u32>::new());
    while seen + missed < 2 * CALLS {
        match soon(heard.recv()).await {
            Some(Event::Missed(count)) => missed += count,
            Some(Event::Started(subject) | Event::Ended(subject)) => {
                seen += 1;
                *open.entry(subject.id).or_default() += 1;
            }
            other => panic!("{other:?} after {seen} events and {missed} missed"),
        }
    }
    assert_eq!(seen + missed, 2 * CALLS);
    let most = BEHIND_MAX + atasks::MONITORED_MAX as u64 + 1;
    assert!(missed > 0 && seen <= most, "{seen} events waited, {missed} were missed");
    assert!(open.values().all(|times| *times <= 2));
    actor.stop(None);
}
