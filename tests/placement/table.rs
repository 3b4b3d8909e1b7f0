//! The table of placements, cell by cell, on simulated nodes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atasks::{Loss, Node, NodeId, Placement, Ran, TaskError, Unplaced, testing::simulate_cluster};
use tokio::time::Instant;

use crate::{leaves, placed, reason, task_error, whereabouts, workers};

/// All that may run on any capable worker.
fn wide() -> Vec<Placement> {
    let any = crate::policy::First;
    vec![Placement::Auto, Placement::Spread, Placement::key("k"), Placement::policy(any)]
}

/// Calls that are placed so fail like this, after so long.
async fn fails(placement: &Placement, after: Duration) -> TaskError {
    let since = Instant::now();
    let error = whereabouts().place(placement.clone()).await.unwrap_err();
    let took = since.elapsed();
    assert!(took >= after && took < after + Duration::from_secs(1), "{placement:?}: {took:?}");
    assert_eq!(task_error(&error).ran(), Ran::No, "{placement:?}");
    task_error(&error).clone()
}

const AT_ONCE: Duration = Duration::ZERO;
/// The default of `placement.place_timeout`.
const PLACE_TIMEOUT: Duration = Duration::from_secs(10);

#[test]
fn a_label_picks_those_that_have_it_and_nobody_else() {
    let builders = [Node::builder(), Node::builder().label("gpu"), Node::builder().label("gpu").label("big")];
    simulate_cluster(builders, 1, async |_| {
        let mut seen = BTreeSet::new();
        for _ in 0..50 {
            seen.insert(placed(Placement::Label("gpu".into())).await);
        }
        assert_eq!(seen, BTreeSet::from(["w1".to_owned(), "w2".to_owned()]));
        assert_eq!(placed(Placement::Label("big".into())).await, "w2");
    });
}

#[test]
fn nobody_with_the_label_is_told_as_that_after_the_time_to_place() {
    simulate_cluster(workers(2), 1, async |cluster| {
        let tpu = Placement::Label("tpu".into());
        let TaskError::Unplaced { reason, .. } = fails(&tpu, PLACE_TIMEOUT).await else { panic!() };
        assert_eq!(reason, Unplaced::Labels);
        // A worker's own call is told the same.
        let error = cluster.workers()[0].scope(async { whereabouts().place(tpu).await }).await.unwrap_err();
        assert_eq!(crate::reason(&error), &Unplaced::Labels);
    });
}

#[test]
fn a_worker_keeps_a_call_for_its_own_label_and_gives_another_away() {
    let builders = [Node::builder().label("cpu"), Node::builder().label("gpu")];
    simulate_cluster(builders, 1, async |cluster| {
        let node = &cluster.workers()[0];
        for (label, name) in [("cpu", "w0"), ("gpu", "w1")] {
            assert_eq!(node.scope(async { placed(Placement::Label(label.into())).await }).await, name);
        }
    });
}

#[test]
fn auto_of_a_free_worker_stays_there() {
    simulate_cluster(workers(3), 1, async |cluster| {
        for node in cluster.workers() {
            assert_eq!(node.scope(async { whereabouts().await }).await.unwrap(), *node.id());
        }
    });
}

#[test]
fn spread_takes_all_in_turn_also_the_caller() {
    simulate_cluster(workers(3), 1, async |cluster| {
        for node in [cluster.client(), &cluster.workers()[1]] {
            let mut counts = BTreeMap::<_, u32>::new();
            for _ in 0..30 {
                *counts.entry(node.scope(async { placed(Placement::Spread).await }).await).or_default() += 1;
            }
            assert_eq!(counts.into_iter().collect::<Vec<_>>(), ["w0", "w1", "w2"].map(|name| (name.to_owned(), 10)));
        }
    });
}

