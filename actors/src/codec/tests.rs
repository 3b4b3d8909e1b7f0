//! What the codec carries, and what it refuses.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    time::Duration,
};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

const LIMIT: usize = 1 << 20;

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) {
    let bytes = encode(&value, LIMIT).unwrap();
    assert_eq!(decode::<T>(&bytes).unwrap(), value);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Node(Vec<Tree>),
    Named { left: Box<Tree>, value: Option<i128> },
    Leaf(String),
    Nothing,
}

#[test]
fn values_of_all_kinds_survive() {
    survives((true, -1i8, 300u16, -70_000i32, u64::MAX, i128::MIN, 1.5f32, f64::MAX, 'ß'));
    survives(("text".to_owned(), vec![1u64, 2], [1u8; 32], Some(Some(()))));
    survives(HashMap::from([(1, "a".to_owned()), (2, "b".to_owned())]));
    survives(BTreeMap::from([("k".to_owned(), Duration::from_nanos(5))]));
    survives("127.0.0.1".parse::<IpAddr>().unwrap());
    let left = Box::new(Tree::Node(vec![Tree::Leaf("x".into()), Tree::Nothing]));
    survives(Tree::Named { left, value: Some(-3) });
    survives(serde_bytes::ByteBuf::from(vec![7u8; 100_000]));
    survives(vec![0u128; 60_000]);
}

#[test]
fn the_size_of_what_is_too_large_is_told_in_whole() {
    let value = vec![7u8; 5000];
    let size = encode(&value, LIMIT).unwrap().len();
    assert_eq!(encode(&value, size).unwrap().len(), size);
    assert_eq!(encode(&value, size - 1), Err(Error::TooLarge { size }));
    assert_eq!(encode(&value, 0), Err(Error::TooLarge { size }));
}

#[test]
fn what_is_left_over_is_refused() {
    let bytes = encode(&(1u8, 2u8), LIMIT).unwrap();
    let error = decode::<u8>(&bytes).unwrap_err();
    assert!(error.to_string().contains("1 bytes are left over"), "{error}");
}

#[test]
fn what_ends_too_early_is_refused() {
    let bytes = encode(&(1u8, "hello"), LIMIT).unwrap();
    for end in 0..bytes.len() {
        assert!(decode::<(u8, String)>(&bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn a_forged_length_is_refused() {
    // 900 MiB, as bincode writes a length.
    let mut forged = vec![252];
    forged.extend_from_slice(&(900u32 << 20).to_le_bytes());
    forged.extend_from_slice(b"little");
    assert!(decode::<String>(&forged).is_err());
    let error = decode::<serde_bytes::ByteBuf>(&forged).unwrap_err();
    assert!(error.to_string().contains("larger than all that was sent"), "{error}");
    assert!(decode::<Vec<u64>>(&forged).is_err());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Sparse {
    #[serde(default, skip_serializing_if = "is_seven")]
    first: u32,
    second: u32,
}

fn is_seven(number: &u32) -> bool {
    *number == 7
}

#[test]
fn a_field_that_would_be_left_out_is_refused_by_its_name() {
    survives(Sparse { first: 1, second: 2 });
    let hidden = Some(vec![(Sparse { first: 7, second: 2 }, 1u8)]);
    let error = encode(&hidden, LIMIT).unwrap_err().to_string();
    assert!(error.contains("`first`") && error.contains("remove that attribute"), "{error}");
}

struct Panics;

impl Serialize for Panics {
    fn serialize<S: serde::Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        panic!("no way out")
    }
}

impl<'de> Deserialize<'de> for Panics {
    fn deserialize<D: serde::Deserializer<'de>>(_deserializer: D) -> Result<Self, D::Error> {
        panic!("no way in")
    }
}

#[test]
fn a_panic_in_user_code_is_an_error_with_its_text() {
    assert_eq!(encode(&Panics, LIMIT), Err(Error::Panicked("no way out".into())));
    assert_eq!(decode::<Panics>(&[]).err(), Some(Error::Panicked("no way in".into())));
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode::<Tree>(&bytes);
        let _ = decode::<(String, Vec<u64>, Option<char>)>(&bytes);
        let _ = decode::<crate::task_error::TaskError>(&bytes);
    }
}
