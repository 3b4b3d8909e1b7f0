//! Results that are bytes: `Result<Vec<u8>, E>`, whose `Vec` travels as one block, not as a list of numbers.

use serde::{Serialize, de::DeserializeOwned};
use serde_bytes::{ByteBuf, Bytes};

use super::Error;

/// Encodes a result of bytes; as [`encode`](super::encode), with the same limits.
///
/// # Errors
/// Those of [`encode`](super::encode).
pub fn encode_return<E: Serialize>(value: &Result<Vec<u8>, E>, limit: usize) -> Result<Vec<u8>, Error> {
    super::encode(&value.as_ref().map(|bytes| Bytes::new(bytes)), limit)
}

/// Decodes a result of bytes that [`encode_return`] made; as [`decode`](super::decode), with the same limits.
///
/// # Errors
/// Those of [`decode`](super::decode).
pub fn decode_return<E: DeserializeOwned>(bytes: &[u8]) -> Result<Result<Vec<u8>, E>, Error> {
    super::decode::<Result<ByteBuf, E>>(bytes).map(|value| value.map(ByteBuf::into_vec))
}
