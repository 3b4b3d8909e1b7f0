//! What the receiving half tells, and what it refuses.

use super::super::frame::{Body, Direction, Invoke, Status, extension};
use super::super::limits::{ACK_FRAMES, CHUNK_BYTES};
use super::*;

const CHUNKED: u32 = CHUNK_BYTES as u32 + 1;

fn invoke(call: u64, arguments: Body<'_>) -> Frame<'_> {
    Frame::Invoke(Invoke { head: head(call), extension: &[], arguments })
}

fn whole(call: u64) -> Frame<'static> {
    invoke(call, Body::Whole(b"arguments"))
}

fn announced(call: u64) -> Frame<'static> {
    invoke(call, Body::Chunked(CHUNKED))
}

fn outcome(call: u64, body: Body<'_>) -> Frame<'_> {
    Frame::Outcome { call, status: Status::Returned, body }
}

fn chunk(call: u64, of: Direction, bytes: &[u8]) -> Frame<'_> {
    Frame::Chunk { call, of, bytes }
}

/// The last of these frames must be refused, in these words, and those before must not.
#[track_caller]
fn check_refused(frames: &[Frame<'_>], text: &str) {
    let (_, before) = receive(&mut incoming(), [&encode(&frames[..frames.len() - 1])[..]]);
    assert_eq!(before, Ok(()));
    let (_, refused) = receive(&mut incoming(), [&encode(frames)[..]]);
    assert_eq!(refused.unwrap_err().to_string(), text);
}

#[test]
fn call_numbers_that_do_not_grow_are_refused() {
    check_refused(&[whole(5), whole(5)], "invoke of call 5 after call 5: call numbers only grow");
    check_refused(&[whole(5), whole(4)], "invoke of call 4 after call 5: call numbers only grow");
    check_refused(&[announced(5), announced(5)], "invoke of call 5 after call 5: call numbers only grow");
    check_refused(&[whole(0)], "invoke of call 0 after call 0: call numbers only grow");
}

#[test]
fn chunks_that_nothing_announced_are_refused() {
    use Direction::{Arguments, Result};
    let text = "chunk for the arguments of call 5, which are not being received";
    check_refused(&[whole(5), chunk(5, Arguments, b"x")], text);
    check_refused(&[announced(5), Frame::Cancel { call: 5, by: 0 }, chunk(5, Arguments, b"x")], text);
    check_refused(&[outcome(5, Body::Chunked(CHUNKED)), chunk(5, Arguments, b"x")], text);
    let text = "chunk for the result bytes of call 5, which are not being received";
    check_refused(&[announced(5), chunk(5, Result, b"x")], text);
}

#[test]
fn payloads_that_do_not_keep_to_their_announcement_are_refused() {
    let full = [7; CHUNK_BYTES];
    let first = chunk(5, Direction::Arguments, &full);
    let beyond = chunk(5, Direction::Arguments, b"xy");
    check_refused(
        &[announced(5), first, beyond],
        "chunks for the arguments of call 5 exceed the announced 65537 bytes",
    );
    check_refused(&[announced(5), chunk(5, Direction::Arguments, b"")], "malformed chunk frame: it is empty");
    let text = "arguments of call 5 announced with 4194305 bytes, allowed in chunks are 65537 to 4194304";
    check_refused(&[invoke(5, Body::Chunked(PAYLOAD_MAX + 1))], text);
}

#[test]
fn a_second_outcome_is_refused_while_the_first_is_coming() {
    let text = "a second outcome for call 5 while its first is still coming";
    check_refused(&[outcome(5, Body::Chunked(CHUNKED)), outcome(5, Body::Chunked(CHUNKED))], text);
    check_refused(&[outcome(5, Body::Chunked(CHUNKED)), outcome(5, Body::Whole(b""))], text);
}

#[test]
fn a_cancel_of_a_call_that_was_not_made_is_refused() {
    let text = "cancel of call 6, but the highest call so far is 5";
    check_refused(&[whole(5), Frame::Cancel { call: 5, by: 0 }, Frame::Cancel { call: 6, by: 0 }], text);
}

#[test]
fn an_oversized_frame_is_refused_by_its_header_alone_and_what_came_before_is_heard() {
    let mut bytes = encode(&[whole(1), Frame::Ack { processed: 0 }]);
    bytes.extend_from_slice(&[4, 0xff, 0xff, 0xff, 0xff]);
    let (events, refused) = receive(&mut incoming(), [&bytes[..]]);
    assert_eq!(events.len(), 2);
    let text = "chunk frame of 4294967295 bytes, at most 65545 are allowed";
    assert_eq!(refused.unwrap_err().to_string(), text);
}

#[test]
fn unknown_kinds_are_skipped_counted_and_numbered_below_128() {
    let mut incoming = incoming();
    let mut bytes = vec![99, 3, 0, 0, 0, 1, 2, 3, 0xF0, 0, 0, 0, 0];
    bytes.extend(encode(&[whole(1)]));
    let (events, result) = receive(&mut incoming, [&bytes[..]]);
    assert_eq!((events.len(), result), (1, Ok(())));
    assert_eq!((incoming.skipped(), incoming.processed()), (2, 2));
}

#[test]
fn small_payloads_are_not_copied() {
    let mut area = Vec::new();
    extension::put(&mut area, extension::LABEL, b"label").unwrap();
    let arguments = Body::Whole(b"arguments");
    let frame = Frame::Invoke(Invoke { head: head(1), extension: &area, arguments });
    let mut buffer = BytesMut::from(&encode(&[frame])[..]);
    let memory = buffer.as_ptr_range();
    let mut events = Vec::new();
    incoming().receive(&mut buffer, &mut |event| events.push(event)).unwrap();
    let Some(Event::Invoke { extension, arguments, .. }) = events.pop() else { panic!("{events:?}") };
    assert_eq!((&extension[..], &arguments[..]), (&area[..], &b"arguments"[..]));
    assert!(memory.contains(&extension.as_ptr()) && memory.contains(&arguments.as_ptr()));
}

#[test]
fn a_call_cancelled_while_its_arguments_come_was_never_heard_and_is_abandoned() {
    let mut incoming = incoming();
    let begun = chunk(5, Direction::Arguments, b"x");
    let cancel = |call| Frame::Cancel { call, by: 3 };
    let bytes = encode(&[whole(4), announced(5), begun, cancel(5), cancel(4), cancel(5)]);
    let (events, result) = receive(&mut incoming, [&bytes[..]]);
    assert_eq!(result, Ok(()));
    // Twice cancelled, the second is one like any other.
    let [Event::Abandoned { head: abandoned, bytes, by: 3 }, rest @ ..] = &events[1..] else { panic!("{events:?}") };
    assert_eq!((*abandoned, *bytes), (head(5), CHUNK_BYTES + 1), "as they were announced");
    assert_eq!(rest, [Event::Cancel { call: 4, by: 3 }, Event::Cancel { call: 5, by: 3 }]);
}

#[test]
fn an_ack_is_due_until_told() {
    let mut incoming = incoming();
    let beat = encode(&[Frame::Ack { processed: 0 }]);
    let ractor = encode(&[Frame::Ractor(b"x")]);
    for _ in 1..ACK_FRAMES {
        receive(&mut incoming, [&beat[..], &ractor[..]]).1.unwrap();
    }
    assert!(!incoming.ack_due());
    receive(&mut incoming, [&ractor[..]]).1.unwrap();
    assert!(incoming.ack_due());
    assert_eq!(incoming.tell_processed(), ACK_FRAMES);
    assert!(!incoming.ack_due());
}
