//! Whether a call that is given up while it starts is told to have run is the same as whether it has.

use std::{
    cell::{Cell, RefCell},
    sync::Barrier,
    thread,
};

use super::*;
use crate::{
    executor::tests::{ORIGIN, invocation, lone, shapes},
    invocation::InvocationId,
    slot::Door,
    task::{TaskEntry, TaskOptions},
    task_error::Canceller,
};

/// Where a call is found when it is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Waits,
    /// Its arguments are decoded, by code of the user's.
    Decodes,
    /// It counts as started, and was not polled.
    HasStarted,
    Runs,
}

/// A call that is given up once.
struct Given {
    when: When,
    door: Arc<dyn Door>,
    /// What was told.
    ran: Option<Ran>,
}

thread_local! {
    static GIVEN: RefCell<Option<Given>> = const { RefCell::new(None) };
    static HAS_RUN: Cell<bool> = const { Cell::new(false) };
}

fn is_at(now: When) {
    GIVEN.with_borrow_mut(|given| {
        if let Some(Given { when, door, ran }) = given
            && *when == now
        {
            *ran = Some(door.cancel(0, Canceller::Caller).1);
        }
    });
}

static RUNS: TaskEntry = TaskEntry::new("runs", ORIGIN, TaskOptions::new(), runs, shapes);

fn runs(_arguments: &[u8]) -> Result<TaskFuture, codec::Error> {
    is_at(When::Decodes);
    Ok(Box::pin(async {
        HAS_RUN.set(true);
        is_at(When::Runs);
        tokio::task::yield_now().await;
        Ok(Vec::new())
    }))
}

fn body() -> Body {
    HAS_RUN.set(false);
    let id = InvocationId { origin: 1, number: 1 };
    let context = Context::new(invocation(id, None, &RUNS, Bytes::new()), lone(|| is_at(When::HasStarted)));
    Body::new(context, Bytes::new(), None, Duration::ZERO)
}

/// Polls it to its end.
fn run(body: &mut Body) -> Outcome {
    let mut nobody = TaskContext::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(outcome) = body.poll(None, &mut nobody) {
            return outcome;
        }
    }
}

fn ran_of(outcome: &Outcome) -> Option<Ran> {
    match outcome {
        Outcome::Failed(TaskError::Cancelled { ran, .. }) => Some(*ran),
        _ => None,
    }
}

#[test]
fn what_is_given_up_is_told_to_have_run_only_if_it_has() {
    for (when, ran) in
        [(When::Waits, Ran::No), (When::Decodes, Ran::No), (When::HasStarted, Ran::Yes), (When::Runs, Ran::Yes)]
    {
        let mut body = body();
        GIVEN.set(Some(Given { when, door: body.context().door(), ran: None }));
        is_at(When::Waits);
        let outcome = run(&mut body);
        let told = GIVEN.take().and_then(|given| given.ran);
        assert_eq!((told, ran_of(&outcome)), (Some(ran), Some(ran)), "{when:?}: {outcome:?}");
        assert_eq!(HAS_RUN.get(), ran == Ran::Yes, "{when:?}");
    }
}

#[test]
fn nor_is_it_told_otherwise_when_another_thread_gives_it_up() {
    let (mut ran, mut did_not) = (0, 0);
    for _ in 0..2000 {
        let mut body = body();
        let (door, both) = (body.context().door(), Barrier::new(2));
        let told = thread::scope(|scope| {
            let gives_up = scope.spawn(|| {
                both.wait();
                door.cancel(0, Canceller::Caller).1
            });
            both.wait();
            run(&mut body);
            gives_up.join().unwrap()
        });
        let count = if HAS_RUN.get() { &mut ran } else { &mut did_not };
        *count += 1;
        assert_eq!(told == Ran::Yes, HAS_RUN.get(), "told {told}");
    }
    println!("{ran} had run, {did_not} had not");
}
