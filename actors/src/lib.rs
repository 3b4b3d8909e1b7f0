//! Running tasks on one node: what a task is, how an executor runs it, and how its end is told.
//!
//! Nothing in this crate knows of a network. It is a part of [`atasks`](https://docs.rs/atasks); use that crate.

// Without executors what only they use lies idle, and no binary has it.
#![cfg_attr(not(feature = "worker"), allow(dead_code))]

pub mod codec;
pub mod shape;

pub mod crash;
pub mod error;
pub mod fingerprint;
pub mod node_id;
pub mod task_error;

pub mod invocation;
pub mod outcome;
pub mod policy;
pub mod table;
pub mod task;

pub mod context;
pub mod event;
#[cfg(feature = "worker")]
pub mod executor;
#[cfg(not(feature = "worker"))]
#[path = "executor/absent.rs"]
pub mod executor;
pub mod gate;
pub mod host;
pub mod router;
pub mod slot;
pub mod wait;

mod names;
mod park;
