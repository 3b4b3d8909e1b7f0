//! Worker processes of one's own executable: `LocalCluster`, and what the macros start around a program or a test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../programs/mod.rs"]
mod programs;
#[path = "../programs/tasks.rs"]
mod tasks;

mod children;
mod launch;
mod losses;
mod refusals;
mod trials;
