//! Where calls run: the table of placements cell by cell, the user's own policies, `everywhere()`, and how work spreads.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::async_yields_async, reason = "a call is made in a scope and awaited outside of it")]

#[path = "../programs/mod.rs"]
mod programs;
#[path = "../support/mod.rs"]
mod support;

mod balance;
mod draining;
mod everywhere;
mod lacks;
mod moved;
mod policy;
mod real;
mod room;
mod table;
mod unread;

use atasks::{Error, Node, NodeBuilder, NodeId, Placement, Result, TaskError, Unplaced, current};

/// Tells where it runs.
#[atasks::task]
async fn whereabouts() -> Result<NodeId> {
    Ok(current().node().clone())
}

/// The name of the node that a call so placed runs on.
async fn placed(placement: Placement) -> String {
    whereabouts().place(placement).await.unwrap().name().to_owned()
}

fn workers(count: usize) -> Vec<NodeBuilder> {
    (0..count).map(|_| Node::builder()).collect()
}

#[track_caller]
fn task_error(error: &Error) -> &TaskError {
    error.task_error().unwrap_or_else(|| panic!("{error:?}"))
}

#[track_caller]
fn reason(error: &Error) -> &Unplaced {
    match task_error(error) {
        TaskError::Unplaced { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

/// Has a node leave, and waits until the others know.
async fn leaves(node: &Node) {
    node.leave().await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
}
