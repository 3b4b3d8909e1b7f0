//! Both halves against each other: whatever is enqueued arrives, however the bytes are cut.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::frame::{Heartbeat, Status};
use super::super::limits::CHUNK_BYTES;
use super::*;

/// What a link may do with its sending half.
#[derive(Debug, Clone)]
enum Op {
    Invoke(usize),
    Outcome(usize),
    /// Cancels one of the calls so far.
    Cancel(usize),
    Ractor(usize),
    Tasks(usize),
    Heartbeat,
    Ack,
    Batch,
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0..200usize, 1 => 0..3 * CHUNK_BYTES, 1 => CHUNK_BYTES - 1..CHUNK_BYTES + 2, 1 => 0..MIB]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => sizes().prop_map(Op::Invoke),
        4 => sizes().prop_map(Op::Outcome),
        2 => any::<usize>().prop_map(Op::Cancel),
        1 => (0..2 * CHUNK_BYTES).prop_map(Op::Ractor),
        1 => (0..1_000usize).prop_map(Op::Tasks),
        1 => Just(Op::Heartbeat),
        1 => Just(Op::Ack),
        4 => Just(Op::Batch),
    ];
    vec(op, 0..60)
}

/// Everything that was enqueued, as the receiver should hear it.
#[derive(Debug, Default)]
struct Said {
    invokes: BTreeMap<u64, Bytes>,
    outcomes: BTreeMap<u64, Bytes>,
    /// Calls cancelled once, and of those the ones that had not reached the wire.
    cancels: BTreeSet<u64>,
    unreached: BTreeSet<u64>,
    ractor: Vec<u8>,
    tasks: Vec<Bytes>,
    bytes: Vec<u8>,
    written: u64,
}

fn payload(seed: usize, bytes: usize) -> Bytes {
    (0..bytes).map(|at| (at / 7 + seed) as u8).collect()
}

fn say(ops: &[Op]) -> Said {
    let (mut outgoing, mut said) = (outgoing(), Said::default());
    for (at, op) in ops.iter().enumerate() {
        match op {
            Op::Batch => said.bytes.extend(batch(&mut outgoing)),
            op => do_one(&mut outgoing, &mut said, at, op),
        }
    }
    let rest = drain(&mut outgoing);
    said.bytes.extend_from_slice(&rest);
    said.written = outgoing.written();
    said
}

fn do_one(outgoing: &mut Outgoing, said: &mut Said, at: usize, op: &Op) {
    match *op {
        Op::Invoke(bytes) => {
            let (call, bytes) = (outgoing.next_call(), payload(at, bytes));
            outgoing.invoke(head(call), &[], bytes.clone()).unwrap();
            said.invokes.insert(call, bytes);
        }
        Op::Outcome(bytes) => {
            let (call, bytes) = (1_000 + at as u64, payload(at, bytes));
            outgoing.outcome(call, Status::Returned, &bytes[..]).unwrap();
            said.outcomes.insert(call, bytes);
        }
        Op::Cancel(which) => cancel(outgoing, said, which),
        Op::Ractor(bytes) => {
            outgoing.ractor(&payload(at, bytes));
            said.ractor.extend_from_slice(&payload(at, bytes));
        }
        Op::Tasks(bytes) => {
            outgoing.tasks(&payload(at, bytes)).unwrap();
            said.tasks.push(payload(at, bytes));
        }
        Op::Heartbeat => {
            outgoing.heartbeat(Heartbeat {
                processed: at as u64,
                unstarted: 0,
                running: 0,
                suspended: 0,
                mean_us: 0,
                stalled: 0,
                beat: 0,
                echo: 0,
                clock_us: 0,
            });
        }
        Op::Ack => outgoing.ack(at as u64),
        Op::Batch => {}
    }
}

fn cancel(outgoing: &mut Outgoing, said: &mut Said, which: usize) {
    let Some(call) = said.invokes.keys().copied().nth(which % said.invokes.len().max(1)) else { return };
    if said.cancels.insert(call) && !outgoing.cancel(call, 0) {
        said.unreached.insert(call);
    }
}

/// What was heard, sorted by what it is about.
#[derive(Debug, Default)]
struct Heard {
    invokes: BTreeMap<u64, Bytes>,
    outcomes: BTreeMap<u64, Bytes>,
    cancelled: BTreeSet<u64>,
    abandoned: BTreeSet<u64>,
    ractor: Vec<u8>,
    tasks: Vec<Bytes>,
}

