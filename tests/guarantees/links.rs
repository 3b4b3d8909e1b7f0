//! Guarantees 8, 9 and 12: which connections and which code make a node lost, and who gets a connection at all.
//!
//! In depth: `tests/cluster/blips.rs`, `tests/placement/moved.rs` and `tests/placement/real.rs`,
//! `tests/cluster/strangers.rs`, `tests/cluster/joining.rs`, `tests/ractor/listener.rs`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use atasks::{Event, EventStream, LocalCluster, Node, Placement, StartError, TaskError};
use futures_util::future::{join_all, try_join_all};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::time::{Instant, sleep};

use crate::programs::PATIENCE;
use crate::proxy::{Cut, Proxy};
use crate::tasks::{carry, count_run, note, stay, whereabouts};
use crate::{OTHER_SECRET, SECRET, Worker, client, file, until};

/// Whether nodes were suspect or lost up to now.
async fn doubts(events: &mut EventStream) -> Vec<Event> {
    let mut doubts = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(1), events.next()).await {
        if matches!(event, Event::NodeSuspect(_) | Event::NodeLost(..)) {
            doubts.push(event);
        }
    }
    doubts
}

#[tokio::test]
async fn guarantee_8_a_connection_that_comes_back_in_time_loses_nothing_and_runs_nothing_twice() {
    let listens = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let proxy = Proxy::to(&listens).await;
    let mut command = Worker::command("blip", &listens, &[]);
    // There is no other way to it.
    let worker = Worker::of(command.env("ATASKS__CLUSTER__ADVERTISE", &proxy.address));
    let node = Node::builder().client().secret(SECRET).seed(&proxy.address).join().await.unwrap();
    let mut events = node.events();
    let calls = node.scope(try_join_all((0..60).map(|key| count_run(key, vec![7; 2_000 * key as usize], 1500))));
    let breaks = async {
        for cut in [Cut::Both, Cut::Dialler, Cut::Both] {
            sleep(Duration::from_millis(50)).await;
            proxy.cut(cut);
        }
        // The connection is back: whoever lives through a cut and is silent after that is a client that is gone.
        node.scope(whereabouts()).await.unwrap();
        proxy.be_silent(Duration::from_millis(1800)).await;
    };
    let (runs, ()) = tokio::join!(calls, breaks);
    assert!(runs.unwrap().iter().all(|runs| *runs == 1));
    let doubts = doubts(&mut events).await;
    assert!(!doubts.iter().any(|event| matches!(event, Event::NodeLost(..))), "{doubts:?}");
    drop(worker);
}

/// An argument that takes its time to be read.
#[derive(Serialize)]
struct Slow(u64);

impl<'de> Deserialize<'de> for Slow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = u64::deserialize(deserializer)?;
        block(Duration::from_millis(millis));
        Ok(Self(millis))
    }
}

