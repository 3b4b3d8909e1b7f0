//! Await async functions on other machines.

mod call;
mod context;
mod default_node;
mod driver;
mod launch;
mod local_cluster;
mod node;
mod portable;
mod program;
mod retry;
mod serve;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
mod trial;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use atasks_actors::{
    context::{Context, Progress},
    crash::{Crash, Hop},
    error::{Error, Result, ResultExt},
    event::{Event, EventStream, Subject},
    invocation::InvocationId,
    node_id::NodeId,
    router::Placement,
    task::TaskOptions,
    task_error::{Canceller, Loss, Payload, Ran, Rejection, TaskError, Unplaced, Waiting},
};
pub use atasks_cluster::{
    config::{Actors, Config, Role},
    error::StartError,
    node::NodeInfo,
};
pub use atasks_macros::{declare, main, task, test};
pub use ractor;
pub use ractor_cluster;

pub use self::{
    call::TaskCall,
    context::{current, spawn, state, try_current},
    default_node::InScope,
    local_cluster::{LocalCluster, LocalClusterBuilder, LocalWorker},
    node::{MONITORED_MAX, Monitored, Node, NodeBuilder},
    portable::Portable,
    retry::Retry,
    task::{Fallible, Task, TaskReturn},
};

/// The node that a call made here would use: the one in scope, else the process's default node.
///
/// # Errors
/// [`TaskError::NotJoined`]: there is none.
pub fn node() -> std::result::Result<Node, TaskError> {
    default_node::node()
}

/// Joins the cluster that the configuration names.
///
/// # Errors
/// See [`StartError`].
pub async fn join() -> std::result::Result<Node, StartError> {
    Node::builder().join().await
}

/// Joins the cluster that the configuration names, and blocks this thread until that is done.
///
/// # Errors
/// See [`StartError`].
pub fn join_wait() -> std::result::Result<Node, StartError> {
    Node::builder().join_wait()
}

/// Registers a task that was written by hand, as an `impl Task`.
#[macro_export]
macro_rules! register {
    ($task:ty) => {
        const _: () = {
            #[$crate::__private::linkme::distributed_slice($crate::__private::TASKS)]
            #[linkme(crate = $crate::__private::linkme)]
            static ENTRY: $crate::__private::Entry =
                $crate::__private::entry_of::<$task>($crate::__private::origin!(named = true));
        };
    };
}
