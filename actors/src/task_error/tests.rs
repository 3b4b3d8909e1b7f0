//! How errors cross, and how they read.

use super::{wire::Wire, *};

#[test]
fn a_newer_code_is_other_and_keeps_its_number_and_text() {
    let newer = Wire { code: 777, message: "too hot".into(), detail: vec![1, 2, 3] };
    let bytes = codec::encode(&newer, 1 << 20).unwrap();
    let error: TaskError = codec::decode(&bytes).unwrap();
    assert_eq!(error, TaskError::Other { code: 777, message: "too hot".into() });
    assert_eq!(error.ran(), Ran::Maybe);
    let again: TaskError = codec::decode(&codec::encode(&error, 1 << 20).unwrap()).unwrap();
    assert_eq!(again, error, "it is passed on as it came");
}

#[test]
fn a_known_code_with_a_newer_detail_is_other() {
    let newer = Wire { code: 9, message: "cancelled by the moon".into(), detail: vec![99, 0] };
    let error: TaskError = codec::decode(&codec::encode(&newer, 1 << 20).unwrap()).unwrap();
    assert_eq!(error, TaskError::Other { code: 9, message: "cancelled by the moon".into() });
}

#[test]
fn every_variant_crosses_as_itself() {
    let node = NodeId::new("n", 7);
    let all = [
        TaskError::NotJoined,
        TaskError::Unplaced { task: "t".into(), reason: Unplaced::NotRegistered { nearest: vec!["u".into()] } },
        TaskError::Rejected { node: node.clone(), reason: Rejection::Draining },
        TaskError::TooLarge { size: 9, limit: 8, what: Payload::Result },
        TaskError::Codec { stage: Payload::Arguments, message: "m".into() },
        TaskError::NodeLost { node: node.clone(), reason: Loss::Exited(3), ran: Ran::Maybe, before: Vec::new() },
        TaskError::NodeLost {
            node: node.clone(),
            reason: Loss::Closed,
            ran: Ran::Maybe,
            before: vec![NodeId::new("m", 8), node],
        },
        TaskError::DeadlineExceeded { after: Duration::from_secs(1), waited_for: Waiting::Link, ran: Ran::No },
        TaskError::Cancelled { by: Canceller::Parent, ran: Ran::Yes },
        TaskError::WouldBlock,
    ];
    for error in all {
        let bytes = codec::encode(&error, 1 << 20).unwrap();
        assert_eq!(codec::decode::<TaskError>(&bytes).unwrap(), error);
    }
}

#[test]
fn times_are_told_in_whole_milliseconds_and_small_ones_as_they_are() {
    for (after, told) in [(2_009_349_352, "2.009s"), (15_000_505_831, "15s"), (301_857_378, "301ms"), (420, "420ns")] {
        let error =
            TaskError::DeadlineExceeded { after: Duration::from_nanos(after), waited_for: Waiting::Link, ran: Ran::No };
        assert!(error.to_string().starts_with(&format!("the deadline passed after {told}, ")), "{error}");
    }
}
