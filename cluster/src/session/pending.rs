//! Calls that we made and whose outcomes have not come.

use super::by_call::ByCall;
use super::credit::Cost;

/// What is known of a call when its outcome comes.
#[derive(Debug, PartialEq, Eq)]
pub enum Awaited<T> {
    /// It is awaited.
    Waiting(T),
    /// Nobody waits for it any more; the outcome was owed all the same.
    Abandoned,
    /// It was never made, or had its outcome: the peer broke the protocol.
    Unknown,
}

/// A call whose outcome will not come, since its peer is lost.
#[derive(Debug, PartialEq, Eq)]
pub struct Lost<T> {
    /// The call.
    pub call: u64,
    /// Who awaits it.
    pub waiting: T,
    /// Whether the peer may have started it, by [`Outgoing::reached_wire`](super::Outgoing::reached_wire).
    pub reached: bool,
}

/// Calls without an outcome, each with a `T` that waits for it until it is abandoned.
///
/// A map, since one long call among a million short ones would keep all their places in a ring. It is bounded by
/// whoever makes the calls: a call leaves it only with its outcome.
#[derive(Debug)]
pub struct Pending<T> {
    calls: ByCall<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    waiting: Option<T>,
    cost: Option<Cost>,
}

impl<T> Pending<T> {
    /// Creates an empty table.
    pub fn new() -> Self {
        Self { calls: ByCall::default() }
    }

    /// Files a call before its Invoke is enqueued. `call` is new: from [`Outgoing::next_call`](super::Outgoing::next_call).
    /// `cost` is what it takes of the peer's window, abandoned or not.
    pub fn insert(&mut self, call: u64, waiting: T, cost: Option<Cost>) {
        let before = self.calls.insert(call, Entry { waiting: Some(waiting), cost });
        debug_assert!(before.is_none(), "call numbers are never used twice");
    }

    /// Takes a call out when its outcome comes, with what it cost.
    pub fn take(&mut self, call: u64) -> (Awaited<T>, Option<Cost>) {
        match self.calls.remove(&call) {
            Some(Entry { waiting: Some(waiting), cost }) => (Awaited::Waiting(waiting), cost),
            Some(Entry { waiting: None, cost }) => (Awaited::Abandoned, cost),
            None => (Awaited::Unknown, None),
        }
    }

    /// Lets go who waits for a call, which is then to be cancelled; the entry stays until its outcome comes.
    ///
    /// `None` if it was abandoned before, or had its outcome.
    pub fn abandon(&mut self, call: u64) -> Option<T> {
        self.calls.get_mut(&call).and_then(|entry| entry.waiting.take())
    }

    /// Lets go all who wait, in the order in which they called; the entries stay until their outcomes come.
    pub fn abandon_all(&mut self) -> Vec<T> {
        let waiting = self.calls.iter_mut().filter_map(|(call, entry)| Some((*call, entry.waiting.take()?)));
        let mut waiting: Vec<_> = waiting.collect();
        waiting.sort_unstable_by_key(|(call, _)| *call);
        waiting.into_iter().map(|(_, waiting)| waiting).collect()
    }

    /// Returns the number of calls without an outcome, abandoned ones included.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Tells whether no outcome is owed.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Empties the table on the loss of the peer; returns the awaited calls in the order in which they were made.
    pub fn drain(&mut self, reached: impl Fn(u64) -> bool) -> Vec<Lost<T>> {
        let awaited = self.calls.drain().filter_map(|(call, entry)| Some((call, entry.waiting?)));
        let mut lost: Vec<_> = awaited.map(|(call, waiting)| Lost { call, waiting, reached: reached(call) }).collect();
        lost.sort_unstable_by_key(|lost| lost.call);
        lost
    }
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_taken_once() {
        let mut pending = Pending::new();
        pending.insert(1, "a", None);
        assert_eq!(pending.take(1), (Awaited::Waiting("a"), None));
        assert_eq!(pending.take(1), (Awaited::Unknown, None));
        assert_eq!(pending.take(2), (Awaited::Unknown, None));
    }

    #[test]
    fn an_abandoned_call_stays_known_until_its_outcome() {
        let mut pending = Pending::new();
        let cost = Some(Cost { class: 3, bytes: 4 });
        pending.insert(1, "a", cost);
        assert_eq!(pending.abandon(1), Some("a"));
        assert_eq!(pending.abandon(1), None);
        assert_eq!(pending.abandon(2), None);
        assert_eq!(pending.len(), 1);
        assert_eq!(pending.take(1), (Awaited::Abandoned, cost));
        assert!(pending.is_empty());
    }

    #[test]
    fn a_loss_drains_what_is_awaited_in_order_and_says_what_was_reached() {
        let mut pending = Pending::new();
        (1..=1_000).for_each(|call| pending.insert(call, call * 10, None));
        pending.abandon(500);
        let lost = pending.drain(|call| call <= 700);
        assert_eq!(lost.len(), 999);
        assert!(lost.is_sorted_by_key(|lost| lost.call));
        assert!(lost.iter().all(|lost| lost.waiting == lost.call * 10 && lost.reached == (lost.call <= 700)));
        assert!(pending.is_empty());
    }
}
