//! The body of one invocation: decoded and polled where it runs, its panics caught.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep};

use super::{Executor, ticket::Ticket};
use crate::{
    codec,
    context::{Context, Phase, enter},
    crash::{self, Crash},
    event::Event,
    outcome::Outcome,
    task::TaskFuture,
    task_error::{Payload, Ran, TaskError, Waiting},
};

/// One invocation, from its arguments to its outcome.
pub(crate) struct Body {
    context: Context,
    /// Bytes of the arguments as they came: decoded they live on in the future.
    arguments: usize,
    work: Work,
    grace: Grace,
}

enum Work {
    Unstarted(Bytes, Option<Ticket>),
    Running(TaskFuture),
    Over,
}

enum Grace {
    Unasked(Duration),
    Running(Pin<Box<Sleep>>),
}

impl Body {
    pub(crate) fn new(context: Context, arguments: Bytes, ticket: Option<Ticket>, grace: Duration) -> Self {
        let size = arguments.len();
        Self { context, arguments: size, work: Work::Unstarted(arguments, ticket), grace: Grace::Unasked(grace) }
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// About how much it takes: its future and its arguments.
    pub(crate) fn bytes(&self) -> usize {
        let future = match &self.work {
            Work::Running(future) => size_of_val(&**future),
            Work::Unstarted(..) | Work::Over => 0,
        };
        future.saturating_add(self.arguments)
    }

    /// Polls the body with the invocation as this thread's current one.
    pub(crate) fn poll(&mut self, executor: Option<&Arc<Executor>>, cx: &mut TaskContext<'_>) -> Poll<Outcome> {
        let _entered = enter(Some(self.context.clone()), executor.cloned());
        // A first poll wakes nobody: whoever polls next registers, and looks after that.
        if !cx.waker().will_wake(Waker::noop()) {
            self.context.runner().register(cx.waker());
        }
        if let Work::Unstarted(arguments, ticket) = &mut self.work {
            let arguments = std::mem::take(arguments);
            // It waits no more: whoever let it in may let the next one in.
            drop(ticket.take());
            if let Err(outcome) = self.begin(&arguments) {
                self.work = Work::Over;
                return Poll::Ready(outcome);
            }
            // Started, it is polled once whatever has happened since: it was said to have run, or is about to be.
        } else if let Some(outcome) = self.poll_cancelled(cx) {
            return Poll::Ready(outcome);
        }
        let Work::Running(future) = &mut self.work else { return Poll::Pending };
        let polled = crash::catch(|| future.as_mut().poll(cx));
        let outcome = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(bytes))) => Outcome::Returned(bytes.into()),
            Ok(Poll::Ready(Err(error))) => Outcome::Failed(self.codec_error(error, Payload::Result)),
            Err(panic) => Outcome::Failed(TaskError::Crashed(self.crash(panic))),
        };
        let outcome = self.drop_future().map_or(outcome, |crash| Outcome::Failed(TaskError::Crashed(crash)));
        Poll::Ready(outcome)
    }

    /// Decodes the arguments and makes the future; from here on the invocation counts as started.
    fn begin(&mut self, arguments: &[u8]) -> Result<(), Outcome> {
        let context = &self.context;
        if let Some(by) = context.cancelled_by() {
            return Err(Outcome::Failed(TaskError::Cancelled { by, ran: Ran::No }));
        }
        if context.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            let (after, waited_for) = (Duration::ZERO, Waiting::Executor);
            return Err(Outcome::Failed(TaskError::DeadlineExceeded { after, waited_for, ran: Ran::No }));
        }
        let future = crash::catch(|| context.task().start(context.form(), arguments))
            .unwrap_or_else(|panic| Err(codec::Error::Panicked(panic.message().to_owned())))
            .map_err(|error| Outcome::Failed(self.codec_error(error, Payload::Arguments)))?;
        if !context.advance(Phase::Queued, Phase::Started) {
            let by = context.cancelled_by().unwrap_or(crate::task_error::Canceller::Caller);
            return Err(Outcome::Failed(TaskError::Cancelled { by, ran: Ran::No }));
        }
        context.router().events().tell(|| Event::Started(context.into()));
        self.work = Work::Running(future);
        Ok(())
    }

    /// Ends a cancelled body: at once, or when the grace is over that a held `cancelled()` future asks for.
    fn poll_cancelled(&mut self, cx: &mut TaskContext<'_>) -> Option<Outcome> {
        let by = self.context.cancelled_by()?;
        if let Grace::Unasked(grace) = self.grace
            && self.context.has_watchers()
        {
            self.grace = Grace::Running(Box::pin(sleep(grace)));
        }
        // Once given it stays: the `cancelled()` that asked for it is over as soon as the task knows.
        if let Grace::Running(sleep) = &mut self.grace
            && sleep.as_mut().poll(cx).is_pending()
        {
            return None;
        }
        if let Some(crash) = self.drop_future() {
            tracing::error!(task = crash.task(), %crash, "a cancelled task panicked while it was dropped");
        }
        Some(Outcome::Failed(TaskError::Cancelled { by, ran: self.context.ran() }))
    }

    /// Drops the future as the user's code that it is; a panic in there is a crash.
    pub(crate) fn drop_future(&mut self) -> Option<Crash> {
        let work = std::mem::replace(&mut self.work, Work::Over);
        crash::catch(AssertUnwindSafe(|| drop(work))).err().map(|panic| self.crash(panic))
    }

    fn crash(&self, panic: crash::Panic) -> Crash {
        let context = &self.context;
        Crash::new(context.task().name(), context.id(), context.node().clone(), panic)
    }

    fn codec_error(&self, error: codec::Error, what: Payload) -> TaskError {
        TaskError::from_codec(error, what, self.context.router().payload_max())
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if !matches!(self.work, Work::Over) {
            // Dropped from outside, a shutdown: the user's destructors still find their invocation.
            let _entered = enter(Some(self.context.clone()), None);
            let _ = self.drop_future();
        }
    }
}

#[cfg(test)]
mod tests;
