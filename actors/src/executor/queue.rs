//! In which order a node starts what waits: nested before root, so that what is begun ends first.

use std::collections::VecDeque;

/// One start in this many goes to a root even while nested calls wait, so that roots are not starved.
const ROOT_SHARE: u32 = 16;

/// What waits to be started. Nested calls leave newest first (depth first: memory stays small), roots in their order.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    nested: VecDeque<T>,
    roots: VecDeque<T>,
    turn: u32,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { nested: VecDeque::new(), roots: VecDeque::new(), turn: 0 }
    }
}

impl<T> Queue<T> {
    pub(crate) fn push(&mut self, order: T, is_root: bool) {
        if is_root { self.roots.push_back(order) } else { self.nested.push_back(order) }
    }

    /// Puts an order before all others.
    pub(crate) fn push_next(&mut self, order: T) {
        self.nested.push_back(order);
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.turn = self.turn.wrapping_add(1);
        if self.turn.is_multiple_of(ROOT_SHARE) {
            self.roots.pop_front().or_else(|| self.nested.pop_back())
        } else {
            self.nested.pop_back().or_else(|| self.roots.pop_front())
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.nested.len() + self.roots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_calls_go_first_and_newest_first() {
        let mut queue = Queue::default();
        queue.push("root", true);
        queue.push("old", false);
        queue.push("new", false);
        assert_eq!(
            [queue.pop(), queue.pop(), queue.pop(), queue.pop()],
            [Some("new"), Some("old"), Some("root"), None]
        );
    }

    #[test]
    fn a_root_gets_its_turn_under_endless_nested_calls() {
        let mut queue = Queue::default();
        queue.push(0, true);
        let waited = (1..).find(|n| {
            queue.push(*n, false);
            queue.pop() == Some(0)
        });
        assert!(waited.unwrap() <= ROOT_SHARE);
    }
}
