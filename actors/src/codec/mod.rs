#![allow(missing_docs)]
use serde::{Serialize, de::DeserializeOwned};
pub const PAYLOAD_CEILING: usize = 1 << 30;
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error { #[error("{size}")] TooLarge { size: usize }, #[error("{0}")] Panicked(String), #[error("{0}")] Invalid(String) }
pub fn encode<T: Serialize + ?Sized>(value: &T, _limit: usize) -> Result<Vec<u8>, Error> { bincode::serde::encode_to_vec(value, bincode::config::standard()).map_err(|e| Error::Invalid(e.to_string())) }
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> { bincode::serde::decode_from_slice(bytes, bincode::config::standard()).map(|x| x.0).map_err(|e| Error::Invalid(e.to_string())) }
