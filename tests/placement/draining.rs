//! Nodes that drain: left out by all placements but those that name one, which are told so at once.

use std::time::Duration;

use atasks::{
    Node, NodeId, Placement, Rejection, Result, TaskError, Unplaced,
    testing::{Cluster, simulate_cluster},
};
use tokio::time::Instant;

use crate::{task_error, whereabouts, workers};

/// Keeps its node from leaving until it is told to go on; then makes a call so placed.
#[atasks::task]
async fn holds(then: Option<String>) -> Result<NodeId> {
    tokio::time::sleep(Duration::from_secs(5)).await;
    match then.as_deref() {
        None => whereabouts().await,
        Some("local") => whereabouts().place(Placement::Local).await,
        Some(label) => whereabouts().place(Placement::Label(label.to_owned())).await,
    }
}

/// Has `drained` drain while a call runs there, and then does `then`. Gives what that call gave.
async fn while_drains<T>(drained: &Node, call: Option<&str>, then: impl Future<Output = T>) -> (T, Result<NodeId>) {
    let running = holds(call.map(str::to_owned)).on(drained.id().clone());
    let begun = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let drain = drained.drain();
        let rest = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            then.await
        };
        tokio::join!(drain, rest).1
    };
    tokio::join!(begun, running)
}

#[test]
fn a_draining_node_is_left_out() {
    simulate_cluster(workers(2), 1, async |cluster| {
        let [drained, other] = cluster.workers() else { panic!() };
        let calls = async {
            for placement in [Placement::Auto, Placement::Spread, Placement::policy(crate::policy::First)] {
                for _ in 0..10 {
                    let call = whereabouts().place(placement.clone());
                    assert_eq!(call.await.unwrap(), *other.id(), "{placement:?}");
                }
            }
            for key in 0..20 {
                assert_eq!(whereabouts().place(Placement::Key(key)).await.unwrap(), *other.id());
            }
            let answers = whereabouts().everywhere().await.unwrap();
            assert_eq!(answers.into_iter().map(|(node, _)| node).collect::<Vec<_>>(), [other.id().clone()]);
        };
        while_drains(drained, None, calls).await.1.unwrap();
    });
}

#[test]
fn a_named_node_that_drains_refuses_at_once() {
    simulate_cluster(workers(2), 1, async |cluster: &Cluster| {
        let drained = &cluster.workers()[0];
        let id = drained.id().clone();
        let calls = async {
            let since = Instant::now();
            for placement in [Placement::Node("w0".into()), Placement::On(id.clone())] {
                let error = whereabouts().place(placement).await.unwrap_err();
                let rejected = TaskError::Rejected { node: id.clone(), reason: Rejection::Draining };
                assert_eq!(task_error(&error), &rejected);
            }
            // Its own roots, if they name it.
            for placement in [Placement::Local, Placement::Node("w0".into()), Placement::On(id.clone())] {
                let error = drained.scope(whereabouts().place(placement)).await.unwrap_err();
                let rejected = TaskError::Rejected { node: id.clone(), reason: Rejection::Draining };
                assert_eq!(task_error(&error), &rejected);
            }
            assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
        };
        while_drains(drained, None, calls).await.1.unwrap();
    });
}

#[test]
fn with_all_draining_a_call_waits_for_another_and_then_says_so() {
    let builders = [Node::builder().label("gpu"), Node::builder()];
    simulate_cluster(builders, 1, async |cluster| {
        let calls = async {
            let error = whereabouts().place(Placement::Label("gpu".into())).await.unwrap_err();
            crate::reason(&error).clone()
        };
        let since = Instant::now();
        let (reason, _) = while_drains_long(&cluster.workers()[0], calls).await;
        assert_eq!(reason, Unplaced::Draining);
        assert!(since.elapsed() >= Duration::from_secs(11), "{:?}", since.elapsed());
    });
}

#[atasks::task]
async fn holds_long() -> Result<()> {
    tokio::time::sleep(Duration::from_secs(20)).await;
    Ok(())
}

async fn while_drains_long<T>(drained: &Node, then: impl Future<Output = T>) -> (T, Result<()>) {
    let running = holds_long().on(drained.id().clone());
    let begun = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        tokio::join!(drained.drain(), then).1
    };
    tokio::join!(begun, running)
}

#[test]
fn what_runs_on_a_draining_node_calls_others_if_any_can_and_else_its_own() {
    simulate_cluster(workers(2), 1, async |cluster| {
        let [drained, other] = cluster.workers() else { panic!() };
        let (_, called) = while_drains(drained, None, async {}).await;
        assert_eq!(called.unwrap(), *other.id());
    });
    simulate_cluster(workers(1), 1, async |cluster| {
        let drained = &cluster.workers()[0];
        assert_eq!(while_drains(drained, None, async {}).await.1.unwrap(), *drained.id());
    });
    for then in ["local", "gpu"] {
        let builders = [Node::builder().label("gpu"), Node::builder()];
        simulate_cluster(builders, 1, async |cluster| {
            let drained = &cluster.workers()[0];
            assert_eq!(while_drains(drained, Some(then), async {}).await.1.unwrap(), *drained.id(), "{then}");
        });
    }
}

#[test]
fn everywhere_finds_nobody_where_all_drain() {
    simulate_cluster(workers(1), 1, async |cluster| {
        let drained = &cluster.workers()[0];
        let calls = async {
            let error = whereabouts().everywhere().await.unwrap_err();
            assert!(matches!(error, TaskError::Unplaced { reason: Unplaced::Draining, .. }), "{error:?}");
        };
        while_drains(drained, None, calls).await.1.unwrap();
    });
}
