//! Programs that the macros accept, under the lints that strict crates use.

#![deny(missing_docs, missing_debug_implementations, unreachable_pub, unused, rust_2018_idioms)]
#![deny(clippy::all, clippy::pedantic, clippy::unwrap_used)]

pub mod attributes;
pub mod calls;
pub mod declared;
pub mod entry_points;
pub mod from_macros;
pub mod messages;
pub mod places;
pub mod renamed;
pub mod shadowed;
