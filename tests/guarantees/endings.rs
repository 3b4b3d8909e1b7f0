//! Guarantee 4: what cancelled tasks may do until they end, on the nodes where they run.
//!
//! In depth: `tests/calls/cancelled.rs`, `tests/calls/detached.rs`, `tests/running/cancellation.rs`.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use atasks::{Event, LocalCluster, Loss, Placement, Ran, TaskError, Waiting, current};
use futures_util::future::{join_all, join3, pending};
use rustix::process::Signal;
use tokio::time::Instant;

use crate::programs::send;
use crate::subtree::machine_time;
use crate::tasks::{note, whereabouts};
use crate::{file, ledger};

type Done<T> = Result<T, TaskError>;

fn at(node: usize) -> Placement {
    Placement::Node(format!("local-{node}"))
}

/// Writes a file, with the time, when it is dropped.
struct Noted(PathBuf, &'static str);

impl Drop for Noted {
    fn drop(&mut self) {
        note(&self.0, self.1, &machine_time().to_string());
    }
}

/// Has the time that its grace gives it, and needs little of it.
#[atasks::task]
async fn tidies(folder: PathBuf) -> Done<()> {
    let me = current();
    let cancelled = me.cancelled();
    note(&folder, "tidies", "");
    cancelled.await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    note(&folder, if me.is_cancelled() { "tidied" } else { "was not told" }, "");
    Ok(())
}

/// Has the same time, and goes on.
#[atasks::task]
async fn goes_on(folder: PathBuf) -> Done<()> {
    let _noted = Noted(folder.clone(), "ended");
    let me = current();
    note(&folder, "goes on", "");
    tokio::join!(me.cancelled(), pending::<()>());
    Ok(())
}

/// Looks now and then, as code does that does not await.
#[atasks::task(blocking)]
fn looks(folder: PathBuf) -> Done<()> {
    note(&folder, "looks", "");
    while !current().is_cancelled() {
        std::thread::park_timeout(Duration::from_millis(2));
    }
    note(&folder, "looked", "");
    Ok(())
}

/// Has them all on another node.
#[atasks::task]
async fn has_three(folder: PathBuf) -> Done<()> {
    let [one, two, three] = [(); 3].map(|()| folder.clone());
    join3(tidies(one).place(at(1)), goes_on(two).place(at(1)), looks(three).place(at(1))).await.0
}

#[atasks::test(cluster = 2)]
async fn guarantee_4_who_waits_for_its_cancellation_has_a_grace_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let there = |name: &str| folder.path().join(name);
    let mut call = has_three(folder.path().into()).place(at(0));
    assert!(futures_util::poll!(Pin::new(&mut call)).is_pending());
    for started in ["tidies", "goes on", "looks"] {
        file(&there(started)).await;
    }
    let began = machine_time();
    drop(call);
    for ended in ["tidied", "looked", "ended"] {
        file(&there(ended)).await;
    }
    let ended: u64 = std::fs::read_to_string(there("ended")).unwrap().parse().unwrap();
    let within = Duration::from_nanos(ended - began);
    println!("what goes on is ended {within:?} after its cancellation");
    assert!(within > Duration::from_millis(900) && within < Duration::from_secs(4), "{within:?}");
}

/// Calls another one when it is cancelled, and writes down what that gives.
#[atasks::task]
async fn calls_in_its_grace(folder: PathBuf) -> Done<()> {
    let me = current();
    let cancelled = me.cancelled();
    note(&folder, "runs", &std::process::id().to_string());
    cancelled.await;
    note(&folder, "called", &format!("{:?}", whereabouts().await));
    Ok(())
}

/// Has it on the other node, and crashes or ends its process when it is told.
#[atasks::task]
async fn ends_as_told(folder: PathBuf) -> Done<()> {
    let crash = async {
        while !folder.join("crash").exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        note(&folder, "crashes", "");
        panic!("as told")
    };
    tokio::select! {
        ended = calls_in_its_grace(folder.clone()).place(at(1)) => ended,
        () = crash => Ok(()),
    }
}

#[atasks::test(cluster = 2)]
async fn guarantee_4_who_is_in_its_grace_calls_nobody_and_is_told_why() {
    for by in ["Caller", "Parent", "Loss"] {
        let folder = tempfile::tempdir().unwrap();
        let parent = whereabouts().place(at(0)).await.unwrap();
        let call = ends_as_told(folder.path().into()).place(at(0));
        let call = tokio::spawn(async move { call.await.map_err(|error| error.to_string()) });
        file(&folder.path().join("runs")).await;
        match by {
            "Caller" => call.abort(),
            "Parent" => note(folder.path(), "crash", ""),
            _ => send(parent.pid, Signal::KILL),
        }
        file(&folder.path().join("called")).await;
        let called = std::fs::read_to_string(folder.path().join("called")).unwrap();
        println!("{by}: {called}");
        assert!(called.starts_with("Err(Cancelled") && called.contains("ran: No"), "{called}");
        // What is cancelled cancels what is below it; what crashes drops it.
        let of = match by {
            "Caller" => ["by: Parent"; 2],
            "Parent" => ["by: Parent", "by: Caller"],
            _ => ["by: Loss"; 2],
        };
        assert!(of.iter().any(|by| called.contains(by)), "{by}: {called}");
        let _ended = call.await;
    }
}

/// Ends when it is let.
#[atasks::task]
async fn lives_on(folder: PathBuf) -> Done<()> {
    let _noted = Noted(folder.clone(), "over");
    note(&folder, "lives", "");
    while !folder.join("go").exists() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    note(&folder, "went", "");
    Ok(())
}

