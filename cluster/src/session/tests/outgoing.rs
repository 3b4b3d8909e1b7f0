//! Order, bounds and certainty of the sending half.

use super::super::frame::{Body, Direction, Heartbeat, Invoke, Status};
use super::super::limits::{ASSEMBLIES_MAX, BATCH_BYTES, CHUNK_BYTES, EXTENSION_MAX, INTERLEAVED_MAX, TABLE_MAX};
use super::super::{Outgoing, Refused};
use super::*;

const BEAT: Heartbeat = Heartbeat {
    processed: 3,
    unstarted: 0,
    running: 1,
    suspended: 2,
    mean_us: 50,
    stalled: 0,
    beat: 7,
    echo: 8,
    clock_us: 9,
};

/// One word a frame, in order; the chunks' calls are told.
fn words(bytes: &[u8]) -> Vec<String> {
    frames(bytes)
        .iter()
        .map(|frame| match frame {
            Frame::Heartbeat(_) => "heartbeat".into(),
            Frame::Ack { .. } => "ack".into(),
            Frame::Goodbye { .. } => "goodbye".into(),
            Frame::Credit(credit) => format!("credit {}", credit.class),
            Frame::Invoke(invoke) => format!("invoke {}", invoke.head.call),
            Frame::Outcome { call, .. } => format!("outcome {call}"),
            Frame::Cancel { call, .. } => format!("cancel {call}"),
            Frame::Chunk { call, .. } => format!("chunk {call}"),
            Frame::Tasks(_) => "tasks".into(),
            Frame::Peers(_) => "peers".into(),
            Frame::Ractor(_) => "ractor".into(),
            Frame::Notice(_) => "notice".into(),
        })
        .collect()
}

#[test]
fn a_batch_follows_the_classes() {
    let mut outgoing = outgoing();
    let first = call(&mut outgoing, 10);
    batch(&mut outgoing);
    outgoing.outcome(9, Status::Returned, vec![0; 5 * CHUNK_BYTES]).unwrap();
    outgoing.ractor(b"stream");
    outgoing.tasks(b"table").unwrap();
    outgoing.outcome(7, Status::Failed, &b"small"[..]).unwrap();
    call(&mut outgoing, 10);
    outgoing.peers(b"gossip").unwrap();
    outgoing.cancel(first, 0);
    outgoing.goodbye(1, 0);
    outgoing.heartbeat(BEAT);
    let expected = [
        "heartbeat",
        "cancel 1",
        "tasks",
        "outcome 7",
        "invoke 2",
        "peers",
        "ractor",
        "outcome 9",
        "chunk 9",
        "chunk 9",
        "chunk 9",
        "chunk 9",
        "goodbye",
    ];
    assert_eq!(words(&batch(&mut outgoing)), expected);
    assert_eq!(words(&batch(&mut outgoing)), ["chunk 9"]);
    assert!(outgoing.is_empty() && batch(&mut outgoing).is_empty());
}

#[test]
fn a_heartbeat_overtakes_64_mib_at_the_next_batch() {
    let mut outgoing = Outgoing::new(2 * BACKLOG_MAX, 64 * MIB as u32);
    call(&mut outgoing, 64 * MIB);
    assert_eq!(words(&batch(&mut outgoing)), ["invoke 1", "chunk 1", "chunk 1", "chunk 1", "chunk 1"]);
    outgoing.heartbeat(BEAT);
    call(&mut outgoing, 1);
    assert_eq!(words(&batch(&mut outgoing)), ["heartbeat", "invoke 2", "chunk 1", "chunk 1", "chunk 1", "chunk 1"]);
}

#[test]
fn a_flood_of_calls_starves_neither_ractor_nor_chunks_and_batches_stay_small() {
    let mut outgoing = outgoing();
    let large = call(&mut outgoing, 100 * CHUNK_BYTES / 64);
    outgoing.ractor(&[0; 10]);
    for _ in 0..1_000 {
        call(&mut outgoing, 10_000);
    }
    let bytes = batch(&mut outgoing);
    assert!((BATCH_BYTES..2 * BATCH_BYTES).contains(&bytes.len()), "{}", bytes.len());
    let words = words(&bytes);
    assert!(words.contains(&"ractor".into()) && words.contains(&format!("chunk {large}")));
}

