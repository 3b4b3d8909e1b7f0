//! What is held on a node, in bytes: when a root has to wait, and when a tree has become too large.
//!
//! Counted are estimates: what waits to be started, and what is suspended. What is over in its first poll, inside that of
//! its caller, costs no more than a look at one counter. Roots that wait count for themselves: they are what others are to
//! be kept from by them, so they keep nobody from starting.

mod charge;
mod limits;
#[cfg(test)]
mod tests;
mod tree;

use std::sync::{
    Arc, OnceLock, Weak,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use self::tree::{Size, Trees};
pub(crate) use self::{charge::Charge, limits::MemoryLimits};
use super::{MemoryReport, Pool};
use crate::{context::Context, task_error::Rejection};

/// What an order takes besides its arguments: itself, its context, and what its caller waits with.
const ORDER_BYTES: usize = 1 << 10;

/// What a suspended invocation takes besides its future, and what its caller waits with if that is a task of this node: 1.4 KB
/// were measured without that, 2 to 2.5 KB with it.
const SUSPENDED_BYTES: usize = 3 << 10;

/// What a thread takes that waits for a call of its blocking task. Threads are scarcer than their bytes: a recursion is to
/// end before the system gives no more of them.
const THREAD_BYTES: usize = 256 << 10;

/// Counts what is held, and decides by it. No lock is taken but to find a tree.
#[derive(Debug)]
pub(crate) struct Memory {
    limits: MemoryLimits,
    /// Bytes of what is begun: nested calls that wait, and all that is suspended.
    held: AtomicUsize,
    /// Bytes of roots that wait.
    waiting: AtomicUsize,
    /// Roots that are started and not over.
    running: AtomicUsize,
    trees: Trees,
    /// Roots wait that were not let pass: whoever makes room wakes an executor.
    shut: AtomicBool,
    /// Whose executors it wakes.
    pool: OnceLock<Weak<Pool>>,
}

impl Memory {
    pub(crate) fn new(limits: MemoryLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            held: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            trees: Trees::default(),
            shut: AtomicBool::new(false),
            pool: OnceLock::new(),
        })
    }

    pub(crate) fn wakes(&self, pool: &Arc<Pool>) {
        let _ = self.pool.set(Arc::downgrade(pool));
    }

    /// Counts an invocation that is to wait. A root always may; a nested call does not if its tree is too large.
    pub(crate) fn admit(self: &Arc<Self>, context: &Context, arguments: usize) -> Result<Charge, Rejection> {
        let bytes = ORDER_BYTES.saturating_add(arguments);
        if context.parent().is_none() {
            return Ok(Charge::waiting(self, bytes));
        }
        if let Some(reason) = self.refuses(context) {
            return Err(reason);
        }
        Ok(Charge::queued(self, context.root(), bytes))
    }

    /// Why a nested call must not start: what belongs to its root takes too much here. A tree that holds nothing may
    /// always have one call.
    pub(crate) fn refuses(&self, context: &Context) -> Option<Rejection> {
        let held = self.held.load(SeqCst);
        // Nearly all calls of a node come to no more than this.
        if !self.limits.may_be_too_much(held) && !self.trees.any_overgrown() {
            return None;
        }
        self.trees.too_large(context.root(), self.limits.of_tree(held)).map(|size| rejection(context, size))
    }

    /// Whether a root may start. If not, whoever makes room for it later wakes an executor.
    pub(crate) fn lets_root_start(&self) -> bool {
        if self.has_room() {
            return true;
        }
        self.shut.store(true, SeqCst);
        // Who has made room meanwhile may not have seen that.
        self.has_room()
    }

    /// Whether roots were kept waiting and may start now.
    pub(crate) fn opens(&self) -> bool {
        self.shut.load(SeqCst) && self.has_room()
    }

    /// No root waits any more.
    pub(crate) fn no_root_waits(&self) {
        if self.shut.load(SeqCst) {
            self.shut.store(false, SeqCst);
        }
    }

    fn has_room(&self) -> bool {
        self.limits.let_root_start(self.running.load(SeqCst), self.held.load(SeqCst))
    }

    /// Wakes an executor if a root waits for what was just given back.
    fn made_room(&self) {
        if self.opens()
            && let Some(pool) = self.pool.get().and_then(Weak::upgrade)
        {
            pool.wake_one();
        }
    }

    /// Reads what is counted.
    pub(crate) fn report(&self) -> MemoryReport {
        MemoryReport {
            held: self.held.load(SeqCst),
            waiting: self.waiting.load(SeqCst),
            running: self.running.load(SeqCst),
            trees: self.trees.len(),
        }
    }
}

fn rejection(context: &Context, size: Size) -> Rejection {
    let Size { count, bytes, limit } = size;
    let task = context.task().name().to_owned();
    Rejection::TreeTooLarge { task, count: count as u64, bytes: bytes as u64, limit: limit as u64 }
}
