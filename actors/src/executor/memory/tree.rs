//! What belongs to one root and is held here, for all roots of which anything is.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
};

use crate::invocation::InvocationId;

/// What is held of one tree.
#[derive(Debug)]
pub(super) struct Tree {
    root: InvocationId,
    count: AtomicUsize,
    bytes: AtomicUsize,
    queued: AtomicUsize,
    overgrown: Mutex<Option<Size>>,
}

/// How large a tree was when it was too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) count: usize,
    pub(super) bytes: usize,
    pub(super) limit: usize,
}

impl Tree {
    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn sub(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Size>> {
        self.overgrown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All trees of which something is held; one of which nothing is has no entry.
///
/// A tree that was too large is *overgrown* until none of its calls waits here: they are refused as well. Else each
/// one that ends would make room for the next, which grows anew: a recursion without end that is wide, and waits for all of
/// its calls whatever one of them says, would go on for ever within its limit.
#[derive(Debug, Default)]
pub(super) struct Trees {
    trees: Mutex<BTreeMap<InvocationId, Arc<Tree>>>,
    overgrown: AtomicUsize,
}

impl Trees {
    /// Whether some tree is overgrown.
    pub(super) fn any_overgrown(&self) -> bool {
        self.overgrown.load(Relaxed) > 0
    }

    /// How large the tree is, or was, if that is too much: no less than `limit`, or overgrown.
    pub(super) fn too_large(&self, root: InvocationId, limit: usize) -> Option<Size> {
        // Under the lock all along, so that no tree without an entry is noted as overgrown.
        let trees = self.lock();
        let tree = trees.get(&root)?;
        let is_queued = tree.queued.load(SeqCst) > 0;
        if is_queued && let Some(size) = self.overgrown(tree) {
            return Some(size);
        }
        let size = Size { count: tree.count.load(SeqCst), bytes: tree.bytes.load(SeqCst), limit };
        if size.bytes == 0 || size.bytes < limit {
            return None;
        }
        // The last that waits may leave just now: a mark that comes too late says nothing while none waits, and is taken
        // away when the next one does.
        if is_queued && tree.lock().replace(size).is_none() {
            self.overgrown.fetch_add(1, SeqCst);
        }
        Some(size)
    }

    /// How large the tree was, if it is overgrown.
    pub(super) fn overgrown(&self, tree: &Tree) -> Option<Size> {
        if self.any_overgrown() { *tree.lock() } else { None }
    }

    /// Counts an invocation. [`leave`](Self::leave) is to follow.
    pub(super) fn enter(&self, root: InvocationId) -> Arc<Tree> {
        let mut trees = self.lock();
        let new = || {
            let zero = || AtomicUsize::new(0);
            Arc::new(Tree { root, count: zero(), bytes: zero(), queued: zero(), overgrown: Mutex::default() })
        };
        let tree = trees.entry(root).or_insert_with(new).clone();
        // Under the lock, as it is looked at there before the entry is taken out.
        tree.count.fetch_add(1, SeqCst);
        tree
    }

    pub(super) fn leave(&self, tree: &Tree) {
        if tree.count.fetch_sub(1, SeqCst) > 1 {
            return;
        }
        let mut trees = self.lock();
        // Another may have entered meanwhile, or have taken it out.
        if trees.get(&tree.root).is_some_and(|tree| tree.count.load(SeqCst) == 0)
            && let Some(gone) = trees.remove(&tree.root)
        {
            self.recovers(&gone);
        }
    }

    /// A call of the tree waits. [`starts`](Self::starts) is to follow.
    pub(super) fn waits(&self, tree: &Tree) {
        if tree.queued.fetch_add(1, SeqCst) == 0 {
            self.recovers(tree);
        }
    }

    pub(super) fn starts(&self, tree: &Tree) {
        if tree.queued.fetch_sub(1, SeqCst) == 1 {
            self.recovers(tree);
        }
    }

    fn recovers(&self, tree: &Tree) {
        if self.any_overgrown() && tree.lock().take().is_some() {
            self.overgrown.fetch_sub(1, SeqCst);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<InvocationId, Arc<Tree>>> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
