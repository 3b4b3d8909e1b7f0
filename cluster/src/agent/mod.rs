//! The agent: takes or refuses what peers ask this node to run, and hands it to the executors, which it supervises.

#[cfg(feature = "worker")]
mod actor;
#[cfg(not(feature = "worker"))]
#[path = "absent.rs"]
mod actor;
#[cfg(feature = "worker")]
mod load;
#[cfg(feature = "worker")]
mod watch;

use std::sync::{Arc, OnceLock};

use atasks_actors::{
    context::Context,
    executor::{Pool, Submitted},
    invocation::{Baggage, Invocation, InvocationId},
    outcome::Outcome,
    router::Router,
    table::TaskTable,
    task::{Form, TaskEntry},
    task_error::{Payload, TaskError},
};
use bytes::Bytes;
use tokio::{sync::Notify, time::Instant};

pub(crate) use self::actor::start;
use crate::node::NodeCore;

/// What a peer asks for, as it came in.
pub(crate) struct Request {
    pub(crate) id: InvocationId,
    pub(crate) parent: Option<InvocationId>,
    pub(crate) root: InvocationId,
    pub(crate) attempt: u32,
    /// Number of the task as this node has told it.
    pub(crate) task: u32,
    pub(crate) form: Form,
    pub(crate) arguments: Bytes,
    pub(crate) deadline: Option<Instant>,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) baggage: Option<Baggage>,
    pub(crate) holds: Option<Arc<[u64]>>,
    pub(crate) movable: bool,
}

/// Decides what runs here. Callers on any thread ask it without a hop; its actor owns the executors.
#[derive(Debug)]
pub(crate) struct Agent {
    /// The tasks that were told to peers, in the order of their numbers.
    tasks: Vec<&'static TaskEntry>,
    pool: OnceLock<Arc<Pool>>,
    /// Has what waits here looked at.
    worth_a_look: Arc<Notify>,
}

impl Agent {
    pub(crate) fn new(table: &TaskTable) -> Self {
        let tasks = table.iter().map(|task| task.entry).filter(|entry| entry.has_body()).collect();
        Self { tasks, pool: OnceLock::new(), worth_a_look: Arc::default() }
    }

    /// The numbers of the tasks of which only some run at once.
    pub(crate) fn limited(&self) -> impl Iterator<Item = u32> {
        (0u32..).zip(&self.tasks).filter(|(_, task)| task.options().limited()).map(|(number, _)| number)
    }

    /// The executors; none on a client.
    pub(crate) fn pool(&self) -> Option<&Arc<Pool>> {
        self.pool.get()
    }

    /// A peer has a free executor, or what is to be done here has changed: has what waits here looked at.
    pub(crate) fn look_for_takers(&self) {
        if self.pool.get().is_some_and(|pool| pool.has_waiting()) {
            self.worth_a_look.notify_one();
        }
    }

    /// Has whoever waits for the end of what runs here look again.
    pub(crate) fn look_again(&self) {
        if let Some(pool) = self.pool.get() {
            pool.look_again();
        }
    }

    /// Takes a request, or answers it at once.
    pub(crate) fn admit(&self, node: &Arc<NodeCore>, request: Request) -> Result<(Context, Bytes), Outcome> {
        let Request { id, parent, root, attempt, task, form, arguments, deadline, label, baggage, holds, movable } =
            request;
        if self.pool.get().is_none() || node.is_closed() || node.is_draining() {
            return Err(Outcome::HandedBack);
        }
        let Some(task) = self.tasks.get(task as usize).copied() else {
            let message = format!("this node has no task of number {task}");
            return Err(Outcome::Failed(TaskError::Codec { stage: Payload::Arguments, message }));
        };
        let nothing = Bytes::new();
        let invocation = Invocation {
            id,
            parent,
            root,
            attempt,
            task,
            form,
            arguments: nothing,
            deadline,
            label,
            baggage,
            holds,
            movable,
        };
        let router: Arc<dyn Router> = node.clone();
        Ok((Context::new(invocation, router), arguments))
    }

    /// Runs what was admitted, and forgets it.
    pub(crate) fn run(&self, admitted: &mut Vec<Submitted>) {
        match self.pool.get() {
            _ if admitted.is_empty() => {}
            Some(pool) => pool.submit_all(admitted.drain(..)),
            None => admitted.drain(..).for_each(|submitted| submitted.reply.send(Outcome::HandedBack)),
        }
    }
}
