//! What is repeated, and when, over a node that does nothing but what a test has it answer.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use atasks_actors::event::Events;

use super::*;
use crate::{Unplaced, Waiting};

const TASK: &str = "repeated";
static ENTRY: TaskEntry = TaskEntry::foreign(TASK);
const PAUSE: Duration = Duration::from_secs(1);

/// What a node answers to one attempt.
enum Answer {
    Now(Outcome),
    /// Never, so that a deadline passes.
    Never,
}

struct Fake {
    id: NodeId,
    answers: Mutex<VecDeque<Answer>>,
    started: AtomicUsize,
    calls: AtomicU64,
    lost: Mutex<Vec<NodeId>>,
    wakes: AtomicUsize,
    over: Mutex<Vec<InvocationId>>,
    events: Events,
}

impl Fake {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        Arc::new(Self {
            id: NodeId::new("here", 1),
            answers: Mutex::new(answers.into_iter().collect()),
            started: AtomicUsize::new(0),
            calls: AtomicU64::new(0),
            lost: Mutex::default(),
            wakes: AtomicUsize::new(0),
            over: Mutex::default(),
            events: Events::default(),
        })
    }

    fn started(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }

    fn loses(&self, nodes: &[u64]) {
        *self.lost.lock().unwrap() = nodes.iter().map(|node| name(*node)).collect();
    }
}

impl Router for Fake {
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
        &self.events
    }

    fn start(&self, invocation: &Invocation, _placement: &Placement) -> Started {
        self.started.fetch_add(1, Ordering::Relaxed);
        match self.answers.lock().unwrap().pop_front() {
            Some(Answer::Now(outcome)) => Started::Done(outcome),
            Some(Answer::Never) => Started::Pending(Slot::new(invocation.deadline)),
            None => panic!("one attempt too many"),
        }
    }

    fn capable(&self, _task: &'static TaskEntry, _placement: &Placement) -> Result<Vec<NodeId>, Unplaced> {
        Ok(Vec::new())
    }

    fn lost_under(&self, _root: InvocationId) -> Vec<NodeId> {
        self.lost.lock().unwrap().clone()
    }

    fn root_is_over(&self, root: InvocationId) {
        self.over.lock().unwrap().push(root);
    }

    fn watch_deadline(&self, slot: &Arc<Slot>) {
        let slot = slot.clone();
        tokio::spawn(async move {
            tokio::time::sleep_until(slot.deadline().unwrap()).await;
            slot.expire();
        });
    }

    fn has_left(&self) -> bool {
        false
    }

    fn wake_at(&self, when: Instant, waker: Waker) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            tokio::time::sleep_until(when).await;
            waker.wake();
        });
    }
}

struct Nothing;

impl Arguments for Nothing {
    fn entry(&self) -> Option<&'static TaskEntry> {
        Some(&ENTRY)
    }

    fn encode(&mut self, _limit: usize) -> Result<Bytes, codec::Error> {
        Ok(Bytes::new())
    }
}

fn name(node: u64) -> NodeId {
    NodeId::new(&format!("n{node}"), node)
}

fn lost_so(node: u64, reason: Loss, ran: Ran) -> Answer {
    Answer::Now(Outcome::Failed(TaskError::NodeLost { node: name(node), reason, ran, before: Vec::new() }))
}

fn lost(node: u64) -> Answer {
    lost_so(node, Loss::Closed, Ran::Maybe)
}

fn returned() -> Answer {
    Answer::Now(Outcome::Returned(Bytes::new()))
}

/// A call that may be repeated often, with a pause of half a second to a second each time.
fn call(node: &Arc<Fake>) -> Driver {
    let mut driver = Driver::new(TASK, TaskOptions::new().idempotent(), Location::caller());
    driver.retry = Some(Retry::times(9).backoff(PAUSE, PAUSE));
    driver.start_at(node.clone());
    driver
}

async fn outcome(driver: &mut Driver) -> Result<Bytes, TaskError> {
    std::future::poll_fn(|cx| driver.poll(cx, &mut Nothing)).await
}

/// A task that runs on the node, called by a task on node 7, whose own caller was on node 8; the root's was on node 9.
fn around(node: &Arc<Fake>) -> Context {
    let id = |origin| InvocationId { origin, number: 1 };
    let invocation = Invocation {
        id: id(7),
        parent: Some(id(8)),
        root: id(9),
        attempt: 1,
        task: &ENTRY,
        form: Form::Codec,
        arguments: Bytes::new(),
        deadline: None,
        label: None,
        baggage: None,
        holds: None,
        movable: true,
    };
    Context::new(invocation, node.clone())
}

