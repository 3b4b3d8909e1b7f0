//! Types that the codec cannot carry, and types whose shape cannot be found.

#![expect(dead_code, reason = "the types are there to be traced; most of them are never built")]

use std::{
    collections::BTreeMap,
    num::{NonZeroI8, NonZeroU8},
    panic::resume_unwind,
};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, IgnoredAny},
};

use super::*;

/// Why the round trip of a type fails whose shape is found.
#[track_caller]
fn lost<T: Serialize + DeserializeOwned + Debug>() -> String {
    let Trace::Traced { samples, .. } = trace::<T>() else { panic!("not traced: {:?}", trace::<T>()) };
    round_trip(&samples).expect_err(&format!("{samples:?}"))
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
    Text(String),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Internally {
    One { x: u8 },
    Two { y: u8 },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value")]
enum Adjacently {
    One(u8),
    Two(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Flat {
    x: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[derive(Debug, Deserialize)]
struct ByFunction {
    #[serde(deserialize_with = "anything")]
    held: u8,
}

fn anything<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    deserializer.deserialize_any(IgnoredAny).map(|_| 0)
}

#[derive(Debug, Deserialize)]
struct Deep<T> {
    first: Vec<u8>,
    second: BTreeMap<String, Option<T>>,
}

#[test]
fn what_describes_itself_is_unsupported() {
    assert!(unsupported::<Untagged>().contains("`untagged`"));
    for (reason, name) in [
        (unsupported::<Untagged>(), "refused::Untagged` asks the bytes what they are"),
        (unsupported::<Vec<Deep<Flat>>>(), "refused::Flat` asks the bytes for the name"),
        (unsupported::<Deep<Internally>>(), "refused::Internally` asks"),
        (unsupported::<(u8, IgnoredAny)>(), "IgnoredAny` leaves out"),
        (unsupported::<Option<Box<Untagged>>>(), "refused::Untagged` asks"),
    ] {
        assert!(reason.starts_with("`atasks_actors::") || reason.starts_with("`serde"), "{reason}");
        assert!(reason.contains(name), "{reason}");
    }
    let reason = unsupported::<Option<ByFunction>>();
    assert!(reason.starts_with("field `held` asks the bytes what they are"), "{reason}");
    assert!(unsupported::<Internally>().contains("(`deserialize_any`)"));
    assert!(unsupported::<Adjacently>().contains("adjacently tagged"));
    assert!(unsupported::<Flat>().contains("`flatten`"));
    assert!(unsupported::<IgnoredAny>().contains("leaves out bytes"));
    assert!(unsupported::<Deep<Untagged>>().contains("`untagged`"));
    assert!(unsupported::<Vec<Deep<Flat>>>().contains("`flatten`"));
    assert!(unsupported::<Result<u8, Deep<Internally>>>().contains("internally tagged"));
}

/// Takes anything for nothing, as readers of configuration do.
#[derive(Debug)]
struct Lenient<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(T::deserialize(deserializer).ok()))
    }
}

#[test]
fn an_error_that_is_swallowed_still_counts() {
    assert!(unsupported::<Vec<Lenient<Untagged>>>().contains("`untagged`"));
    assert!(opaque::<Vec<Lenient<(u8, Refuses)>>>().contains("250000 requests"));
    // The pass in which nothing was accepted does not count.
    let Trace::Traced { text, samples } = trace::<Lenient<(NonZeroU8,)>>() else { panic!("not traced") };
    assert!(text == "(u8,)" && samples.len() == 1 && samples[0].0.is_some(), "{text} {samples:?}");
}

#[derive(Debug, Serialize, Deserialize)]
struct Skips<T: Default + PartialEq> {
    #[serde(default, skip_serializing_if = "is_default")]
    maybe: T,
    rest: u8,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Debug, Serialize, Deserialize)]
enum SkipsToo {
    Plain,
    Case(Vec<Skips<Option<u8>>>),
}