#[test]
fn a_key_stays_on_its_node_for_every_caller_and_moves_only_when_it_has_to() {
    simulate_cluster(workers(4), 1, async |cluster| {
        let owners = async |node: &Node| {
            let mut owners = Vec::new();
            for key in 0..60 {
                owners.push(node.scope(async { placed(Placement::key(format!("user-{key}"))).await }).await);
            }
            owners
        };
        let before = owners(cluster.client()).await;
        assert_eq!(before, owners(cluster.client()).await, "the same call again");
        assert_eq!(before, owners(&cluster.workers()[2]).await, "another caller");
        assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), 4, "{before:?}");
        cluster.workers()[3].drain().await;
        for (before, after) in before.iter().zip(owners(cluster.client()).await) {
            assert!(*before == after || before == "w3" && after != "w3", "{before} to {after}");
        }
    });
}

#[test]
fn without_any_worker_all_wait_for_one_and_then_say_so() {
    simulate_cluster(workers(1), 1, async |cluster| {
        leaves(&cluster.workers()[0]).await;
        for placement in wide().into_iter().chain([Placement::Label("gpu".into())]) {
            let TaskError::Unplaced { reason, task } = fails(&placement, PLACE_TIMEOUT).await else { panic!() };
            assert_eq!((reason, &task[..]), (Unplaced::NoWorkers, "atasks::whereabouts"), "{placement:?}");
        }
    });
}

#[test]
fn a_client_runs_nothing_here_and_says_so_at_once() {
    simulate_cluster(workers(1), 1, async |cluster| {
        let me = cluster.client().id().clone();
        for placement in [Placement::Local, Placement::Node(me.name().to_owned()), Placement::On(me)] {
            let TaskError::Unplaced { reason, .. } = fails(&placement, AT_ONCE).await else { panic!() };
            assert_eq!(reason, Unplaced::NotAWorker, "{placement:?}");
        }
    });
}

#[test]
fn local_runs_here_however_busy() {
    simulate_cluster(workers(2), 1, async |cluster| {
        let node = &cluster.workers()[0];
        let calls = (0..20).map(|_| node.scope_sync(|| whereabouts().place(Placement::Local)));
        for id in futures_util::future::join_all(calls).await {
            assert_eq!(id.unwrap(), *node.id());
        }
    });
}

#[test]
fn a_name_reaches_its_node_and_nobody_of_it_is_told_after_the_time_to_place() {
    simulate_cluster(workers(3), 1, async |_| {
        assert_eq!(placed(Placement::Node("w2".into())).await, "w2");
        let TaskError::Unplaced { reason, .. } = fails(&Placement::Node("w9".into()), PLACE_TIMEOUT).await else {
            panic!()
        };
        assert_eq!(reason, Unplaced::NoSuchNode("w9".into()));
    });
}

#[test]
fn an_incarnation_reaches_its_node_and_one_that_is_gone_is_lost_at_once() {
    simulate_cluster(workers(2), 1, async |cluster| {
        let node = &cluster.workers()[1];
        assert_eq!(whereabouts().on(node.id().clone()).await.unwrap(), *node.id());
        let former = NodeId::new("w1", node.id().incarnation() ^ 1);
        let lost = TaskError::NodeLost { node: former.clone(), reason: Loss::Closed, ran: Ran::No, before: vec![] };
        assert_eq!(fails(&Placement::On(former), AT_ONCE).await, lost);
        let id = node.id().clone();
        leaves(node).await;
        let lost = TaskError::NodeLost { node: id.clone(), reason: Loss::Closed, ran: Ran::No, before: vec![] };
        assert_eq!(fails(&Placement::On(id), AT_ONCE).await, lost);
    });
}

#[test]
fn a_name_of_a_client_runs_nothing() {
    simulate_cluster(workers(1), 1, async |cluster| {
        let call = || whereabouts().place(Placement::Node("client".into()));
        let error = cluster.workers()[0].scope(async { call().await }).await.unwrap_err();
        assert_eq!(reason(&error), &Unplaced::NotAWorker);
    });
}