/// One child on the other node, and one there that is none.
#[atasks::task]
async fn has_two(child: PathBuf, none: PathBuf) -> Done<()> {
    let _spawned = atasks::spawn(lives_on(none).place(at(1)).detached());
    lives_on(child).place(at(1)).await
}

#[atasks::test(cluster = 2)]
async fn guarantee_4_a_detached_call_lives_on_where_its_parents_children_end() {
    let (child, none) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut call = has_two(child.path().into(), none.path().into()).place(at(0));
    assert!(futures_util::poll!(Pin::new(&mut call)).is_pending());
    file(&child.path().join("lives")).await;
    file(&none.path().join("lives")).await;
    drop(call);
    file(&child.path().join("over")).await;
    assert!(!child.path().join("went").exists());
    note(none.path(), "go", "");
    file(&none.path().join("went")).await;
}

/// Writes down what its node tells of the next task that keeps its executor: the task, the node, and for how long. On a
/// thread of its own, since that executor may be the only one.
#[atasks::task(blocking)]
fn watches(folder: PathBuf) -> Done<()> {
    let node = atasks::node()?;
    let mut events = node.events();
    note(&folder, "watches", "");
    loop {
        if let Some(Event::Stalled(subject, lasted)) = futures::executor::block_on(events.next()) {
            let told = format!("{} {} {}", subject.task, node.id().name(), lasted.as_millis());
            note(&folder, "told", &told);
            return Ok(());
        }
    }
}

/// Keeps its executor until there is a file, and gives something then.
#[atasks::task]
async fn keeps_on(folder: PathBuf) -> Done<u32> {
    while !folder.join("go").exists() {
        std::thread::park_timeout(Duration::from_millis(2));
    }
    ledger::write(&folder, "ended");
    Ok(1)
}

#[tokio::test]
async fn guarantee_4_code_that_never_yields_is_reported_and_its_result_discarded() {
    let cluster = LocalCluster::builder().workers(1).executors(1).start().await.unwrap();
    let (node, folder) = (cluster.node(), tempfile::tempdir().unwrap());
    let watched = tokio::spawn(node.scope_sync(|| watches(folder.path().into())));
    file(&folder.path().join("watches")).await;
    let began = Instant::now();
    let call = keeps_on(folder.path().into()).timeout(Duration::from_millis(500));
    let error = node.scope(call).await.unwrap_err();
    let told = began.elapsed();
    let TaskError::DeadlineExceeded { waited_for: Waiting::Result, ran, .. } = error else { panic!("{error:?}") };
    assert!(ran != Ran::No && told < Duration::from_secs(3), "{ran:?} after {told:?}");
    file(&folder.path().join("told")).await;
    let told = std::fs::read_to_string(folder.path().join("told")).unwrap();
    let [task, on, lasted] = told.split(' ').collect::<Vec<_>>()[..] else { panic!("{told}") };
    assert!(task.ends_with("::keeps_on") && on == "local-0", "{told}");
    assert!((1000..3000).contains(&lasted.parse::<u64>().unwrap()), "{told}");
    // It ends with a result, of which nobody hears; its executor takes the next.
    note(folder.path(), "go", "");
    watched.await.unwrap().unwrap();
    assert_eq!(node.scope(keeps_on(folder.path().into())).await, Ok(1));
    assert_eq!(ledger::read(folder.path()).len(), 2);
    cluster.shutdown().await;
}

/// Calls another here, again and again, as fast as it can; each writes a line.
#[atasks::task]
async fn calls_on(folder: PathBuf, on_threads: bool) -> Done<()> {
    let _noted = Noted(folder.clone(), "over");
    loop {
        let call = if on_threads { writes_on_a_thread(folder.clone()) } else { writes(folder.clone()) };
        call.place(Placement::Local).await?;
        tokio::task::yield_now().await;
    }
}

#[atasks::task]
async fn writes(folder: PathBuf) -> Done<()> {
    ledger::write(&folder, "ran");
    Ok(())
}

#[atasks::task(blocking)]
fn writes_on_a_thread(folder: PathBuf) -> Done<()> {
    ledger::write(&folder, "ran");
    Ok(())
}

const LOOPS: usize = 8;

#[tokio::test]
async fn guarantee_4_a_worker_that_was_stopped_starts_nothing_when_it_wakes_nested_and_local_neither() {
    for on_threads in [false, true] {
        let cluster = LocalCluster::builder().workers(2).executors(4).start().await.unwrap();
        let (node, folder) = (cluster.node(), tempfile::tempdir().unwrap());
        let stopped = cluster.workers()[0].clone();
        let calls = (0..LOOPS).map(|_| calls_on(folder.path().into(), on_threads).on(stopped.node.clone()));
        let calls = node.scope(join_all(calls));
        let stop = async {
            let written = |path: &Path| ledger::read(path).len();
            while written(folder.path()) < 200 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            send(stopped.pid, Signal::STOP);
        };
        let (ended, ()) = tokio::join!(calls, stop);
        let silent = |error: &TaskError| matches!(error, TaskError::NodeLost { reason: Loss::Silent, .. });
        assert!(ended.iter().all(|ended| ended.as_ref().is_err_and(silent)), "{ended:?}");
        let before = ledger::read(folder.path()).len();
        send(stopped.pid, Signal::CONT);
        file(&folder.path().join("over")).await;
        let after = ledger::read(folder.path()).len();
        println!("{before} calls before it was stopped, {} after it woke", after - before);
        // Each may have been stopped between its start and its line.
        assert!(after <= before + LOOPS, "{before} before, {after} after");
        // It serves again.
        crate::until("a worker that woke", async || {
            node.scope(whereabouts().place(at(0))).await.ok().filter(|found| found.pid == stopped.pid)
        })
        .await;
        cluster.shutdown().await;
    }
}
