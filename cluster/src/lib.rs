//! Choosing a node and reaching it: membership, placement, sessions and links.
//!
//! A part of [`atasks`](https://docs.rs/atasks); use that crate. It stands on `atasks-actors`, which runs the tasks.

// A node that is no worker lets what only workers do lie idle, and no binary has it.
#![cfg_attr(not(feature = "worker"), allow(dead_code))]

pub mod address;
pub mod config;
#[cfg(feature = "worker")]
pub mod control;
#[cfg(not(feature = "worker"))]
#[path = "control/absent.rs"]
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
