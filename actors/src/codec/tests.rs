//! What the codec promises, on values and on bytes that nobody encoded.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Debug,
    marker::PhantomData,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    panic::resume_unwind,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, SeqAccess, Visitor},
};
use serde_bytes::ByteBuf;

use super::*;

const MIB: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Part {
    Empty,
    New(u32),
    Pair(u8, String),
    Named { x: Option<Option<bool>>, y: Vec<Part> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point(f64, f32);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrapper(Unit);

/// Panics without the hook's noise, as the user's serde code might.
fn blow<T>() -> T {
    resume_unwind(Box::new("out of luck"))
}

#[track_caller]
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let bytes = encode(value, MIB).unwrap();
    let plain = bincode::serde::encode_to_vec(value, bincode::config::standard()).unwrap();
    assert_eq!(bytes, plain, "not as bincode encodes {value:?}");
    assert_eq!(decode::<T>(&bytes).as_ref(), Ok(value));
    assert_eq!(encode(value, bytes.len()).as_ref(), Ok(&bytes));
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(decode::<T>(&longer), Err(Error::Invalid("1 bytes are left over after the value".to_owned())));
    if let Some(limit) = bytes.len().checked_sub(1) {
        assert_eq!(encode(value, limit), Err(Error::TooLarge { size: bytes.len() }));
        assert!(matches!(decode::<T>(&bytes[..limit]), Err(Error::Invalid(_))), "cut short: {value:?}");
    }
}

#[test]
fn values_travel_in_the_format_of_bincode() {
    check(&(u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX));
    check(&(i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN));
    check(&(true, 'ß', f32::MIN, f64::INFINITY, ()));
    check(&(String::from("text"), ByteBuf::from(vec![0; 300])));
    check(&(Some(Some(1)), Some(None::<u8>), None::<Option<u8>>));
    check(&(vec![1u64, 300, 70_000, 1 << 40], [7u8; 32], Vec::<String>::new()));
    check(&HashMap::from([(String::from("k"), vec![1])]));
    check(&BTreeMap::from([(3, 'c'), (1, 'a')]));
    check(&(Point(1.5, -0.0), Unit, Wrapper(Unit), PhantomData::<u8>));
    check(&vec![Part::Empty, Part::New(9), Part::Pair(1, "s".to_owned())]);
    check(&Part::Named { x: Some(Some(true)), y: vec![Part::Empty] });
    check(&(Duration::new(5, 6), SystemTime::UNIX_EPOCH + Duration::from_secs(7)));
    check(&("127.0.0.1".parse::<IpAddr>().unwrap(), "[::1]:80".parse::<SocketAddr>().unwrap()));
    check(&(PathBuf::from("/tmp"), NonZeroU32::MIN, Ok::<u8, String>(3), Err::<u8, _>("e".to_owned())));
    check(&());
}

#[test]
fn a_value_above_the_limit_is_measured() {
    let value = (vec![7u64; 5000], ByteBuf::from(vec![0; 100_000]));
    let size = encode(&value, MIB).unwrap().len();
    for limit in [0, 1, 100, 5003, size - 1] {
        assert_eq!(encode(&value, limit), Err(Error::TooLarge { size }), "limit {limit}");
    }
}

#[test]
fn a_limit_above_the_ceiling_is_the_ceiling() {
    struct Zeros(usize);
    impl Serialize for Zeros {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..self.0).map(|_| serde_bytes::Bytes::new(&[0; MIB])))
        }
    }
    let Err(Error::TooLarge { size }) = encode(&Zeros(1024), usize::MAX) else { panic!("not refused") };
    assert_eq!(size, 3 + 1024 * (5 + MIB));
}

#[derive(Debug, Serialize, Deserialize)]
struct Skips {
    #[serde(default, skip_serializing_if = "is_seven")]
    number: u32,
    rest: u32,
}

#[derive(Debug, Serialize, Deserialize)]
enum SkipsToo {
    Case {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maybe: Option<u8>,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_seven(number: &u32) -> bool {
    *number == 7
}

#[test]
fn a_skipped_field_is_refused_by_name() {
    assert_eq!(encode(&Skips { number: 6, rest: 1 }, MIB), Ok(vec![6, 1]));
    let text = "`skip_serializing_if` on field `number` cannot be sent, for the receiver does not know that the field \
                is missing: remove the attribute";
    assert_eq!(encode(&vec![Skips { number: 7, rest: 1 }], MIB), Err(Error::Invalid(text.to_owned())));
    let Err(Error::Invalid(text)) = encode(&SkipsToo::Case { maybe: None }, MIB) else { panic!("not refused") };
    assert!(text.contains("`maybe`"), "{text}");
}

#[derive(Debug, Serialize, Deserialize)]
struct Flat {
    x: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
    Text(String),
}

#[test]
fn what_needs_a_self_describing_format_is_refused() {
    let Err(Error::Invalid(text)) = encode(&Flat { x: 1, rest: BTreeMap::new() }, MIB) else { panic!("not refused") };
    assert!(text.contains("flatten"), "{text}");
    let Err(Error::Invalid(text)) = decode::<Untagged>(&[1]) else { panic!("not refused") };
    assert!(text.contains("deserialize_any"), "{text}");
    assert!(matches!(decode::<serde::de::IgnoredAny>(&[1]), Err(Error::Invalid(_))));
}

#[derive(Debug)]
struct Panics;

impl Serialize for Panics {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        blow()
    }
}

impl<'de> Deserialize<'de> for Panics {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        blow()
    }
}

