//! The window of the calls that a worker makes for itself: its own roots wait here as those of a peer do.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use atasks_actors::{
    executor::{Issuer, Ticket},
    invocation::Invocation,
    table::TaskTable,
    task::TaskEntry,
};

use super::NodeCore;
use crate::{
    link::Windows,
    session::credit::{Amount, SHARED},
};

/// What a node has sent itself that has not started, by class: here both ends of a window count as one.
#[derive(Debug)]
pub(super) struct Own {
    shared: Waits,
    limited: BTreeMap<u32, Waits>,
}

#[derive(Debug)]
struct Waits {
    window: Amount,
    calls: AtomicU64,
    bytes: AtomicU64,
}

impl Waits {
    fn new(window: Amount) -> Self {
        Self { window, calls: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    /// Callers on many threads may all see the last place: it is one call more for each.
    fn has_room(&self) -> bool {
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        self.window.admits(Amount { calls: read(&self.calls), bytes: read(&self.bytes) })
    }

    fn enter(&self, bytes: u64) -> bool {
        if !self.has_room() {
            return false;
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
        true
    }

    /// True: there was no room, and there is. Of several that leave at once one sees that, or more.
    fn leave(&self, bytes: u64) -> bool {
        let calls = self.calls.fetch_sub(1, Ordering::SeqCst);
        let bytes = self.bytes.fetch_sub(bytes, Ordering::SeqCst);
        !self.window.admits(Amount { calls, bytes }) && self.has_room()
    }
}

impl Own {
    pub(super) fn new(windows: Windows, table: &TaskTable) -> Self {
        let limited = table.iter().map(|task| task.entry).filter(|entry| entry.options().limited());
        let limited = limited.map(|entry| (class(entry), Waits::new(windows.own))).collect();
        Self { shared: Waits::new(windows.shared), limited }
    }

    fn class_of(&self, task: &TaskEntry) -> u32 {
        let class = class(task);
        if self.limited.contains_key(&class) { class } else { SHARED }
    }

    fn of(&self, class: u32) -> &Waits {
        self.limited.get(&class).unwrap_or(&self.shared)
    }
}

fn class(task: &TaskEntry) -> u32 {
    task.index().map_or(SHARED, |index| index.saturating_add(1))
}

impl NodeCore {
    /// Lets a call of this node's own into its queue: what it holds there, which is nothing for a nested one. None: as much
    /// waits there as may.
    pub(super) fn let_in(self: &Arc<Self>, invocation: &Invocation) -> Option<Option<Ticket>> {
        if invocation.parent.is_some() {
            return Some(None);
        }
        let class = self.own.class_of(invocation.task);
        let bytes = invocation.arguments.len() as u64;
        self.own.of(class).enter(bytes).then(|| Some(Ticket::new(self.clone(), class, bytes)))
    }

    /// Whether a further root of its own may wait here.
    pub(super) fn lets_in(&self, task: &TaskEntry) -> bool {
        self.own.of(self.own.class_of(task)).has_room()
    }
}

impl Issuer for NodeCore {
    fn left(&self, class: u32, bytes: u64) {
        if self.own.of(class).leave(bytes) && self.held.has_roots() {
            self.room_again();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_told_of_once_when_there_was_none() {
        let waits = Waits::new(Amount { calls: 2, bytes: 100 });
        assert!(waits.enter(10) && !waits.leave(10), "there was some");
        assert!(waits.enter(10) && waits.enter(10) && !waits.enter(10));
        assert!(waits.leave(10));
        assert!(!waits.leave(10), "told already");
        assert!(waits.enter(200) && !waits.enter(0) && waits.leave(200));
    }

    #[test]
    fn one_call_of_any_size_passes() {
        let waits = Waits::new(Amount { calls: 2, bytes: 100 });
        assert!(waits.enter(1_000_000) && !waits.enter(0));
        assert!(waits.leave(1_000_000) && waits.enter(0));
    }
}
