//! Tests of the two halves, alone and against each other.

mod credit;
mod incoming;
mod outgoing;
mod pair;

use bytes::{Buf as _, BufMut as _, BytesMut};

use super::frame::{Frame, HEADER_BYTES, Head, Header};
use super::{Batch, Event, Incoming, Outgoing, ProtocolError};

const MIB: usize = 1024 * 1024;
const PAYLOAD_MAX: u32 = 4 * MIB as u32;
const BACKLOG_MAX: usize = 64 * MIB;

/// The plainest head.
pub(super) fn head(call: u64) -> Head {
    Head {
        call,
        task: 0,
        idempotent: false,
        detached: false,
        attempt: 0,
        id: call,
        origin: None,
        lineage: None,
        deadline: None,
    }
}

fn outgoing() -> Outgoing {
    Outgoing::new(BACKLOG_MAX, PAYLOAD_MAX)
}

fn incoming() -> Incoming {
    Incoming::new(PAYLOAD_MAX)
}

/// Makes a call with `bytes` bytes of arguments.
#[track_caller]
fn call(outgoing: &mut Outgoing, bytes: usize) -> u64 {
    let call = outgoing.next_call();
    outgoing.invoke(head(call), &[], vec![call as u8; bytes]).unwrap();
    call
}

fn batch(outgoing: &mut Outgoing) -> Vec<u8> {
    whole(outgoing.next_batch())
}

/// A batch as it comes out of a socket.
pub(super) fn whole(mut batch: Batch) -> Vec<u8> {
    let bytes = batch.remaining();
    batch.copy_to_bytes(bytes).into()
}

fn drain(outgoing: &mut Outgoing) -> Vec<u8> {
    let mut out = Vec::new();
    while !outgoing.is_empty() {
        out.extend(batch(outgoing));
    }
    out
}

/// Splits whole frames.
fn frames(mut bytes: &[u8]) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    while let Some(header) = Header::peek(bytes).unwrap() {
        let (frame, rest) = bytes.split_at(HEADER_BYTES + header.body);
        frames.push(Frame::decode(header.kind, &frame[HEADER_BYTES..]).unwrap().unwrap());
        bytes = rest;
    }
    frames
}

fn encode(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    frames.iter().for_each(|frame| frame.encode(&mut out));
    out
}

/// Feeds pieces as they would come from a socket, the rest of a chunk to where it belongs.
fn receive<'a>(
    incoming: &mut Incoming,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, Result<(), ProtocolError>) {
    let (mut buffer, mut events) = (BytesMut::new(), Vec::new());
    for mut piece in pieces {
        if let Some(mut rest) = incoming.rest_of_chunk() {
            let (belongs_there, follows) = piece.split_at(piece.len().min(rest.remaining_mut()));
            rest.put_slice(belongs_there);
            piece = follows;
        }
        buffer.extend_from_slice(piece);
        if let Err(broken) = incoming.receive(&mut buffer, &mut |event| events.push(event)) {
            return (events, Err(broken));
        }
    }
    (events, Ok(()))
}
