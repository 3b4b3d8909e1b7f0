//! The way out: bincode's format, without what bincode would send wrongly in silence.

use bincode::{Encode, error::EncodeError};
use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{DEPTH_MAX, output::Encoder};

/// A serializer that refuses a skipped field, an unknown length, and depth without end.
///
/// It knows its depth and is made anew for each value within a value; so it is two words, passed by value.
pub(super) struct Checked<'a, 'o> {
    encoder: &'a mut Encoder<'o>,
    depth: u32,
}

impl<'a, 'o> Checked<'a, 'o> {
    pub(super) fn new(encoder: &'a mut Encoder<'o>) -> Self {
        Self { encoder, depth: 0 }
    }

    #[inline]
    fn put(self, value: impl Encode) -> Result<(), EncodeError> {
        value.encode(self.encoder)
    }

    /// The same place, one level deeper.
    #[inline]
    fn within(self) -> Result<Self, EncodeError> {
        let depth = self.depth + 1;
        if depth > DEPTH_MAX {
            return Err(EncodeError::OtherString(format!(
                "the value is nested more than {DEPTH_MAX} levels deep: send it as a list, or as bytes"
            )));
        }
        Ok(Self { depth, ..self })
    }

    /// A sequence or a map, of which the length comes first.
    #[inline]
    fn counted(self, length: Option<usize>) -> Result<Self, EncodeError> {
        let Some(length) = length else {
            return Err(EncodeError::Other(
                "a map or sequence without a known length cannot be encoded; \
                 `#[serde(flatten)]` makes such maps: name the fields instead",
            ));
        };
        length.encode(self.encoder)?;
        self.within()
    }

    #[inline]
    fn variant(self, index: u32) -> Result<Self, EncodeError> {
        index.encode(self.encoder)?;
        self.within()
    }

    #[inline]
    fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(Checked { encoder: &mut *self.encoder, depth: self.depth })
    }
}

#[cold]
fn skipped(field: &'static str) -> EncodeError {
    EncodeError::OtherString(format!(
        "`skip_serializing_if` on field `{field}` cannot be sent, for the receiver does not know that the field is \
         missing: remove the attribute"
    ))
}

macro_rules! put {
    ($($method:ident: $type:ty),* $(,)?) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<(), EncodeError> {
            self.put(value)
        }
    )*};
}

impl Serializer for Checked<'_, '_> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    put! {
        serialize_bool: bool, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_f32: f32, serialize_f64: f64,
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn serialize_none(self) -> Result<(), EncodeError> {
        self.put(0u8)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        1u8.encode(self.encoder)?;
        value.serialize(self.within()?)
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), EncodeError> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), EncodeError> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), EncodeError> {
        self.put(index)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), EncodeError> {
        value.serialize(self.within()?)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        value.serialize(self.variant(index)?)
    }

    #[inline]
    fn serialize_seq(self, length: Option<usize>) -> Result<Self, EncodeError> {
        self.counted(length)
    }

    #[inline]
    fn serialize_map(self, length: Option<usize>) -> Result<Self, EncodeError> {
        self.counted(length)
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self, EncodeError> {
        self.within()
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, EncodeError> {
        self.within()
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, EncodeError> {
        self.within()
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, EncodeError> {
        self.variant(index)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, EncodeError> {
        self.variant(index)
    }
}

/// The compound values: their parts follow one another, with nothing between and nothing after them.
macro_rules! parts {
    ($($compound:ident: $($method:ident)+;)*) => {$(
        impl $compound for Checked<'_, '_> {
            type Ok = ();
            type Error = EncodeError;

            $(#[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
                self.part(value)
            })+

            #[inline]
            fn end(self) -> Result<(), EncodeError> {
                Ok(())
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
    SerializeMap: serialize_key serialize_value;
}

macro_rules! fields {
    ($($compound:ident)*) => {$(
        impl $compound for Checked<'_, '_> {
            type Ok = ();
            type Error = EncodeError;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), EncodeError> {
                self.part(value)
            }

            fn skip_field(&mut self, field: &'static str) -> Result<(), EncodeError> {
                Err(skipped(field))
            }

            #[inline]
            fn end(self) -> Result<(), EncodeError> {
                Ok(())
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }
