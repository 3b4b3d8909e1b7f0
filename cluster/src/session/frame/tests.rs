//! Frames survive the wire, and nothing else does.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::credit::{Amount, Credit};
use super::super::error::ProtocolError;
use super::super::limits::CHUNK_BYTES;
use super::*;

/// What a frame borrows from.
type Parts = (Vec<u8>, Vec<u8>);

fn id() -> impl Strategy<Value = Id> {
    any::<(u64, u64)>().prop_map(|(origin, number)| Id { origin, number })
}

fn heads() -> impl Strategy<Value = Head> {
    let lineage = proptest::option::of((id(), id()).prop_map(|(parent, root)| Lineage { parent, root }));
    let numbers = any::<(u64, u32, u8, u64, Option<u64>, Option<(u64, u64)>)>();
    (numbers, any::<(bool, bool)>(), lineage).prop_map(|(numbers, (idempotent, detached), lineage)| {
        let (call, task, attempt, id, origin, deadline) = numbers;
        let deadline = deadline.map(|(at_us, told_us)| Deadline { at_us, told_us });
        Head { call, task, idempotent, detached, attempt, id, origin, lineage, deadline }
    })
}

fn parts() -> impl Strategy<Value = Parts> {
    let area = vec((any::<u8>(), vec(any::<u8>(), 0..50)), 0..4).prop_map(|entries| {
        let mut area = Vec::new();
        entries.iter().for_each(|(kind, bytes)| extension::put(&mut area, *kind, bytes).unwrap());
        area
    });
    (area, vec(any::<u8>(), 1..200))
}

/// Every kind of frame that can be made of these parts.
fn all<'a>((area, bytes): &'a Parts, head: Head, total: u32) -> Vec<Frame<'a>> {
    let [processed, call] = [head.id, head.call];
    let beat = Heartbeat {
        processed,
        unstarted: total,
        running: 1,
        suspended: head.task,
        mean_us: 9,
        stalled: 2,
        beat: total,
        echo: 3,
        clock_us: head.id,
    };
    let mut frames = vec![
        Frame::Heartbeat(beat),
        Frame::Ack { processed },
        Frame::Goodbye { reason: head.attempt, last_call: call },
        Frame::Credit(Credit {
            class: total,
            left: Amount { calls: processed, bytes: call },
            window: Amount { calls: 1, bytes: head.id },
        }),
        Frame::Cancel { call, by: head.attempt },
        Frame::Tasks(bytes),
        Frame::Peers(bytes),
        Frame::Ractor(bytes),
        Frame::Notice(bytes),
    ];
    for body in [Body::Whole(bytes), Body::Whole(&[]), Body::Chunked(total)] {
        frames.push(Frame::Invoke(Invoke { head, extension: area, arguments: body }));
        frames.extend([Status::Returned, Status::Failed, Status::HandedBack].map(|status| Frame::Outcome {
            call,
            status,
            body,
        }));
    }
    frames.extend([Direction::Arguments, Direction::Result].map(|of| Frame::Chunk { call, of, bytes }));
    frames
}

fn decode(bytes: &[u8]) -> Result<Option<Frame<'_>>, ProtocolError> {
    let header = Header::peek(bytes).unwrap().unwrap();
    assert_eq!(bytes.len(), HEADER_BYTES + header.body);
    Frame::decode(header.kind, &bytes[HEADER_BYTES..])
}

proptest! {
    #[test]
    fn a_frame_survives_the_wire(parts in parts(), head in heads(), total: u32) {
        for frame in all(&parts, head, total) {
            let mut bytes = vec![1, 2, 3];
            frame.encode(&mut bytes);
            prop_assert_eq!(&bytes[..3], [1, 2, 3]);
            prop_assert_eq!(decode(&bytes[3..]), Ok(Some(frame)));
        }
    }

    #[test]
    fn a_body_of_garbage_is_an_error_or_a_frame_that_encodes_to_it(kind: u8, body in vec(any::<u8>(), 0..200)) {
        if let Ok(Some(frame)) = Frame::decode(kind, &body) {
            let mut bytes = Vec::new();
            frame.encode(&mut bytes);
            // An empty extension area may be left out.
            let emptied = matches!(frame, Frame::Invoke(invoke) if invoke.extension.is_empty());
            prop_assert!(emptied || bytes[HEADER_BYTES..] == body[..]);
        }
    }
}

