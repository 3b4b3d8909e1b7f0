//! How tasks run on one worker: the same with an actor for every call as without, on one thread each, without deadlock.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    thread::ThreadId,
    time::Duration,
};

use atasks::{Actors, Canceller, Event, EventStream, Node, Result, TaskError};
use futures_util::future::join_all;
use tokio::sync::Notify;

#[atasks::task]
async fn double(n: u64) -> Result<u64> {
    Ok(2 * n)
}

#[atasks::task]
async fn later(n: u64) -> Result<u64> {
    tokio::task::yield_now().await;
    Ok(n)
}

#[atasks::task]
async fn sum_of_both(n: u64) -> Result<u64> {
    let (a, b) = tokio::try_join!(double(n), later(n))?;
    Ok(a + b)
}

/// The line of the panic below.
static CRASHES_AT: AtomicU32 = AtomicU32::new(0);

#[atasks::task]
async fn crashes(waits: bool) -> Result<u64> {
    if waits {
        tokio::task::yield_now().await;
    }
    CRASHES_AT.store(line!() + 1, Ordering::SeqCst);
    panic!("no luck: {waits}")
}

#[atasks::task]
async fn forever() -> Result<()> {
    std::future::pending().await
}

#[atasks::task]
async fn leaves_a_child_behind(panics: bool) -> Result<()> {
    tokio::spawn(forever());
    // The spawned call is made when it is polled for the first time.
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert!(!panics, "gone");
    Ok(())
}

async fn loopback(actors: Actors) -> Node {
    Node::builder().actors(actors).loopback().await.unwrap()
}

/// An event without what differs from run to run.
fn told(event: &Event, first: u64) -> String {
    let number = |id: atasks::InvocationId| id.number - first;
    let subject = |subject: &atasks::Subject| {
        let parent = subject.parent.map_or(-1, |parent| number(parent) as i64);
        let task = subject.task.rsplit("::").next().unwrap();
        format!("{task} {} below {parent} in {}", number(subject.id), number(subject.root))
    };
    match event {
        Event::Started(one) => format!("started {}", subject(one)),
        Event::Ended(one) => format!("ended {}", subject(one)),
        Event::Crashed(one, crash) => {
            let line = format!("{}:{}", file!(), CRASHES_AT.load(Ordering::SeqCst));
            let at = if crash.location() == Some(&line) { "its line" } else { "another line" };
            format!("crashed {} at {at}: {} ({} hops)", subject(one), crash.message(), crash.hops().len())
        }
        Event::Cancelled(one, by) => format!("cancelled {} {by}", subject(one)),
        other => format!("{other:?}"),
    }
}

/// Reads events until `count` invocations are over.
async fn until_over(events: &mut EventStream, count: usize) -> Vec<Event> {
    let mut all = Vec::new();
    let mut over = 0;
    while over < count {
        let event = events.next().await.unwrap();
        over += usize::from(!matches!(event, Event::Started(_)));
        all.push(event);
    }
    all
}

/// What happens when `work` runs in this mode: its events, in order for each invocation.
async fn story<F: Future>(actors: Actors, over: usize, work: impl FnOnce() -> F) -> Vec<String> {
    let node = loopback(actors).await;
    let mut events = node.events();
    node.scope(work()).await;
    let events = until_over(&mut events, over).await;
    let first = events.iter().filter_map(|event| match event {
        Event::Started(subject) => Some(subject.id.number),
        _ => None,
    });
    let first = first.min().unwrap();
    let mut told: Vec<_> = events.iter().map(|event| told(event, first)).collect();
    // Siblings may run in either order; of one invocation the order is fixed, and starts before it ends.
    told.sort_by_key(|line| line.split_whitespace().nth(2).unwrap().parse::<u64>().unwrap());
    told
}

/// The same story in both modes.
macro_rules! same_story {
    ($name:ident, $over:literal, $work:expr, $expected:expr) => {
        #[tokio::test]
        async fn $name() {
            let suspended = story(Actors::Suspended, $over, || $work).await;
            let every = story(Actors::Every, $over, || $work).await;
            assert_eq!(suspended, every);
            let expected: &[&str] = &$expected;
            let begins = suspended.iter().zip(expected).all(|(told, expected)| told.starts_with(expected));
            assert!(begins && suspended.len() == expected.len(), "{suspended:#?}");
        }
    };
}

same_story!(
    a_tree_of_calls_is_told_alike,
    3,
    async { assert_eq!(sum_of_both(3).await.unwrap(), 9) },
    [
        "started sum_of_both 0 below -1 in 0",
        "ended sum_of_both 0",
        "started double 1 below 0 in 0",
        "ended double 1",
        "started later 2 below 0 in 0",
        "ended later 2",
    ]
);

same_story!(
    a_crash_at_the_first_poll_is_told_alike,
    1,
    async { crashes(false).await.unwrap_err() },
    ["started crashes 0 below -1 in 0", "crashed crashes 0 below -1 in 0 at its line: no luck: false (0 hops)",]
);

