//! What calls carry over a hop: payloads, deadlines, cancellation, crashes.

use std::collections::BTreeSet;
use std::time::Duration;

use atasks::TaskError;
use futures_util::future::{join_all, try_join_all};
use tokio::time::Instant;

use super::{BOTH, Worker, client, file, two_workers};
use crate::programs::PATIENCE;
use crate::tasks::{carry, crash_after, echo_bytes, echo_numbers, hold, hold_on, time_left};

const SIZES: [usize; 5] = [0, 64 << 10, (64 << 10) + 1, 1 << 20, 20 << 20];

#[tokio::test]
async fn payloads_of_every_size_come_and_go_unchanged() {
    for over in BOTH {
        let worker = Worker::new(over, "payloads", &[]);
        let node = client(&[&worker.address]).join().await.unwrap();
        for size in SIZES {
            let bytes: Vec<_> = (0..size).map(|n| (n * 31 % 251) as u8).collect();
            let back = node.scope(echo_bytes(bytes.clone())).await.unwrap();
            assert!(back == bytes, "{size} bytes over {over:?}");
            // Of all lengths that a number can have on the wire.
            let number = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (n % 64);
            let numbers: Vec<_> = (0..size as u64 / 8).map(number).collect();
            let back = node.scope(echo_numbers(numbers.clone())).await.unwrap();
            assert!(back == numbers, "{size} bytes of numbers over {over:?}");
        }
    }
}

#[tokio::test]
async fn ten_thousand_calls_are_in_flight_at_once() {
    for over in BOTH {
        let (_workers, node) = two_workers(over, "many").await;
        let began = Instant::now();
        let found = node.scope(join_all((0..10_000).map(|_| carry(Vec::new(), 500)))).await;
        let nodes: BTreeSet<_> = found.into_iter().map(|found| found.unwrap().node).collect();
        println!("10,000 calls of 0.5 s over {over:?}: {:?}", began.elapsed());
        assert_eq!(nodes.len(), 2);
        // One after another they would take more than an hour.
        assert!(began.elapsed() < Duration::from_secs(60));
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_where_it_runs() {
    for over in BOTH {
        let ([first, second], node) = two_workers(over, "dropped").await;
        for hops in [1, 2] {
            let folder = tempfile::tempdir().unwrap();
            let call = match hops {
                1 => hold(folder.path().into()),
                _ => hold_on(second.name(&node), folder.path().into()),
            };
            let started = folder.path().join("started");
            tokio::select! {
                result = node.scope(call.place(first.place(&node))) => panic!("it ended: {result:?}"),
                () = file(&started) => {}
            }
            let began = Instant::now();
            file(&folder.path().join("dropped")).await;
            println!("dropped after {:?}, {hops} hops away, over {over:?}", began.elapsed());
            assert!(began.elapsed() < Duration::from_secs(2));
        }
    }
}

#[tokio::test]
async fn a_deadline_shrinks_from_hop_to_hop() {
    for over in BOTH {
        let ([first, second], node) = two_workers(over, "deadline").await;
        let ask = || time_left(Some(second.name(&node))).place(first.place(&node));
        let left = node.scope(ask().timeout(Duration::from_secs(30))).await.unwrap().unwrap();
        assert!((15_000..30_000).contains(&left), "{left} ms are left");
        assert_eq!(node.scope(ask()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_deadline_that_passes_ends_what_runs_two_hops_away() {
    for over in BOTH {
        let ([first, second], node) = two_workers(over, "late").await;
        let folder = tempfile::tempdir().unwrap();
        let call = hold_on(second.name(&node), folder.path().into()).place(first.place(&node));
        let error = node.scope(call.timeout(Duration::from_secs(1))).await.unwrap_err();
        assert!(matches!(error, TaskError::DeadlineExceeded { .. }), "{error:?}");
        file(&folder.path().join("dropped")).await;
    }
}

#[tokio::test]
async fn a_crash_shows_every_await_on_its_way() {
    for over in BOTH {
        let ([first, second], node) = two_workers(over, "crash").await;
        let path = vec![second.name(&node), first.name(&node)];
        let error = node.scope(crash_after(path).place(first.place(&node))).await.unwrap_err();
        let TaskError::Crashed(crash) = error else { panic!("{error:?}") };
        assert_eq!(crash.message(), "the end of the road");
        assert_eq!(*crash.node(), first.id(&node));
        assert_eq!(crash.hops().len(), 3, "{crash:?}");
        assert!(crash.location().unwrap().contains("tests/programs/tasks.rs:"), "{crash:?}");
        assert_eq!(node.nodes().len(), 3, "nobody is lost");
    }
}

#[tokio::test]
async fn room_that_an_acknowledgement_makes_is_told_to_who_waits_for_it() {
    for over in BOTH {
        let worker = Worker::new(over, "room", &[]);
        let node =
            client(&[&worker.address]).configure(|config| config.limits.backlog = 64 << 10).join().await.unwrap();
        for round in 0..5 {
            // Each fills the backlog; what the system takes at once is kept all the same until the worker has it.
            let calls = try_join_all((0..3).map(|_| node.scope(carry(vec![7; 60_000], 0))));
            let ended = tokio::time::timeout(PATIENCE, calls).await;
            ended.unwrap_or_else(|_| panic!("a call waits for ever over {over:?} in round {round}")).unwrap();
        }
    }
}