#[test]
fn a_cut_or_lengthened_body_of_fixed_size_is_refused() {
    let parts = (Vec::new(), vec![1]);
    let head = Head {
        call: 1,
        task: 2,
        idempotent: true,
        detached: true,
        attempt: 3,
        id: 4,
        origin: Some(5),
        lineage: Some(Lineage { parent: Id { origin: 6, number: 7 }, root: Id { origin: 8, number: 9 } }),
        deadline: Some(Deadline { at_us: 10, told_us: 11 }),
    };
    for frame in all(&parts, head, 70_000) {
        let open_end = matches!(
            frame,
            Frame::Tasks(_)
                | Frame::Peers(_)
                | Frame::Ractor(_)
                | Frame::Notice(_)
                | Frame::Chunk { .. }
                | Frame::Invoke(Invoke { arguments: Body::Whole(_), .. })
                | Frame::Outcome { body: Body::Whole(_), .. }
        );
        if open_end {
            continue;
        }
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        let (kind, body) = (bytes[0], &mut bytes[HEADER_BYTES..].to_vec());
        for len in 0..body.len() {
            let refused = Frame::decode(kind, &body[..len]);
            assert_eq!(refused, Err(ProtocolError::Malformed { kind, what: "ends early" }), "{frame:?}");
        }
        body.push(0);
        let refused = Frame::decode(kind, body);
        assert_eq!(refused, Err(ProtocolError::Malformed { kind, what: "has trailing bytes" }), "{frame:?}");
    }
}

#[test]
fn the_wire_format_is_what_it_was() {
    let mut out = Vec::new();
    let head = Head { call: 0x0102, task: 3, idempotent: true, detached: false, attempt: 1, id: 5, ..PLAIN };
    Frame::Invoke(Invoke { head, extension: &[], arguments: Body::Whole(b"ab") }).encode(&mut out);
    Frame::Cancel { call: 2, by: 7 }.encode(&mut out);
    let invoke = [
        &[1, 24, 0, 0, 0][..],
        &[2, 1, 0, 0, 0, 0, 0, 0],
        &[3, 0, 0, 0],
        &[0b100, 1],
        &[5, 0, 0, 0, 0, 0, 0, 0],
        b"ab",
        &[3, 9, 0, 0, 0],
        &[2, 0, 0, 0, 0, 0, 0, 0, 7],
    ];
    assert_eq!(out, invoke.concat());
}

const PLAIN: Head = Head {
    call: 0,
    task: 0,
    idempotent: false,
    detached: false,
    attempt: 0,
    id: 0,
    origin: None,
    lineage: None,
    deadline: None,
};

#[test]
fn unknown_flags_statuses_and_directions_are_refused() {
    #[track_caller]
    fn check(kind: Kind, at: usize, what: &'static str) {
        let mut body = vec![0; 40];
        body[at] = 0x80;
        let kind = kind as u8;
        assert_eq!(Frame::decode(kind, &body), Err(ProtocolError::Malformed { kind, what }));
    }
    check(Kind::Invoke, 12, "has unknown flags");
    check(Kind::Outcome, 8, "has an unknown status");
    check(Kind::Outcome, 9, "has unknown flags");
    check(Kind::Chunk, 8, "has an unknown direction");
}

#[test]
fn a_header_is_read_when_it_is_whole_and_its_claim_is_checked() {
    assert_eq!(Header::peek(&[1, 0, 0, 0]), Ok(None));
    assert_eq!(Header::peek(&[1, 2, 0, 0, 0]), Ok(Some(Header { kind: 1, body: 2 })));
    for kind in 0..=u8::MAX {
        let limit = Kind::body_max(kind);
        let claim = |bytes: usize| [[kind].as_slice(), &(bytes as u32).to_le_bytes()].concat();
        assert_eq!(Header::peek(&claim(limit)), Ok(Some(Header { kind, body: limit })));
        let refused = Err(ProtocolError::FrameTooLong { kind, bytes: limit + 1, limit });
        assert_eq!(Header::peek(&claim(limit + 1)), refused);
    }
}

#[test]
fn a_payload_beyond_one_frame_is_refused_though_the_frame_fits() {
    let mut body = vec![0; 30 + CHUNK_BYTES];
    let refused = Frame::decode(Kind::Invoke as u8, &body);
    assert!(matches!(refused, Err(ProtocolError::Malformed { .. })));
    body.truncate(22 + CHUNK_BYTES);
    assert!(Frame::decode(Kind::Invoke as u8, &body).is_ok());
}
