//! Large payloads that wait to leave in chunks.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;

use super::batch::Draft;
use super::frame::{Body, Direction, Frame, Status};
use super::limits::{ARGUMENTS_OPEN_MAX, CHUNK_BYTES, INTERLEAVED_MAX};
use super::numbers::Written;

/// One large payload.
#[derive(Debug)]
pub(super) struct Bulk {
    call: u64,
    of: Direction,
    /// Status of a result whose header leaves with its first chunk; arguments had theirs in the lane of calls.
    header: Option<Status>,
    total: u32,
    rest: Bytes,
}

/// All large payloads towards one peer: a few whose chunks take turns, the others in line.
///
/// Those that take turns together stay within the receiver's bound for unfinished payloads.
#[derive(Debug)]
pub(super) struct Bulks {
    taking_turns: VecDeque<Bulk>,
    waiting: VecDeque<Bulk>,
    /// Calls whose arguments have not left completely.
    arguments: BTreeSet<u64>,
    /// Sum of the sizes of those that take turns; at most `assembling_max`.
    assembling: u64,
    assembling_max: u64,
    bytes: usize,
}

impl Bulks {
    pub(super) fn new(assembling_max: u64) -> Self {
        Self {
            taking_turns: VecDeque::new(),
            waiting: VecDeque::new(),
            arguments: BTreeSet::new(),
            assembling: 0,
            assembling_max,
            bytes: 0,
        }
    }

    pub(super) fn push_arguments(&mut self, call: u64, total: u32, rest: Bytes) {
        self.arguments.insert(call);
        self.push(Bulk { call, of: Direction::Arguments, header: None, total, rest });
    }

    pub(super) fn push_result(&mut self, call: u64, status: Status, total: u32, rest: Bytes) {
        self.push(Bulk { call, of: Direction::Result, header: Some(status), total, rest });
    }

    fn push(&mut self, bulk: Bulk) {
        self.bytes += bulk.rest.len();
        self.waiting.push_back(bulk);
    }

    /// Returns the bytes that have not left.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(super) fn has_room(&self) -> bool {
        self.arguments.len() < ARGUMENTS_OPEN_MAX
    }

    /// Tells whether arguments of this call have not left completely.
    pub(super) fn holds_arguments(&self, call: u64) -> bool {
        self.arguments.contains(&call)
    }

    /// Drops what is left of a call's arguments; tells whether there was something.
    pub(super) fn drop_arguments(&mut self, call: u64) -> bool {
        if !self.arguments.remove(&call) {
            return false;
        }
        let theirs = |bulk: &Bulk| bulk.of == Direction::Arguments && bulk.call == call;
        if let Some(bulk) = position(&self.taking_turns, theirs).and_then(|at| self.taking_turns.remove(at)) {
            self.assembling -= u64::from(bulk.total);
            self.bytes -= bulk.rest.len();
        } else if let Some(bulk) = position(&self.waiting, theirs).and_then(|at| self.waiting.remove(at)) {
            self.bytes -= bulk.rest.len();
        }
        true
    }

    /// Appends the next chunk, with its header if a result begins; tells whether there was one. `invoked` is the last
    /// call whose Invoke has left.
    pub(super) fn next_chunk(&mut self, invoked: u64, out: &mut Draft, written: &mut Written) -> bool {
        self.admit(invoked);
        let Some(mut bulk) = self.taking_turns.pop_front() else { return false };
        let Bulk { call, of, total, .. } = bulk;
        if let Some(status) = bulk.header.take() {
            Frame::Outcome { call, status, body: Body::Chunked(total) }.encode(out.small());
            written.count(1);
        }
        let bytes = bulk.rest.split_to(bulk.rest.len().min(CHUNK_BYTES));
        Frame::announce_chunk(call, of, bytes.len(), out.small());
        written.count(1);
        self.bytes -= bytes.len();
        out.payload(bytes);
        if !bulk.rest.is_empty() {
            self.taking_turns.push_back(bulk);
            return true;
        }
        self.assembling -= u64::from(total);
        if of == Direction::Arguments {
            self.arguments.remove(&call);
        }
        true
    }

    /// Lets those take turns for which the receiver has room, in order; not before their Invoke has left.
    fn admit(&mut self, invoked: u64) {
        while let Some(next) = self.waiting.front() {
            let total = u64::from(next.total);
            let room = self.taking_turns.len() < INTERLEAVED_MAX && self.assembling + total <= self.assembling_max;
            let announced = next.of == Direction::Result || next.call <= invoked;
            if !(room && announced) {
                return;
            }
            self.assembling += total;
            self.taking_turns.extend(self.waiting.pop_front());
        }
    }
}

