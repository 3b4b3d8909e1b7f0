#![allow(missing_docs)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Fingerprint([u8; 16]);
pub struct Parts<'a> {
    pub name: &'a str,
    pub file: Option<&'a str>,
    pub contract: Contract<'a>,
}
pub enum Contract<'a> {
    Version(&'a str),
    Shape { arguments: &'a str, result: &'a str },
    Build(&'a [u8]),
}
impl Fingerprint {
    pub fn of(_: &Parts<'_>) -> Self {
        Self([0; 16])
    }
}
pub fn source_file(_: &str, f: &str) -> String {
    f.into()
}
pub fn key(_: &str) -> u64 {
    0
}
impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
