//! What was written and the peer has not said to have: kept, so that a session survives its connection.

use std::collections::VecDeque;

use bytes::Bytes;

use super::frame::{HEADER_BYTES, Header};

/// Numbered frames, as they were written, from the first that the peer has not said to have processed.
#[derive(Debug, Default)]
pub(super) struct Retained {
    pieces: VecDeque<Piece>,
    /// Numbered frames before the first piece.
    before: u64,
    bytes: usize,
    /// Pieces, from the front, that were written again since the last rewind; all, while nothing is replayed.
    replayed: usize,
    /// Frames of the first piece that the peer has, where a replay begins.
    skip: u64,
}

#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    frames: u64,
}

impl Retained {
    /// Keeps what is written now.
    pub(super) fn keep(&mut self, bytes: Bytes, frames: u64) {
        if frames > 0 {
            self.bytes += bytes.len();
            self.pieces.push_back(Piece { bytes, frames });
            self.replayed += 1;
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Lets go what the peer has processed; a piece goes as a whole.
    pub(super) fn acknowledge(&mut self, processed: u64) {
        while let Some(first) = self.pieces.front().filter(|first| self.before + first.frames <= processed) {
            self.before += first.frames;
            self.bytes -= first.bytes.len();
            self.replayed = self.replayed.saturating_sub(1);
            self.skip = 0;
            self.pieces.pop_front();
        }
    }

    /// Begins to replay after the frame `processed`.
    pub(super) fn rewind(&mut self, processed: u64) {
        self.acknowledge(processed);
        self.skip = processed.saturating_sub(self.before);
        self.replayed = 0;
    }

    /// Whether something is left to be replayed.
    pub(super) fn replays(&self) -> bool {
        self.replayed < self.pieces.len()
    }

    /// Takes the next piece to be written again.
    pub(super) fn replay(&mut self) -> Option<Bytes> {
        let piece = self.pieces.get(self.replayed)?;
        let skip = if self.replayed == 0 { std::mem::take(&mut self.skip) } else { 0 };
        self.replayed += 1;
        Some(after(&piece.bytes, skip))
    }
}

/// What follows the first `frames` of a piece, which is whole frames of ours.
fn after(bytes: &Bytes, frames: u64) -> Bytes {
    let mut at = 0;
    for _ in 0..frames {
        match Header::peek(&bytes[at..]) {
            Ok(Some(header)) => at += HEADER_BYTES + header.body,
            _ => break,
        }
    }
    bytes.slice(at..)
}
