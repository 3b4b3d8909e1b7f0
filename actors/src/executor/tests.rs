//! Which calls get an actor, as only the executor itself can tell.

use std::{
    sync::{LazyLock, OnceLock, atomic::AtomicU64},
    time::Duration,
};

use futures_util::future::poll_fn;
use tokio::sync::Notify;

use super::*;
use crate::{
    event::Events,
    invocation::InvocationId,
    router::Placement,
    task::{Origin, Shapes, TaskEntry, TaskFuture, TaskOptions},
    task_error::Unplaced,
};

pub(super) const ORIGIN: Origin =
    Origin { package: "tests", manifest_dir: "", file: file!(), line: line!(), named: false };

static CALLS: TaskEntry = TaskEntry::new("calls", ORIGIN, TaskOptions::new(), calls, shapes);
static WAITS: TaskEntry = TaskEntry::new("waits", ORIGIN, TaskOptions::new(), waits, shapes);

static STAYS: TaskEntry = TaskEntry::new("stays", ORIGIN, TaskOptions::new(), stays, shapes);

fn stays(_arguments: &[u8]) -> Result<TaskFuture, crate::codec::Error> {
    Ok(Box::pin(std::future::pending()))
}

pub(super) fn shapes() -> Shapes {
    Shapes::Opaque("nobody asks".to_owned())
}

/// Makes as many calls as its arguments have bytes.
fn calls(arguments: &[u8]) -> Result<TaskFuture, crate::codec::Error> {
    let count = arguments.len();
    Ok(Box::pin(async move {
        for _ in 0..count {
            call(&CALLS, Bytes::new()).await;
        }
        Ok(Vec::new())
    }))
}

fn waits(_arguments: &[u8]) -> Result<TaskFuture, crate::codec::Error> {
    Ok(Box::pin(async {
        tokio::task::yield_now().await;
        Ok(Vec::new())
    }))
}

async fn call(task: &'static TaskEntry, arguments: Bytes) -> Outcome {
    let parent = Context::try_current().unwrap();
    let router = parent.router();
    match router.start(&invocation(router.next_id(), Some(&parent), task, arguments), &Placement::Local) {
        Started::Done(outcome) => outcome,
        Started::Pending(slot) => poll_fn(|cx| slot.poll(cx)).await,
    }
}

pub(super) fn invocation(
    id: InvocationId,
    parent: Option<&Context>,
    task: &'static TaskEntry,
    arguments: Bytes,
) -> Invocation {
    Invocation {
        movable: true,
        id,
        parent: parent.map(Context::id),
        root: parent.map_or(id, Context::root),
        attempt: 1,
        task,
        form: crate::task::Form::Codec,
        arguments,
        deadline: None,
        label: None,
        baggage: None,
        holds: None,
    }
}

/// A node that is nothing but its pool.
pub(super) struct Lone {
    id: NodeId,
    calls: AtomicU64,
    events: Events,
    pool: OnceLock<Arc<Pool>>,
    myself: Weak<Lone>,
    /// Done whenever somebody is about to tell an event.
    tells: fn(),
}

impl Router for Lone {
    fn id(&self) -> &NodeId {
        &self.id
    }

    fn next_id(&self) -> InvocationId {
        InvocationId { origin: 1, number: self.calls.fetch_add(1, Ordering::Relaxed) + 1 }
    }

    fn payload_max(&self) -> usize {
        1024
    }

    fn events(&self) -> &Events {
        (self.tells)();
        &self.events
    }

    fn start(&self, invocation: &Invocation, _placement: &Placement) -> Started {
        self.pool.get().unwrap().start_here(invocation.clone(), self.myself.upgrade().unwrap(), None)
    }

    fn capable(&self, _task: &'static TaskEntry, _placement: &Placement) -> Result<Vec<NodeId>, Unplaced> {
        Ok(vec![self.id.clone()])
    }

    fn has_left(&self) -> bool {
        false
    }

    fn watch_deadline(&self, _slot: &Arc<Slot>) {}

    fn wake_at(&self, _when: tokio::time::Instant, _waker: std::task::Waker) {}
}

/// Stands for the agent.
struct Supervisor;

impl Actor for Supervisor {
    type Msg = Turn;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _myself: ActorRef<Turn>, (): ()) -> Result<(), ractor::ActorProcessingErr> {
        Ok(())
    }
}

/// A context on a node that has no pool.
pub(super) fn context(number: u64, root: Option<u64>) -> Context {
    let id = |number| InvocationId { origin: 1, number };
    let mut invocation = invocation(id(number), None, &WAITS, Bytes::new());
    invocation.parent = root.map(id);
    invocation.root = id(root.unwrap_or(number));
    static LONE: LazyLock<Arc<Lone>> = LazyLock::new(|| lone(|| {}));
    Context::new(invocation, LONE.clone())
}

pub(super) fn lone(tells: fn()) -> Arc<Lone> {
    Arc::new_cyclic(|myself| Lone {
        id: NodeId::new("lone", 1),
        calls: AtomicU64::new(0),
        events: Events::default(),
        pool: OnceLock::new(),
        myself: myself.clone(),
        tells,
    })
}

const SETTINGS: Settings = Settings {
    executors: 1,
    actor_for_every: false,
    cancel_grace: Duration::from_secs(1),
    stopped_after: None,
    shared_host: false,
    memory: 1 << 30,
    running: 1000,
    tree: 0.5,
    tasks: 0,
};

async fn start(settings: Settings) -> (Arc<Lone>, Arc<Pool>, ActorRef<Turn>) {
    let (supervisor, _) = Actor::spawn(None, Supervisor, ()).await.unwrap();
    let node = lone(|| {});
    let pool = Pool::start(node.id.clone(), settings, &Host::Threads, &supervisor.get_cell()).await.unwrap();
    node.pool.set(pool.clone()).unwrap();
    (node, pool, supervisor)
}

