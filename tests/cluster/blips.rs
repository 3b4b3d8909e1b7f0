//! Connections that break, or are silent, while both ends live: what comes back in time goes on as if nothing had been.

use std::{process::Command, time::Duration};

use atasks::{Event, Loss, Node, Ran, TaskError};
use futures_util::future::try_join_all;
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::proxy::{Cut, Proxy};
use super::{Over, SECRET, Worker, client, file};
use crate::programs::{PATIENCE, Running, program};
use crate::tasks::{bring, carry, count_run, descend, hold, hold_on, note, time_left, whereabouts, whereabouts_of};

/// A worker, the cable by which it is reached, and a client at the other end of the cable.
async fn apart(name: &str) -> (Worker, Proxy, Node) {
    let listens = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let proxy = Proxy::to(&listens).await;
    let worker = behind(&proxy, name, &listens);
    let node = client(&[&proxy.address]).join().await.unwrap();
    (worker, proxy, node)
}

/// The worker at the far end of the cable.
fn behind(proxy: &Proxy, name: &str, listens: &str) -> Worker {
    let mut command = program("launched");
    command.args(["worker", "--listen", listens, "--name", &format!("{name}-{}", std::process::id())]);
    command.env("ATASKS__NODE__EXECUTORS", "1").env("ATASKS__CLUSTER__SECRET", SECRET);
    // There is no other way to it.
    let (process, address) = Running::worker(command.env("ATASKS__CLUSTER__ADVERTISE", &proxy.address));
    Worker { process, address }
}

/// The losses that `node` tells until the future is over.
async fn losses_during<T>(node: &Node, future: impl Future<Output = T>) -> (T, Vec<Loss>) {
    let (mut events, mut losses) = (node.events(), Vec::new());
    tokio::pin!(future);
    loop {
        tokio::select! {
            biased;
            event = events.next() => {
                if let Some(Event::NodeLost(_, loss)) = event {
                    losses.push(loss);
                }
            }
            value = &mut future => return (value, losses),
        }
    }
}

#[tokio::test]
async fn a_worker_that_cannot_be_dialled_from_there_has_its_time_to_come_back() {
    let patient = |command: &mut Command| {
        command.env("ATASKS__LIVENESS__LOST_AFTER", "8s").env("ATASKS__CLUSTER__SECRET", SECRET);
    };
    let listens = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let proxy = Proxy::to(&listens).await;
    let named = |name: &str| format!("{name}-{}", std::process::id());
    let mut far = program("launched");
    patient(far.args(["worker", "--listen", &listens, "--name", &named("far")]));
    let (_far, _) = Running::worker(far.env("ATASKS__CLUSTER__ADVERTISE", &proxy.address));
    let mut near = program("launched");
    patient(near.args(["worker", "--listen", "unix", "--name", &named("near"), "--seed", &proxy.address]));
    let (near, address) = Running::worker(&mut near);
    let node = client(&[&address]).configure(|config| config.liveness.lost_after = Duration::from_secs(8));
    let node = node.min_workers(2).join().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let call = hold_on(named("near"), folder.path().into()).place(atasks::Placement::Node(named("far")));
    let held = tokio::spawn(node.scope(call));
    file(&folder.path().join("started")).await;
    // Longer than a client has.
    near.signal(Signal::STOP);
    proxy.cut(Cut::Both);
    sleep(Duration::from_millis(1200)).await;
    near.signal(Signal::CONT);
    // Asked of one by the other.
    node.scope(whereabouts_of(named("near")).place(atasks::Placement::Node(named("far")))).await.unwrap();
    assert!(!held.is_finished(), "what runs over there goes on: {:?}", held.await);
    held.abort();
    file(&folder.path().join("dropped")).await;
}