fn position(bulks: &VecDeque<Bulk>, which: impl Fn(&Bulk) -> bool) -> Option<usize> {
    bulks.iter().position(which)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{
        frame::{HEADER_BYTES, Header},
        tests::whole,
    };

    const MIB: u32 = 1024 * 1024;

    fn bulks() -> Bulks {
        Bulks::new(2 * u64::from(MIB))
    }

    fn bytes(total: u32) -> Bytes {
        vec![0; total as usize].into()
    }

    /// Calls in the order in which their chunks leave; a header counts as none.
    fn turns(bulks: &mut Bulks, invoked: u64, count: usize) -> Vec<u64> {
        let mut written = Written::default();
        let mut calls = Vec::new();
        for _ in 0..count {
            let mut out = Draft::new(0);
            bulks.next_chunk(invoked, &mut out, &mut written);
            let small = out.small().len();
            let out = whole(out.finish(0, small).0);
            let mut rest = &out[..];
            while let Some(header) = Header::peek(rest).unwrap() {
                let (frame, after) = rest[HEADER_BYTES..].split_at(header.body);
                if let Some(Frame::Chunk { call, .. }) = Frame::decode(header.kind, frame).unwrap() {
                    calls.push(call);
                }
                rest = after;
            }
        }
        calls
    }

    #[test]
    fn bulks_take_turns() {
        let mut bulks = bulks();
        bulks.push_result(1, Status::Returned, MIB, bytes(MIB));
        bulks.push_arguments(2, MIB, bytes(MIB));
        assert_eq!(turns(&mut bulks, 2, 5), [1, 2, 1, 2, 1]);
    }

    #[test]
    fn what_would_exceed_the_receivers_bound_stands_in_line() {
        let mut bulks = bulks();
        (1..=4).for_each(|call| bulks.push_result(call, Status::Returned, MIB, bytes(MIB)));
        let calls = turns(&mut bulks, 0, 100);
        assert_eq!(calls.len(), 64);
        assert!(calls[..32].iter().all(|call| *call <= 2));
        assert!(calls[32..].iter().all(|call| *call > 2));
        assert!(bulks.is_empty());
    }

    #[test]
    fn chunks_of_arguments_wait_for_their_invoke() {
        let mut bulks = bulks();
        bulks.push_arguments(5, MIB, bytes(MIB));
        assert_eq!(turns(&mut bulks, 4, 3), [0; 0]);
        assert_eq!(turns(&mut bulks, 5, 1), [5]);
    }

    #[test]
    fn dropped_arguments_make_room_for_those_in_line() {
        let mut bulks = bulks();
        (1..=3).for_each(|call| bulks.push_arguments(call, MIB, bytes(MIB)));
        assert_eq!(turns(&mut bulks, 3, 2), [1, 2]);
        assert!(bulks.drop_arguments(1) && !bulks.drop_arguments(1));
        assert_eq!(turns(&mut bulks, 3, 3), [2, 3, 2]);
        assert!(bulks.drop_arguments(3) && bulks.drop_arguments(2));
        assert!(bulks.is_empty());
        assert_eq!(bulks.assembling, 0);
    }
}
