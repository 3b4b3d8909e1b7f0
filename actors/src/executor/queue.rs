//! In which order a node starts what waits: nested before root, so that what is begun ends first.

use std::collections::VecDeque;

/// One start in this many goes to a root even while nested calls wait, so that roots are not starved.
const ROOT_SHARE: u32 = 16;

/// Most orders that are looked at for one that is taken out.
const LOOKED_AT: usize = 4;

/// What waits to be started. Nested calls leave newest first (depth first: memory stays small), roots in their order.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    nested: Lane<T>,
    roots: Lane<T>,
    turn: u32,
    /// Numbers all that comes.
    next: u64,
}

/// Orders by when they came, in two rows: those that may be taken out to run elsewhere are found without a search.
#[derive(Debug)]
struct Lane<T> {
    fixed: VecDeque<(u64, T)>,
    movable: VecDeque<(u64, T)>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { nested: Lane::default(), roots: Lane::default(), turn: 0, next: 0 }
    }
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { fixed: VecDeque::new(), movable: VecDeque::new() }
    }
}

impl<T> Lane<T> {
    fn push(&mut self, number: u64, order: T, is_movable: bool) {
        let row = if is_movable { &mut self.movable } else { &mut self.fixed };
        row.push_back((number, order));
    }

    fn pop_oldest(&mut self) -> Option<T> {
        let number = |row: &VecDeque<(u64, T)>| row.front().map_or(u64::MAX, |(number, _)| *number);
        let row = if number(&self.movable) < number(&self.fixed) { &mut self.movable } else { &mut self.fixed };
        row.pop_front().map(|(_, order)| order)
    }

    fn pop_newest(&mut self) -> Option<T> {
        let number = |row: &VecDeque<(u64, T)>| row.back().map(|(number, _)| *number);
        let row = if number(&self.movable) > number(&self.fixed) { &mut self.movable } else { &mut self.fixed };
        row.pop_back().map(|(_, order)| order)
    }

    fn len(&self) -> usize {
        self.fixed.len() + self.movable.len()
    }

    /// Whether a movable one waits that came before that number.
    fn waits_since(&self, before: u64) -> bool {
        self.movable.front().is_some_and(|(number, _)| *number < before)
    }
}

impl<T> Queue<T> {
    pub(crate) fn push(&mut self, order: T, is_root: bool, is_movable: bool) {
        self.next += 1;
        let lane = if is_root { &mut self.roots } else { &mut self.nested };
        lane.push(self.next, order, is_movable);
    }

    /// Puts an order before all others. It has what it needs to run here.
    pub(crate) fn push_next(&mut self, order: T) {
        self.push(order, false, false);
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.turn = self.turn.wrapping_add(1);
        if self.turn.is_multiple_of(ROOT_SHARE) {
            self.roots.pop_oldest().or_else(|| self.nested.pop_newest())
        } else {
            self.nested.pop_newest().or_else(|| self.roots.pop_oldest())
        }
    }

    /// Takes the next order that is no root; roots have to wait.
    pub(crate) fn pop_nested(&mut self) -> Option<T> {
        self.nested.pop_newest()
    }

    /// Takes out at most so many that may run elsewhere and that are `wanted`, if one of their kind came before the order
    /// of number `before`.
    ///
    /// They are those that would be started here last: the newest roots, as roots leave in their order, then the oldest
    /// nested calls, which have most below them besides.
    pub(crate) fn take_last(&mut self, most: usize, before: u64, wanted: impl Fn(&T) -> bool) -> Vec<T> {
        let mut taken = Vec::new();
        let mut looks = most.saturating_mul(LOOKED_AT);
        if self.roots.waits_since(before) {
            let row = &mut self.roots.movable;
            let mut at = row.len();
            while at > 0 && looks > 0 && taken.len() < most {
                (at, looks) = (at - 1, looks - 1);
                if row.get(at).is_some_and(|(_, order)| wanted(order)) {
                    taken.extend(row.remove(at).map(|(_, order)| order));
                }
            }
        }
        let row = &mut self.nested.movable;
        let mut at = 0;
        while looks > 0 && taken.len() < most {
            looks -= 1;
            match row.get(at) {
                Some((number, order)) if *number < before && wanted(order) => {
                    taken.extend(row.remove(at).map(|(_, order)| order));
                }
                Some(_) => at += 1,
                None => break,
            }
        }
        taken
    }

