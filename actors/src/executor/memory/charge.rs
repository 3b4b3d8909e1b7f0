//! What one invocation is counted with, until it is over.

use std::sync::{Arc, atomic::Ordering::SeqCst};

use super::{Memory, SUSPENDED_BYTES, tree::Tree};
use crate::{context::Context, invocation::InvocationId};

/// What one invocation holds, as it is counted. Gives all of it back when it is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    memory: Arc<Memory>,
    /// Bytes that it waits with as a root.
    waiting: usize,
    /// Bytes that it holds since it is begun, and of which tree.
    held: Option<(Arc<Tree>, usize)>,
    /// It counts as a root that runs.
    is_running: bool,
}

impl Charge {
    /// That of a root that waits.
    pub(super) fn waiting(memory: &Arc<Memory>, bytes: usize) -> Self {
        memory.waiting.fetch_add(bytes, SeqCst);
        Self { memory: memory.clone(), waiting: bytes, held: None, is_running: false }
    }

    /// That of a call below `root`.
    pub(super) fn holding(memory: &Arc<Memory>, root: InvocationId, bytes: usize) -> Self {
        let mut charge = Self { memory: memory.clone(), waiting: 0, held: None, is_running: false };
        charge.hold(root, bytes);
        charge
    }

    /// That of an invocation that was not counted before it was suspended.
    pub(crate) fn suspended(memory: &Arc<Memory>, context: &Context, bytes: usize) -> Self {
        Self::holding(memory, context.root(), SUSPENDED_BYTES.saturating_add(bytes))
    }

    /// An executor takes it: a root counts as one that runs from here on.
    pub(crate) fn start(&mut self, context: &Context) {
        if context.parent().is_none() && !self.is_running {
            self.is_running = true;
            self.memory.running.fetch_add(1, SeqCst);
        }
    }

    /// It does not wait any more.
    pub(crate) fn begin(&mut self) {
        self.memory.waiting.fetch_sub(std::mem::take(&mut self.waiting), SeqCst);
    }

    /// It goes on as a suspended invocation, with so many bytes of its own.
    pub(crate) fn suspend(&mut self, context: &Context, bytes: usize) {
        self.hold(context.root(), SUSPENDED_BYTES.saturating_add(bytes));
    }

    fn hold(&mut self, root: InvocationId, bytes: usize) {
        self.memory.held.fetch_add(bytes, SeqCst);
        match &mut self.held {
            Some((tree, before)) => {
                tree.add(bytes);
                tree.sub(*before);
                self.memory.held.fetch_sub(*before, SeqCst);
                *before = bytes;
            }
            none => {
                let tree = self.memory.trees.enter(root);
                tree.add(bytes);
                *none = Some((tree, bytes));
            }
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let memory = &self.memory;
        memory.waiting.fetch_sub(self.waiting, SeqCst);
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
