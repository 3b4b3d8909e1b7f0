//! One call on every worker.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use atasks::{
    Canceller, Node, Placement, Ran, Result, TaskError, Unplaced, current,
    testing::{Cluster, burn, simulate_cluster},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::time::{Instant, sleep, timeout};

use crate::{leaves, whereabouts, workers};

#[track_caller]
fn names<R>(answers: &[(atasks::NodeId, R)]) -> Vec<&str> {
    answers.iter().map(|(node, _)| node.name()).collect()
}

#[test]
fn each_worker_answers_once_the_caller_included() {
    simulate_cluster(workers(4), 1, async |cluster: &Cluster| {
        for node in [cluster.client(), &cluster.workers()[2]] {
            let answers = node.scope(async { whereabouts().everywhere().await }).await.unwrap();
            assert_eq!(names(&answers), ["w0", "w1", "w2", "w3"]);
            assert!(answers.into_iter().all(|(node, answer)| answer.unwrap() == node));
        }
    });
}

#[test]
fn a_placement_narrows_it() {
    let builders = [Node::builder().label("gpu"), Node::builder(), Node::builder().label("gpu")];
    simulate_cluster(builders, 1, async |cluster| {
        let on = Placement::On(cluster.workers()[1].id().clone());
        let gpu = Placement::Label("gpu".into());
        for (placement, expected) in [
            (gpu, &["w0", "w2"][..]),
            (on, &["w1"]),
            (Placement::Node("w2".into()), &["w2"]),
            (Placement::Spread, &["w0", "w1", "w2"]),
        ] {
            assert_eq!(names(&whereabouts().place(placement).everywhere().await.unwrap()), expected);
        }
        let local = async { whereabouts().place(Placement::Local).everywhere().await };
        assert_eq!(names(&cluster.workers()[1].scope(local).await.unwrap()), ["w1"]);
        for (placement, reason) in [
            (Placement::Label("tpu".into()), Unplaced::Labels),
            (Placement::Local, Unplaced::NotAWorker),
            (Placement::Node("w9".into()), Unplaced::NoSuchNode("w9".into())),
        ] {
            let since = Instant::now();
            let error = whereabouts().place(placement).everywhere().await.unwrap_err();
            assert_eq!(error, TaskError::Unplaced { task: "atasks::whereabouts".into(), reason });
            assert!(since.elapsed() < Duration::from_secs(1));
        }
    });
}

/// Leaves, crashes, or waits, by the node that it runs on.
#[atasks::task]
async fn differs() -> Result<String> {
    match current().node().name() {
        "w0" => panic!("simulated"),
        "w1" => sleep(Duration::from_secs(3600)).await,
        "w2" => burn(Duration::from_secs(1)).await,
        _ => {}
    }
    Ok(current().node().name().to_owned())
}

#[test]
fn a_loss_a_crash_and_a_deadline_stand_in_the_entry() {
    simulate_cluster(workers(4), 1, async |cluster| {
        let leaving = async {
            sleep(Duration::from_millis(500)).await;
            cluster.workers()[2].leave().await;
        };
        let calls = differs().timeout(Duration::from_secs(5)).everywhere();
        let (answers, ()) = tokio::join!(calls, leaving);
        let answers = answers.unwrap();
        assert_eq!(names(&answers), ["w0", "w1", "w2", "w3"]);
        let errors: Vec<_> =
            answers.iter().map(|(_, answer)| answer.as_ref().err().and_then(|e| e.task_error())).collect();
        assert!(matches!(errors[0], Some(TaskError::Crashed(_))), "{errors:?}");
        assert!(matches!(errors[1], Some(TaskError::DeadlineExceeded { .. })), "{errors:?}");
        assert!(
            matches!(errors[2], Some(TaskError::NodeLost { ran: Ran::Maybe, .. } | TaskError::Cancelled { .. })),
            "{errors:?}"
        );
        assert_eq!(answers[3].1.as_ref().unwrap(), "w3");
    });
}

#[test]
fn nobody_at_all_is_unplaced_at_once() {
    simulate_cluster(workers(1), 1, async |cluster| {
        leaves(&cluster.workers()[0]).await;
        let since = Instant::now();
        let error = whereabouts().everywhere().await.unwrap_err();
        assert!(matches!(error, TaskError::Unplaced { reason: Unplaced::NoWorkers, .. }), "{error:?}");
        assert!(since.elapsed() < Duration::from_secs(1));
    });
}

#[atasks::task]
async fn forever() -> Result<()> {
    std::future::pending().await
}

/// Waits on every worker, for ever.
#[atasks::task]
async fn parent() -> Result<usize> {
    Ok(forever().everywhere().await?.len())
}

#[test]
fn it_ends_with_its_caller() {
    simulate_cluster(workers(3), 1, async |cluster| {
        let running =
            |count: usize| cluster.workers().iter().all(|node| node.nodes()[0].load.suspended as usize >= count);
        let quiet = || cluster.workers().iter().all(|node| node.nodes()[0].load.suspended == 0);
        for nested in [false, true] {
            let dropped = async {
                match nested {
                    false => forever().everywhere().await.map(drop).map_err(atasks::Error::from),
                    true => parent().await.map(drop),
                }
            };
            let mut dropped = Box::pin(dropped);
            assert!(timeout(Duration::from_secs(1), &mut dropped).await.is_err());
            assert!(running(1));
            drop(dropped);
            sleep(Duration::from_secs(1)).await;
            assert!(quiet(), "nested: {nested}");
        }
        let leaving = async {
            sleep(Duration::from_secs(1)).await;
            cluster.client().leave().await;
        };
        let (answers, ()) = tokio::join!(forever().everywhere(), leaving);
        for (node, answer) in answers.unwrap() {
            let error = answer.unwrap_err();
            let by_leave = matches!(error.task_error(), Some(TaskError::Cancelled { by: Canceller::Leave, .. }));
            assert!(by_leave, "{node}: {error:?}");
        }
    });
}

/// Cannot be encoded twice.
struct Once(AtomicBool);

impl Serialize for Once {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0.swap(true, Ordering::Relaxed) {
            false => serializer.serialize_bool(false),
            true => Err(serde::ser::Error::custom("a second time")),
        }
    }
}

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        bool::deserialize(deserializer).map(|encoded| Self(encoded.into()))
    }
}

#[atasks::task(version = "1")]
async fn takes(_once: Once) -> Result<()> {
    Ok(())
}

#[test]
fn arguments_are_encoded_once() {
    simulate_cluster(workers(3), 1, async |_| {
        let answers = takes(Once(false.into())).everywhere().await.unwrap();
        assert!(answers.len() == 3 && answers.iter().all(|(_, answer)| answer.is_ok()), "{answers:?}");
    });
}

#[test]
fn it_is_lazy_and_waits_outside_of_async() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let node = runtime.block_on(Node::loopback()).unwrap();
    let me = node.id().clone();
    let unpolled = node.scope_sync(|| whereabouts().everywhere());
    assert!(format!("{unpolled:?}").contains("whereabouts"));
    drop(unpolled);
    let answers = node.scope_sync(|| whereabouts().everywhere().wait()).unwrap();
    assert_eq!(
        answers.into_iter().map(|(node, answer)| (node, answer.unwrap())).collect::<Vec<_>>(),
        [(me.clone(), me)]
    );
    let unjoined = pin!(whereabouts().everywhere());
    assert_eq!(runtime.block_on(unjoined).unwrap_err(), TaskError::NotJoined);
}
