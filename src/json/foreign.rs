//! Tasks of which only the name is known, kept for the life of the process.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use atasks_actors::task::TaskEntry;

/// Most names that are kept although nobody is known to have them, and most bytes of a name that is kept at all.
const NAMES_MAX: usize = 4096;
const NAME_BYTES_MAX: usize = 512;

/// Stands for all that is not kept. No task has this name.
static ANOTHER: TaskEntry = TaskEntry::foreign("(another task)");

static KEPT: Mutex<BTreeMap<&'static str, &'static TaskEntry>> = Mutex::new(BTreeMap::new());

/// The task of this name, which is kept once. Names may come from anywhere, so they are bounded: beyond that, only one
/// that some node has is kept.
pub(super) fn keep(name: &str, is_known: impl FnOnce() -> bool) -> &'static TaskEntry {
    let count = {
        let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.get(name) {
            Some(task) => return task,
            None => kept.len(),
        }
    };
    // Asked without the lock.
    if name.len() > NAME_BYTES_MAX || count >= NAMES_MAX && !is_known() {
        return &ANOTHER;
    }
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    // Another thread may have kept it meanwhile.
    if let Some(task) = kept.get(name) {
        return task;
    }
    let name: &'static str = Box::leak(name.into());
    let task = Box::leak(Box::new(TaskEntry::foreign(name)));
    kept.insert(name, task);
    task
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_beyond_a_bound_only_if_a_node_has_it() {
        let first = keep("twice", || false);
        assert!(std::ptr::eq(first, keep(&String::from("twice"), || false)) && first.name() == "twice");
        assert!(std::ptr::eq(keep(&"x".repeat(NAME_BYTES_MAX + 1), || true), &raw const ANOTHER));
        for n in 0..NAMES_MAX {
            keep(&format!("one of many: {n}"), || false);
        }
        assert!(std::ptr::eq(keep("unheard", || false), &raw const ANOTHER));
        assert_eq!(keep("unheard", || true).name(), "unheard");
        assert!(std::ptr::eq(first, keep("twice", || false)));
    }
}
