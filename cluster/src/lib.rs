//! Choosing a node and reaching it: membership, placement, sessions and links.
//!
//! A part of [`atasks`](https://docs.rs/atasks); use that crate. It stands on `atasks-actors`, which runs the tasks.

pub mod address;
pub mod config;
pub mod control;
pub mod error;
pub mod node;
pub mod secret;
pub mod session;
pub mod transport;

mod agent;
mod link;
mod membership;
mod placement;
mod wire;
