//! The actor that runs invocations which wait: one at a time, supervised by its executor, reused after a clean end.

use std::{future::poll_fn, sync::Arc};

use ractor::{Actor, ActorProcessingErr, ActorRef, Message};

use super::{Executor, running::Running};

/// Most task actors that an executor keeps ready; about 9 KB each.
const IDLE_MAX: usize = 256;

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
        match crash {
            Some(crash) => Err(Box::new(crash)),
            None => {
                executor.take_back(myself);
                Ok(())
            }
        }
    }
}

impl Executor {
    /// Hands an invocation to a task actor: an idle one, or a new one.
    pub(crate) fn supervise(self: &Arc<Self>, mut running: Running) {
        running.suspend();
        let idle = self.lock_idle().pop();
        let actor = idle.or_else(|| {
            let supervisor = self.actor()?.get_cell();
            ractor::ActorRuntime::spawn_linked_instant(None, TaskActor, (), supervisor).ok().map(|(actor, _)| actor)
        });
        if let Some(actor) = actor {
            // An actor that is gone gives the message back, and dropping it tells the caller.
            let _ = actor.cast(Run(Box::new(running)));
        }
    }

    fn take_back(&self, actor: ActorRef<Run>) {
        let mut idle = self.lock_idle();
        if idle.len() < IDLE_MAX {
            idle.push(actor);
        } else {
            drop(idle);
            actor.stop(None);
        }
    }
}