same_story!(
    a_crash_after_a_wait_is_told_alike,
    1,
    async { crashes(true).await.unwrap_err() },
    ["started crashes 0 below -1 in 0", "crashed crashes 0 below -1 in 0 at its line: no luck: true (0 hops)",]
);

same_story!(
    what_a_task_leaves_behind_ends_with_it,
    2,
    async { leaves_a_child_behind(false).await.unwrap() },
    [
        "started leaves_a_child_behind 0 below -1 in 0",
        "ended leaves_a_child_behind 0",
        "started forever 1 below 0 in 0",
        "cancelled forever 1 below 0 in 0 because the task that made it has ended",
    ]
);

same_story!(
    what_a_crash_leaves_behind_ends_with_it,
    2,
    async { leaves_a_child_behind(true).await.unwrap_err() },
    [
        "started leaves_a_child_behind 0 below -1 in 0",
        "crashed leaves_a_child_behind 0",
        "started forever 1 below 0 in 0",
        "cancelled forever 1",
    ]
);

same_story!(
    a_dropped_call_is_told_alike,
    1,
    async {
        let dropped = tokio::time::timeout(Duration::from_millis(20), forever()).await;
        assert!(dropped.is_err());
    },
    ["started forever 0 below -1 in 0", "cancelled forever 0 below -1 in 0 by its caller"]
);

#[tokio::test]
async fn a_panic_takes_nothing_else_down() {
    for actors in [Actors::Suspended, Actors::Every] {
        let node = loopback(actors).await;
        node.scope(async {
            let healthy = join_all((0..100).map(later));
            let (sick, healthy) = tokio::join!(join_all((0..100).map(|n| crashes(n % 2 == 0))), healthy);
            assert!(
                sick.iter().all(|sick| matches!(sick.as_ref().unwrap_err().task_error(), Some(TaskError::Crashed(_))))
            );
            assert!((0..).zip(healthy).all(|(n, healthy)| healthy.unwrap() == n));
            assert_eq!(double(4).await.unwrap(), 8);
        })
        .await;
    }
}

#[atasks::task]
async fn stays_on_its_thread() -> Result<()> {
    let thread = || std::thread::current().id();
    let first: ThreadId = thread();
    for _ in 0..50 {
        tokio::task::yield_now().await;
        assert_eq!(thread(), first);
        later(1).await?;
        assert_eq!(thread(), first);
    }
    Ok(())
}

/// Ends only if another one runs at the same time, on another thread: it does not yield.
#[atasks::task]
async fn meets_another() -> Result<()> {
    static THERE: AtomicUsize = AtomicUsize::new(0);
    THERE.fetch_add(1, Ordering::SeqCst);
    while THERE.load(Ordering::SeqCst) < 2 {
        std::hint::spin_loop();
    }
    Ok(())
}

#[tokio::test]
async fn a_task_stays_on_one_thread_and_tasks_use_several() {
    let node = Node::builder().worker().name("threads").listen("unix:threads-of-a-test").executors(4);
    let node = node.join().await.unwrap();
    node.scope(async {
        let (one, other) = tokio::join!(meets_another(), meets_another());
        assert!(one.is_ok() && other.is_ok());
        let all = join_all((0..200).map(|_| stays_on_its_thread())).await;
        assert!(all.into_iter().all(|one| one.is_ok()));
    })
    .await;
    node.leave().await;
}

#[atasks::task]
async fn fib(n: u64) -> Result<u64> {
    if n < 2 {
        return Ok(n);
    }
    let (a, b) = tokio::try_join!(fib(n - 1), fib(n - 2))?;
    Ok(a + b)
}

#[atasks::task]
async fn chain(n: u64) -> Result<u64> {
    if n == 0 {
        return Ok(0);
    }
    Ok(1 + chain(n - 1).await?)
}

#[atasks::task(max = 1)]
async fn alone(n: u64) -> Result<u64> {
    if n == 0 {
        return Ok(0);
    }
    Ok(1 + alone(n - 1).await?)
}

#[atasks::task(blocking)]
fn blocks(n: u64) -> Result<u64> {
    if n == 0 {
        return Ok(0);
    }
    Ok(1 + blocks(n - 1).wait()?)
}

#[atasks::task(blocking)]
async fn blocks_async(n: u64) -> Result<u64> {
    if n == 0 {
        return Ok(0);
    }
    Ok(1 + blocks_async(n - 1).await?)
}

#[atasks::task]
async fn fan(n: u64) -> Result<u64> {
    let all = join_all((0..n).map(later)).await;
    all.into_iter().sum()
}

#[atasks::test]
async fn one_executor_runs_wide_and_deep_recursion() {
    assert_eq!(fib(20).await.unwrap(), 6765);
    assert_eq!(chain(100_000).await.unwrap(), 100_000);
    assert_eq!(fan(20_000).await.unwrap(), (0..20_000).sum::<u64>());
}

