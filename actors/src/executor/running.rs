//! An invocation on its way through an executor: its body, where its outcome goes, and what its end sets free.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context as TaskContext, Poll},
};

use tokio::sync::oneshot;

use super::{Executor, body::Body, means::Stopwatch, memory::Charge};
use crate::{
    context::Context,
    crash::Crash,
    event::Event,
    outcome::{Outcome, Reply},
    task_error::{Canceller, Ran, TaskError},
};

/// What a ractor actor takes. Those that an executor keeps in any case are not counted.
const ACTOR_BYTES: usize = 9 << 10;

/// An invocation that an executor has taken. Exactly one outcome leaves it, also when it is dropped.
pub(crate) struct Running {
    context: Context,
    work: Work,
    reply: Option<Reply>,
    executor: Arc<Executor>,
    /// What it is counted with; none before it is suspended if it was polled where it was called.
    charge: Option<Charge>,
    suspended: bool,
    stopwatch: Stopwatch,
}

enum Work {
    /// The body is polled here.
    Here(Body),
    /// The body runs on a thread for blocking tasks, which sends the outcome; its arguments take so many bytes.
    Away(oneshot::Receiver<Outcome>, usize),
    /// Nothing is left of it.
    Over,
}

impl Running {
    pub(crate) fn here(body: Body, reply: Option<Reply>, charge: Option<Charge>, executor: Arc<Executor>) -> Self {
        let (context, work) = (body.context().clone(), Work::Here(body));
        let stopwatch = Stopwatch::new(&executor, context.task());
        Self { context, work, reply, executor, charge, suspended: false, stopwatch }
    }

    pub(crate) fn away(
        context: Context,
        (outcome, bytes): (oneshot::Receiver<Outcome>, usize),
        reply: Reply,
        charge: Charge,
        executor: Arc<Executor>,
    ) -> Self {
        let (work, reply, charge) = (Work::Away(outcome, bytes), Some(reply), Some(charge));
        Self { context, work, reply, executor, charge, suspended: false, stopwatch: Stopwatch::never() }
    }

    pub(crate) fn executor(&self) -> &Arc<Executor> {
        &self.executor
    }

    /// Counts the invocation as one that waits for something outside the executor.
    pub(crate) fn suspend(&mut self) {
        self.suspended = true;
        let future = match &self.work {
            Work::Here(body) => body.bytes(),
            Work::Away(_, bytes) => *bytes,
            Work::Over => 0,
        };
        let bytes = future + if self.executor.pool().settings.actor_for_every { ACTOR_BYTES } else { 0 };
        match &mut self.charge {
            Some(charge) => charge.suspend(&self.context, bytes),
            none => *none = Some(Charge::suspended(&self.executor.pool().memory, &self.context, bytes)),
        }
        let load = &self.executor.pool().load;
        load.suspended.fetch_add(1, Ordering::Relaxed);
        load.fresh.fetch_add(1, Ordering::Relaxed);
        self.executor.pool().load_moves();
    }

    /// Sets where the outcome goes, for an invocation that was first tried without.
    pub(crate) fn reply_to(&mut self, reply: Reply) {
        self.reply = Some(reply);
    }

    pub(crate) fn poll_outcome(&mut self, cx: &mut TaskContext<'_>) -> Poll<Outcome> {
        match &mut self.work {
            Work::Here(body) => {
                // A first poll is made by who has the executor.
                if self.suspended && self.executor.is_occupied(Some(self.context.id()), cx) {
                    return Poll::Pending;
                }
                let _busy = self.executor.busy(Some(&self.context));
                let lap = self.stopwatch.begin(&self.executor);
                let polled = body.poll(Some(&self.executor), cx);
                self.stopwatch.end(&self.executor, lap);
                polled
            }
            Work::Away(outcome, _) => Pin::new(outcome)
                .poll(cx)
                .map(|outcome| outcome.unwrap_or_else(|_gone| Outcome::Failed(self.ended_with_its_node()))),
            Work::Over => Poll::Pending,
        }
    }

    /// Ends the invocation: tells events, cancels what it left behind, sets its place free. Returns the outcome if it
    /// has no reply to go to, and the crash if it was one.
    pub(crate) fn finish(&mut self, outcome: Outcome) -> (Option<Outcome>, Option<Crash>) {
        self.settle(outcome)
    }

    fn settle(&mut self, outcome: Outcome) -> (Option<Outcome>, Option<Crash>) {
        let context = &self.context;
        context.end();
        let crash = match &outcome {
            Outcome::Failed(TaskError::Crashed(crash)) => Some(crash.clone()),
            _ => None,
        };
        tell_end(context, &outcome);
        if std::mem::take(&mut self.suspended) {
            let load = &self.executor.pool().load;
            load.suspended.fetch_sub(1, Ordering::Relaxed);
            load.fresh.fetch_sub(1, Ordering::Relaxed);
        }
        if matches!(outcome, Outcome::Returned(_) | Outcome::Failed(TaskError::Crashed(_))) {
            self.stopwatch.note(&self.executor, context.task());
        }
        self.executor.pool().release(context);
        self.work = Work::Over;
        // Whoever hears of the end finds nothing counted any more.
        self.charge = None;
        match self.reply.take() {
            Some(reply) => {
                reply.send(outcome);
                self.executor.pool().look_again();
                (None, crash)
            }
            None => (Some(outcome), crash),
        }
    }

    fn ended_with_its_node(&self) -> TaskError {
        let by = self.context.cancelled_by().unwrap_or(Canceller::Leave);
        TaskError::Cancelled { by, ran: self.context.ran() }
    }
}

/// Tells events how an invocation has ended. One whose arguments could not be read has neither started nor ended.
fn tell_end(context: &Context, outcome: &Outcome) {
    let events = context.router().events();
    match outcome {
        Outcome::Failed(TaskError::Crashed(crash)) => {
            events.tell(|| Event::Crashed(context.into(), crash.clone()));
        }
        Outcome::Failed(TaskError::Cancelled { by, .. }) => events.tell(|| Event::Cancelled(context.into(), *by)),
        // Its caller has stopped waiting before it started.
        Outcome::Failed(TaskError::DeadlineExceeded { .. }) => {
            events.tell(|| Event::Cancelled(context.into(), Canceller::Caller));
        }
        Outcome::HandedBack => {}
        Outcome::Failed(error) if error.ran() == Ran::No => {}
        _ => events.tell(|| Event::Ended(context.into())),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Killed, or dropped with its executor: whoever waits is told all the same.
        if self.reply.is_some() {
            if let Work::Here(body) = &mut self.work {
                let _ = body.drop_future();
            }
            let error = self.ended_with_its_node();
            let _ = self.settle(Outcome::Failed(error));
        }
    }
}
