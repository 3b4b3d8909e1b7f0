//! Whether values of a type come back from the codec as they went in.

use serde::{Serialize, de::DeserializeOwned};

use crate::codec::{self, PAYLOAD_CEILING};

/// Encodes and decodes the samples of a type, and says what does not survive.
///
/// The type need not be `PartialEq`: a value came back if it is encoded as it was before.
///
/// # Errors
/// The reason why the codec cannot carry the type, with what to do where that is known.
pub fn round_trip<T: Serialize + DeserializeOwned>(samples: &[T]) -> Result<(), String> {
    samples.iter().try_for_each(survives)
}

fn survives<T: Serialize + DeserializeOwned>(sample: &T) -> Result<(), String> {
    let encode = |value: &T| codec::encode(value, PAYLOAD_CEILING).map_err(|error| error.to_string());
    let sent = encode(sample)?;
    let back: T =
        codec::decode(&sent).map_err(|error| format!("what it is encoded to does not decode ({error}): {MISMATCH}"))?;
    // A type that is encoded anew each time, such as a point in time as the age that it has, says nothing either way.
    if encode(&back)? == sent || encode(sample)? != sent {
        return Ok(());
    }
    Err(format!("a value comes back as another one: {MISMATCH}"))
}

const MISMATCH: &str = "its `Serialize` and `Deserialize` do not match, as with `skip_serializing` without \
    `skip_deserializing`, or `serialize_with` without its counterpart";
