//! The parts of a sequence, a map or a struct, one after the other.

use bincode::error::DecodeError;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::guarded::Guarded;

/// A number of parts that follow one another.
pub(super) struct Parts<'a, 'de> {
    place: Guarded<'a, 'de>,
    left: usize,
    /// How many parts may be made room for: no more than there are bytes for.
    sure: usize,
}

impl<'a, 'de> Parts<'a, 'de> {
    #[inline]
    pub(super) fn new(place: Guarded<'a, 'de>, length: usize, sure: usize) -> Self {
        Self { place, left: length, sure }
    }

    #[inline]
    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(self.place.part()).map(Some)
    }
}

impl<'de> SeqAccess<'de> for Parts<'_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        self.next(seed)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(self.sure))
    }
}

impl<'de> MapAccess<'de> for Parts<'_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        self.next(seed)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        seed.deserialize(self.place.part())
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(self.sure))
    }
}