#[tokio::test]
async fn connections_that_are_cut_again_and_again_lose_nothing_and_run_nothing_twice() {
    let (_worker, proxy, node) = apart("cut").await;
    let calls = async {
        let mut calls = 0;
        let until = Instant::now() + Duration::from_secs(4);
        while Instant::now() < until {
            let small = (0..40).map(|n| node.scope(count_run(calls + n, vec![7; 10], 3)));
            let large = (40..44).map(|n| node.scope(count_run(calls + n, vec![7; 700_000], 3)));
            let runs = try_join_all(small.chain(large)).await.unwrap();
            assert!(runs.iter().all(|runs| *runs == 1), "{runs:?}");
            calls += 44;
        }
        calls
    };
    let cuts = async {
        for wait in (1..).map(|n: u64| (n * 37) % 120) {
            sleep(Duration::from_millis(wait)).await;
            proxy.cut(if wait % 3 == 0 { Cut::Dialler } else { Cut::Both });
        }
    };
    let both = async {
        tokio::select! {
            calls = calls => calls,
            () = cuts => 0,
        }
    };
    let (calls, losses) = losses_during(&node, both).await;
    println!("{calls} calls over cables that were cut");
    assert!(calls > 100 && losses.is_empty(), "{losses:?}");
}

#[tokio::test]
async fn a_silence_shorter_than_the_window_is_no_loss() {
    let (_worker, proxy, node) = apart("blip").await;
    let during = async {
        let calls = try_join_all((0..20).map(|n| node.scope(count_run(n, vec![7; 100_000 * (n as usize % 2)], 500))));
        let silence = async {
            sleep(Duration::from_millis(100)).await;
            proxy.be_silent(Duration::from_millis(2200)).await;
        };
        tokio::join!(calls, silence).0.unwrap()
    };
    let (runs, losses) = losses_during(&node, during).await;
    assert!(losses.is_empty() && runs.iter().all(|runs| *runs == 1), "{losses:?} {runs:?}");
}

#[tokio::test]
async fn a_deadline_shrinks_by_what_an_invocation_waits_on_its_way() {
    let (_worker, proxy, node) = apart("late").await;
    let asks = async {
        sleep(Duration::from_millis(200)).await;
        node.scope(time_left(None).timeout(Duration::from_secs(10))).await.unwrap().unwrap()
    };
    let (left, ()) = tokio::join!(asks, proxy.be_silent(Duration::from_millis(1800)));
    assert!((7000..8500).contains(&left), "{left} ms of 10 s are left after 1.6 s on the way");
}

