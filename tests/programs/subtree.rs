//! A tree of tasks that end by nothing but their cancellation, and what each process has of it.

#![allow(dead_code, reason = "each program uses some of them")]

use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use atasks::{Placement, TaskError};
use futures_util::future::{Either, pending, select, try_join_all};

type Done<T> = Result<T, TaskError>;

/// Tasks of the tree that run in this process.
static ALIVE: AtomicUsize = AtomicUsize::new(0);
/// When the last of them so far has ended, on the machine's clock.
static LAST_END: AtomicU64 = AtomicU64::new(0);

/// One task of the tree, from its start to its end.
struct Alive;

impl Alive {
    fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        LAST_END.fetch_max(machine_time(), Ordering::SeqCst);
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Nanoseconds on a clock that all processes of a machine share.
pub(crate) fn machine_time() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The root: a branch on each of the nodes. Panics once there is a file `crash` in its folder.
#[atasks::task]
pub(crate) async fn grow(nodes: Vec<String>, leaves: u32, folder: PathBuf) -> Done<()> {
    let _alive = Alive::new();
    let branches = nodes.into_iter().map(|node| branch(leaves).place(Placement::Node(node)));
    let branches = pin!(try_join_all(branches));
    let crash = pin!(async {
        while !folder.join("crash").exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    match select(branches, crash).await {
        Either::Left((ended, _)) => ended.map(drop),
        Either::Right(_) => panic!("the root crashes"),
    }
}

/// Leaves on all nodes in turn.
#[atasks::task]
pub(crate) async fn branch(leaves: u32) -> Done<()> {
    let _alive = Alive::new();
    try_join_all((0..leaves).map(|_| leaf().place(Placement::Spread))).await.map(drop)
}

#[atasks::task]
pub(crate) async fn leaf() -> Done<()> {
    let _alive = Alive::new();
    pending().await
}

/// How many tasks of the tree run in this process, and when the last of those that do not has ended.
#[atasks::task]
pub(crate) async fn alive() -> Done<(usize, u64)> {
    Ok((ALIVE.load(Ordering::SeqCst), LAST_END.load(Ordering::SeqCst)))
}
