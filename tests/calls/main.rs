//! What a call is, and what a running task knows: issue by issue, on nodes of this process.
#![allow(clippy::unwrap_used, clippy::type_complexity)]

#[path = "../support/mod.rs"]
mod support;

mod cancelled;
mod context;
mod detached;
mod events;
mod json;
mod leave;
mod lost_context;
mod options;
mod places;
mod poison;
mod retry;
mod spawned;
mod together;
