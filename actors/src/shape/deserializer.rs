//! The recorder as a deserializer: each request becomes a word of the description and a made-up answer.

use std::any::type_name;

use serde::de::{Deserializer, Visitor};

use super::{
    access::{Parts, Variant},
    candidates::{
        BOOLS, BYTES, CHARS, F32S, F64S, I8S, I16S, I32S, I64S, I128S, STRINGS, U8S, U16S, U32S, U64S, U128S,
    },
    choices::Step,
    recorder::Recorder,
    stop::{Stop, Verdict},
    types::Key,
};

macro_rules! leaf {
    ($($method:ident: $visit:ident($what:literal, $candidates:ident $($owned:ident)?)),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            visitor.$visit(self.leaf($what, $candidates)?$(.$owned())?)
        }
    )*};
}

macro_rules! unsupported {
    ($($method:ident: $reason:literal),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
            let reason = format!(concat!("{} ", $reason, " (`", stringify!($method), "`)"), self.asks());
            Err(self.end(Verdict::Unsupported(reason)))
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Recorder {
    type Error = Stop;

    leaf! {
        deserialize_bool: visit_bool("bool", BOOLS), deserialize_char: visit_char("char", CHARS),
        deserialize_u8: visit_u8("u8", U8S), deserialize_u16: visit_u16("u16", U16S),
        deserialize_u32: visit_u32("u32", U32S), deserialize_u64: visit_u64("u64", U64S),
        deserialize_u128: visit_u128("u128", U128S),
        deserialize_i8: visit_i8("i8", I8S), deserialize_i16: visit_i16("i16", I16S),
        deserialize_i32: visit_i32("i32", I32S), deserialize_i64: visit_i64("i64", I64S),
        deserialize_i128: visit_i128("i128", I128S),
        deserialize_f32: visit_f32("f32", F32S), deserialize_f64: visit_f64("f64", F64S),
        deserialize_str: visit_borrowed_str("str", STRINGS),
        deserialize_string: visit_string("str", STRINGS to_owned),
        deserialize_bytes: visit_borrowed_bytes("bytes", BYTES),
        deserialize_byte_buf: visit_byte_buf("bytes", BYTES to_owned),
    }

    unsupported! {
        deserialize_any: "asks the bytes what they are, which they do not tell: `untagged` and internally tagged \
            enums and values of any kind need a type that says what it holds, such as a plain enum",
        deserialize_identifier: "asks the bytes for the name of a field, which they do not have: `flatten` and \
            adjacently tagged enums need plain fields and a plain enum",
        deserialize_ignored_any: "leaves out bytes without saying what they are",
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.ask("()")?;
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.container("option", type_name::<V>(), |recorder, holds| {
            if holds {
                let inside = Step { owner: None, variant: 0, part: 0 };
                recorder.part(inside, |recorder| visitor.visit_some(recorder))
            } else {
                visitor.visit_none()
            }
        })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.container("seq", type_name::<V>(), |recorder, holds| {
            visitor.visit_seq(Parts::new(recorder, None, 0, usize::from(holds)))
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.container("map", type_name::<V>(), |recorder, holds| {
            visitor.visit_map(Parts::new(recorder, None, 0, usize::from(holds)))
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Stop> {
        self.ask("(")?;
        let value = visitor.visit_seq(Parts::new(self, None, 0, length))?;
        self.ask(")")?;
        Ok(value)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Stop> {
        let key = Key { rust: type_name::<V::Value>(), kind: "unit", name, parts: &[] };
        self.structure(key, |_, _| visitor.visit_unit())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Stop> {
        let key = Key { rust: type_name::<V::Value>(), kind: "newtype", name, parts: &[] };
        self.structure(key, |recorder, id| {
            let inside = Step { owner: Some(id), variant: 0, part: 0 };
            recorder.part(inside, |recorder| visitor.visit_newtype_struct(recorder))
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let key = Key { rust: type_name::<V::Value>(), kind: "tuple", name, parts: &[] };
        self.structure(key, |recorder, id| visitor.visit_seq(Parts::new(recorder, Some(id), 0, length)))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let key = Key { rust: type_name::<V::Value>(), kind: "struct", name, parts: fields };
        self.structure(key, |recorder, id| visitor.visit_seq(Parts::new(recorder, Some(id), 0, fields.len())))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let key = Key { rust: type_name::<V::Value>(), kind: "enum", name, parts: variants };
        self.enumeration(key, |recorder, id, variant| visitor.visit_enum(Variant::new(recorder, id, variant)))
    }
}
