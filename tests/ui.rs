//! What the macros accept, and what they say to what they refuse.
//!
//! What they accept is part of this test, so that clippy sees it, too. What they refuse is compiled case by case:
//! `TRYBUILD=overwrite cargo test --test ui` writes the messages anew.

#![forbid(unsafe_code)]

#[path = "ui/pass/mod.rs"]
pub mod pass;

#[test]
fn every_misuse_is_told_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
