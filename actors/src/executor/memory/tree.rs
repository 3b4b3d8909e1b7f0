//! What belongs to one root and is held here, for all roots of which anything is.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::invocation::InvocationId;

/// What is held of one tree.
#[derive(Debug)]
pub(super) struct Tree {
    root: InvocationId,
    count: AtomicUsize,
    bytes: AtomicUsize,
}

impl Tree {
    /// How many invocations are held, and how many bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.count.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn sub(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// All trees of which something is held; one of which nothing is has no entry.
#[derive(Debug, Default)]
pub(super) struct Trees {
    trees: Mutex<BTreeMap<InvocationId, Arc<Tree>>>,
}

impl Trees {
    pub(super) fn find(&self, root: InvocationId) -> Option<Arc<Tree>> {
        self.lock().get(&root).cloned()
    }

    /// Counts an invocation. [`leave`](Self::leave) is to follow.
    pub(super) fn enter(&self, root: InvocationId) -> Arc<Tree> {
        let mut trees = self.lock();
        let new = || Arc::new(Tree { root, count: AtomicUsize::new(0), bytes: AtomicUsize::new(0) });
        let tree = trees.entry(root).or_insert_with(new).clone();
        // Under the lock, as it is looked at there before the entry is taken out.
        tree.count.fetch_add(1, Ordering::Relaxed);
        tree
    }

    pub(super) fn leave(&self, tree: &Tree) {
        if tree.count.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        let mut trees = self.lock();
        // Another may have entered meanwhile, or have taken it out.
        if trees.get(&tree.root).is_some_and(|tree| tree.count.load(Ordering::Acquire) == 0) {
            trees.remove(&tree.root);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<InvocationId, Arc<Tree>>> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
