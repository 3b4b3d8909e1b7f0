//! What one invocation is counted with, until it is over.

use std::sync::{Arc, atomic::Ordering::SeqCst};

use super::{Memory, SUSPENDED_BYTES, THREAD_BYTES, rejection, tree::Tree};
use crate::{context::Context, invocation::InvocationId, task_error::Rejection};

/// What one invocation holds, as it is counted. Gives all of it back when it is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    memory: Arc<Memory>,
    /// Bytes that it waits with as a root.
    waiting: usize,
    /// Bytes that it holds since it is begun, and of which tree.
    held: Option<(Arc<Tree>, usize)>,
    /// It waits as a nested call.
    is_queued: bool,
    /// It counts as a root that runs.
    is_running: bool,
}

impl Charge {
    /// That of a root that waits.
    pub(super) fn waiting(memory: &Arc<Memory>, bytes: usize) -> Self {
        memory.waiting.fetch_add(bytes, SeqCst);
        let mut charge = Self::nothing(memory);
        charge.waiting = bytes;
        charge
    }

    /// That of a call below `root` that waits.
    pub(super) fn queued(memory: &Arc<Memory>, root: InvocationId, bytes: usize) -> Self {
        let mut charge = Self::nothing(memory);
        let tree = charge.hold(root, bytes);
        memory.trees.waits(tree);
        charge.is_queued = true;
        charge
    }

    /// That of an invocation that was not counted before it was suspended.
    pub(crate) fn suspended(memory: &Arc<Memory>, context: &Context, bytes: usize) -> Self {
        let mut charge = Self::nothing(memory);
        charge.suspend(context, bytes);
        charge
    }

    /// That of a thread that waits, on top of that of the invocation that it runs.
    pub(crate) fn thread(memory: &Arc<Memory>, root: InvocationId) -> Self {
        let mut charge = Self::nothing(memory);
        charge.hold(root, THREAD_BYTES);
        charge
    }

    fn nothing(memory: &Arc<Memory>) -> Self {
        Self { memory: memory.clone(), waiting: 0, held: None, is_queued: false, is_running: false }
    }

    /// An executor takes it: a root counts as one that runs from here on.
    pub(crate) fn start(&mut self, context: &Context) {
        if context.parent().is_none() && !self.is_running {
            self.is_running = true;
            self.memory.running.fetch_add(1, SeqCst);
        }
    }

    /// It does not start yet after all, and waits as before.
    pub(crate) fn start_later(&mut self) {
        if std::mem::take(&mut self.is_running) {
            self.memory.running.fetch_sub(1, SeqCst);
            self.memory.made_room();
        }
    }

    /// It does not wait any more. Why it must not start, if its tree has become too large meanwhile.
    pub(crate) fn begin(&mut self, context: &Context) -> Option<Rejection> {
        let overgrown = match &self.held {
            Some((tree, _)) if self.is_queued => self.memory.trees.overgrown(tree),
            _ => None,
        };
        self.waits_no_more();
        overgrown.map(|size| rejection(context, size))
    }

    fn waits_no_more(&mut self) {
        self.memory.waiting.fetch_sub(std::mem::take(&mut self.waiting), SeqCst);
        if let Some((tree, _)) = &self.held
            && std::mem::take(&mut self.is_queued)
        {
            self.memory.trees.starts(tree);
        }
    }

    /// It goes on as a suspended invocation, with so many bytes of its own.
    pub(crate) fn suspend(&mut self, context: &Context, bytes: usize) {
        self.hold(context.root(), SUSPENDED_BYTES.saturating_add(bytes));
    }

    fn hold(&mut self, root: InvocationId, bytes: usize) -> &Tree {
        let memory = &self.memory;
        let (tree, before) = self.held.get_or_insert_with(|| (memory.trees.enter(root), 0));
        memory.held.fetch_add(bytes, SeqCst);
        tree.add(bytes);
        tree.sub(*before);
        memory.held.fetch_sub(*before, SeqCst);
        *before = bytes;
        tree
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.waits_no_more();
        let memory = &self.memory;
        if let Some((tree, bytes)) = self.held.take() {
            tree.sub(bytes);
            memory.trees.leave(&tree);
            memory.held.fetch_sub(bytes, SeqCst);
        }
        if self.is_running {
            memory.running.fetch_sub(1, SeqCst);
        }
        memory.made_room();
    }
}
