//! Payloads that arrive in chunks.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use super::error::ProtocolError;
use super::event::Event;
use super::frame::{Direction, Head, Status};
use super::limits::{ASSEMBLIES_MAX, CHUNK_BYTES, assembling_max};

/// What was said when a payload was announced, kept until the payload is whole.
#[derive(Debug)]
pub(super) enum Opening {
    /// An Invoke with its extension area, copied so that it does not hold on to the buffer that it came in.
    Invoke(Head, Bytes),
    /// An Outcome.
    Outcome(Status),
}

/// A payload that is not whole.
#[derive(Debug)]
struct Assembly {
    opening: Opening,
    total: u32,
    bytes: BytesMut,
}

/// The unfinished payloads of one peer, bounded in size, in number, and in bytes of all together.
#[derive(Debug)]
pub(super) struct Assemblies {
    /// By direction too: each end numbers its own calls, so one number may name two.
    open: BTreeMap<(Direction, u64), Assembly>,
    payload_max: u32,
    /// Sum of the sizes of those that have begun to come.
    held: u64,
}

impl Assemblies {
    pub(super) fn new(payload_max: u32) -> Self {
        Self { open: BTreeMap::new(), payload_max, held: 0 }
    }

    /// Begins a payload of `total` bytes. Takes no memory for it yet: the number is a claim.
    pub(super) fn open(&mut self, call: u64, total: u32, opening: Opening) -> Result<(), ProtocolError> {
        let of = opening.direction();
        let (min, max) = (CHUNK_BYTES as u32 + 1, self.payload_max);
        if !(min..=max).contains(&total) {
            return Err(ProtocolError::PayloadSize { of, call, total, min, max });
        }
        if of == Direction::Result {
            self.only_outcome(call)?;
        }
        if self.open.len() >= ASSEMBLIES_MAX {
            return Err(ProtocolError::TooManyPayloads { limit: ASSEMBLIES_MAX });
        }
        self.open.insert((of, call), Assembly { opening, total, bytes: BytesMut::new() });
        Ok(())
    }

    /// Refuses an outcome of a call while another one is still coming.
    pub(super) fn only_outcome(&self, call: u64) -> Result<(), ProtocolError> {
        match self.open.contains_key(&(Direction::Result, call)) {
            true => Err(ProtocolError::SecondOutcome { call }),
            false => Ok(()),
        }
    }

    /// Adds a chunk; returns what the payload was announced as once it is whole.
    pub(super) fn add(&mut self, of: Direction, call: u64, chunk: &[u8]) -> Result<Option<Event>, ProtocolError> {
        self.expect(of, call, chunk.len())?.extend_from_slice(chunk);
        Ok(self.finish(of, call))
    }

    /// Gives what has come of a payload, for a chunk of `bytes` bytes to be added.
    ///
    /// The first one brings the memory for all, which is never copied to grow: so much the sum of all that have begun is
    /// bounded by.
    pub(super) fn expect(&mut self, of: Direction, call: u64, bytes: usize) -> Result<&mut BytesMut, ProtocolError> {
        let assembly = self.open.get_mut(&(of, call)).ok_or(ProtocolError::ChunkOfNothing { of, call })?;
        let total = assembly.total;
        if bytes > total as usize - assembly.bytes.len() {
            return Err(ProtocolError::ChunkBeyondTotal { of, call, total });
        }
        if !assembly.has_begun() {
            let limit = assembling_max(self.payload_max);
            if self.held + u64::from(total) > limit {
                return Err(ProtocolError::PayloadBudget { limit });
            }
            self.held += u64::from(total);
            assembly.bytes = BytesMut::with_capacity(total as usize);
        }
        Ok(&mut assembly.bytes)
    }

    /// What has come of a payload.
    pub(super) fn get_mut(&mut self, of: Direction, call: u64) -> Option<&mut BytesMut> {
        self.open.get_mut(&(of, call)).map(|assembly| &mut assembly.bytes)
    }

    /// Returns what the payload was announced as if it is whole.
    pub(super) fn finish(&mut self, of: Direction, call: u64) -> Option<Event> {
        if self.open.get(&(of, call))?.lacks_some() {
            return None;
        }
        let whole = self.open.remove(&(of, call))?;
        self.held -= u64::from(whole.total);
        Some(whole.into_event(call))
    }

    /// Tells whether a payload has begun to come.
    pub(super) fn any_begun(&self) -> bool {
        self.held > 0
    }

    /// Returns how many of them are arguments.
    pub(super) fn arguments(&self) -> usize {
        self.open.range(..(Direction::Result, 0)).count()
    }

    /// Drops the arguments of a call; if they were unfinished, gives what was said about it, and the bytes that were
    /// announced with its extension area.
    pub(super) fn abandon(&mut self, call: u64) -> Option<(Head, usize)> {
        let dropped = self.open.remove(&(Direction::Arguments, call))?;
        if dropped.has_begun() {
            self.held -= u64::from(dropped.total);
        }
        match dropped.opening {
            Opening::Invoke(head, extension) => Some((head, dropped.total as usize + extension.len())),
            Opening::Outcome(_) => None,
        }
    }
}

