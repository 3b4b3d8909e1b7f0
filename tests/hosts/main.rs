//! A cluster of several hosts: each a network namespace of this machine with an address and a cable of its own, where
//! the machine allows that; and the same in plain processes on loopback, which always runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../programs/mod.rs"]
mod programs;

mod cable;
mod job;
mod net;
mod site;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Has the tests run one after another: each keeps a small machine busy, and one of them measures.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}
