//! What the others see when a process of the cluster is gone.

use std::time::Duration;

use atasks::{Event, Loss, Ran, TaskError};
use futures_util::future::join_all;
use rustix::process::Signal;
use tokio::time::Instant;

use super::{BOTH, Over, SECRET, Worker, client, file, two_workers};
use crate::programs::{Running, program};
use crate::tasks::{Death, count_run, die, hold, occupy, whereabouts};

/// A call on a worker, which is sent a signal while it runs there: how it ends, and how long after.
async fn signalled(over: Over, name: &str, signal: Signal) -> (Worker, TaskError, Duration, tempfile::TempDir) {
    let worker = Worker::new(over, name, &[]);
    let node = client(&[&worker.address]).join().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sent = async {
        file(&folder.path().join("started")).await;
        worker.process.signal(signal);
        Instant::now()
    };
    let held = async { (node.scope(hold(folder.path().into())).await, Instant::now()) };
    let ((result, told), sent) = tokio::join!(held, sent);
    let error = result.unwrap_err();
    println!("told {:?} after {signal:?} over {over:?}: {error}", told - sent);
    (worker, error, told - sent, folder)
}

#[tokio::test]
async fn a_worker_that_is_killed_is_told_as_closed() {
    for over in BOTH {
        let (_worker, error, within, _folder) = signalled(over, "killed", Signal::KILL).await;
        let TaskError::NodeLost { node, reason: Loss::Closed, ran: Ran::Maybe, .. } = error else {
            panic!("{error:?}")
        };
        assert!(node.name().starts_with("killed-"), "{node}");
        assert!(within < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_worker_that_exits_is_told_as_closed() {
    for over in BOTH {
        let worker = Worker::new(over, "exits", &[]);
        let node = client(&[&worker.address]).join().await.unwrap();
        let error = node.scope(die(Death::Exit(7))).await.unwrap_err();
        assert!(matches!(error, TaskError::NodeLost { reason: Loss::Closed, ran: Ran::Maybe, .. }), "{error:?}");
    }
}

/// Whatever takes a process that nobody waits for: its caller sees that it is gone, and another worker goes on.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn however_a_task_ends_its_process_it_is_told_as_closed() {
    use rustix::process::{Pid, Resource, getrlimit, prlimit};

    let going_on = Worker::new(Over::Unix, "fatal", &[]);
    for (n, death) in [Death::Abort, Death::Overflow, Death::Memory].into_iter().enumerate() {
        let dies = Worker::new(Over::Unix, &format!("fatal-{n}"), &[&going_on.address]);
        let mut limit = getrlimit(Resource::As);
        limit.current = Some(4 << 30);
        prlimit(Pid::from_raw(dies.process.pid() as i32), Resource::As, limit).unwrap();
        let node = client(&[&dies.address]).min_workers(2).join().await.unwrap();
        let id = dies.id(&node);
        let error = node.scope(die(death).on(id.clone())).await.unwrap_err();
        assert_eq!(
            error,
            TaskError::NodeLost { node: id, reason: Loss::Closed, ran: Ran::Maybe, before: Vec::new() },
            "{death:?}"
        );
        node.scope(whereabouts()).await.unwrap();
        assert_eq!(dies.process.end().signal, Some(Signal::ABORT.as_raw()), "{death:?}");
    }
}

#[tokio::test]
async fn a_worker_that_stops_answering_is_told_as_silent_and_ends_its_tasks_when_it_goes_on() {
    for over in BOTH {
        let (worker, error, within, folder) = signalled(over, "silent", Signal::STOP).await;
        assert!(matches!(error, TaskError::NodeLost { reason: Loss::Silent, ran: Ran::Maybe, .. }), "{error:?}");
        assert!(within < Duration::from_secs(6));
        worker.process.signal(Signal::CONT);
        file(&folder.path().join("dropped")).await;
    }
}

#[tokio::test]
async fn a_worker_that_was_stopped_starts_nothing_that_it_was_given_before() {
    for over in BOTH {
        let worker = Worker::new(over, "stopped", &[]);
        let node = client(&[&worker.address]).join().await.unwrap();
        let id = worker.id(&node);
        let busy = node.scope(occupy(1000));
        let waits = join_all((0..20).map(|key| node.scope(count_run(key, Vec::new(), 0))));
        let stop = async {
            let end = Instant::now() + crate::programs::PATIENCE;
            while !node.nodes().iter().any(|info| info.id == id && info.load.unstarted >= 20) {
                assert!(Instant::now() < end, "{:?}", node.nodes());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            worker.process.signal(Signal::STOP);
        };
        let (busy, waits, ()) = tokio::join!(busy, waits, stop);
        assert!(matches!(busy, Err(TaskError::NodeLost { .. })), "{busy:?}");
        assert!(
            waits.iter().all(|ended| matches!(ended, Err(TaskError::NodeLost { ran: Ran::Maybe, .. }))),
            "{waits:?}"
        );
        worker.process.signal(Signal::CONT);
        // Once more, each for the first time.
        for key in 0..20 {
            assert_eq!(node.scope(count_run(key, Vec::new(), 0)).await, Ok(1), "call {key} ran after the worker woke");
        }
    }
}

#[tokio::test]
async fn a_worker_that_pauses_is_suspect_and_is_heard_again() {
    let worker = Worker::new(Over::Unix, "pauses", &[]);
    let node = client(&[&worker.address]).join().await.unwrap();
    let (id, mut events) = (worker.id(&node), node.events());
    worker.process.signal(Signal::STOP);
    assert_eq!(events.next().await, Some(Event::NodeSuspect(id.clone())));
    assert!(node.nodes().iter().any(|info| info.id == id && info.suspect), "{:?}", node.nodes());
    worker.process.signal(Signal::CONT);
    assert_eq!(events.next().await, Some(Event::NodeHeard(id.clone())));
    assert!(node.nodes().iter().all(|info| !info.suspect), "{:?}", node.nodes());
    node.scope(whereabouts().on(id)).await.unwrap();
}

#[tokio::test]
async fn a_worker_that_says_goodbye_has_left() {
    for over in BOTH {
        let ([first, _second], node) = two_workers(over, "leaves").await;
        let leaves = first.id(&node);
        let mut events = node.events();
        first.process.signal(Signal::TERM);
        let lost = async {
            loop {
                if let Some(Event::NodeLost(lost, reason)) = events.next().await {
                    return (lost, reason);
                }
            }
        };
        let lost = tokio::time::timeout(crate::programs::PATIENCE, lost).await.unwrap();
        assert_eq!(lost, (leaves.clone(), Loss::Left));
        let error = node.scope(whereabouts().on(leaves.clone())).await.unwrap_err();
        assert!(matches!(&error, TaskError::NodeLost { node, ran: Ran::No, .. } if *node == leaves), "{error:?}");
        node.scope(whereabouts()).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_dead_client_awaited_is_cancelled_on_every_worker() {
    for over in BOTH {
        let ([first, second], node) = two_workers(over, "orphans").await;
        for signal in [Signal::KILL, Signal::TERM] {
            let folder = tempfile::tempdir().unwrap();
            let mut client = program("launched");
            client.args(["hold", &first.name(&node), &second.name(&node), folder.path().to_str().unwrap()]);
            if over == Over::Tls {
                client.env("ATASKS__CLUSTER__SECRET", SECRET);
            }
            let client = Running::start(client.env("ATASKS__CLUSTER__SEEDS", &first.address));
            file(&folder.path().join("started")).await;
            client.signal(signal);
            let began = Instant::now();
            file(&folder.path().join("dropped")).await;
            println!("cancelled two hops away {:?} after {signal:?} of the client, over {over:?}", began.elapsed());
            assert!(began.elapsed() < Duration::from_secs(2));
        }
        for worker in [&first, &second] {
            node.scope(whereabouts().place(worker.place(&node))).await.unwrap();
        }
    }
}
