//! The way in: bincode's format, without belief in what the bytes claim.

use bincode::{BorrowDecode, Decode, error::DecodeError};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer as _, VariantAccess, Visitor, value::U32Deserializer,
};

use super::{DEPTH_MAX, access::Parts, input::Input};

/// A deserializer that checks each claimed length against what is left, and refuses depth without end.
///
/// It knows its depth and is made anew for each value within a value; so it is two words, passed by value.
pub(super) struct Guarded<'a, 'de> {
    input: &'a mut Input<'de>,
    depth: u32,
}

impl<'a, 'de> Guarded<'a, 'de> {
    pub(super) fn new(input: &'a mut Input<'de>) -> Self {
        Self { input, depth: 0 }
    }

    /// The same place, for one of several parts.
    #[inline]
    pub(super) fn part(&mut self) -> Guarded<'_, 'de> {
        Guarded { input: &mut *self.input, depth: self.depth }
    }

    #[inline]
    fn take<T: Decode<()>>(&mut self) -> Result<T, DecodeError> {
        T::decode(&mut self.input.decoder)
    }

    /// A string or bytes where they lie: their length is checked before anything is made of them.
    #[inline]
    fn borrow<T: BorrowDecode<'de, ()>>(&mut self) -> Result<T, DecodeError> {
        T::borrow_decode(&mut self.input.decoder)
    }

    /// The same place, one level deeper.
    #[inline]
    fn within(self) -> Result<Self, DecodeError> {
        let depth = self.depth + 1;
        if depth > DEPTH_MAX {
            return Err(DecodeError::OtherString(format!("the value is nested more than {DEPTH_MAX} levels deep")));
        }
        Ok(Self { depth, ..self })
    }

    /// The parts of a sequence or a map, of which the length comes first.
    #[inline]
    fn counted(mut self) -> Result<Parts<'a, 'de>, DecodeError> {
        let length = self.take::<usize>()?;
        let sure = self.input.claim(length)?;
        Ok(Parts::new(self.within()?, length, sure))
    }

    /// The parts of what has as many as its type says.
    #[inline]
    fn fixed(self, length: usize) -> Result<Parts<'a, 'de>, DecodeError> {
        Ok(Parts::new(self.within()?, length, length))
    }
}

macro_rules! take {
    ($($method:ident: $visit:ident),* $(,)?) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
            visitor.$visit(self.take()?)
        }
    )*};
}

macro_rules! refuse {
    ($($method:ident: $reason:literal),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
            Err(DecodeError::Other($reason))
        }
    )*};
}

impl<'de> Deserializer<'de> for Guarded<'_, 'de> {
    type Error = DecodeError;

    take! {
        deserialize_bool: visit_bool, deserialize_char: visit_char,
        deserialize_u8: visit_u8, deserialize_u16: visit_u16, deserialize_u32: visit_u32,
        deserialize_u64: visit_u64, deserialize_u128: visit_u128,
        deserialize_i8: visit_i8, deserialize_i16: visit_i16, deserialize_i32: visit_i32,
        deserialize_i64: visit_i64, deserialize_i128: visit_i128,
        deserialize_f32: visit_f32, deserialize_f64: visit_f64,
    }

    refuse! {
        deserialize_any: "a type asks the bytes what they are, which they do not tell (`deserialize_any`)",
        deserialize_identifier: "a type asks the bytes for a field's name, which they do not have \
            (`deserialize_identifier`)",
        deserialize_ignored_any: "a type leaves out bytes without saying what they are (`deserialize_ignored_any`)",
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_str(self.borrow()?)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_string(self.borrow::<&str>()?.to_owned())
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_bytes(self.borrow()?)
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_byte_buf(self.borrow::<&[u8]>()?.to_owned())
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.take::<u8>()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self.within()?),
            other => Err(DecodeError::OtherString(format!("{other} is neither none (0) nor some (1)"))),
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self.within()?)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(self.counted()?)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_map(self.counted()?)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(self.fixed(length)?)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(self.fixed(length)?)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(self.fixed(fields.len())?)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_enum(self)
    }
}

impl<'de> EnumAccess<'de> for Guarded<'_, 'de> {
    type Error = DecodeError;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Result<(S::Value, Self), DecodeError> {
        let index: U32Deserializer<DecodeError> = self.take::<u32>()?.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for Guarded<'_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, DecodeError> {
        seed.deserialize(self.within()?)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(self.fixed(length)?)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(self.fixed(fields.len())?)
    }
}
