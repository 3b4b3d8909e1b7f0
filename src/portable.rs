//! What can travel between processes, and how: the bounds that `#[task]` puts on arguments and results.
//!
//! `Portable` has no supertraits of serde's, and its one implementation is not recommended by rustc: so whatever is
//! missing, there is one error with the text below, at the type that the user wrote. Keep it so.

use std::any::Any;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _},
};

/// What can travel to another process: an argument of a task, and both sides of the `Result` that it returns.
///
/// Everything that is `Serialize + DeserializeOwned + Send + 'static` is. A `Vec<u8>` travels as bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel to another process",
    label = "this must be `serde::Serialize + serde::Deserialize + Send + 'static`",
    note = "for a type of your own, write `#[derive(serde::Serialize, serde::Deserialize)]` before it",
    note = "for a type of another crate, turn on that crate's `serde` feature, or pass what it is made of",
    note = "for an error such as `std::io::Error`, keep its text (`Io(String)`), or return `atasks::Result<T>`",
    note = "for a handle (a pool, a sender, a client), use `atasks::state` in the task instead"
)]
pub trait Portable: Sized {
    /// Serializes it.
    #[doc(hidden)]
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Deserializes what `write` wrote.
    #[doc(hidden)]
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Portable for T {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self as &dyn Any).downcast_ref::<Vec<u8>>() {
            Some(bytes) => serializer.serialize_bytes(bytes),
            None => self.serialize(serializer),
        }
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value: Option<Self> = None;
        match (&mut value as &mut dyn Any).downcast_mut::<Option<Vec<u8>>>() {
            Some(bytes) => *bytes = Some(serde_bytes::deserialize(deserializer)?),
            None => return <Self as Deserialize<'de>>::deserialize(deserializer),
        }
        value.ok_or_else(|| D::Error::custom("no bytes"))
    }
}

/// A value on its way out.
pub(crate) struct Lent<'a, T>(pub(crate) &'a T);

impl<T: Portable> Serialize for Lent<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

/// A value that came in.
#[doc(hidden)]
#[derive(Debug)]
pub struct Owned<T>(pub(crate) T);

impl<T: Portable> Serialize for Owned<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

impl<'de, T: Portable> Deserialize<'de> for Owned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(Self)
    }
}