#[tokio::test]
async fn a_longer_silence_is_a_loss_at_both_ends_and_nothing_of_the_dead_session_runs_on() {
    let (_worker, proxy, node) = apart("lost").await;
    let folder = tempfile::tempdir().unwrap();
    let silence = async {
        file(&folder.path().join("started")).await;
        let began = Instant::now();
        proxy.be_silent(Duration::from_millis(3800)).await;
        began
    };
    let held = async { (node.scope(hold(folder.path().into())).await.unwrap_err(), Instant::now()) };
    let ((error, told), began) = tokio::join!(held, silence);
    assert!(matches!(error, TaskError::NodeLost { reason: Loss::Silent, ran: Ran::Maybe, .. }), "{error:?}");
    let within = told - began;
    assert!((Duration::from_millis(2700)..Duration::from_millis(3700)).contains(&within), "{within:?}");
    file(&folder.path().join("dropped")).await;
    tokio::time::timeout(PATIENCE, node.scope(whereabouts())).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_worker_that_has_given_a_client_up_tells_it_so() {
    let (_worker, proxy, node) = apart("evicted").await;
    let folder = tempfile::tempdir().unwrap();
    let cut = async {
        file(&folder.path().join("started")).await;
        // The client finds out by silence only, the worker at once.
        proxy.cut(Cut::Acceptor);
        file(&folder.path().join("dropped")).await;
    };
    let (held, ()) = tokio::join!(node.scope(hold(folder.path().into())), cut);
    let error = held.unwrap_err();
    assert!(matches!(error, TaskError::NodeLost { reason: Loss::Evicted, ran: Ran::Maybe, .. }), "{error:?}");
    tokio::time::timeout(PATIENCE, node.scope(whereabouts())).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_is_in_the_middle_of_coming_back_is_waited_for() {
    let (_worker, proxy, node) = apart("slow").await;
    let during = async {
        let call = node.scope(count_run(1, Vec::new(), 2000));
        let blip = async {
            sleep(Duration::from_millis(300)).await;
            proxy.cut(Cut::Both);
            // It connects at once, and greets later than two heartbeats: so it looks where a machine is busy.
            proxy.be_silent(Duration::from_millis(620)).await;
        };
        tokio::join!(call, blip).0
    };
    let (runs, losses) = losses_during(&node, during).await;
    assert!(losses.is_empty() && runs.as_ref().is_ok_and(|runs| *runs == 1), "{losses:?} {runs:?}");
}

#[tokio::test]
async fn a_worker_that_was_started_again_meanwhile_is_told_as_restarted() {
    let listens = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let proxy = Proxy::to(&listens).await;
    let worker = behind(&proxy, "again", &listens);
    // The cable hangs up on whoever dials while there is no worker, which says nothing; a new one may take its time.
    let patient = |config: &mut atasks::config::Config| config.liveness.lost_after = PATIENCE;
    let node = client(&[&proxy.address]).configure(patient).join().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let restart = async {
        file(&folder.path().join("started")).await;
        drop(worker);
        behind(&proxy, "again", &listens)
    };
    let (held, _again) = tokio::join!(node.scope(hold(folder.path().into())), restart);
    let error = held.unwrap_err();
    assert!(matches!(error, TaskError::NodeLost { reason: Loss::Restarted, ran: Ran::Maybe, .. }), "{error:?}");
    tokio::time::timeout(PATIENCE, node.scope(whereabouts())).await.unwrap().unwrap();
}

#[tokio::test]
async fn workers_go_on_with_each_other_too() {
    let first = Worker::new(Over::Tls, "far-1", &[]);
    let proxy = Proxy::to(&first.address).await;
    let second = Worker::new(Over::Tls, "far-2", &[&proxy.address]);
    let node = client(&[&first.address]).min_workers(2).join().await.unwrap();
    let calls = async {
        for _ in 0..10 {
            // Down and down again, from one to the other as they are busy, and some large arguments beside.
            let down = (0..8).map(|_| node.scope(descend(6, 10)));
            let beside = (0..4).map(|_| node.scope(carry(vec![7; 300_000], 5)));
            let (down, beside) = tokio::join!(try_join_all(down), try_join_all(beside));
            assert!(down.unwrap().iter().all(|places| places.len() == 7));
            beside.unwrap();
        }
    };
    let cuts = async {
        loop {
            sleep(Duration::from_millis(70)).await;
            proxy.cut(Cut::Both);
        }
    };
    tokio::select! {
        () = calls => {}
        () = cuts => {}
    }
    drop(second);
}

#[tokio::test]
async fn a_worker_that_drains_waits_for_a_slow_reader_of_its_results() {
    let (worker, proxy, node) = apart("slow-reader").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // More than sockets hold.
    let bytes = 40_000_000;
    let drained = async {
        file(&path.join("before-go")).await;
        // Longer than a farewell takes, shorter than the window.
        let silence = proxy.be_silent(Duration::from_millis(1_500));
        tokio::join!(silence, async {
            worker.process.signal(Signal::TERM);
            note(path, "go", "");
        });
    };
    let both = async { tokio::join!(node.scope(bring(path.into(), "go".into(), bytes)), drained).0 };
    let (brought, losses) = losses_during(&node, both).await;
    assert_eq!(brought.unwrap().len(), bytes);
    assert!(losses.iter().all(|loss| *loss == Loss::Left), "{losses:?}");
    assert_eq!(worker.process.end().code, Some(0));
}
