//! What the macros accept, and what they say to what they refuse.
//!
//! What they accept is part of this test, so that clippy sees it, too. What they refuse is compiled program by program:
//! `OVERWRITE=1 cargo test --test ui` writes down anew what is said to each. A new one needs its `[[test]]` in `Cargo.toml`.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{env, fs};

#[path = "ui/pass/mod.rs"]
pub mod pass;
#[path = "ui/refused.rs"]
mod refused;

#[test]
fn every_misuse_is_told_what_to_write_instead() {
    let said = refused::Said::now();
    let programs = refused::programs("tests/ui/fail");
    assert!(!programs.is_empty());
    let mut differ = 0;
    for program in programs {
        let (name, now) = (program.file_name().unwrap().display(), said.to(&program));
        assert!(!now.is_empty(), "{name} was not refused; is it in Cargo.toml?\n{}", said.log);
        let expected = program.with_extension("said");
        if env::var_os("OVERWRITE").is_some() {
            fs::write(expected, now).unwrap();
        } else if fs::read_to_string(expected).ok().as_deref() != Some(now) {
            println!("to {name} is said now:\n{now}");
            differ += 1;
        }
    }
    assert_eq!(differ, 0, "programs are told something else than before");
}