impl Assembly {
    /// A claim alone costs nothing.
    fn has_begun(&self) -> bool {
        self.bytes.capacity() > 0
    }

    fn lacks_some(&self) -> bool {
        self.bytes.len() < self.total as usize
    }

    fn into_event(self, call: u64) -> Event {
        let bytes = self.bytes.freeze();
        match self.opening {
            Opening::Invoke(head, extension) => Event::Invoke { head, extension, arguments: bytes },
            Opening::Outcome(status) => Event::Outcome { call, status, result: bytes },
        }
    }
}

impl Opening {
    fn direction(&self) -> Direction {
        match self {
            Self::Invoke(..) => Direction::Arguments,
            Self::Outcome(_) => Direction::Result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u32 = 1024 * 1024;
    const OUTCOME: Direction = Direction::Result;

    fn open(assemblies: &mut Assemblies, call: u64, total: u32) -> Result<(), ProtocolError> {
        assemblies.open(call, total, Opening::Outcome(Status::Returned))
    }

    #[test]
    fn a_claim_alone_takes_no_memory_and_the_first_chunk_brings_all() {
        let mut assemblies = Assemblies::new(MAX);
        open(&mut assemblies, 1, MAX).unwrap();
        assert_eq!((assemblies.open[&(OUTCOME, 1)].bytes.capacity(), assemblies.held), (0, 0));
        for _ in 0..15 {
            assert_eq!(assemblies.add(OUTCOME, 1, &[0; CHUNK_BYTES]), Ok(None));
            assert_eq!(assemblies.open[&(OUTCOME, 1)].bytes.capacity(), MAX as usize);
        }
    }

    #[test]
    fn sizes_outside_of_the_bounds_are_refused() {
        let mut assemblies = Assemblies::new(MAX);
        for total in [0, CHUNK_BYTES as u32, MAX + 1, u32::MAX] {
            assert!(matches!(open(&mut assemblies, 1, total), Err(ProtocolError::PayloadSize { .. })), "{total}");
        }
        assert_eq!(open(&mut assemblies, 1, MAX), Ok(()));
        assert_eq!(open(&mut assemblies, 1, MAX), Err(ProtocolError::SecondOutcome { call: 1 }));
    }

    #[test]
    fn chunks_beyond_the_total_or_of_the_other_direction_are_refused() {
        let mut assemblies = Assemblies::new(MAX);
        let total = CHUNK_BYTES as u32 + 2;
        open(&mut assemblies, 1, total).unwrap();
        assemblies.add(OUTCOME, 1, &[0; CHUNK_BYTES]).unwrap();
        let beyond = ProtocolError::ChunkBeyondTotal { of: OUTCOME, call: 1, total };
        assert_eq!(assemblies.add(OUTCOME, 1, &[0; 3]), Err(beyond));
        let of = Direction::Arguments;
        assert_eq!(assemblies.add(of, 1, &[0]), Err(ProtocolError::ChunkOfNothing { of, call: 1 }));
        let whole = assemblies.add(OUTCOME, 1, &[0; 2]).unwrap();
        assert!(matches!(whole, Some(Event::Outcome { result, .. }) if result.len() == total as usize));
        assert_eq!(assemblies.held, 0);
    }

    #[test]
    fn number_and_bytes_of_all_are_bounded() {
        let mut assemblies = Assemblies::new(MAX);
        (1..=ASSEMBLIES_MAX as u64).for_each(|call| open(&mut assemblies, call, MAX).unwrap());
        let too_many = ProtocolError::TooManyPayloads { limit: ASSEMBLIES_MAX };
        assert_eq!(open(&mut assemblies, 9_999, MAX), Err(too_many));
        (1..=2).for_each(|call| assert_eq!(assemblies.add(OUTCOME, call, &[0]), Ok(None)));
        let limit = assembling_max(MAX);
        assert_eq!(assemblies.add(OUTCOME, 3, &[0]), Err(ProtocolError::PayloadBudget { limit }));
        (1..=15).for_each(|_| assert_eq!(assemblies.add(OUTCOME, 1, &[0; CHUNK_BYTES]), Ok(None)));
        assert!(matches!(assemblies.add(OUTCOME, 1, &[0; CHUNK_BYTES - 1]), Ok(Some(_))));
        assert_eq!(assemblies.add(OUTCOME, 3, &[0]), Ok(None));
    }

    #[test]
    fn abandoned_arguments_give_their_bytes_back() {
        let head = crate::session::tests::head;
        let mut assemblies = Assemblies::new(MAX);
        // Twice what the bound allows at once.
        for call in 1..=64 {
            assemblies.open(call, MAX, Opening::Invoke(head(call), Bytes::new())).unwrap();
            assert_eq!(assemblies.add(Direction::Arguments, call, &[0; CHUNK_BYTES]), Ok(None));
            assert!(assemblies.abandon(call).is_some() && assemblies.abandon(call).is_none());
        }
        assert_eq!(assemblies.held, 0);
    }
}