fn sort(events: Vec<Event>) -> Heard {
    let mut heard = Heard::default();
    for event in events {
        match event {
            Event::Invoke { head, arguments, .. } => assert_eq!(heard.invokes.insert(head.call, arguments), None),
            Event::Outcome { call, result, .. } => assert_eq!(heard.outcomes.insert(call, result), None),
            Event::Cancel { call, .. } => {
                assert!(heard.invokes.contains_key(&call), "a cancel overtook the Invoke of call {call}");
                assert!(heard.cancelled.insert(call));
            }
            Event::Abandoned { head, .. } => assert!(heard.abandoned.insert(head.call)),
            Event::Ractor(bytes) => heard.ractor.extend_from_slice(&bytes),
            Event::Tasks(bytes) => heard.tasks.push(bytes),
            Event::Peers(_) | Event::Notice(_) | Event::Goodbye { .. } => panic!("never said: {event:?}"),
            Event::Heartbeat(_) | Event::Ack { .. } | Event::Credit(_) => {}
        }
    }
    heard
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_that_is_said_is_heard_once_and_numbered_alike(ops in ops()) {
        let said = say(&ops);
        let mut incoming = incoming();
        let (events, result) = receive(&mut incoming, [&said.bytes[..]]);
        prop_assert_eq!(result, Ok(()));
        let heard = sort(events);
        prop_assert_eq!(incoming.processed(), said.written);
        prop_assert_eq!(&heard.outcomes, &said.outcomes);
        prop_assert_eq!(&heard.ractor, &said.ractor);
        prop_assert_eq!(&heard.tasks, &said.tasks);
        // A call is heard as an Invoke, or its cancel says that its arguments never became whole.
        for (call, arguments) in &said.invokes {
            match heard.invokes.get(call) {
                Some(heard) => prop_assert_eq!(heard, arguments),
                None => prop_assert!(heard.abandoned.contains(call)),
            }
        }
        prop_assert!(heard.abandoned.is_subset(&said.unreached));
        let cancels: BTreeSet<_> = heard.cancelled.union(&heard.abandoned).copied().collect();
        prop_assert_eq!(&cancels, &said.cancels);
    }

    #[test]
    fn any_cut_of_the_bytes_tells_the_same(ops in ops(), cuts in vec(any::<proptest::sample::Index>(), 0..200)) {
        let bytes = say(&ops).bytes;
        let (whole, _) = receive(&mut incoming(), [&bytes[..]]);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
        let (cut, result) = receive(&mut incoming(), pieces);
        prop_assert_eq!(result, Ok(()));
        prop_assert!(whole == cut, "events differ");
    }

    #[test]
    fn a_session_survives_any_number_of_connections(
        ops in ops(),
        cuts in vec((any::<proptest::sample::Index>(), any::<proptest::sample::Index>(), any::<bool>()), 0..12),
    ) {
        let (mut outgoing, mut said) = (outgoing(), Said::default());
        let (mut incoming, mut events) = (incoming(), Vec::new());
        let mut wire = Vec::new();
        // After so many operations the connection breaks: so much of what is on the wire still arrives.
        let mut breaks: Vec<_> = cuts.iter().map(|(at, arrives, acks)| (at.index(ops.len() + 1), arrives, acks)).collect();
        breaks.sort_by_key(|(at, ..)| *at);
        for at in 0..=ops.len() {
            for (_, arrives, acks) in breaks.iter().filter(|(broken, ..)| *broken == at) {
                let (told, result) = receive(&mut incoming, [&wire[..arrives.index(wire.len() + 1)]]);
                prop_assert_eq!(result, Ok(()));
                events.extend(told);
                if **acks {
                    outgoing.acknowledge(incoming.tell_processed()).unwrap();
                }
                incoming.goes_on_elsewhere();
                outgoing.resume(incoming.processed()).unwrap();
                wire.clear();
            }
            match ops.get(at) {
                Some(Op::Batch) => wire.extend(batch(&mut outgoing)),
                Some(op) => do_one(&mut outgoing, &mut said, at, op),
                None => wire.extend_from_slice(&drain(&mut outgoing)),
            }
        }
        let (told, result) = receive(&mut incoming, [&wire[..]]);
        prop_assert_eq!(result, Ok(()));
        events.extend(told);
        let heard = sort(events);
        prop_assert_eq!(incoming.processed(), outgoing.written());
        prop_assert_eq!(&heard.outcomes, &said.outcomes);
        prop_assert_eq!(&heard.ractor, &said.ractor);
        prop_assert_eq!(&heard.tasks, &said.tasks);
        for (call, arguments) in &said.invokes {
            match heard.invokes.get(call) {
                Some(heard) => prop_assert_eq!(heard, arguments),
                None => prop_assert!(heard.abandoned.contains(call)),
            }
        }
        let cancels: BTreeSet<_> = heard.cancelled.union(&heard.abandoned).copied().collect();
        prop_assert_eq!(&cancels, &said.cancels);
        outgoing.acknowledge(incoming.processed()).unwrap();
        prop_assert_eq!(outgoing.waiting_bytes(), 0, "what the peer has is let go");
    }

    #[test]
    fn a_mangled_stream_never_panics_and_tells_the_same_however_it_is_cut(
        ops in ops(),
        flips in vec((any::<proptest::sample::Index>(), 1u8..), 1..20),
        piece in 1usize..5_000,
    ) {
        let mut bytes = say(&ops).bytes;
        prop_assume!(!bytes.is_empty());
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        let (whole, broken) = receive(&mut incoming(), [&bytes[..]]);
        let (cut, broken_too) = receive(&mut incoming(), bytes.chunks(piece));
        prop_assert_eq!(broken, broken_too);
        prop_assert!(whole == cut, "events differ");
    }

    #[test]
    fn frames_of_garbage_never_panic(
        frames in vec((prop_oneof![1u8..8, 0x80u8..0x85, any::<u8>()], vec(any::<u8>(), 0..60)), 0..20),
    ) {
        for cut in 0..frames.len() {
            let mut bytes = Vec::new();
            for (kind, body) in &frames[cut..] {
                bytes.push(*kind);
                bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
                bytes.extend_from_slice(body);
            }
            let _ = receive(&mut incoming(), [&bytes[..]]);
        }
    }
}

