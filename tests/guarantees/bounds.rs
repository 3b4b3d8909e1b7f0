//! Guarantees 10 and 11: nobody runs what was meant for another version, and everything has a bound.
//!
//! In depth: `actors/src/shape/tests`, `tests/tool/listings.rs` and `tests/placement/lacks.rs` for versions;
//! `tests/errors/payloads.rs`, `tests/running/limits.rs`, `tests/placement/room.rs` and the tests of
//! `cluster/src/session` for bounds.

use std::time::Duration;

use atasks::{Payload, Ran, TaskError, Unplaced, Waiting, testing::counts};
use futures_util::future::{join_all, try_join_all};
use rustix::process::Signal;

use crate::programs::program;
use crate::tasks::{carry, count_run, whereabouts};
use crate::{SECRET, Worker, client, until};

/// One program has it with a number, another one with a text.
#[atasks::task(name = "typed::differs")]
async fn differs(text: String) -> atasks::Result<String> {
    Ok(text)
}

#[tokio::test]
async fn guarantee_10_a_call_goes_only_where_its_types_are_the_same() {
    let with_number = Worker::new("number", &[]);
    let mut command = program("plain");
    command.args(["serve", "--listen", "unix", "--name", &format!("text-{}", std::process::id())]);
    command.args(["--seed", &with_number.address]).env("ATASKS__CLUSTER__SECRET", SECRET);
    let with_text = Worker::of(&mut command);
    let builder = client(&with_number).configure(|config| config.placement.place_timeout = Duration::from_secs(1));
    let node = builder.min_workers(2).join().await.unwrap();
    let all = node.scope(try_join_all((0..40).map(|n| differs(n.to_string())))).await.unwrap();
    assert!(all.iter().enumerate().all(|(n, text)| *text == n.to_string()), "{all:?}");
    // The one that would misread it refuses before it is sent anything.
    let other = with_number.id(&node);
    let error = node.scope(differs("1".into()).on(other.clone())).await.unwrap_err();
    let there = match error.task_error() {
        Some(TaskError::Unplaced { reason: Unplaced::VersionMismatch { here, there }, .. }) => {
            assert!(there.iter().all(|(_, print)| print != here), "{here} {there:?}");
            there.clone()
        }
        _ => panic!("{error:?}"),
    };
    assert!(matches!(&there[..], [(node, _)] if *node == other), "{there:?}");
    with_text.process.signal(Signal::KILL);
    until("the end of one", async || (node.nodes().len() == 2).then_some(())).await;
    let error = node.scope(differs("1".into())).await.unwrap_err();
    assert!(
        matches!(
            error.task_error(),
            Some(TaskError::Unplaced { reason: Unplaced::VersionMismatch { there, .. }, .. }) if there[0].0 == other
        ),
        "{error:?}"
    );
    node.scope(whereabouts()).await.unwrap();
}

#[tokio::test]
async fn guarantee_11_what_waits_for_a_node_that_reads_nothing_is_bounded_and_waits_unsent() {
    const SIZE: usize = 256 << 10;
    const BACKLOG: usize = 2 << 20;
    let worker = Worker::new("deaf", &[]);
    let node = client(&worker).configure(|config| config.limits.backlog = BACKLOG).join().await.unwrap();
    node.scope(whereabouts()).await.unwrap();
    worker.process.signal(Signal::STOP);
    let calls = (0..200).map(|key| count_run(key, vec![7; SIZE], 0).timeout(Duration::from_millis(1500)));
    let ended = tokio::spawn(node.scope(join_all(calls)));
    let mut most = 0;
    while !ended.is_finished() {
        most = most.max(counts(&node).await.unacknowledged);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    worker.process.signal(Signal::CONT);
    let (mut sent, mut unsent) = (0, 0);
    for error in ended.await.unwrap().into_iter().map(Result::unwrap_err) {
        match error {
            TaskError::DeadlineExceeded { ran: Ran::No, waited_for: Waiting::Link, .. } => unsent += 1,
            TaskError::DeadlineExceeded { ran: Ran::Maybe, .. } => sent += 1,
            error => panic!("{error:?}"),
        }
    }
    println!("{sent} of 200 calls were on their way, {unsent} waited; {most} bytes were kept for the worker");
    assert!(sent * SIZE < BACKLOG + SIZE && unsent > 150, "{sent} sent, {unsent} not");
    assert!((BACKLOG / 2..BACKLOG + 2 * SIZE).contains(&most), "{most} bytes were kept");
    // Those never ran; now there is room again.
    for key in 180..200 {
        assert_eq!(
            node.scope(count_run(key, vec![7; SIZE], 0)).await,
            Ok(1),
            "call {key} ran although it was not sent"
        );
    }
    let error = node.scope(carry(vec![7; 65 << 20], 0)).await.unwrap_err();
    assert!(
        matches!(error, TaskError::TooLarge { size, limit, what: Payload::Arguments } if size > limit),
        "{error:?}"
    );
}
