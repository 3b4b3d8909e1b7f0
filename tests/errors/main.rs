//! Every error that a call can end with, made to happen: what it says, and whether the work may have run.
#![allow(clippy::unwrap_used, clippy::type_complexity)]

#[path = "../support/mod.rs"]
mod support;

mod crashes;
mod crossing;
mod deadlines;
mod drops;
mod hops;
mod payloads;