#[derive(Debug, Serialize, Deserialize)]
struct SkipsTuple(u8, #[serde(default, skip_serializing_if = "Vec::is_empty")] Vec<u8>);

#[derive(Debug, Serialize, Deserialize)]
struct OneWay {
    #[serde(skip_serializing, default)]
    x: u8,
    y: u8,
}

#[derive(Debug, Serialize, Deserialize)]
struct Swapped {
    #[serde(serialize_with = "as_text")]
    x: u8,
    y: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn as_text<S: Serializer>(x: &u8, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(x)
}

#[test]
fn what_does_not_come_back_is_told() {
    let skip = "`skip_serializing_if` on field `maybe` cannot be sent";
    for reason in [lost::<Skips<Option<u8>>>(), lost::<Skips<Vec<u8>>>(), lost::<Skips<u32>>(), lost::<Skips<String>>()]
    {
        assert!(reason.starts_with(skip) && reason.ends_with("remove the attribute"), "{reason}");
    }
    assert!(lost::<SkipsToo>().starts_with(skip));
    assert!(lost::<Option<Vec<BTreeMap<u8, SkipsToo>>>>().starts_with(skip));
    assert!(lost::<Vec<(u8, SkipsToo)>>().starts_with(skip));
    for reason in [lost::<SkipsTuple>(), lost::<OneWay>(), lost::<(OneWay, Vec<u8>)>(), lost::<Swapped>()] {
        assert!(reason.contains("do not match"), "{reason}");
    }
}

/// Is encoded as another value each time.
#[derive(Debug)]
struct Clock;

impl Serialize for Clock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NOW: AtomicU64 = AtomicU64::new(0);
        serializer.serialize_u64(NOW.fetch_add(1, Ordering::Relaxed))
    }
}

impl<'de> Deserialize<'de> for Clock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(|_| Self)
    }
}

#[test]
fn a_type_that_is_encoded_anew_each_time_is_let_through() {
    assert_eq!(text::<Clock>(), "u64");
}

macro_rules! from_u8 {
    ($name:ident, $from:expr) => {
        #[derive(Debug)]
        struct $name;
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let from: fn(u8) -> Result<Self, &'static str> = $from;
                from(u8::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }
    };
}

from_u8!(Refuses, |_| Err("never good enough"));
from_u8!(Panics, |_| resume_unwind(Box::new("out of luck")));

/// Says of each error what it thinks of it.
#[derive(Debug)]
struct Wraps<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Wraps<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self).map_err(|error| D::Error::custom(format!("sadly {error}")))
    }
}

#[test]
fn errors_that_are_wrapped_do_not_confuse_the_search() {
    let reason = opaque::<(u8, Wraps<Vec<(u8, Wraps<Refuses>)>>)>();
    assert!(reason.ends_with("sadly sadly never good enough"), "{reason}");
    let Trace::Traced { text, .. } = trace::<Wraps<Vec<(u8, Wraps<NonZeroI8>)>>>() else { panic!("refused") };
    assert_eq!(text, "seq<(u8,i8,),>");
}

#[derive(Debug, Deserialize)]
struct Endless {
    inner: Box<Endless>,
}

#[derive(Debug, Deserialize)]
enum EndlessToo {
    Only(Box<Endless>),
    Other(Box<EndlessToo>),
}

#[derive(Debug, Deserialize)]
enum Nothing {}

#[test]
fn what_cannot_be_built_is_opaque() {
    assert!(opaque::<Refuses>().ends_with("never good enough"));
    assert!(opaque::<Vec<(u8, Refuses)>>().ends_with("never good enough"), "{}", opaque::<Vec<(u8, Refuses)>>());
    assert_eq!(opaque::<Panics>(), "its serde code panicked: out of luck");
    assert!(opaque::<Endless>().ends_with("contains itself without end"));
    assert!(opaque::<EndlessToo>().ends_with("contains itself without end"));
    assert!(opaque::<Nothing>().contains("without variants"));
}

/// Refuses every combination of many parts.
#[derive(Debug)]
struct Stubborn;

impl<'de> Deserialize<'de> for Stubborn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <[u8; 30]>::deserialize(deserializer)?;
        Err(D::Error::custom("never"))
    }
}

/// Recurs by hand, without a type that could be seen to recur.
#[derive(Debug)]
struct Pit;

impl<'de> Deserialize<'de> for Pit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <(u8, Self)>::deserialize(deserializer).map(|_| Self)
    }
}

#[test]
fn the_search_is_bounded() {
    assert!(opaque::<Stubborn>().contains("250000 requests"), "{}", opaque::<Stubborn>());
    assert!(opaque::<Pit>().contains("levels deep"), "{}", opaque::<Pit>());
}

/// Panics only when it is empty: the shape is known by then.
#[derive(Debug, PartialEq)]
struct First(u8);

impl Serialize for First {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.0].as_slice().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Vec::<u8>::deserialize(deserializer)?.first() {
            Some(first) => Ok(Self(*first)),
            None => resume_unwind(Box::new("empty")),
        }
    }
}

#[test]
fn trouble_with_empty_values_leaves_the_shape() {
    let (text, samples) = traced::<First>();
    assert_eq!((text.as_str(), samples), ("seq<u8,>", vec![First(0)]));
}