/// Runs a root, and tells how many task actors that has taken.
async fn actors_for(task: &'static TaskEntry, arguments: &'static [u8], actor_for_every: bool) -> usize {
    let (node, pool, supervisor) = start(Settings { actor_for_every, ..SETTINGS }).await;
    let Started::Pending(slot) =
        node.start(&invocation(node.next_id(), None, task, arguments.into()), &Placement::Local)
    else {
        panic!("a root starts on an executor")
    };
    let outcome = poll_fn(|cx| slot.poll(cx)).await;
    assert!(matches!(outcome, Outcome::Returned(_)), "{outcome:?}");

    // An actor tells the outcome and then puts itself down as idle: what the executor runs next sees all of them.
    let executor = pool.executors().next().unwrap();
    let looked = Arc::new(Notify::new());
    let (look, rests) = (looked.clone(), executor.clone());
    let idle = executor.handle.spawn(async move {
        look.notified().await;
        rests.lock_idle().len()
    });
    looked.notify_one();
    let idle = idle.await.unwrap();
    pool.close();
    supervisor.stop(None);
    idle
}

#[tokio::test]
async fn a_call_whose_children_end_in_their_first_polls_has_no_actor() {
    assert_eq!(actors_for(&CALLS, &[0; 100], false).await, 0);
}

#[tokio::test]
async fn a_call_that_waits_has_one() {
    assert_eq!(actors_for(&WAITS, &[], false).await, 1);
}

#[tokio::test]
async fn every_call_has_one_if_that_is_asked_for() {
    // The children run one after the other, in the same actor.
    assert_eq!(actors_for(&CALLS, &[0; 3], true).await, 2);
}

/// How many task actors there are when one call more waits than are made in a crowd, and whether all of them end with
/// their pool.
async fn actors_in_a_crowd(actor_for_every: bool) -> usize {
    let (node, pool, supervisor) = start(Settings { actor_for_every, ..SETTINGS }).await;
    let slots: Vec<_> = (0..=TASK_ACTORS_MAX)
        .map(|_| {
            let slot = Slot::new(None);
            let root = invocation(node.next_id(), None, &STAYS, Bytes::new());
            pool.submit_for(root, node.clone(), &slot, None);
            slot
        })
        .collect();
    // This one comes after them, and is over when they all wait.
    let last = Slot::new(None);
    pool.submit_for(invocation(node.next_id(), None, &CALLS, Bytes::new()), node.clone(), &last, None);
    assert!(matches!(poll_fn(|cx| last.poll(cx)).await, Outcome::Returned(_)));
    let actors = pool.executors().next().unwrap().actors.load(Ordering::Relaxed);
    pool.close();
    for slot in slots {
        let outcome = tokio::time::timeout(Duration::from_secs(20), poll_fn(|cx| slot.poll(cx))).await;
        let left = matches!(&outcome, Ok(Outcome::Failed(TaskError::Cancelled { by: Canceller::Leave, .. })));
        assert!(left, "{outcome:?}");
    }
    supervisor.stop(None);
    actors
}

#[tokio::test]
async fn whoever_looks_twice_ends_with_the_pool() {
    let (_node, pool, supervisor) = start(SETTINGS).await;
    let looks = pool.clone();
    let looks = tokio::spawn(async move { while looks.look_twice().await {} });
    pool.close();
    tokio::time::timeout(Duration::from_secs(20), looks).await.unwrap().unwrap();
    supervisor.stop(None);
}

#[tokio::test]
async fn in_a_crowd_what_waits_is_hosted_and_ends_with_its_executor() {
    assert_eq!(actors_in_a_crowd(false).await, TASK_ACTORS_MAX);
}

#[tokio::test]
async fn each_of_a_crowd_has_an_actor_if_that_is_asked_for() {
    // The one that was over at once has had one, too.
    assert_eq!(actors_in_a_crowd(true).await, TASK_ACTORS_MAX + 2);
}

#[tokio::test]
async fn the_calls_inside_one_poll_are_bounded() {
    const MOST: usize = INLINE_CALLS_MAX as usize;
    assert_eq!(actors_for(&CALLS, &[0; MOST], false).await, 0);
    // The next one waits in the queue, and the root for it.
    assert_eq!(actors_for(&CALLS, &[0; MOST + 1], false).await, 1);
}

/// Lets nothing start until it is opened.
#[derive(Default)]
struct Shut(AtomicBool);

impl Issuer for Shut {
    fn left(&self, _class: u32, _bytes: u64) {}

    fn lets_start(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn roots_that_may_not_start_keep_no_other_from_running() {
    let (node, pool, supervisor) = start(Settings { running: 1, ..SETTINGS }).await;
    let submit = |ticket| {
        let slot = Slot::new(None);
        let root = invocation(node.next_id(), None, &WAITS, Bytes::new());
        pool.submit_for(root, node.clone(), &slot, ticket);
        slot
    };
    let shut = Arc::new(Shut::default());
    let kept: Vec<_> = (0..3).map(|_| submit(Some(Ticket::new(shut.clone(), 0, 0)))).collect();
    let ended = async |slot: Arc<Slot>| {
        let outcome = tokio::time::timeout(Duration::from_secs(20), poll_fn(|cx| slot.poll(cx))).await;
        assert!(matches!(outcome, Ok(Outcome::Returned(_))), "{outcome:?}");
    };
    ended(submit(None)).await;
    assert!(kept.iter().all(|slot| !slot.is_over()));
    shut.0.store(true, Ordering::SeqCst);
    pool.start_what_was_parked();
    for slot in kept {
        ended(slot).await;
    }
    pool.close();
    supervisor.stop(None);
}
