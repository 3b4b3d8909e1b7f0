//! The executor's actor: starts what waits, and supervises the task actors of its thread.

use std::{
    future::{Future, poll_fn},
    sync::{Arc, atomic::Ordering},
    task::{Context as TaskContext, Poll, Waker},
};

use ractor::{Actor, ActorProcessingErr, ActorRef, Message, SupervisionEvent};
use tokio::task::{coop::unconstrained, yield_now};

use super::{Executor, Order, body::Body, means::SHORT, running::Running};

/// Most first polls in a row before the executor lets its suspended tasks run.
const TURN: usize = 64;

/// The same for polls that are known to be long, by the time that they are expected to take, in nanoseconds.
const TURN_NANOS: u64 = 5_000_000;

pub(super) struct ExecutorActor;

/// Asks an executor to start what waits.
pub(super) struct Turn;

impl Message for Turn {}

impl Actor for ExecutorActor {
    type Msg = Turn;
    type State = Arc<Executor>;
    type Arguments = Arc<Executor>;

    async fn pre_start(
        &self,
        myself: ActorRef<Turn>,
        executor: Arc<Executor>,
    ) -> Result<Arc<Executor>, ActorProcessingErr> {
        let _ = executor.actor.set(myself);
        Ok(executor)
    }

    async fn handle(
        &self,
        myself: ActorRef<Turn>,
        _turn: Turn,
        executor: &mut Arc<Executor>,
    ) -> Result<(), ActorProcessingErr> {
        let mut expected = 0u64;
        let mut begun = InTurn::new(executor);
        for _ in 0..TURN {
            poll_fn(|cx| if executor.is_occupied(None, cx) { Poll::Pending } else { Poll::Ready(()) }).await;
            let Some(order) = executor.pool.next() else {
                drop(begun);
                executor.rest();
                return Ok(());
            };
            let weight = order.weight;
            executor.begin(order);
            begun.is_polled(weight);
            expected = expected.saturating_add(weight);
            if expected >= TURN_NANOS {
                break;
            }
        }
        drop(begun);
        // The next message would be taken at once: only who yields lets others of this thread run.
        yield_now().await;
        myself.cast(Turn).map_err(Into::into)
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Turn>,
        event: SupervisionEvent,
        executor: &mut Arc<Executor>,
    ) -> Result<(), ActorProcessingErr> {
        let (who, reason) = match event {
            SupervisionEvent::ActorFailed(who, reason) => (who, reason.to_string()),
            SupervisionEvent::ActorTerminated(who, _, Some(reason)) => (who, reason),
            _ => return Ok(()),
        };
        tracing::error!(
            supervisor = %myself.get_id(),
            node = %executor.pool.node_id(),
            context = "task",
            offender = %who.get_id(),
            reason,
            "a task actor ended"
        );
        Ok(())
    }
}

impl Executor {
    /// Starts an invocation: polls it once, and has an actor run it if that was not enough.
    pub(super) fn begin(self: &Arc<Self>, order: Order) {
        let Order { context, arguments, reply, ticket, mut charge, weight: _ } = order;
        let pool = &self.pool;
        if let Some(reason) = charge.begin(&context) {
            drop(charge);
            return pool.refuse(&context, reply, reason);
        }
        let options = context.task().options();
        let body = Body::new(context.clone(), arguments, ticket, pool.settings.cancel_grace);
        if options.blocking && !pool.settings.shared_host {
            let bytes = body.bytes();
            let outcome = pool.blocking.run(body, self.handle.clone());
            return self.supervise(Running::away(context, (outcome, bytes), reply, charge, self.clone()));
        }
        let mut running = Running::here(body, Some(reply), Some(charge), self.clone());
        if pool.settings.actor_for_every {
            return self.supervise(running);
        }
        match first_poll(&mut running) {
            Poll::Ready(outcome) => self.report(running.finish(outcome).1),
            Poll::Pending => self.supervise(running),
        }
    }

    /// Logs the crash of a call that had no actor of its own as that of one that had.
    pub(super) fn report(&self, crash: Option<crate::crash::Crash>) {
        if let Some(crash) = crash {
            let supervisor = self.actor().map(|actor| actor.get_id().to_string());
            tracing::error!(
                supervisor = supervisor.unwrap_or_default(),
                node = %self.pool.node_id(),
                context = "task",
                offender = %crash.id(),
                reason = %crash,
                "a task actor ended"
            );
        }
    }

    /// Nothing waits: the executor sleeps, unless something came in the meantime.
    fn rest(&self) {
        self.pool.asleep.fetch_add(1, Ordering::SeqCst);
        self.awake.store(false, Ordering::SeqCst);
        if self.pool.has_startable() && self.pool.fence.lets_pass() {
            self.wake();
        }
    }
}

/// While an executor begins one order after the other. What all executors count is counted once for many of them: two that
/// write one number at each call wait for each other.
struct InTurn {
    executor: Arc<Executor>,
    /// Weight of what has had its first poll, and is counted as to be done still.
    polled: u64,
}

impl InTurn {
    fn new(executor: &Arc<Executor>) -> Self {
        // On a shared host an executor is busy by what it computes, poll by poll.
        if !executor.pool.settings.shared_host {
            executor.in_turn.store(true, Ordering::Relaxed);
            executor.pool.load.busy.fetch_add(1, Ordering::Relaxed);
        }
        Self { executor: executor.clone(), polled: 0 }
    }

    /// An order of that weight has had its first poll.
    fn is_polled(&mut self, weight: u64) {
        self.polled = self.polled.saturating_add(weight);
        // What takes longer is to be seen at once.
        if self.polled >= SHORT {
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.executor.pool.work.fetch_sub(std::mem::take(&mut self.polled), Ordering::Relaxed);
    }
}

impl Drop for InTurn {
    fn drop(&mut self) {
        self.tell();
        if self.executor.in_turn.swap(false, Ordering::Relaxed) {
            self.executor.is_free();
        }
    }
}

/// Polls for the first time, outside tokio's budget: a future that is ready ends here, and needs no actor.
pub(super) fn first_poll(running: &mut Running) -> Poll<crate::outcome::Outcome> {
    // Whoever polls next is woken instead: an actor polls what is pending at once.
    let mut nobody = TaskContext::from_waker(Waker::noop());
    let mut polled = std::pin::pin!(unconstrained(poll_fn(|cx| running.poll_outcome(cx))));
    polled.as_mut().poll(&mut nobody)
}