#[test]
fn a_heartbeat_carries_the_ack_and_only_the_latest_leaves() {
    let mut outgoing = outgoing();
    outgoing.ack(5);
    assert_eq!(words(&batch(&mut outgoing)), ["ack"]);
    outgoing.ack(8);
    outgoing.heartbeat(Heartbeat { processed: 6, ..BEAT });
    outgoing.heartbeat(Heartbeat { processed: 7, ..BEAT });
    let bytes = batch(&mut outgoing);
    assert_eq!(frames(&bytes), [Frame::Heartbeat(Heartbeat { processed: 8, ..BEAT })]);
    assert_eq!(outgoing.written(), 0);
}

#[test]
fn a_cancel_overtakes_everything_but_its_own_invoke() {
    let mut outgoing = outgoing();
    let (sent, waiting) = (call(&mut outgoing, 1), 2);
    batch(&mut outgoing);
    assert_eq!(call(&mut outgoing, 1), waiting);
    assert!(outgoing.cancel(sent, 0));
    assert!(outgoing.cancel(waiting, 0), "it still leaves");
    assert_eq!(words(&batch(&mut outgoing)), ["cancel 1", "invoke 2", "cancel 2"]);
}

#[test]
fn all_cancels_leave_with_the_next_batch_however_many() {
    // A later Invoke may take the place of a cancelled payload, so none may leave before these.
    let mut outgoing = outgoing();
    for _ in 0..30_000 {
        call(&mut outgoing, 0);
    }
    drain(&mut outgoing);
    for call in 1..=30_000 {
        assert!(outgoing.cancel(call, 0));
    }
    call(&mut outgoing, 0);
    let words = words(&batch(&mut outgoing));
    assert_eq!((words.len(), words[30_000].as_str()), (30_001, "invoke 30001"));
}

#[test]
fn a_cancelled_payload_is_not_sent_further() {
    let mut outgoing = outgoing();
    let begun = call(&mut outgoing, MIB);
    batch(&mut outgoing);
    let waiting = call(&mut outgoing, MIB);
    assert!(!outgoing.cancel(begun, 0) && !outgoing.cancel(waiting, 0));
    assert_eq!(words(&batch(&mut outgoing)), ["cancel 1", "invoke 2", "cancel 2"]);
    assert!(outgoing.is_empty());
}

#[test]
fn a_call_that_was_never_made_is_not_cancelled() {
    let mut outgoing = outgoing();
    let unused = outgoing.next_call();
    assert!(!outgoing.cancel(unused, 0) && !outgoing.cancel(99, 0));
    assert!(outgoing.is_empty());
}

#[test]
fn a_call_reaches_the_wire_with_its_last_byte() {
    let mut outgoing = outgoing();
    let small = call(&mut outgoing, 1);
    let large = call(&mut outgoing, 5 * CHUNK_BYTES);
    let reached = |outgoing: &Outgoing| (outgoing.reached_wire(small), outgoing.reached_wire(large));
    assert_eq!(reached(&outgoing), (false, false));
    batch(&mut outgoing);
    assert_eq!(reached(&outgoing), (true, false));
    batch(&mut outgoing);
    assert_eq!(reached(&outgoing), (true, true));
    let next = call(&mut outgoing, 1);
    assert!(!outgoing.reached_wire(next));
}

#[test]
fn a_call_in_a_backlog_reaches_the_wire_with_its_batch() {
    let mut outgoing = outgoing();
    for _ in 0..1_000 {
        call(&mut outgoing, 1_000);
    }
    let mut out = Vec::new();
    while !outgoing.is_empty() {
        out.extend(batch(&mut outgoing));
        let handed_out = frames(&out).len() as u64;
        assert!(handed_out == 1_000 || !outgoing.reached_wire(handed_out + 1));
        assert!(outgoing.reached_wire(handed_out));
    }
}

