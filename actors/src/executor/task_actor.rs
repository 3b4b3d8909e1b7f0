//! The actor that runs invocations which wait: one at a time, supervised by its executor, reused after a clean end.

use std::{
    future::poll_fn,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use tokio::time::sleep;

use super::{Executor, running::Running};

/// Most task actors that an executor has, and keeps; about 9 KB each, most of it for their mailboxes. What waits beyond them
/// is hosted by the executor itself. Where each invocation has an actor more are made, and stay for a while.
pub const TASK_ACTORS_MAX: usize = 256;

/// How often some of those above that are stopped. When a large tree ends, its outcomes and cancels go first: the end of
/// an actor costs as much as that of several tasks.
const TRIM_EVERY: Duration = Duration::from_millis(20);

/// How many at once, or one in [`TRIM_PART`] if that is more: half of any number is gone in a quarter of a second.
const TRIM_AT_ONCE: usize = 128;
const TRIM_PART: usize = 16;

/// Runs one invocation at a time. A crash ends it, after the caller was told; the executor sees it as its child's failure.
pub(crate) struct TaskActor;

/// An invocation to run. Never leaves the process.
pub(crate) struct Run(pub(crate) Box<Running>);

impl Message for Run {}

impl Actor for TaskActor {
    type Msg = Run;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _myself: ActorRef<Run>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, myself: ActorRef<Run>, Run(running): Run, (): &mut ()) -> Result<(), ActorProcessingErr> {
        // In a box: dropped as a whole when the actor is killed, and never moved while it runs.
        let mut running = running;
        let outcome = poll_fn(|cx| running.poll_outcome(cx)).await;
        let executor = running.executor().clone();
        let (_, crash) = running.finish(outcome);
        drop(running);
        match crash {
            Some(crash) => {
                executor.actors.fetch_sub(1, Ordering::Relaxed);
                Err(Box::new(crash))
            }
            None => {
                executor.take_back(myself);
                Ok(())
            }
        }
    }
}

impl Executor {
    /// Hands an invocation to a task actor, or hosts it if all are taken.
    pub(crate) fn supervise(self: &Arc<Self>, mut running: Running) {
        running.suspend();
        let running = Box::new(running);
        match self.free_actor() {
            // An actor that is gone gives the message back, and dropping it tells the caller.
            Some(actor) => drop(actor.cast(Run(running))),
            None => self.host(running),
        }
    }

    /// An idle one, or a new one while there are not too many.
    fn free_actor(self: &Arc<Self>) -> Option<ActorRef<Run>> {
        let idle = self.lock_idle().pop();
        if idle.is_some() {
            return idle;
        }
        if !self.pool.settings.actor_for_every && self.actors.load(Ordering::Relaxed) >= TASK_ACTORS_MAX {
            return None;
        }
        let supervisor = self.actor()?.get_cell();
        let (actor, _) = ractor::ActorRuntime::spawn_linked_instant(None, TaskActor, (), supervisor).ok()?;
        self.actors.fetch_add(1, Ordering::Relaxed);
        Some(actor)
    }

    fn take_back(self: &Arc<Self>, actor: ActorRef<Run>) {
        let mut idle = self.lock_idle();
        idle.push(actor);
        // Both under the lock: whoever trims looks once more before it says that it does not.
        if idle.len() > TASK_ACTORS_MAX && !self.trims.swap(true, Ordering::Relaxed) {
            self.handle.spawn(trim(Arc::downgrade(self)));
        }
    }

    /// Takes out some of the actors above what is kept ready; none are left, if it gives none.
    fn take_surplus(&self) -> Vec<ActorRef<Run>> {
        let mut idle = self.lock_idle();
        let surplus = idle.len().saturating_sub(TASK_ACTORS_MAX);
        if surplus == 0 {
            self.trims.store(false, Ordering::Relaxed);
        }
        let kept = idle.len() - part_of(surplus);
        idle.split_off(kept)
    }
}

/// How many of so many are stopped at once.
fn part_of(surplus: usize) -> usize {
    surplus.min(TRIM_AT_ONCE.max(surplus / TRIM_PART))
}

/// Stops idle actors, some at a time, until there are no more than are kept ready.
async fn trim(executor: Weak<Executor>) {
    loop {
        sleep(TRIM_EVERY).await;
        let Some(executor) = executor.upgrade() else { return };
        let surplus = executor.take_surplus();
        if surplus.is_empty() {
            return;
        }
        executor.actors.fetch_sub(surplus.len(), Ordering::Relaxed);
        surplus.iter().for_each(|actor| actor.stop(None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_any_number_above_what_is_kept_is_gone_in_a_quarter_of_a_second() {
        let rounds = Duration::from_millis(250).as_millis() / TRIM_EVERY.as_millis();
        for before in [1usize, 1000, 100_000, 10_000_000] {
            let left = (0..rounds).fold(before, |left, _| left - part_of(left));
            assert!(left <= before / 2, "{left} of {before}");
        }
    }
}
