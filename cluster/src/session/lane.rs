//! A lane holds the small frames of one priority class, encoded, until a batch takes them.

use std::collections::VecDeque;

use super::frame::Frame;
use super::numbers::Written;

/// A segment is taken whole; at this size the next one begins.
const SEGMENT_BYTES: usize = 64 * 1024;

/// Encoded frames of one class in order.
///
/// Kept in segments, so that a batch can take a part without looking for the borders of frames, and a long backlog is
/// never moved.
#[derive(Debug, Default)]
pub(super) struct Lane {
    full: VecDeque<Segment>,
    open: Segment,
    /// Bytes in `full`.
    full_bytes: usize,
}

#[derive(Debug, Default)]
struct Segment {
    bytes: Vec<u8>,
    frames: u64,
    /// Call of the last Invoke in it, 0 without one.
    invoked: u64,
}

impl Lane {
    pub(super) fn push(&mut self, frame: &Frame<'_>) {
        frame.encode(&mut self.open.bytes);
        self.open.frames += 1;
        if let Frame::Invoke(invoke) = frame {
            self.open.invoked = invoke.head.call;
        }
        if self.open.bytes.len() >= SEGMENT_BYTES {
            let full = std::mem::take(&mut self.open);
            self.full_bytes += full.bytes.len();
            self.full.push_back(full);
        }
    }

    /// Returns the waiting bytes.
    pub(super) fn bytes(&self) -> usize {
        self.full_bytes + self.open.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes() == 0
    }

    /// Moves segments to `out` until it has `until` bytes, but at least one, so that no class starves.
    ///
    /// Counts their frames as written, and returns the call of the last Invoke among them.
    pub(super) fn take(&mut self, out: &mut Vec<u8>, until: usize, written: &mut Written) -> Option<u64> {
        let mut invoked = 0;
        loop {
            match self.full.pop_front() {
                Some(segment) => {
                    self.full_bytes -= segment.bytes.len();
                    invoked = invoked.max(segment.move_to(out, written));
                }
                None => {
                    invoked = invoked.max(self.open.move_to(out, written));
                    self.open.clear();
                    break;
                }
            }
            if out.len() >= until {
                break;
            }
        }
        (invoked > 0).then_some(invoked)
    }
}

impl Segment {
    fn move_to(&self, out: &mut Vec<u8>, written: &mut Written) -> u64 {
        out.extend_from_slice(&self.bytes);
        written.count(self.frames);
        self.invoked
    }

    /// Empties the segment for its next use; keeps the memory of ordinary sizes.
    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(2 * SEGMENT_BYTES);
        self.frames = 0;
        self.invoked = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::frame::HEADER_BYTES;

    fn lane(frames: usize, bytes: usize) -> Lane {
        let mut lane = Lane::default();
        let piece = vec![7; bytes - HEADER_BYTES];
        (0..frames).for_each(|_| lane.push(&Frame::Ractor(&piece)));
        lane
    }

    #[test]
    fn a_backlog_is_taken_in_parts_and_nothing_is_lost() {
        let mut lane = lane(1_000, 1_000);
        let (mut out, mut written) = (Vec::new(), Written::default());
        lane.take(&mut out, 200_000, &mut written);
        assert!((200_000..300_000).contains(&out.len()));
        assert_eq!(out.len() as u64, written.frames() * 1_000);
        assert_eq!(lane.bytes(), 1_000_000 - out.len());
        while !lane.is_empty() {
            lane.take(&mut out, 0, &mut written);
        }
        assert_eq!((out.len(), written.frames()), (1_000_000, 1_000));
    }

    #[test]
    fn a_full_batch_still_takes_one_segment() {
        let mut lane = lane(10, 100);
        let (mut out, mut written) = (vec![0; 500_000], Written::default());
        lane.take(&mut out, 1, &mut written);
        assert_eq!((out.len(), written.frames()), (501_000, 10));
    }
}
