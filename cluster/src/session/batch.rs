//! What is written at a time: pieces that lie where they are, and leave as if they stood side by side.

use std::{collections::VecDeque, io::IoSlice};

use bytes::{Buf, Bytes};

/// Bytes that leave together, in order. Small frames are one piece; a payload of its own is never copied into them.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// What nearly all batches are.
    first: Bytes,
    rest: VecDeque<Bytes>,
    bytes: usize,
}

impl Batch {
    /// Adds a piece at the end.
    pub(super) fn push(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        if self.first.is_empty() {
            self.first = piece;
        } else if !piece.is_empty() {
            self.rest.push_back(piece);
        }
    }

    /// Adds all pieces of another one at the end.
    pub(super) fn append(&mut self, other: &Self) {
        self.push(other.first.clone());
        other.rest.iter().for_each(|piece| self.push(piece.clone()));
    }
}

impl From<Bytes> for Batch {
    fn from(first: Bytes) -> Self {
        Self { bytes: first.len(), first, rest: VecDeque::new() }
    }
}

impl Buf for Batch {
    fn remaining(&self) -> usize {
        self.bytes
    }

    fn chunk(&self) -> &[u8] {
        &self.first
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = std::iter::once(&self.first).chain(&self.rest).filter(|piece| !piece.is_empty());
        slices.iter_mut().zip(pieces).map(|(slice, piece)| *slice = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.bytes, "{count} of {} bytes", self.bytes);
        self.bytes -= count;
        let mut left = count;
        while left >= self.first.len() {
            left -= self.first.len();
            match self.rest.pop_front() {
                Some(next) => self.first = next,
                None => {
                    self.first.clear();
                    return;
                }
            }
        }
        self.first.advance(left);
    }
}

/// A batch in the making: small frames in one buffer, and the payloads that stand between them.
#[derive(Debug)]
pub(super) struct Draft {
    small: Vec<u8>,
    /// Each with how much of `small` stands before it.
    payloads: Vec<(usize, Bytes)>,
    bytes: usize,
}

impl Draft {
    pub(super) fn new(room: usize) -> Self {
        Self { small: Vec::with_capacity(room), payloads: Vec::new(), bytes: 0 }
    }

    /// Where small frames are added.
    pub(super) fn small(&mut self) -> &mut Vec<u8> {
        &mut self.small
    }

    /// Adds bytes that stay where they are.
    pub(super) fn payload(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.payloads.push((self.small.len(), bytes));
    }

    /// All bytes so far.
    pub(super) fn len(&self) -> usize {
        self.small.len() + self.bytes
    }

    /// The batch, and what of it lies between two lengths of the small frames: all payloads do.
    pub(super) fn finish(self, from: usize, to: usize) -> (Batch, Batch) {
        let small = Bytes::from(self.small);
        if self.payloads.is_empty() {
            return (small.clone().into(), small.slice(from..to).into());
        }
        let (mut middle, mut at) = (Batch::default(), from);
        for (before, payload) in self.payloads {
            middle.push(small.slice(at..before));
            middle.push(payload);
            at = before;
        }
        middle.push(small.slice(at..to));
        let mut batch = Batch::from(small.slice(..from));
        batch.append(&middle);
        batch.push(small.slice(to..));
        (batch, middle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(batch: &Batch) -> Vec<Vec<u8>> {
        let mut slices = [IoSlice::new(&[]); 16];
        let count = batch.chunks_vectored(&mut slices);
        slices[..count].iter().map(|slice| slice.to_vec()).collect()
    }

    fn whole(mut batch: Batch) -> Vec<u8> {
        let bytes = batch.remaining();
        batch.copy_to_bytes(bytes).into()
    }

    fn draft() -> Draft {
        let mut draft = Draft::new(8);
        for (small, payload) in [("said ", "PAYLOAD"), ("head", "MORE"), ("bye", "")] {
            draft.small().extend_from_slice(small.as_bytes());
            if !payload.is_empty() {
                draft.payload(Bytes::from_static(payload.as_bytes()));
            }
        }
        draft
    }

    #[test]
    fn payloads_stand_where_they_were_added_and_what_is_kept_lies_between() {
        assert_eq!(draft().len(), 23);
        let (batch, kept) = draft().finish(2, 9);
        assert_eq!(whole(batch), b"said PAYLOADheadMOREbye");
        assert_eq!(whole(kept), b"id PAYLOADheadMORE");
    }

    #[test]
    fn a_payload_is_not_copied() {
        let payload = Bytes::from(vec![7; 100]);
        let mut draft = Draft::new(8);
        draft.small().push(1);
        draft.payload(payload.clone());
        let (batch, _) = draft.finish(0, 1);
        assert_eq!(batch.rest[0].as_ptr(), payload.as_ptr());
    }

    #[test]
    fn it_is_taken_from_the_front_in_whatever_steps() {
        let (batch, _) = draft().finish(0, 12);
        let all = whole(batch.clone());
        for step in 1..=all.len() {
            let (mut batch, mut taken) = (batch.clone(), 0);
            while batch.has_remaining() {
                assert_eq!(pieces(&batch).concat(), all[taken..], "after {taken} by {step}");
                let count = step.min(batch.remaining());
                batch.advance(count);
                taken += count;
            }
            assert_eq!((taken, pieces(&batch)), (all.len(), Vec::<Vec<u8>>::new()));
        }
    }

    #[test]
    fn small_frames_alone_are_one_piece() {
        let mut draft = Draft::new(8);
        draft.small().extend_from_slice(b"beat call bye");
        let (batch, kept) = draft.finish(5, 10);
        assert_eq!((pieces(&batch).len(), whole(kept)), (1, b"call ".to_vec()));
    }
}