#[test]
fn every_byte_alone_tells_the_same() {
    let ops = [Op::Invoke(CHUNK_BYTES + 9), Op::Outcome(3), Op::Ractor(8), Op::Cancel(0), Op::Heartbeat, Op::Batch];
    let bytes = say(&ops).bytes;
    let (whole, _) = receive(&mut incoming(), [&bytes[..]]);
    let (cut, result) = receive(&mut incoming(), bytes.chunks(1));
    assert_eq!(result, Ok(()));
    assert_eq!(whole, cut);
}

#[test]
fn a_sender_at_all_its_bounds_stays_within_those_of_its_receiver() {
    let mut outgoing = Outgoing::new(usize::MAX, PAYLOAD_MAX);
    let large = Bytes::from(vec![1; CHUNK_BYTES + 1]);
    let largest = Bytes::from(vec![2; PAYLOAD_MAX as usize]);
    let mut invokes = 0;
    while outgoing.has_room() {
        let call = outgoing.next_call();
        outgoing.invoke(head(call), &[], large.clone()).unwrap();
        invokes += 1;
    }
    (1..=2_000).for_each(|call| outgoing.outcome(call, Status::Returned, large.clone()).unwrap());
    (2_001..=2_020).for_each(|call| outgoing.outcome(call, Status::Returned, largest.clone()).unwrap());
    let (mut incoming, mut buffer, mut events) = (incoming(), BytesMut::new(), 0);
    while !outgoing.is_empty() {
        buffer.extend_from_slice(&batch(&mut outgoing));
        incoming.receive(&mut buffer, &mut |_| events += 1).unwrap();
        // Each call that left makes room for another, which the receiver must take.
        if outgoing.has_room() && invokes < 2_000 {
            call(&mut outgoing, CHUNK_BYTES + 1);
            invokes += 1;
        }
    }
    assert_eq!(events, invokes + 2_020);
    assert_eq!(incoming.processed(), outgoing.written());
}

#[test]
fn acknowledgements_pass_both_ways() {
    let (mut ours, mut theirs) = (outgoing(), incoming());
    for _ in 0..300 {
        call(&mut ours, 10);
    }
    receive(&mut theirs, [&drain(&mut ours)[..]]).1.unwrap();
    assert!(theirs.ack_due());
    let mut back = outgoing();
    back.ack(theirs.tell_processed());
    let (events, _) = receive(&mut incoming(), [&batch(&mut back)[..]]);
    let [Event::Ack { processed }] = events[..] else { panic!("{events:?}") };
    ours.acknowledge(processed).unwrap();
    assert_eq!((ours.acknowledged(), ours.written()), (300, 300));
}
