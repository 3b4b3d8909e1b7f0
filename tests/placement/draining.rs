//! Nodes that drain: left out by all placements but those that name one, which are told so at once.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use atasks::{
    Node, NodeId, Placement, Rejection, Result, TaskError, Unplaced,
    testing::{Cluster, simulate_cluster},
};
use tokio::time::Instant;

use crate::{task_error, whereabouts, workers};

/// Where the call ran that the last [`holds`] has made: its own outcome may be lost with its node, which leaves then.
static CALLED: Mutex<Option<Result<NodeId>>> = Mutex::new(None);
/// The tests of this file share it.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps its node from leaving for a while; then makes a call so placed.
#[atasks::task]
async fn holds(seconds: u64, then: String) -> Result<()> {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let placement = match &then[..] {
        "auto" => Placement::Auto,
        "local" => Placement::Local,
        label => Placement::Label(label.to_owned()),
    };
    let called = whereabouts().place(placement).await;
    *CALLED.lock().unwrap() = Some(called);
    Ok(())
}

/// Has `drained` drain while a call runs there for so long, and does `then` in the meantime. Gives where that call's own
/// call ran.
async fn while_drains(drained: &Node, seconds: u64, call: &str, then: impl Future<Output = ()>) -> NodeId {
    let running = holds(seconds, call.to_owned()).on(drained.id().clone());
    let meanwhile = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let then = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            then.await;
        };
        tokio::join!(drained.drain(), then)
    };
    let _ = tokio::join!(running, meanwhile);
    CALLED.lock().unwrap().take().unwrap().unwrap()
}

#[test]
fn a_draining_node_is_left_out() {
    let _alone = alone();
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
        while_drains(drained, 5, "auto", calls).await;
    });
}

#[test]
fn a_named_node_that_drains_refuses_at_once() {
    let _alone = alone();
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
                let error = drained.scope(async { whereabouts().place(placement).await }).await.unwrap_err();
                let rejected = TaskError::Rejected { node: id.clone(), reason: Rejection::Draining };
                assert_eq!(task_error(&error), &rejected);
            }
            assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
        };
        while_drains(drained, 5, "auto", calls).await;
    });
}

#[test]
fn with_all_draining_a_call_waits_for_another_and_then_says_so() {
    let _alone = alone();
    let builders = [Node::builder().label("gpu"), Node::builder()];
    simulate_cluster(builders, 1, async |cluster| {
        let calls = async {
            let since = Instant::now();
            let error = whereabouts().place(Placement::Label("gpu".into())).await.unwrap_err();
            assert_eq!(crate::reason(&error), &Unplaced::Draining);
            assert!(since.elapsed() >= Duration::from_secs(10), "{:?}", since.elapsed());
        };
        while_drains(&cluster.workers()[0], 20, "auto", calls).await;
    });
}

#[test]
fn what_runs_on_a_draining_node_calls_others_if_any_can_and_else_its_own() {
    let _alone = alone();
    simulate_cluster(workers(2), 1, async |cluster| {
        let [drained, other] = cluster.workers() else { panic!() };
        assert_eq!(while_drains(drained, 5, "auto", async {}).await, *other.id());
    });
    simulate_cluster(workers(1), 1, async |cluster| {
        let drained = &cluster.workers()[0];
        assert_eq!(while_drains(drained, 5, "auto", async {}).await, *drained.id());
    });
    for then in ["local", "gpu"] {
        let builders = [Node::builder().label("gpu"), Node::builder()];
        simulate_cluster(builders, 1, async |cluster| {
            let drained = &cluster.workers()[0];
            assert_eq!(while_drains(drained, 5, then, async {}).await, *drained.id(), "{then}");
        });
    }
}

#[test]
fn everywhere_finds_nobody_where_all_drain() {
    let _alone = alone();
    simulate_cluster(workers(1), 1, async |cluster| {
        let drained = &cluster.workers()[0];
        let calls = async {
            let error = whereabouts().everywhere().await.unwrap_err();
            assert!(matches!(error, TaskError::Unplaced { reason: Unplaced::Draining, .. }), "{error:?}");
        };
        while_drains(drained, 5, "auto", calls).await;
    });
}