#[test]
fn a_panic_in_serde_code_is_an_error() {
    let panicked = Error::Panicked("out of luck".to_owned());
    assert_eq!(encode(&(1, Panics), MIB), Err(panicked.clone()));
    assert_eq!(decode::<(u8, Panics)>(&[1]).unwrap_err(), panicked);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct List {
    next: Option<Box<List>>,
}

impl List {
    fn new(length: u32) -> Self {
        (1..length).fold(Self { next: None }, |list, _| Self { next: Some(Box::new(list)) })
    }
}

#[test]
fn depth_is_bounded_at_both_ends() {
    check(&List::new(DEPTH_MAX / 2));
    let Err(Error::Invalid(text)) = encode(&List::new(DEPTH_MAX / 2 + 1), MIB) else { panic!("not refused") };
    assert!(text.contains("256 levels"), "{text}");
    let Err(Error::Invalid(text)) = decode::<List>(&[1; MIB]) else { panic!("not refused") };
    assert!(text.contains("256 levels"), "{text}");
}

/// Takes what a sequence says of its length at its word, as careless user code does.
#[derive(Debug)]
struct Trusting;

impl<'de> Deserialize<'de> for Trusting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Trusting;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("numbers")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Trusting, A::Error> {
                let mut all = Vec::<u64>::with_capacity(seq.size_hint().unwrap());
                while let Some(number) = seq.next_element()? {
                    all.push(number);
                }
                Ok(Trusting)
            }
        }
        deserializer.deserialize_seq(Reader)
    }
}

#[track_caller]
fn refuses<T: DeserializeOwned + Debug>(bytes: &[u8]) {
    let decoded = decode::<T>(bytes);
    assert!(matches!(decoded, Err(Error::Invalid(_))), "{decoded:?}");
}

#[test]
fn a_forged_length_is_refused_before_memory_is_taken() {
    for length in [900 * MIB as u64, u64::MAX] {
        let mut bytes = encode(&length, MIB).unwrap();
        bytes.extend([1; 7]);
        refuses::<String>(&bytes);
        refuses::<ByteBuf>(&bytes);
        refuses::<Box<str>>(&bytes);
        refuses::<PathBuf>(&bytes);
        refuses::<Vec<u8>>(&bytes);
        refuses::<Vec<[u64; 32]>>(&bytes);
        refuses::<HashMap<u8, u8>>(&bytes);
        refuses::<Vec<()>>(&bytes);
        refuses::<Vec<PhantomData<u8>>>(&bytes);
        refuses::<Trusting>(&bytes);
    }
}

/// Runs the test above where what is claimed would not even fit into the address space.
#[cfg(target_os = "linux")]
#[test]
fn a_forged_length_reserves_no_memory() {
    let output = std::process::Command::new("sh")
        .args(["-c", r#"ulimit -v 524288 && exec "$0" --exact --test-threads=1 "$1""#])
        .arg(std::env::current_exe().unwrap())
        .arg("codec::tests::a_forged_length_is_refused_before_memory_is_taken")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
}

#[test]
fn elements_without_bytes_are_few() {
    check(&vec![(); 60_000]);
    refuses::<Vec<()>>(&encode(&70_000, MIB).unwrap());
    refuses::<Vec<Vec<()>>>(&encode(&vec![60_000; 2], MIB).unwrap());
}

#[test]
fn integers_in_their_longest_form_stay_within_the_ceiling() {
    // bincode counts 16 bytes for each of these, of which one is there.
    check(&vec![1u128; 1 << 17]);
    assert_eq!(decode::<ByteBuf>(&vec![0; PAYLOAD_CEILING + 1]), Err(Error::TooLarge { size: PAYLOAD_CEILING + 1 }));
}

#[test]
fn wrong_bytes_are_told_in_words() {
    let said = |error: Error| error.to_string();
    assert_eq!(said(decode::<bool>(&[7]).unwrap_err()), "7 is not a bool");
    assert_eq!(said(decode::<Option<u8>>(&[2]).unwrap_err()), "2 is neither none (0) nor some (1)");
    assert_eq!(said(decode::<u64>(&[]).unwrap_err()), "the bytes end 1 too early");
    assert!(said(decode::<String>(&[1, 0xff]).unwrap_err()).starts_with("a string is not UTF-8"));
    assert!(said(decode::<Part>(&[9]).unwrap_err()).contains("variant index"));
    assert_eq!(said(decode::<NonZeroU32>(&[0]).unwrap_err()), "invalid value: integer `0`, expected a nonzero u32");
    assert_eq!(said(Error::TooLarge { size: 9 }), "the encoded value takes 9 bytes, which is above the limit");
}

type Mixed = (Vec<Part>, HashMap<String, Option<u64>>, Result<[i16; 3], Box<str>>, List, (f32, char, ByteBuf, i128));

proptest! {
    #[test]
    fn any_value_comes_back(
        numbers in prop::collection::vec(any::<(u128, i64, f64, char, Option<bool>)>(), 0..20),
        texts in prop::collection::btree_map(any::<String>(), any::<Result<u8, Vec<u16>>>(), 0..9),
    ) {
        let value = (numbers, texts);
        let bytes = encode(&value, MIB).unwrap();
        prop_assert_eq!(&bytes, &bincode::serde::encode_to_vec(&value, bincode::config::standard()).unwrap());
        prop_assert_eq!(decode(&bytes), Ok(value));
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = decode::<Mixed>(&bytes) {
            prop_assert!(encode(&value, MIB).is_ok());
        }
    }
}
