//! Workers that are stopped and restarted while they work: nobody who awaits notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use atasks::{Canceller, Event, Node, NodeInfo, Placement, TaskError};
use futures_util::future::{join_all, try_join_all};
use rustix::process::Signal;
use tokio::time::Instant;

use super::{BOTH, Over, SECRET, Worker, client, file, nodes_are, two_workers};
use crate::programs::{PATIENCE, Running, program};
use crate::tasks::{carry, descend, hold, note, occupy, stay, whereabouts};

/// Waits until `node` has heard this of the node of that name.
async fn heard(node: &Node, name: &str, what: impl Fn(&NodeInfo) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !node.nodes().iter().any(|info| info.id.name() == name && what(info)) {
        assert!(Instant::now() < end, "not of {name}: {:?}", node.nodes());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn what_has_not_started_runs_elsewhere_and_what_runs_ends() {
    for over in BOTH {
        let ([first, second], node) = two_workers(over, "hand-back").await;
        let (name, place, pid) = (first.name(&node), first.place(&node), first.process.pid());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let mut events = node.events();
        // By name: they can only go there. The first waits for something when the second keeps the executor busy.
        let held = node.scope(stay(path.into(), "end".into(), false).place(place.clone()));
        let running = async {
            file(&path.join("before-end")).await;
            node.scope(stay(path.into(), "go".into(), true).place(place.clone())).await
        };
        let drained = async {
            file(&path.join("before-go")).await;
            // Its one executor is busy: these wait there. The last with more than one frame of arguments.
            let queued = (0..50).map(|_| node.scope(whereabouts())).collect::<Vec<_>>();
            let large = node.scope(carry(vec![7; 300_000], 1));
            let stopped = async {
                heard(&node, &name, |info| info.load.unstarted > 0).await;
                first.process.signal(Signal::TERM);
                heard(&node, &name, |info| info.draining).await;
                note(path, "go", "");
            };
            let ended = tokio::join!(try_join_all(queued), large, stopped);
            note(path, "end", "");
            ended
        };
        let (running, held, (queued, large, ())) = tokio::join!(running, held, drained);
        assert_eq!(running.unwrap().pid, pid, "what ran went on");
        assert_eq!(held.unwrap().pid, pid, "what waited for something went on");
        let elsewhere = queued.unwrap().into_iter().chain([large.unwrap()]).filter(|here| here.pid != pid).count();
        println!("{elsewhere} of 51 ran elsewhere");
        assert!(elsewhere > 0);
        let ended = first.process.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let mut told = Vec::new();
        while told.len() < 2 {
            match tokio::time::timeout(PATIENCE, events.next()).await.unwrap() {
                Some(Event::NodeDraining(_)) => told.push("draining"),
                Some(Event::NodeLost(_, reason)) => {
                    told.push(if reason == atasks::Loss::Left { "left" } else { "lost" })
                }
                _ => {}
            }
        }
        assert_eq!(told, ["draining", "left"]);
        node.scope(whereabouts().place(second.place(&node))).await.unwrap();
    }
}

#[tokio::test]
async fn nested_calls_of_what_runs_go_on_and_go_elsewhere() {
    let ([first, second], node) = two_workers(Over::Unix, "nested").await;
    let (name, second_pid) = (first.name(&node), second.process.pid());
    let tree = node.scope(descend(20, 150).place(first.place(&node)));
    let stopped = async {
        heard(&node, &name, |info| info.load.suspended > 0).await;
        first.process.signal(Signal::TERM);
    };
    let (places, ()) = tokio::join!(tree, stopped);
    let places = places.unwrap();
    assert_eq!(places.len(), 21);
    assert!(places.iter().filter(|here| here.pid == second_pid).count() >= 15, "{places:?}");
    assert_eq!(first.process.end().code, Some(0));
}

#[tokio::test]
async fn the_only_worker_ends_its_tree_by_itself() {
    let worker = Worker::new(Over::Unix, "only", &[]);
    let node = client(&[&worker.address]).join().await.unwrap();
    let name = worker.name(&node);
    let stopped = async {
        heard(&node, &name, |info| info.load.suspended > 0).await;
        worker.process.signal(Signal::TERM);
    };
    let (places, ()) = tokio::join!(node.scope(descend(10, 300)), stopped);
    assert_eq!(places.unwrap().len(), 11);
    assert_eq!(worker.process.end().code, Some(0));
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cancelled_and_told_so() {
    let mut command = program("launched");
    command.args(["worker", "--name", &format!("slow-to-drain-{}", std::process::id())]);
    let (worker, address) = Running::worker(command.env("ATASKS__NODE__DRAIN_TIMEOUT", "300ms"));
    let node = client(&[&address]).join().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let stopped = async {
        file(&folder.path().join("started")).await;
        worker.signal(Signal::TERM);
    };
    let (held, ()) = tokio::join!(node.scope(hold(folder.path().into())), stopped);
    let error = held.unwrap_err();
    assert!(matches!(error, TaskError::Cancelled { by: Canceller::Drain, .. }), "{error:?}");
    assert_eq!(worker.end().code, Some(0));
}

#[tokio::test]
async fn a_drain_that_an_operator_has_begun_is_not_held_up_by_a_signal() {
    let worker = Worker::new(Over::Unix, "twice", &[]);
    let node = client(&[&worker.address]).join().await.unwrap();
    let operator = Node::builder().operator().seed(worker.address.clone()).join().await.unwrap();
    let name = worker.name(&node);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let stopped = async {
        file(&path.join("before-end")).await;
        assert!(operator.ask_to_drain(&name));
        heard(&node, &name, |info| info.draining).await;
        worker.process.signal(Signal::TERM);
        note(path, "end", "");
    };
    let (stays, ()) = tokio::join!(node.scope(stay(path.into(), "end".into(), false)), stopped);
    stays.unwrap();
    let began = Instant::now();
    let ended = worker.process.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "it waited out its drain_timeout");
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let worker = Worker::new(Over::Unix, "impatient", &[]);
    let node = client(&[&worker.address]).join().await.unwrap();
    let name = worker.name(&node);
    let folder = tempfile::tempdir().unwrap();
    let stopped = async {
        file(&folder.path().join("started")).await;
        worker.process.signal(Signal::TERM);
        heard(&node, &name, |info| info.draining).await;
        worker.process.signal(Signal::TERM);
    };
    let (held, ()) = tokio::join!(node.scope(hold(folder.path().into())), stopped);
    assert!(matches!(held.unwrap_err(), TaskError::NodeLost { .. }));
    assert_eq!(worker.process.end().code, Some(130));
}

/// A worker that can be started again: it has a name and a place of its own.
struct Restarted {
    over: Over,
    name: String,
    address: String,
}

impl Restarted {
    fn new(over: Over, number: usize) -> Self {
        let name = format!("rolling-{over:?}-{number}-{}", std::process::id());
        let address = match over {
            Over::Unix => format!("unix:{name}"),
            Over::Tls => std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string(),
        };
        Self { over, name, address }
    }

    fn start(&self, seeds: &[Self]) -> Running {
        let mut command = program("launched");
        command.args(["worker", "--listen", &self.address, "--name", &self.name]);
        command.args(seeds.iter().flat_map(|seed| ["--seed", &seed.address]));
        if self.over == Over::Tls {
            command.env("ATASKS__CLUSTER__SECRET", SECRET);
        }
        Running::worker(&mut command).0
    }
}

// The load goes on while this thread waits for the end of a process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_under_load_fails_no_call() {
    for over in BOTH {
        let workers = [0, 1, 2].map(|number| Restarted::new(over, number));
        let mut running: Vec<_> = workers.iter().map(|worker| worker.start(&workers)).collect();
        let seeds: Vec<_> = workers.iter().map(|worker| worker.address.as_str()).collect();
        let node = client(&seeds).min_workers(3).join().await.unwrap();
        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let load = |kind: usize| {
            let (node, stop, calls) = (node.clone(), stop.clone(), calls.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let ended = match kind % 5 {
                        0 => node.scope(whereabouts()).await.map(drop),
                        1 => node.scope(carry(vec![7; 100], 30)).await.map(drop),
                        2 => node.scope(carry(vec![7; 200_000], 5)).await.map(drop),
                        3 => node.scope(descend(5, 3)).await.map(drop),
                        _ => node.scope(occupy(2)).await.map(drop),
                    };
                    ended?;
                    calls.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, TaskError>(())
            })
        };
        let loads: Vec<_> = (0..40).map(load).collect();
        for (number, worker) in workers.iter().enumerate() {
            let before = calls.load(Ordering::Relaxed);
            let old = running.remove(0);
            old.signal(Signal::TERM);
            let ended = old.end();
            assert_eq!(ended.code, Some(0), "{ended:?}");
            running.push(worker.start(&workers));
            nodes_are(&node, 4).await;
            let id = node.nodes().into_iter().find(|info| info.id.name() == worker.name).unwrap().id;
            node.scope(whereabouts().on(id)).await.unwrap();
            println!("worker {number} restarted over {over:?}, {} calls", calls.load(Ordering::Relaxed) - before);
        }
        stop.store(true, Ordering::Relaxed);
        for ended in join_all(loads).await {
            ended.unwrap().unwrap();
        }
        assert!(calls.load(Ordering::Relaxed) > 100);
    }
}

#[tokio::test]
async fn a_named_node_that_drains_takes_no_more_calls() {
    let ([first, _second], node) = two_workers(Over::Unix, "named").await;
    let (place, name) = (first.place(&node), first.name(&node));
    let folder = tempfile::tempdir().unwrap();
    let asked = async {
        file(&folder.path().join("started")).await;
        first.process.signal(Signal::TERM);
        heard(&node, &name, |info| info.draining).await;
        let refused = node.scope(whereabouts().place(Placement::Node(name.clone()))).await;
        first.process.signal(Signal::TERM);
        refused
    };
    let (_held, refused) = tokio::join!(node.scope(hold(folder.path().into()).place(place)), asked);
    let error = refused.unwrap_err();
    assert!(matches!(&error, TaskError::Rejected { node, .. } if node.name() == name), "{error:?}");
}