    /// How many roots wait.
    pub(crate) fn roots(&self) -> usize {
        self.roots.len()
    }

    /// Whether anything waits that may run elsewhere.
    pub(crate) fn has_movable(&self) -> bool {
        !self.roots.movable.is_empty() || !self.nested.movable.is_empty()
    }

    /// The number that the next order gets.
    pub(crate) fn next_number(&self) -> u64 {
        self.next + 1
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
        queue.push("root", true, true);
        queue.push("old", false, false);
        queue.push("new", false, true);
        assert_eq!(
            [queue.pop(), queue.pop(), queue.pop(), queue.pop()],
            [Some("new"), Some("old"), Some("root"), None]
        );
    }

    #[test]
    fn a_root_gets_its_turn_under_endless_nested_calls() {
        let mut queue = Queue::default();
        queue.push(0, true, true);
        let waited = (1..).find(|n| {
            queue.push(*n, false, *n % 2 == 0);
            queue.pop() == Some(0)
        });
        assert!(waited.unwrap() <= ROOT_SHARE);
    }

    #[test]
    fn roots_stay_where_only_nested_calls_may_leave() {
        let mut queue = mixed();
        let left: Vec<_> = std::iter::from_fn(|| queue.pop_nested()).collect();
        assert_eq!((left, queue.roots(), queue.pop()), (vec![11, 10, 9, 8, 7, 6], 6, Some(0)));
    }

    #[test]
    fn whether_it_may_move_does_not_change_when_an_order_starts() {
        for is_root in [true, false] {
            let mut queue = Queue::default();
            (0..100).for_each(|n| queue.push(n, is_root, n % 3 == 0));
            let started: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
            let expected: Vec<_> = if is_root { (0..100).collect() } else { (0..100).rev().collect() };
            assert_eq!(started, expected);
        }
    }

    fn mixed() -> Queue<u32> {
        let mut queue = Queue::default();
        (0..12).for_each(|n| queue.push(n, n < 6, n % 2 == 0));
        queue
    }

    #[test]
    fn what_would_start_last_is_taken_and_what_is_fixed_stays() {
        assert_eq!(mixed().take_last(4, u64::MAX, |_| true), [4, 2, 0, 6]);
        let mut queue = mixed();
        assert_eq!(queue.take_last(100, u64::MAX, |_| true), [4, 2, 0, 6, 8, 10]);
        assert!(!queue.has_movable());
        assert_eq!(std::iter::from_fn(|| queue.pop()).collect::<Vec<_>>(), [11, 9, 7, 1, 3, 5]);
    }

    #[test]
    fn what_is_not_wanted_is_passed_by_and_the_search_is_bounded() {
        assert_eq!(mixed().take_last(3, u64::MAX, |n| n % 4 == 0), [4, 0, 8]);
        let mut queue = Queue::default();
        (0..100_000).for_each(|n| queue.push(n, true, true));
        assert_eq!(queue.take_last(10, u64::MAX, |n| *n < 99_000), []);
        assert_eq!(queue.len(), 100_000);
    }

    #[test]
    fn nothing_is_taken_where_all_have_come_only_just() {
        let mut queue = Queue::default();
        let mark = queue.next_number();
        queue.push("root", true, true);
        queue.push("nested", false, true);
        assert_eq!(queue.take_last(9, mark, |_| true), [""; 0]);
        assert_eq!(queue.take_last(9, queue.next_number(), |_| true), ["root", "nested"]);
    }
}
