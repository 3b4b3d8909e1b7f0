//! The serde shape of a type, found by asking its `Deserialize` what it wants.
//!
//! [`trace`] deserializes a type many times from nothing: a deserializer writes down each request and answers it with
//! a small made-up value. What comes out is a text that is equal for two types that read each other's bytes, and values
//! of the type, which [`round_trip`] sends through the codec to find what it would lose. Both run once per task when a
//! node starts, never at a call.
//!
//! A pass goes through the type once, with one variant of each enum; passes are repeated until all variants are
//! described (`recorder`). What user code refuses is asked again with another candidate (`choices`). Types are told
//! apart by their Rust names, which are not part of the text, as they change when code moves (`types`).

mod access;
mod candidates;
mod choices;
mod deserializer;
mod recorder;
mod round_trip;
mod stop;
#[cfg(test)]
mod tests;
mod types;

use serde::de::DeserializeOwned;

use self::recorder::{Found, Recorder};
pub use self::round_trip::round_trip;
use crate::codec;

/// What there is to know of a type's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace<T> {
    /// It is known.
    Traced {
        /// The shape: kinds, names and order of types, fields and variants. It holds no paths, so it is the same in
        /// each build, and lines after the first describe the types that have names.
        text: String,
        /// Values of the type: each variant once at least, with containers that hold an element; then the same again
        /// with the innermost containers empty, and so on to the outermost.
        samples: Vec<T>,
    },
    /// It cannot be found out: no value was made that the type accepts, or its code panicked.
    Opaque {
        /// Why.
        reason: String,
    },
    /// The codec can never carry it: it needs a format that describes itself.
    Unsupported {
        /// Why, with what to do.
        reason: String,
    },
}

/// Finds out the shape of a type.
#[must_use]
pub fn trace<T: DeserializeOwned>() -> Trace<T> {
    let mut samples = Vec::new();
    let Found { text, nested } = match series(usize::MAX, &mut samples) {
        Ok(found) => found,
        Err(trace) => return trace,
    };
    for filled in (0..nested).rev() {
        // What refuses to be empty has told its shape all the same.
        if let Err(unsupported @ Trace::Unsupported { .. }) = series(filled, &mut samples) {
            return unsupported;
        }
    }
    Trace::Traced { text, samples }
}

/// Describes all of a type, and keeps the values that are made on the way; containers within `filled` or more others
/// are empty.
fn series<T: DeserializeOwned>(filled: usize, samples: &mut Vec<T>) -> Result<Found, Trace<T>> {
    codec::catch(|| Recorder::new(filled).run(samples))
        .map_err(|message| Trace::Opaque { reason: format!("its serde code panicked: {message}") })?
        .map_err(Trace::from)
}
