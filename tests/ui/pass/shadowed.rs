//! Names of the prelude that mean something else.

#![allow(non_camel_case_types, dead_code)]

/// No result.
#[derive(Debug)]
pub struct Result;
/// No text.
#[derive(Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
pub struct String(u8);
/// No list.
#[derive(Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
pub struct Vec<T>(T);
/// Not the crates of these names.
pub mod atasks {}
/// Not the crates of these names.
pub mod core {}
/// Not the crates of these names.
pub mod serde {}
/// Not the crates of these names.
pub mod std {}
/// None of the traits that the expansion uses.
pub trait Task {}
/// None of the traits that the expansion uses.
pub trait Future {}
/// None of the traits that the expansion uses.
pub trait Send {}
struct Some;
struct None;
struct Ok;
struct Err;

type Returned<T> = ::std::result::Result<T, ::atasks::Error>;

/// Takes and gives what is not a list of bytes.
#[::atasks::task]
pub async fn take(text: String, list: Vec<u8>) -> Returned<Vec<u8>> {
    ::std::result::Result::Ok(Vec(list.0 + text.0))
}

#[::atasks::test]
async fn the_types_in_scope_are_meant() {
    assert_eq!(take(String(1), Vec(2)).await.unwrap_or(Vec(0)), Vec(3));
}
