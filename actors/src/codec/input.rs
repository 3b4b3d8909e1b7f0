//! Where encoded bytes come from: the rest of a slice, and how much is left of it.

use bincode::{
    config::{self, Configuration, LittleEndian, Varint},
    de::{
        Decoder as _, DecoderImpl,
        read::{BorrowReader, Reader},
    },
    error::DecodeError,
};

use super::PAYLOAD_CEILING;

/// bincode's limit for `PAYLOAD_CEILING` bytes: it counts an integer by the width of its type, up to 16 bytes, of which
/// one may be there.
const LIMIT: usize = PAYLOAD_CEILING.saturating_mul(16);

/// Most elements of one value that may have no bytes of their own, such as those of a `Vec<()>`.
const HOLLOW_MAX: usize = 1 << 16;

/// The bytes of one value.
pub(super) struct Input<'de> {
    pub(super) decoder: Decoder<'de>,
    /// How many more elements may have no bytes of their own.
    hollow: usize,
}

/// bincode's decoder of what cannot be taken apart.
type Decoder<'de> = DecoderImpl<Rest<'de>, Configuration<LittleEndian, Varint, config::Limit<LIMIT>>, ()>;

impl<'de> Input<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        let config = config::standard().with_limit::<LIMIT>();
        Self { decoder: DecoderImpl::new(Rest(bytes), config, ()), hollow: HOLLOW_MAX }
    }

    /// How many bytes are not read yet.
    pub(super) fn left(&mut self) -> usize {
        self.decoder.reader().0.len()
    }

    /// Looks at the claim that `length` elements follow; gives how many of them there are bytes for.
    pub(super) fn claim(&mut self, length: usize) -> Result<usize, DecodeError> {
        let left = self.left();
        match self.hollow.checked_sub(length.saturating_sub(left)) {
            Some(hollow) => self.hollow = hollow,
            None => {
                return Err(DecodeError::OtherString(format!(
                    "the bytes claim that {length} elements follow, and end after {left} more"
                )));
            }
        }
        Ok(length.min(left))
    }
}

/// What is left of a slice.
pub(super) struct Rest<'de>(&'de [u8]);

impl Reader for Rest<'_> {
    #[inline(always)]
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), DecodeError> {
        bytes.copy_from_slice(self.take_bytes(bytes.len())?);
        Ok(())
    }

    #[inline(always)]
    fn peek_read(&mut self, length: usize) -> Option<&[u8]> {
        self.0.get(..length)
    }

    #[inline(always)]
    fn consume(&mut self, length: usize) {
        self.0 = self.0.get(length..).unwrap_or_default();
    }
}

impl<'de> BorrowReader<'de> for Rest<'de> {
    #[inline(always)]
    fn take_bytes(&mut self, length: usize) -> Result<&'de [u8], DecodeError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| DecodeError::UnexpectedEnd { additional: length - self.0.len() })?;
        self.0 = rest;
        Ok(taken)
    }
}
