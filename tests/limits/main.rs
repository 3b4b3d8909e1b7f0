//! What a worker's limits in memory do: roots wait, trees that grow without end are refused, and nothing stays counted.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../programs/mod.rs"]
mod programs;
#[path = "../programs/tasks.rs"]
mod tasks;

mod anywhere;
mod processes;
mod roots;
mod trees;
mod turns;

use std::time::Duration;

use atasks::{Config, Node, NodeBuilder, Rejection, TaskError, testing::counts};

use programs::PATIENCE;

type Result<T> = std::result::Result<T, TaskError>;

/// A worker without a network.
async fn worker(builder: NodeBuilder, limits: impl FnOnce(&mut Config) + Send + 'static) -> Node {
    let configured = |config: &mut Config| {
        config.cluster.listen.clear();
        limits(config);
    };
    builder.worker().configure(configured).join().await.unwrap()
}

fn executors(count: usize) -> NodeBuilder {
    Node::builder().executors(count)
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("a deadlock")
}

/// Waits until nothing is counted any more.
async fn is_left_empty(node: &Node) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let counts = counts(node).await;
        if counts.is_idle() {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "left behind on {}: {counts:?}", node.id());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What the refusal of a tree says.
#[derive(Clone, Debug, PartialEq)]
struct TooLarge {
    node: String,
    task: String,
    count: u64,
    bytes: u64,
    limit: u64,
}

#[track_caller]
fn too_large<T: std::fmt::Debug>(result: Result<T>) -> TooLarge {
    match result {
        Err(TaskError::Rejected { node, reason: Rejection::TreeTooLarge { task, count, bytes, limit } }) => {
            assert!(bytes >= limit && count > 0, "{count}, {bytes}, {limit}");
            TooLarge { node: node.name().to_owned(), task, count, bytes, limit }
        }
        other => panic!("{other:?}"),
    }
}
