//! Running tasks on one node: what a task is, how an executor runs it, and how its end is told.
//!
//! Nothing in this crate knows of a network. It is a part of [`atasks`](https://docs.rs/atasks); use that crate.

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
pub mod executor;
pub mod host;
pub mod router;
pub mod slot;
pub mod wait;

mod names;