#[test]
fn at_the_backlog_bound_invokes_wait_and_all_else_passes() {
    let mut outgoing = Outgoing::new(1_000, PAYLOAD_MAX);
    call(&mut outgoing, 1_000);
    assert!(!outgoing.has_room());
    let next = outgoing.next_call();
    assert_eq!(outgoing.invoke(head(next), &[], vec![]), Err(Refused::Full));
    outgoing.outcome(1, Status::Returned, vec![0; 2 * CHUNK_BYTES]).unwrap();
    outgoing.cancel(1, 0);
    let waiting = outgoing.waiting_bytes();
    assert!(waiting > 1_000 + 2 * CHUNK_BYTES && waiting < 1_200 + 2 * CHUNK_BYTES, "{waiting}");
    drain(&mut outgoing);
    assert!(!outgoing.has_room(), "what the peer does not have yet is kept");
    outgoing.acknowledge(outgoing.written()).unwrap();
    assert_eq!(outgoing.waiting_bytes(), 0);
    // A refused number may be used, or not.
    assert_eq!(outgoing.invoke(head(next), &[], vec![]), Ok(None));
}

#[test]
fn large_arguments_are_bounded_in_number_as_the_receiver_bounds_them() {
    let mut outgoing = Outgoing::new(usize::MAX, PAYLOAD_MAX);
    let large = bytes::Bytes::from(vec![0; CHUNK_BYTES + 1]);
    let mut accepted = 0;
    while outgoing.has_room() {
        let call = outgoing.next_call();
        outgoing.invoke(head(call), &[], large.clone()).unwrap();
        accepted += 1;
    }
    assert_eq!(accepted, ASSEMBLIES_MAX - INTERLEAVED_MAX);
    outgoing.cancel(1, 0);
    assert!(outgoing.has_room());
}

#[test]
fn what_the_peer_would_refuse_is_not_accepted() {
    let mut outgoing = outgoing();
    let limit = PAYLOAD_MAX as usize;
    let large = |what, bytes, limit| Some(Refused::TooLarge { what, bytes, limit });
    let next = outgoing.next_call();
    assert_eq!(outgoing.invoke(head(next), &[], vec![0; limit + 1]).err(), large("arguments", limit + 1, limit));
    let area = vec![0; EXTENSION_MAX + 1];
    let refused = large("extension area", EXTENSION_MAX + 1, EXTENSION_MAX);
    assert_eq!(outgoing.invoke(head(next), &area, vec![]).err(), refused);
    assert_eq!(outgoing.outcome(1, Status::Failed, vec![0; limit + 1]).err(), large("result", limit + 1, limit));
    let table = vec![0; TABLE_MAX + 1];
    assert_eq!(outgoing.tasks(&table).err(), large("task table", TABLE_MAX + 1, TABLE_MAX));
    assert_eq!(outgoing.peers(&table).err(), large("gossip", TABLE_MAX + 1, TABLE_MAX));
    assert!(outgoing.is_empty());
    assert!(!outgoing.reached_wire(next));
}

#[test]
fn a_payload_of_one_chunk_travels_whole_and_one_byte_more_in_chunks() {
    let mut outgoing = outgoing();
    call(&mut outgoing, CHUNK_BYTES);
    call(&mut outgoing, CHUNK_BYTES + 1);
    let bytes = drain(&mut outgoing);
    let frames = frames(&bytes);
    let body = |at: usize| match frames[at] {
        Frame::Invoke(Invoke { arguments, .. }) => arguments,
        other => panic!("{other:?}"),
    };
    assert_eq!(body(0), Body::Whole(&[1; CHUNK_BYTES]));
    assert_eq!(body(1), Body::Chunked(CHUNK_BYTES as u32 + 1));
    assert_eq!(frames[3], Frame::Chunk { call: 2, of: Direction::Arguments, bytes: &[2] });
    assert_eq!(frames.len(), 4);
}

#[test]
fn a_long_piece_of_ractors_stream_is_cut() {
    let mut outgoing = outgoing();
    outgoing.ractor(&[1; 2 * CHUNK_BYTES + 1]);
    assert_eq!(outgoing.ractor_bytes(), 2 * CHUNK_BYTES + 1 + 3 * HEADER_BYTES);
    let bytes = drain(&mut outgoing);
    assert_eq!(words(&bytes), ["ractor"; 3]);
    assert_eq!(outgoing.ractor_bytes(), 0);
}
