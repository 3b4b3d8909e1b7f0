//! Calls in the order in which they came, that can be looked through in steps.

use std::collections::VecDeque;

/// Places of entries that are gone, beyond as many as are left, that are not worth closing up.
const GONE_MIN: usize = 1024;

/// A queue. Entries are boxed: one that is taken out of the middle leaves eight bytes behind until its turn, or until that
/// is half of all.
#[derive(Debug)]
pub(super) struct Row<T> {
    entries: VecDeque<Option<Box<T>>>,
    live: usize,
    /// Places that have left at the front: a place's number is its index and this.
    before: u64,
}

impl<T> Default for Row<T> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), live: 0, before: 1 }
    }
}

impl<T> Row<T> {
    pub(super) fn push(&mut self, entry: Box<T>) {
        self.entries.push_back(Some(entry));
        self.live += 1;
    }

    pub(super) fn pop(&mut self) -> Option<Box<T>> {
        while let Some(place) = self.entries.pop_front() {
            self.before += 1;
            if let Some(entry) = place {
                self.live -= 1;
                return Some(entry);
            }
        }
        None
    }

    /// Puts back what was popped last.
    pub(super) fn put_back(&mut self, entry: Box<T>) {
        self.entries.push_front(Some(entry));
        self.before -= 1;
        self.live += 1;
    }

    pub(super) fn front(&mut self) -> Option<&T> {
        while self.entries.front().is_some_and(Option::is_none) {
            self.entries.pop_front();
            self.before += 1;
        }
        self.entries.front()?.as_deref()
    }

    pub(super) fn len(&self) -> usize {
        self.live
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.live = 0;
    }

    /// Looks at most at `most` places from place `from` on, and moves it behind them; what `visit` does not give back is
    /// gone. Gives how many those were: fewer than `most` at the end of the row.
    pub(super) fn walk(
        &mut self,
        from: &mut u64,
        most: usize,
        mut visit: impl FnMut(Box<T>) -> Option<Box<T>>,
    ) -> usize {
        let first = usize::try_from(from.saturating_sub(self.before)).unwrap_or(usize::MAX);
        let last = first.saturating_add(most).min(self.entries.len());
        for at in first..last {
            let Some(place) = self.entries.get_mut(at) else { break };
            if let Some(entry) = place.take() {
                *place = visit(entry);
                self.live -= usize::from(place.is_none());
            }
        }
        let seen = last.saturating_sub(first);
        *from = self.before + first.min(last) as u64 + seen as u64;
        seen
    }

    /// Closes the places up of which nothing is left, if they are many. Places have other numbers after that, and a walk that
    /// is under way is to begin again.
    pub(super) fn close_up(&mut self) -> bool {
        let much = self.entries.len() > 2 * self.live + GONE_MIN;
        if much {
            self.entries.retain(Option::is_some);
            self.entries.shrink_to_fit();
        }
        much
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(count: u32) -> Row<u32> {
        let mut row = Row::default();
        (0..count).for_each(|n| row.push(Box::new(n)));
        row
    }

    fn rest(row: &mut Row<u32>) -> Vec<u32> {
        std::iter::from_fn(|| row.pop()).map(|n| *n).collect()
    }

    #[test]
    fn a_walk_in_steps_sees_each_once_while_the_front_leaves_and_more_come() {
        let mut row = row(100);
        let (mut at, mut seen) = (0, Vec::new());
        for step in 0.. {
            let walked = row.walk(&mut at, 7, |n| {
                seen.push(*n);
                (*n % 2 == 0).then_some(n)
            });
            if walked < 7 {
                break;
            }
            if step % 3 == 0 {
                row.pop();
                row.push(Box::new(1000 + step));
            }
        }
        assert!(seen.is_sorted(), "{seen:?}");
        assert_eq!(seen.len(), 105);
        assert!(rest(&mut row).iter().all(|n| n % 2 == 0));
    }

    #[test]
    fn what_is_gone_from_the_middle_takes_no_place_for_long() {
        let mut row = row(100_000);
        let mut at = 0;
        row.walk(&mut at, usize::MAX, |n| (*n == 0 || *n == 99_999).then_some(n));
        assert_eq!(row.len(), 2);
        assert!(row.close_up());
        assert!(row.entries.capacity() < GONE_MIN);
        assert_eq!(rest(&mut row), [0, 99_999]);
    }

    #[test]
    fn what_is_put_back_is_first_again() {
        let mut row = row(3);
        let first = row.pop().unwrap();
        row.put_back(first);
        assert_eq!(row.front(), Some(&0));
        assert_eq!(row.len(), 3);
        assert_eq!(rest(&mut row), [0, 1, 2]);
    }
}