#[tokio::test(start_paused = true)]
async fn a_loss_is_repeated_until_the_root_has_cost_two_nodes() {
    let node = Fake::new([lost(1), lost(2)]);
    let mut driver = call(&node);
    node.loses(&[1]);
    let repeated = tokio::time::timeout(PAUSE / 4, outcome(&mut driver)).await;
    assert!(repeated.is_err(), "{repeated:?}");
    node.loses(&[1, 2]);
    let error = outcome(&mut driver).await.unwrap_err();
    // Its own node was told of the second loss in the pause after the first.
    let told = TaskError::NodeLost { node: name(1), reason: Loss::Closed, ran: Ran::Maybe, before: vec![name(2)] };
    assert_eq!((error, node.started()), (told, 1));
    assert_eq!(*node.over.lock().unwrap(), [driver.id().unwrap()], "what it has cost is of no more use");
}

#[tokio::test(start_paused = true)]
async fn a_third_loss_at_the_same_time_names_the_other_two() {
    let node = Fake::new([lost(3)]);
    node.loses(&[1, 2]);
    let error = outcome(&mut call(&node)).await.unwrap_err();
    let TaskError::NodeLost { before, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*before, [name(1), name(2)]);
}

#[tokio::test(start_paused = true)]
async fn what_did_not_run_or_was_left_in_order_is_repeated_all_the_same() {
    let answers = [lost_so(3, Loss::Closed, Ran::No), lost_so(4, Loss::Left, Ran::Maybe), returned()];
    let node = Fake::new(answers);
    node.loses(&[1, 2]);
    outcome(&mut call(&node)).await.unwrap();
    assert_eq!(node.started(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_loss_that_would_not_be_repeated_anyway_is_told_as_it_is() {
    let node = Fake::new([lost(3)]);
    node.loses(&[1, 2]);
    let mut driver = call(&node);
    driver.idempotent = false;
    let error = outcome(&mut driver).await.unwrap_err();
    assert!(matches!(&error, TaskError::NodeLost { before, .. } if before.is_empty()), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_parent_has_ended_is_not_placed_again() {
    let node = Fake::new([lost(1)]);
    let context = around(&node);
    let mut driver = context.scope(async { call(&node) }).await;
    assert!(tokio::time::timeout(PAUSE / 4, outcome(&mut driver)).await.is_err());
    context.cancel(Canceller::Operator);
    let error = outcome(&mut driver).await.unwrap_err();
    assert_eq!(error, TaskError::Cancelled { by: Canceller::Operator, ran: Ran::Maybe });
    assert_eq!(node.started(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_below_a_task_that_was_lost_with_the_node_is_not_placed_again() {
    for above in [8, 9] {
        let node = Fake::new([lost(above)]);
        let mut driver = around(&node).scope(async { call(&node) }).await;
        let error = outcome(&mut driver).await.unwrap_err();
        assert_eq!(error, TaskError::Cancelled { by: Canceller::Loss, ran: Ran::Maybe });
        assert_eq!(node.started(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_tells_the_time_since_the_first_poll() {
    let node = Fake::new([lost(1), Answer::Never]);
    let mut driver = call(&node);
    driver.limit_timeout(3 * PAUSE);
    let error = outcome(&mut driver).await.unwrap_err();
    let TaskError::DeadlineExceeded { after, waited_for: Waiting::Placement, ran: Ran::Maybe } = error else {
        panic!("{error:?}")
    };
    assert!(after >= 3 * PAUSE && after < 3 * PAUSE + PAUSE / 10, "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_handed_back_again_and_again_hears_of_its_deadline_in_time() {
    let handed_back = (0..PLACED_AGAIN_MAX).map(|_| Answer::Now(Outcome::HandedBack));
    let node = Fake::new(handed_back.chain([Answer::Never]));
    let mut driver = call(&node);
    driver.limit_timeout(HANDED_BACK_PAUSE / 2);
    let error = outcome(&mut driver).await.unwrap_err();
    let TaskError::DeadlineExceeded { after, ran: Ran::No, .. } = error else { panic!("{error:?}") };
    // A clock of whole milliseconds is read twice.
    assert!(after <= HANDED_BACK_PAUSE / 2 + Duration::from_millis(3), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_has_the_node_wake_it_once_however_often_it_is_polled() {
    let node = Fake::new([lost(1), returned()]);
    let mut driver = call(&node);
    let mut polls = 0;
    let done = std::future::poll_fn(|cx| {
        polls += 1;
        // The neighbours of a call have it polled with theirs.
        if polls < 100 {
            cx.waker().wake_by_ref();
        }
        driver.poll(cx, &mut Nothing)
    });
    done.await.unwrap();
    assert!(polls >= 100);
    assert_eq!(node.wakes.load(Ordering::Relaxed), 1);
}
