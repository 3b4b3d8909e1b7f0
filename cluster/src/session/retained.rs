//! What was written and the peer has not said to have: kept, so that a session survives its connection.

use std::collections::VecDeque;

use bytes::Buf as _;

use super::batch::Batch;
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
    batch: Batch,
    frames: u64,
}

impl Retained {
    /// Keeps what is written now.
    pub(super) fn keep(&mut self, batch: Batch, frames: u64) {
        if frames > 0 {
            self.bytes += batch.remaining();
            self.pieces.push_back(Piece { batch, frames });
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
            self.bytes -= first.batch.remaining();
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
    pub(super) fn replay(&mut self) -> Option<Batch> {
        let piece = self.pieces.get(self.replayed)?;
        let skip = if self.replayed == 0 { std::mem::take(&mut self.skip) } else { 0 };
        self.replayed += 1;
        Some(after(&piece.batch, skip))
    }
}

/// What follows the first `frames` of a piece, which is whole frames of ours.
fn after(batch: &Batch, frames: u64) -> Batch {
    let mut rest = batch.clone();
    for _ in 0..frames {
        // A header lies in one piece: only the bytes of a chunk lie elsewhere.
        match Header::peek(rest.chunk()) {
            Ok(Some(header)) => rest.advance(HEADER_BYTES + header.body),
            _ => break,
        }
    }
    rest
}
