//! Values to bytes and back: the only module of the project that names bincode.
//!
//! Arguments, results and the project's own messages go through [`encode`] and [`decode`]. Both are bounded in bytes
//! and in depth, and turn a panic in the user's `Serialize` or `Deserialize` into an error. bincode reads and writes
//! the numbers, strings and byte strings; how they are put together is walked here, in `Checked` on the way out and
//! in `Guarded` on the way in, because bincode itself loses fields that are skipped and believes forged lengths. What
//! comes out is byte for byte what bincode's standard configuration writes.

mod access;
mod checked;
mod guarded;
mod input;
mod output;
mod panic;
#[cfg(test)]
mod tests;

use bincode::error::{DecodeError, EncodeError};
use serde::{Serialize, de::DeserializeOwned};

pub(crate) use self::panic::catch;
use self::{checked::Checked, guarded::Guarded, input::Input, output::Output};

/// Most bytes that one value may take, whatever limit is asked for; the largest that `payload_max` can be set to.
pub const PAYLOAD_CEILING: usize = 1 << 30;

/// Most levels of values within values; deeper ones are refused before they can overflow a thread's stack.
///
/// A struct, an enum, a sequence, a map, an option, a tuple and a newtype are a level each.
pub const DEPTH_MAX: u32 = 256;

/// A value that could not be encoded, or bytes that are not the value they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The encoded value is larger than the limit.
    #[error("the encoded value takes {size} bytes, which is above the limit")]
    TooLarge {
        /// What it takes, in bytes.
        size: usize,
    },
    /// The `Serialize` or `Deserialize` of a type panicked, with this message.
    #[error("serde code of a type panicked: {0}")]
    Panicked(String),
    /// The value cannot be encoded, or the bytes cannot be decoded, for this reason.
    #[error("{0}")]
    Invalid(String),
}

/// Encodes a value into at most `limit` bytes, and never more than [`PAYLOAD_CEILING`].
///
/// # Errors
/// [`Error::TooLarge`] with the size that the value would have taken; [`Error::Panicked`]; [`Error::Invalid`] if serde
/// code of a type refuses, a field is skipped by `skip_serializing_if`, or values nest deeper than [`DEPTH_MAX`].
pub fn encode<T: Serialize + ?Sized>(value: &T, limit: usize) -> Result<Vec<u8>, Error> {
    let mut output = Output::new(limit.min(PAYLOAD_CEILING));
    match catch(|| value.serialize(Checked::new(&mut output.encoder()))) {
        Ok(Ok(())) => output.finish().map_err(|size| Error::TooLarge { size }),
        Ok(Err(error)) => Err(Error::Invalid(refusal(error))),
        Err(message) => Err(Error::Panicked(message)),
    }
}

/// Decodes a value from all of `bytes`, which [`encode`] made of a value of the same shape.
///
/// The memory that it takes is in proportion to the bytes that are there, whatever lengths they claim.
///
/// # Errors
/// [`Error::Invalid`] if the bytes are another value's, cut short, or too many; [`Error::TooLarge`] above
/// [`PAYLOAD_CEILING`]; [`Error::Panicked`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    if bytes.len() > PAYLOAD_CEILING {
        return Err(Error::TooLarge { size: bytes.len() });
    }
    let mut input = Input::new(bytes);
    let value = match catch(|| T::deserialize(Guarded::new(&mut input))) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => return Err(Error::Invalid(complaint(error))),
        Err(message) => return Err(Error::Panicked(message)),
    };
    match input.left() {
        0 => Ok(value),
        left => Err(Error::Invalid(format!("{left} bytes are left over after the value"))),
    }
}

fn refusal(error: EncodeError) -> String {
    match error {
        EncodeError::OtherString(text) => text,
        EncodeError::Other(text) => text.to_owned(),
        other => format!("the value cannot be encoded: {other:?}"),
    }
}

fn complaint(error: DecodeError) -> String {
    match error {
        DecodeError::OtherString(text) => text,
        DecodeError::Other(text) => text.to_owned(),
        DecodeError::UnexpectedEnd { additional } => format!("the bytes end {additional} too early"),
        DecodeError::InvalidBooleanValue(found) => format!("{found} is not a bool"),
        DecodeError::InvalidCharEncoding(found) => format!("{found:?} is not a char"),
        DecodeError::Utf8 { inner } => format!("a string is not UTF-8: {inner}"),
        other => format!("the bytes are not this value: {other:?}"),
    }
}