#[atasks::test]
async fn limits_do_not_deadlock_below_themselves() {
    assert_eq!(alone(50).await.unwrap(), 50);
    // Deeper than there are threads for blocking tasks.
    assert_eq!(blocks(40).await.unwrap(), 40);
    assert_eq!(blocks_async(40).await.unwrap(), 40);
    let many = join_all((0..20).map(|_| blocks(10))).await;
    assert!(many.into_iter().all(|depth| depth.unwrap() == 10));
}

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[atasks::task(max = 2)]
async fn two_at_once() -> Result<()> {
    let running = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
    MOST.fetch_max(running, Ordering::SeqCst);
    for _ in 0..5 {
        later(1).await?;
    }
    RUNNING.fetch_sub(1, Ordering::SeqCst);
    Ok(())
}

#[atasks::test]
async fn a_limit_holds_and_holds_up_nobody_else() {
    let limited = join_all((0..100).map(|_| two_at_once()));
    let (limited, others) = tokio::join!(limited, join_all((0..100).map(later)));
    assert!(limited.into_iter().chain(others.into_iter().map(|other| other.map(drop))).all(|one| one.is_ok()));
    assert_eq!(MOST.load(Ordering::SeqCst), 2);
}

#[atasks::test]
async fn a_dropped_tree_goes_as_a_whole() {
    static BORN: AtomicUsize = AtomicUsize::new(0);
    static GONE: AtomicUsize = AtomicUsize::new(0);
    struct Alive;
    impl Drop for Alive {
        fn drop(&mut self) {
            GONE.fetch_add(1, Ordering::SeqCst);
        }
    }
    #[atasks::task]
    async fn tree(depth: u64) -> Result<()> {
        BORN.fetch_add(1, Ordering::SeqCst);
        let _alive = Alive;
        if depth == 0 {
            return forever().await;
        }
        tokio::try_join!(tree(depth - 1), tree(depth - 1))?;
        Ok(())
    }
    let node = atasks::node().unwrap();
    let mut events = node.events();
    let mut whole = Box::pin(tree(8));
    let mut waiting = 0;
    // 511 in the tree, and a task that waits for ever below each of its 256 leaves.
    while waiting < 256 {
        tokio::select! {
            biased;
            event = events.next() => {
                waiting += usize::from(matches!(event, Some(Event::Started(subject)) if subject.task.ends_with("forever")));
            }
            ended = &mut whole => panic!("{ended:?}"),
        }
    }
    assert_eq!((BORN.load(Ordering::SeqCst), GONE.load(Ordering::SeqCst)), (511, 0));
    drop(whole);
    let mut cancelled = 0;
    while cancelled < 511 + 256 {
        match events.next().await.unwrap() {
            Event::Cancelled(_, Canceller::Caller | Canceller::Parent) => cancelled += 1,
            // One that was being polled may hear from below that all is over, and end by that.
            Event::Ended(subject) if subject.task.ends_with("tree") => cancelled += 1,
            Event::Started(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(GONE.load(Ordering::SeqCst), 511);
}

#[atasks::test]
async fn a_deep_chain_is_dropped_without_overflowing_the_stack() {
    #[atasks::task]
    async fn waiting_chain(n: u64) -> Result<u64> {
        if n == 0 {
            BOTTOM.notify_one();
            forever().await?;
        }
        waiting_chain(n - 1).await
    }
    static BOTTOM: Notify = Notify::const_new();
    let mut whole = Box::pin(waiting_chain(20_000));
    tokio::select! {
        () = BOTTOM.notified() => {}
        ended = &mut whole => panic!("{ended:?}"),
    }
    drop(whole);
    assert_eq!(double(1).await.unwrap(), 2);
}

#[atasks::test]
async fn a_recursion_that_never_waits_lets_others_run() {
    let large = tokio::spawn(fib(24));
    let node = atasks::node().unwrap();
    let mut events = node.events();
    while !matches!(events.next().await, Some(Event::Started(_))) {}
    assert_eq!(double(21).await.unwrap(), 42);
    assert!(!large.is_finished(), "the small call did not have to wait for the large one");
    assert_eq!(large.await.unwrap().unwrap(), 46_368);
}

#[atasks::task]
async fn hogs(until: Arc<str>) -> Result<()> {
    // A loop without a yield, until the others are through.
    while !std::fs::exists(&*until)? {
        std::hint::spin_loop();
    }
    Ok(())
}

#[tokio::test]
async fn a_hogged_executor_holds_up_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let until: Arc<str> = folder.path().join("through").to_str().unwrap().into();
    let node =
        Node::builder().worker().name("hogged").listen("unix:hogged-in-a-test").executors(2).join().await.unwrap();
    let mut events = node.events();
    node.scope(async {
        let hog = tokio::spawn(hogs(until.clone()));
        while !matches!(events.next().await, Some(Event::Started(subject)) if subject.task.ends_with("hogs")) {}
        let others =
            join_all((0..1000).map(|n| async move { if n % 2 == 0 { later(n).await } else { double(n).await } }));
        assert!(others.await.into_iter().all(|other| other.is_ok()));
        assert!(!hog.is_finished());
        std::fs::write(&*until, "").unwrap();
        hog.await.unwrap().unwrap();
    })
    .await;
    node.leave().await;
}
