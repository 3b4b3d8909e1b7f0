//! A call that ends in its first poll has no actor of its own, or has one, and so has one that waits: nobody can tell the
//! difference.

use std::time::Duration;

use atasks::{Actors, Canceller, Event, InvocationId, Node, Ran, TaskError};
use serde::{Deserialize, Serialize};

use crate::{lone, read_until, subject};

type Result<T> = std::result::Result<T, TaskError>;

macro_rules! in_both_modes {
    ($($fact:ident),* $(,)?) => {
        mod an_actor_for_what_suspends {
            $(#[tokio::test] async fn $fact() { super::$fact(super::lone(super::Actors::Suspended).await, 0).await; })*
        }
        mod no_actor_for_what_suspends_in_a_crowd {
            $(#[tokio::test] async fn $fact() { super::$fact(super::crowded().await, super::CROWD).await; })*
        }
        mod an_actor_for_every_call {
            $(#[tokio::test] async fn $fact() { super::$fact(super::lone(super::Actors::Every).await, 0).await; })*
        }
    };
}

in_both_modes!(
    events_come_in_the_order_of_what_happened,
    a_body_sees_who_it_is_and_runs_on_the_one_thread,
    a_crash_says_what_and_where_and_who_waited,
    every_way_to_panic_is_a_crash_and_takes_nothing_else_down,
    a_dropped_call_is_cancelled_and_says_so,
    what_a_task_has_spawned_ends_with_it,
    a_deadline_ends_a_call_that_waits_and_one_that_yields,
);

/// Calls that have taken all actors of the one executor.
const CROWD: u64 = atasks_actors::executor::TASK_ACTORS_MAX as u64;

/// A worker whose next call that waits has no actor.
async fn crowded() -> Node {
    let node = lone(Actors::Suspended).await;
    let mut events = node.events();
    for _ in 0..CROWD {
        // In its scope they would end with it.
        assert!(futures_util::poll!(Box::pin(node.scope(async { sleeps(3_600_000).detached().await }))).is_pending());
    }
    for _ in 0..CROWD {
        assert!(matches!(events.next().await, Some(Event::Started(_))));
    }
    node
}

/// How a call ends, and whether it has to wait before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum End {
    Ok,
    Err,
    Panic,
    PanicString,
    PanicPayload,
    PanicInDrop,
    PanicOfPayload,
}

#[atasks::task]
async fn ends(how: End, waits: bool) -> Result<u64> {
    struct PanicsInDrop;
    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    struct PanicsAsPayload;
    impl Drop for PanicsAsPayload {
        fn drop(&mut self) {
            panic!("in the payload's drop");
        }
    }
    if waits {
        tokio::task::yield_now().await;
    }
    let _kept = (how == End::PanicInDrop).then(|| PanicsInDrop);
    match how {
        End::Ok | End::PanicInDrop => Ok(7),
        End::Err => Err(TaskError::NotJoined),
        End::Panic => panic!("a &str"),
        End::PanicString => panic!("a String of {how:?}"),
        End::PanicPayload => std::panic::panic_any(7),
        End::PanicOfPayload => std::panic::panic_any(PanicsAsPayload),
    }
}

/// One after the other, so that there is but one order.
#[atasks::task]
async fn in_turn(ways: Vec<(End, bool)>) -> Result<u64> {
    for (how, waits) in ways {
        let _ = ends(how, waits).await;
    }
    Ok(0)
}

async fn events_come_in_the_order_of_what_happened(node: Node, before: u64) {
    let ways = [End::Ok, End::Err, End::Panic].into_iter().flat_map(|how| [(how, false), (how, true)]);
    let ways: Vec<_> = ways.collect();
    let events = node.events();
    assert_eq!(node.scope(async { in_turn(ways.clone()).await }).await, Ok(0));
    let root = InvocationId { origin: node.id().incarnation(), number: before + 1 };
    let seen = read_until(events, |event| matches!(event, Event::Ended(one) if one.id == root)).await;

    let mut expected = vec![("started", root.number)];
    for (number, (how, _)) in (before + 2..).zip(&ways) {
        expected.extend([("started", number), (if *how == End::Panic { "crashed" } else { "ended" }, number)]);
    }
    expected.push(("ended", root.number));
    let what = |event: &Event| match event {
        Event::Started(_) => "started",
        Event::Ended(_) => "ended",
        Event::Crashed(one, crash) if crash.id() == one.id => "crashed",
        other => panic!("unexpected {other:?}"),
    };
    let told: Vec<_> = seen.iter().map(|event| (what(event), subject(event).id.number)).collect();
    assert_eq!(told, expected);
    for one in seen.iter().map(subject) {
        assert_eq!((one.id.origin, one.root), (root.origin, root));
        assert_eq!(one.parent, (one.id != root).then_some(root));
        let task = if one.id == root { "in_turn" } else { "ends" };
        assert_eq!(one.task, format!("atasks::conformance::{task}"));
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    id: InvocationId,
    parent: Option<InvocationId>,
    root: InvocationId,
    attempt: u32,
    task: String,
    node: String,
    baggage: Option<String>,
    has_deadline: bool,
    thread: String,
}

fn seen() -> Seen {
    let current = atasks::current();
    Seen {
        id: current.id(),
        parent: current.parent(),
        root: current.root(),
        attempt: current.attempt(),
        task: current.task().name().to_owned(),
        node: current.node().to_string(),
        baggage: current.baggage("key").map(str::to_owned),
        has_deadline: current.deadline().is_some(),
        thread: format!("{:?} {:?}", std::thread::current().name(), std::thread::current().id()),
    }
}

#[atasks::task]
async fn looks(levels: u64, waits: bool) -> Result<Vec<Seen>> {
    let before = seen();
    if waits {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut below = if levels == 0 { Vec::new() } else { looks(levels - 1, waits).await? };
    assert_eq!(seen(), before, "it changed on the way");
    below.push(before);
    Ok(below)
}

async fn a_body_sees_who_it_is_and_runs_on_the_one_thread(node: Node, before: u64) {
    let me = InvocationId { origin: node.id().incarnation(), number: 0 };
    for (waits, first) in [(false, before + 1), (true, before + 4)] {
        let call = async { looks(2, waits).baggage("key", "value").timeout(Duration::from_secs(60)).await };
        let told = node.scope(call).await.unwrap();
        for (number, one) in (first..).zip(told.iter().rev()) {
            let id = |number| InvocationId { number, ..me };
            let expected = Seen {
                id: id(number),
                parent: (number > first).then(|| id(number - 1)),
                root: id(first),
                attempt: 1,
                task: "atasks::conformance::looks".to_owned(),
                node: node.id().to_string(),
                baggage: Some("value".to_owned()),
                has_deadline: true,
                thread: told[0].thread.clone(),
            };
            assert_eq!(*one, expected);
        }
        assert!(told[0].thread.contains("atasks-exec-0"), "{}", told[0].thread);
    }
}

/// The place in this file of the one line that has `code`.
#[track_caller]
fn place_of(code: &str) -> String {
    let found = include_str!("conformance.rs").lines().zip(1..).find(|(line, _)| line.contains(code));
    format!("{}:{}", file!(), found.unwrap().1)
}

#[atasks::task]
async fn between(how: End, waits: bool) -> Result<u64> {
    Ok(1 + ends(how, waits).await?) // between
}

async fn a_crash_says_what_and_where_and_who_waited(node: Node, _before: u64) {
    for waits in [false, true] {
        let call = async { between(End::Panic, waits).await }; // outermost
        let TaskError::Crashed(crash) = node.scope(call).await.unwrap_err() else { panic!("not a crash") };
        assert_eq!((crash.task(), crash.message()), ("atasks::conformance::ends", "a &str"));
        assert_eq!(crash.location(), Some(&*place_of("panic!(\"a &str\")")));
        assert_eq!((crash.node(), crash.id().origin), (node.id(), node.id().incarnation()));
        let hops: Vec<_> = crash.hops().iter().map(|hop| (&*hop.task, hop.site.clone(), &*hop.node)).collect();
        let here = &*node.id().to_string();
        assert_eq!(
            hops,
            [
                ("atasks::conformance::ends", place_of("// between"), here),
                ("atasks::conformance::between", place_of("// outermost"), here),
            ]
        );
    }
}

async fn every_way_to_panic_is_a_crash_and_takes_nothing_else_down(node: Node, _before: u64) {
    let bystander = node.scope(async { sleeps(300).await });
    let crashes = async {
        for waits in [false, true] {
            for (how, message) in [
                (End::Panic, "a &str"),
                (End::PanicString, "a String of PanicString"),
                (End::PanicPayload, "a panic whose payload is not text"),
                (End::PanicInDrop, "in drop"),
                (End::PanicOfPayload, "a panic whose payload is not text"),
            ] {
                match node.scope(async { ends(how, waits).await }).await {
                    Err(TaskError::Crashed(crash)) => assert_eq!(crash.message(), message),
                    other => panic!("{how:?} gave {other:?}"),
                }
            }
        }
    };
    let (bystander, ()) = tokio::join!(bystander, crashes);
    assert_eq!(bystander, Ok(()));
    assert_eq!(node.scope(async { ends(End::Ok, true).await }).await, Ok(7));
}

#[atasks::task]
async fn sleeps(millis: u64) -> Result<()> {
    tokio::time::sleep(Duration::from_millis(millis)).await;
    Ok(())
}

async fn a_dropped_call_is_cancelled_and_says_so(node: Node, _before: u64) {
    let mut events = node.events();
    let mut call = Box::pin(node.scope(async { sleeps(3_600_000).await }));
    assert!(futures_util::poll!(&mut call).is_pending());
    assert!(matches!(events.next().await, Some(Event::Started(_))));
    drop(call);
    let told = read_until(events, |_| true).await;
    assert!(matches!(&told[..], [Event::Cancelled(_, Canceller::Caller)]), "{told:?}");
}

/// Spawns a call that never ends, and ends itself once that has started.
#[atasks::task]
async fn leaves_one_behind(how: End) -> Result<()> {
    let mut events = atasks::node()?.events();
    atasks::spawn(sleeps(3_600_000));
    while !matches!(events.next().await, Some(Event::Started(one)) if one.task.ends_with("sleeps")) {}
    match how {
        End::Ok => Ok(()),
        _ => panic!("leaves one behind"),
    }
}

async fn what_a_task_has_spawned_ends_with_it(node: Node, _before: u64) {
    for how in [End::Ok, End::Panic] {
        let events = node.events();
        let ended = node.scope(async { leaves_one_behind(how).await }).await;
        assert_eq!(ended.is_ok(), how == End::Ok);
        let told = read_until(events, |event| matches!(event, Event::Cancelled(..))).await;
        let Some(Event::Cancelled(child, Canceller::Parent)) = told.last() else { panic!("{told:?}") };
        assert_eq!((child.task, child.parent), ("atasks::conformance::sleeps", Some(subject(&told[0]).id)));
    }
}

#[atasks::task]
async fn yields_for_ever() -> Result<()> {
    loop {
        tokio::task::yield_now().await;
    }
}

async fn a_deadline_ends_a_call_that_waits_and_one_that_yields(node: Node, _before: u64) {
    for yields in [false, true] {
        let call = async {
            let call = if yields { yields_for_ever() } else { sleeps(3_600_000) };
            call.timeout(Duration::from_millis(50)).await
        };
        let ended = node.scope(call).await;
        assert!(matches!(ended, Err(TaskError::DeadlineExceeded { ran: Ran::Yes, .. })), "{ended:?}");
    }
}