/// Keeps this thread.
fn block(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

#[atasks::task]
async fn takes_slow(slow: Slow) -> Result<u64, TaskError> {
    Ok(slow.0)
}

/// Twice `lost_after`.
const LONG: Duration = Duration::from_secs(6);

#[tokio::test]
async fn guarantee_9_nothing_that_user_code_does_makes_a_node_suspect() {
    let cluster = LocalCluster::builder().workers(3).executors(1).start().await.unwrap();
    let (node, folder) = (cluster.node(), tempfile::tempdir().unwrap());
    let (ids, mut events) = (cluster.workers(), node.events());
    let all = async {
        // One never yields, one reads slowly, one has large arguments, and the client's own runtime stands still.
        let hog = tokio::spawn(stay(folder.path().into(), "go".into(), true).on(ids[0].node.clone()));
        let slow = tokio::spawn(takes_slow(Slow(LONG.as_millis() as u64)).on(ids[1].node.clone()));
        let large = tokio::spawn(carry(vec![7; 48 << 20], 0).on(ids[2].node.clone()));
        file(&folder.path().join("before-go")).await;
        block(LONG);
        // What comes meanwhile runs where something can run: on the third.
        let found = join_all((0..20).map(|_| whereabouts())).await;
        assert!(found.into_iter().all(|found| found.unwrap().node != ids[0].node));
        note(folder.path(), "go", "");
        assert_eq!(hog.await.unwrap().unwrap().attempt, 1);
        assert_eq!(slow.await.unwrap().unwrap(), LONG.as_millis() as u64);
        assert_eq!(large.await.unwrap().unwrap().attempt, 1);
    };
    node.scope(all).await;
    let doubts = doubts(&mut events).await;
    assert!(doubts.is_empty(), "{doubts:?}");
    // Nor did the workers lose each other: all are what they were.
    for worker in ids {
        node.scope(whereabouts().on(worker.node)).await.unwrap();
    }
    cluster.shutdown().await;
}

#[tokio::test]
async fn guarantee_9_beside_a_task_that_never_yields_the_other_executor_takes_what_comes() {
    let cluster = LocalCluster::builder().workers(1).executors(2).start().await.unwrap();
    let (node, folder) = (cluster.node(), tempfile::tempdir().unwrap());
    let beside = async {
        file(&folder.path().join("before-go")).await;
        let took = tokio::time::timeout(PATIENCE, join_all((0..200).map(|_| carry(vec![7; 100], 1)))).await;
        assert!(took.expect("they wait behind it").into_iter().all(|found| found.is_ok()));
        note(folder.path(), "go", "");
    };
    let (hog, ()) = node.scope(async { tokio::join!(stay(folder.path().into(), "go".into(), true), beside) }).await;
    hog.unwrap();
    cluster.shutdown().await;
}

#[tokio::test]
async fn guarantee_9_while_all_are_stalled_calls_wait_and_none_is_refused() {
    let cluster = LocalCluster::builder().workers(2).executors(1).start().await.unwrap();
    let (node, folder) = (cluster.node(), tempfile::tempdir().unwrap());
    let all = async {
        let hogs = join_all(cluster.workers().into_iter().map(|worker| {
            let folder = folder.path().join(worker.node.name());
            std::fs::create_dir(&folder).unwrap();
            tokio::spawn(stay(folder, "go".into(), true).on(worker.node))
        }));
        let stalled = || node.nodes().iter().filter(|info| info.load.stalled > 0).count();
        until("two stalled nodes", async || (stalled() == 2).then_some(())).await;
        // Some are meant for one of them.
        let places = [Placement::Auto, Placement::Spread, Placement::Node("local-0".into())];
        let calls = (0..30).map(|n| tokio::spawn(whereabouts().place(places[n % 3].clone()))).collect::<Vec<_>>();
        until("calls that wait", async || {
            (node.nodes().iter().map(|info| info.load.unstarted).sum::<u32>() > 0).then_some(())
        })
        .await;
        assert!(calls.iter().all(|call| !call.is_finished()));
        for name in ["local-0", "local-1"] {
            note(&folder.path().join(name), "go", "");
        }
        assert!(join_all(calls).await.into_iter().all(|found| found.unwrap().is_ok()));
        assert!(hogs.await.into_iter().all(|hog| hog.unwrap().is_ok()));
    };
    node.scope(all).await;
    cluster.shutdown().await;
}

#[tokio::test]
async fn guarantee_12_nobody_gets_in_without_the_secret_on_loopback_neither() {
    let worker = Worker::of(&mut Worker::command("guarded", "127.0.0.1:0", &[]));
    // Says nothing, says anything, or goes on and on: hung up on in time, with nothing but the end of a handshake.
    let stranger = || TcpStream::connect(&worker.address).unwrap();
    let mute: Vec<_> = (0..100).map(|_| stranger()).collect();
    for says in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16; 100_000], &[0; 100_000]] {
        let mut talks = stranger();
        let _hung_up = talks.write_all(says);
        heard(talks, Duration::from_secs(10));
    }
    heard(mute.into_iter().next().unwrap(), Duration::from_secs(10));
    // Knows how it is done, but not the secret.
    for builder in [Node::builder().client(), Node::builder().worker().listen("127.0.0.1:0")] {
        let impatient = |config: &mut atasks::config::Config| config.cluster.join_timeout = Duration::from_secs(2);
        let builder = builder.secret(OTHER_SECRET).seed(&worker.address).configure(impatient);
        if builder.role() == atasks::Role::Client {
            let error = builder.join().await.unwrap_err();
            assert!(matches!(error, StartError::NoSeed(_)), "{error}");
        } else {
            // It tries on, and nobody sees it.
            let _tries = tokio::time::timeout(Duration::from_millis(500), builder.join()).await;
        }
    }
    let node = client(&worker).join().await.unwrap();
    assert_eq!(node.nodes().len(), 2, "{:?}", node.nodes());
    node.scope(whereabouts()).await.unwrap();
}

/// Waits until the worker hangs up; next to nothing was said.
fn heard(mut stream: TcpStream, within: Duration) {
    let began = Instant::now();
    stream.set_read_timeout(Some(within)).unwrap();
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer);
    assert!(began.elapsed() < within && answer.len() < 32, "{answer:?} after {:?}", began.elapsed());
}
