//! The task that is running, as its body sees it.

use std::{
    any::{Any, type_name},
    collections::HashSet,
    future::Future,
    panic::Location,
    sync::{Arc, Mutex, PoisonError},
};

use atasks_actors::{codec, context::Context, host::is_node_thread};
use atasks_cluster::node::NodeCore;
use tokio::task::JoinHandle;

/// Most places in the source that are warned of.
const WARNED_MAX: usize = 1024;

/// The invocation that is running here.
///
/// # Panics
/// Outside of a task: use [`try_current`] where that may be.
#[must_use]
#[track_caller]
pub fn current() -> Context {
    match try_current() {
        Some(context) => context,
        None => panic!(
            "atasks::current() outside of a task: in a future that a task has spawned, spawn it by atasks::spawn(..) or \
             wrap it by current().scope(..); elsewhere use atasks::try_current()"
        ),
    }
}

/// The invocation that is running here, if any.
#[must_use]
pub fn try_current() -> Option<Context> {
    Context::try_current()
}

/// The process's value of type `T`, which was set before joining by [`NodeBuilder::state`](crate::NodeBuilder::state).
///
/// # Panics
/// There is none: the task crashes, and its caller is told the type's name.
#[must_use]
#[track_caller]
pub fn state<T: Any + Send + Sync>() -> Arc<T> {
    let node = current().router().clone() as Arc<dyn Any + Send + Sync>;
    match node.downcast::<NodeCore>().ok().and_then(|node| node.state::<T>()) {
        Some(state) => state,
        None => panic!(
            "no state of type `{0}` on this node: set it before joining, as in `NodeBuilder::state(..)` in the setup of \
             #[atasks::main]",
            type_name::<T>()
        ),
    }
}

/// Spawns a future on the current runtime as part of the running task: calls made in it are the task's children, and
/// end with it. Outside of a task it is `tokio::spawn`.
///
/// # Panics
/// Outside of a tokio runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match try_current() {
        Some(context) => tokio::spawn(context.scope(future)),
        None => tokio::spawn(future),
    }
}

/// Most bytes of a payload that is encoded here.
pub(crate) fn payload_limit() -> usize {
    try_current().map_or(codec::PAYLOAD_CEILING, |context| context.router().payload_max())
}

/// Warns, once for each place, of a call that is made on a thread that runs tasks, but outside of all of them: it has
/// lost its parent, so it will not end with it.
pub(crate) fn warn_if_lost(task: &str, site: &'static Location<'static>) {
    static WARNED: Mutex<Option<HashSet<(&str, u32)>>> = Mutex::new(None);
    if !is_node_thread() {
        return;
    }
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    let warned = warned.get_or_insert_default();
    if warned.len() < WARNED_MAX && warned.insert((site.file(), site.line())) {
        tracing::warn!(
            task,
            "the call at {site} is made in a spawned future that has lost its task, so it will not end with it: use \
             atasks::spawn(..) or current().scope(..)"
        );
    }
}
