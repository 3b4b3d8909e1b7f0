//! Workers as nodes of ractor's cluster: processes of their own, whose actors reach each other and whose gateways call
//! tasks.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod actors;
mod calls;
mod events;
mod failures;
mod groups;
mod listener;
mod tasks;

use atasks::{Node, NodeId, Placement};

/// The workers of the test's cluster, in the order of their names.
fn workers() -> Vec<NodeId> {
    let node: Node = atasks::node().unwrap();
    let mut ids: Vec<_> = node.nodes().into_iter().map(|info| info.id).filter(|id| id != node.id()).collect();
    ids.sort();
    ids
}

/// On the worker that has this place in that order, whatever its incarnation.
fn worker(place: usize) -> Placement {
    Placement::Node(format!("local-{place}"))
}
