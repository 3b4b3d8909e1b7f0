//! Guarantees 1 to 3: every await ends, with one outcome, of a task that ran once.
//!
//! In depth: `tests/cluster/losses.rs` and `tests/cluster/blips.rs` for how nodes are lost, `tests/errors/deadlines.rs`,
//! `tests/calls/retry.rs` and `tests/processes/losses.rs` for what is repeated, and the simulator, which looks for awaits
//! that are left, for two outcomes and for bodies that ran twice after each run.

use std::path::PathBuf;
use std::process;
use std::time::Duration;

use atasks::{LocalCluster, Placement, Ran, Retry, TaskError};
use rustix::process::Signal;
use tokio::time::Instant;

use crate::tasks::{hold, note, whereabouts};
use crate::{cluster, file, ledger};

type Done<T> = Result<T, TaskError>;

#[tokio::test]
async fn guarantee_1_no_await_outlives_its_task_its_deadline_or_its_node() {
    let (workers, node) = cluster::<2>("awaits").await;
    for (signal, within) in [(None, 600), (Some(Signal::KILL), 50), (Some(Signal::STOP), 3500)] {
        let folder = tempfile::tempdir().unwrap();
        let victim = &workers[usize::from(signal == Some(Signal::STOP))];
        let timeout = if signal.is_some() { Duration::from_secs(3600) } else { Duration::from_millis(500) };
        let place = victim.place(&node);
        let ends = async {
            let error = node.scope(hold(folder.path().into()).place(place).timeout(timeout)).await.unwrap_err();
            (error, Instant::now())
        };
        let began = Instant::now();
        let sent = async {
            let Some(signal) = signal else { return began };
            file(&folder.path().join("started")).await;
            victim.process.signal(signal);
            Instant::now()
        };
        // The task that ends is awaited beside, and has its result.
        let ((error, told), sent) = tokio::join!(ends, sent);
        println!("{signal:?}: told after {:?}: {error}", told - sent);
        let expected = match signal {
            None => matches!(error, TaskError::DeadlineExceeded { .. }),
            Some(_) => matches!(error, TaskError::NodeLost { ran: Ran::Maybe, .. }),
        };
        assert!(expected, "{error:?}");
        // What the contract says, and as much again as a busy machine may take.
        assert!(told - sent < Duration::from_millis(within + 2000), "{:?}", told - sent);
        if signal != Some(Signal::STOP) {
            node.scope(whereabouts().on(workers[1].id(&node))).await.unwrap();
        }
    }
}

/// Says so, and panics.
#[atasks::task]
async fn panics(folder: PathBuf) -> Done<()> {
    note(&folder, "panics", "");
    panic!("in time")
}

#[atasks::test(cluster = 1)]
async fn guarantee_2_a_crash_that_came_before_the_deadline_is_never_a_timeout() {
    let (folder, deadline) = (tempfile::tempdir().unwrap(), Instant::now() + Duration::from_secs(2));
    let mut call = panics(folder.path().into()).deadline(deadline);
    assert!(futures_util::poll!(std::pin::Pin::new(&mut call)).is_pending());
    file(&folder.path().join("panics")).await;
    // Whoever awaits it looks long after both have come.
    while let Some(left) = (deadline + Duration::from_millis(200)).checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
    let error = (&mut call).await.unwrap_err();
    assert!(matches!(error, TaskError::Crashed(_)), "{error:?}");
    // And it is the only one.
    let again = call.await.unwrap_err();
    assert!(matches!(again, TaskError::Codec { .. }), "{again:?}");
}

/// Writes a line each time that it runs, and takes its process along the first time.
#[atasks::task]
async fn fatal(folder: PathBuf) -> Done<usize> {
    ledger::write(&folder, "ran");
    match ledger::read(&folder).len() {
        1 => process::abort(),
        runs => Ok(runs),
    }
}

#[tokio::test]
async fn guarantee_3_what_may_have_run_runs_again_only_if_it_is_idempotent() {
    let cluster = LocalCluster::builder().workers(2).executors(1).start().await.unwrap();
    let node = cluster.node();
    for idempotent in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let call = fatal(folder.path().into()).retry(Retry::times(5));
        let ended = node.scope(if idempotent { call.idempotent() } else { call }).await;
        let runs = ledger::read(folder.path()).len();
        match idempotent {
            true => assert_eq!((ended, runs), (Ok(2), 2)),
            false => {
                let error = ended.unwrap_err();
                assert!(matches!(error, TaskError::NodeLost { ran: Ran::Maybe, .. }), "{error:?}");
                assert_eq!(runs, 1, "it was repeated");
            }
        }
    }
    // The cluster goes on, with as many.
    for worker in 0..2 {
        node.scope(whereabouts().place(Placement::Node(format!("local-{worker}")))).await.unwrap();
    }
    cluster.shutdown().await;
}
