//! Values to bytes and back: the only module that names bincode.
//!
//! Encoding stops storing at a limit, decoding must consume everything, and user code that panics in there becomes an
//! error. What bincode would carry wrongly in silence, a field left out by `skip_serializing_if`, is refused.

mod checked;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bincode::{
    config::{self, Config},
    enc::write::Writer,
    error::{DecodeError, EncodeError},
};
use serde::{Serialize, de::DeserializeOwned};

use self::checked::Checked;

/// Most bytes of a payload that any setting may allow: 1 GiB.
pub const PAYLOAD_CEILING: usize = 1 << 30;

/// Why a value did not become bytes, or bytes a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It has more bytes than are allowed.
    #[error("{size} bytes are more than are allowed")]
    TooLarge {
        /// Bytes that it has.
        size: usize,
    },
    /// The type's own `Serialize` or `Deserialize` panicked.
    #[error("its own code panicked: {0}")]
    Panicked(String),
    /// It cannot be encoded, or the bytes are not such a value.
    #[error("{0}")]
    Invalid(String),
}

/// Encodes a value in at most `limit` bytes.
///
/// # Errors
/// See [`Error`]; `TooLarge` has the whole size.
pub fn encode<T: Serialize + ?Sized>(value: &T, limit: usize) -> Result<Vec<u8>, Error> {
    let mut bounded = Bounded { bytes: Vec::new(), size: 0, limit };
    let encode = || bincode::serde::encode_into_writer(Checked(value), &mut bounded, config::standard());
    match catch(encode) {
        Err(panic) => Err(Error::Panicked(panic)),
        Ok(Err(error)) => Err(Error::Invalid(describe_encode(error))),
        Ok(Ok(())) if bounded.size > limit => Err(Error::TooLarge { size: bounded.size }),
        Ok(Ok(())) => Ok(bounded.bytes),
    }
}

/// Decodes a value that takes up all of `bytes`.
///
/// # Errors
/// See [`Error`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    /// A number on the wire is at least a sixteenth of what it claims in memory, so an honest payload never claims more
    /// than 16 times its length. A forged length claims more, and is refused before it is allocated.
    const SMALL: usize = 64 << 10;
    const MEDIUM: usize = 4 << 20;
    const LARGE: usize = 64 << 20;
    match bytes.len() {
        0..SMALL => decode_within(bytes, config::standard().with_limit::<{ 16 * SMALL }>()),
        SMALL..MEDIUM => decode_within(bytes, config::standard().with_limit::<{ 16 * MEDIUM }>()),
        MEDIUM..LARGE => decode_within(bytes, config::standard().with_limit::<{ 16 * LARGE }>()),
        _ => decode_within(bytes, config::standard().with_limit::<{ 16 * PAYLOAD_CEILING }>()),
    }
}

fn decode_within<T: DeserializeOwned>(bytes: &[u8], config: impl Config) -> Result<T, Error> {
    let decode = || bincode::serde::borrow_decode_from_slice::<Owned<T>, _>(bytes, config);
    match catch(decode) {
        Err(panic) => Err(Error::Panicked(panic)),
        Ok(Err(error)) => Err(Error::Invalid(describe_decode(error))),
        Ok(Ok((Owned(value), read))) if read == bytes.len() => Ok(value),
        Ok(Ok((_, read))) => {
            Err(Error::Invalid(format!("{} bytes are left over: the two sides' types differ", bytes.len() - read)))
        }
    }
}

/// Borrows nothing from the bytes, though it is decoded as if it might: so a text is checked against what is there
/// before it is allocated.
struct Owned<T>(T);

impl<'de, T: DeserializeOwned> serde::Deserialize<'de> for Owned<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Owned)
    }
}

/// Stores up to `limit` bytes, and counts all.
struct Bounded {
    bytes: Vec<u8>,
    size: usize,
    limit: usize,
}

impl Writer for &mut Bounded {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.size = self.size.saturating_add(bytes.len());
        if self.size <= self.limit {
            self.bytes.extend_from_slice(bytes);
        } else {
            // Nobody will read it: only the size is still of interest.
            self.bytes = Vec::new();
        }
        Ok(())
    }
}

fn describe_encode(error: EncodeError) -> String {
    match error {
        EncodeError::OtherString(text) => text,
        EncodeError::Other(text) => text.to_owned(),
        other => format!("{other:?}"),
    }
}

fn describe_decode(error: DecodeError) -> String {
    match error {
        DecodeError::UnexpectedEnd { .. } => "the bytes end too early: the two sides' types differ".to_owned(),
        DecodeError::LimitExceeded => "a length is larger than all that was sent".to_owned(),
        DecodeError::OtherString(text) => text,
        DecodeError::Other(text) => text.to_owned(),
        other => format!("{other:?}"),
    }
}

/// Runs serde code of the user's; a panic in it becomes its text.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a payload that is not text".to_owned())
    })
}
