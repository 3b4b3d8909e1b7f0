//! The values that a request is answered with, in the order in which they are tried.
//!
//! The first is the smallest; the others are for types that accept only some values.

pub(super) const BOOLS: &[bool] = &[false, true];
pub(super) const CHARS: &[char] = &['a', '0', 'A'];

/// Two of each number: enough for most, and few, as every combination of several numbers may have to be tried.
macro_rules! numbers {
    ($($name:ident: $type:ty),* $(,)?) => {$(
        pub(super) const $name: &[$type] = &[0 as $type, 1 as $type];
    )*};
}

numbers! {
    U8S: u8, U16S: u16, U32S: u32, U64S: u64, U128S: u128,
    I8S: i8, I16S: i16, I32S: i32, I64S: i64, I128S: i128,
    F32S: f32, F64S: f64,
}

/// What types that are written as text often are.
pub(super) const STRINGS: &[&str] = &[
    "",
    "0",
    "1970-01-01T00:00:00Z",
    "1970-01-01",
    "00:00:00",
    "127.0.0.1",
    "127.0.0.1:80",
    "00000000-0000-0000-0000-000000000001",
    "/",
    "true",
    "http://a.b/",
    "a@b.cc",
    "1.0.0",
    "Mon",
    "Jan",
    "UTC",
    "a",
    "aaaaaaaa",
];

/// Nothing, and the lengths of keys, addresses and ids.
pub(super) const BYTES: &[&[u8]] = &[b"", &[0; 16], &[0; 32], &[0; 4], &[0; 64]];
