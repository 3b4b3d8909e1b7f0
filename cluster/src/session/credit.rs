//! Credit: how much may wait unstarted at the other end, told by who is called and kept by who calls.
//!
//! Totals since the session began go over the wire, never differences: told twice they say the same, and a frame that was
//! lost with its connection is made up for by the next. A call that has its outcome waits no more, told or not, so calls
//! that end as soon as they start need no frame of their own.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use super::error::ProtocolError;

/// The class of all tasks that have no window of their own; that of another task is its number and one.
pub const SHARED: u32 = 0;

/// Most classes that a peer may tell of.
pub const CLASSES_MAX: usize = 4096;

/// The part of a window after which it is told that so much has left: one in four keeps a caller going, and is at most one
/// frame for a thousand calls.
const TOLD_PART: u64 = 4;

/// A number of calls, and the bytes of their arguments and extension areas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Calls.
    pub calls: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What is told of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    /// Which tasks it is about.
    pub class: u32,
    /// What has left the queue since the session began.
    pub left: Amount,
    /// Less than this may wait there when a further call is sent.
    pub window: Amount,
}

/// What one call takes of its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Its class.
    pub class: u32,
    /// Bytes of its arguments and its extension area.
    pub bytes: u64,
}

impl Amount {
    /// Whether a further call may come while so much waits: there is a call and a byte left, or nothing waits. So one call
    /// of any size passes, and no more waits than the window and one call.
    pub fn admits(self, waiting: Self) -> bool {
        waiting.calls == 0 || waiting.calls < self.calls && waiting.bytes < self.bytes
    }

    fn add(&mut self, bytes: u64) {
        self.calls = self.calls.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn less(self, other: Self) -> Self {
        Self { calls: self.calls.saturating_sub(other.calls), bytes: self.bytes.saturating_sub(other.bytes) }
    }

    fn max(self, other: Self) -> Self {
        Self { calls: self.calls.max(other.calls), bytes: self.bytes.max(other.bytes) }
    }
}

/// The caller's account: what was sent to a peer, and what of that has left the peer's queue as far as is known.
///
/// Empty until the peer tells of a class: a peer that tells none is not held back.
#[derive(Debug, Default)]
pub struct Account {
    classes: BTreeMap<u32, Class>,
}

#[derive(Debug, Default)]
struct Class {
    window: Amount,
    sent: Amount,
    told: Amount,
    ended: Amount,
}

impl Class {
    fn has_room(&self) -> bool {
        self.window.admits(self.sent.less(self.told.max(self.ended)))
    }
}

impl Account {
    /// What a call of the peer's task `number` will cost; none, if the peer has told of no window for it.
    pub fn cost(&self, number: u32, bytes: usize) -> Option<Cost> {
        let own = number.checked_add(1).filter(|class| self.classes.contains_key(class));
        let class = own.unwrap_or(SHARED);
        self.classes.contains_key(&class).then_some(Cost { class, bytes: bytes as u64 })
    }

    /// The classes that the peer has told of.
    pub fn classes(&self) -> impl Iterator<Item = u32> + '_ {
        self.classes.keys().copied()
    }

    /// Whether a call of this class may be sent.
    pub fn has_room(&self, class: u32) -> bool {
        self.classes.get(&class).is_none_or(Class::has_room)
    }

    /// A call was sent.
    pub fn sent(&mut self, cost: Cost) {
        if let Some(class) = self.classes.get_mut(&cost.class) {
            class.sent.add(cost.bytes);
        }
    }

    /// The outcome of a call has come. True: its class had no room, and has.
    pub fn ended(&mut self, cost: Cost) -> bool {
        let Some(class) = self.classes.get_mut(&cost.class) else { return false };
        let before = class.has_room();
        class.ended.add(cost.bytes);
        !before && class.has_room()
    }

    /// Takes what the peer tells. True: the class had no room, and has.
    ///
    /// # Errors
    /// More has left than was sent, or less than before; or there are more classes than [`CLASSES_MAX`].
    pub fn hear(&mut self, credit: Credit) -> Result<bool, ProtocolError> {
        let Credit { class: number, left, window } = credit;
        if self.classes.len() >= CLASSES_MAX && !self.classes.contains_key(&number) {
            return Err(ProtocolError::TooManyClasses { limit: CLASSES_MAX });
        }
        let class = self.classes.entry(number).or_default();
        let Class { sent, told, .. } = *class;
        let fits = |left: u64, told: u64, sent: u64| told <= left && left <= sent;
        if !fits(left.calls, told.calls, sent.calls) || !fits(left.bytes, told.bytes, sent.bytes) {
            return Err(ProtocolError::Credit { class: number, left, told, sent });
        }
        let before = class.has_room();
        class.told = left;
        class.window = window;
        Ok(!before && class.has_room())
    }
}

/// What the called end keeps of one class: what has come and what has left, counted by whoever makes it so, without a lock.
#[derive(Debug)]
pub struct Grant {
    class: u32,
    window: Amount,
    arrived: Count,
    left: Count,
    ended: Count,
    told: Count,
}

#[derive(Debug, Default)]
struct Count {
    calls: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    fn add(&self, bytes: u64) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn read(&self) -> Amount {
        Amount { calls: self.calls.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    fn set(&self, amount: Amount) {
        self.calls.store(amount.calls, Ordering::Relaxed);
        self.bytes.store(amount.bytes, Ordering::Relaxed);
    }
}

impl Grant {
    /// Nothing has come.
    pub fn new(class: u32, window: Amount) -> Self {
        let [arrived, left, ended, told] = Default::default();
        Self { class, window, arrived, left, ended, told }
    }

    /// A call has come. False: no peer that keeps to the window has sent it. It is counted all the same, until it has left.
    pub fn arrive(&self, bytes: u64) -> bool {
        let admitted = self.window.admits(self.waiting());
        self.arrived.add(bytes);
        admitted
    }

    /// A call has left the queue. True: it is time to tell.
    pub fn leave(&self, bytes: u64) -> bool {
        self.left.add(bytes);
        self.is_due()
    }

    /// The outcome of a call is about to be told.
    pub fn end(&self, bytes: u64) {
        self.ended.add(bytes);
    }

    /// Whether a part of the window has left that the peer cannot know of. A peer without room has a whole window under way
    /// or here, so this comes true while at least three quarters of it still wait.
    pub fn is_due(&self) -> bool {
        let untold = self.left.read().less(self.told.read().max(self.ended.read()));
        let part = |of: u64| (of / TOLD_PART).max(1);
        untold.calls >= part(self.window.calls) || untold.bytes >= part(self.window.bytes)
    }

    /// What is to be told now, and is taken for told. One at a time: totals must not overtake each other.
    pub fn tell(&self) -> Credit {
        let left = self.left.read();
        self.told.set(left);
        Credit { class: self.class, left, window: self.window }
    }

    fn waiting(&self) -> Amount {
        self.arrived.read().less(self.left.read().max(self.ended.read()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Amount = Amount { calls: 8, bytes: 800 };

    fn credit(calls: u64, bytes: u64) -> Credit {
        Credit { class: SHARED, left: Amount { calls, bytes }, window: WINDOW }
    }

    fn account() -> Account {
        let mut account = Account::default();
        assert_eq!(account.hear(credit(0, 0)), Ok(false));
        account
    }

    fn send(account: &mut Account, bytes: usize) -> bool {
        let Some(cost) = account.cost(0, bytes) else { return false };
        let has_room = account.has_room(cost.class);
        if has_room {
            account.sent(cost);
        }
        has_room
    }

    #[test]
    fn a_call_may_be_sent_while_a_call_and_a_byte_are_left_or_nothing_waits() {
        for (sizes, accepted) in [
            (&[1; 9][..], 8),
            (&[0; 20], 8),
            (&[100; 9], 8),
            (&[799, 1, 1], 2),
            (&[799, 5000, 1], 2),
            (&[5000, 1], 1),
            (&[usize::MAX, 1], 1),
        ] {
            let mut account = account();
            let sent = sizes.iter().filter(|bytes| send(&mut account, **bytes)).count();
            assert_eq!(sent, accepted, "{sizes:?}");
        }
    }

    #[test]
    fn what_has_left_makes_room_and_an_outcome_tells_as_much() {
        let mut account = account();
        (0..8).for_each(|_| assert!(send(&mut account, 10)));
        assert!(!send(&mut account, 10));
        assert_eq!(account.hear(credit(2, 20)), Ok(true));
        // The same two: they count once.
        let cost = Cost { class: SHARED, bytes: 10 };
        assert!(!account.ended(cost) && !account.ended(cost));
        assert!(send(&mut account, 10) && send(&mut account, 10) && !send(&mut account, 10));
        assert!(account.ended(cost), "a third");
        assert!(send(&mut account, 10) && !send(&mut account, 10));
    }

    #[test]
    fn told_again_totals_say_the_same() {
        let mut account = account();
        (0..8).for_each(|_| assert!(send(&mut account, 10)));
        assert_eq!(account.hear(credit(3, 30)), Ok(true));
        assert_eq!(account.hear(credit(3, 30)), Ok(false));
        assert_eq!((0..9).filter(|_| send(&mut account, 10)).count(), 3);
    }

    #[test]
    fn forged_totals_are_refused_whatever_they_are() {
        for left in [(3, 20), (2, 21), (0, 20), (2, 0), (u64::MAX, 20), (2, u64::MAX), (u64::MAX, u64::MAX)] {
            let mut account = account();
            assert!(send(&mut account, 10) && send(&mut account, 10));
            assert_eq!(account.hear(credit(1, 10)), Ok(false));
            let forged = account.hear(credit(left.0, left.1));
            assert!(matches!(forged, Err(ProtocolError::Credit { .. })), "{left:?}");
        }
    }

    #[test]
    fn classes_beyond_the_bound_are_refused_and_known_ones_are_not() {
        let mut account = Account::default();
        let told = |class: u32| Credit { class, ..credit(0, 0) };
        (0..CLASSES_MAX as u32).for_each(|class| assert_eq!(account.hear(told(class)), Ok(false)));
        let refused = ProtocolError::TooManyClasses { limit: CLASSES_MAX };
        assert_eq!(account.hear(told(u32::MAX)), Err(refused));
        assert_eq!(account.hear(told(7)), Ok(false));
    }

    #[test]
    fn a_peer_that_tells_no_window_is_not_held_back() {
        let account = Account::default();
        assert_eq!(account.cost(3, 100), None);
        assert!(account.has_room(SHARED));
    }

    #[test]
    fn a_window_of_nothing_lets_one_call_at_a_time_pass() {
        let mut account = Account::default();
        assert_eq!(account.hear(Credit { window: Amount::default(), ..credit(0, 0) }), Ok(false));
        assert!(send(&mut account, 10) && !send(&mut account, 10));
        assert!(account.ended(Cost { class: SHARED, bytes: 10 }));
        assert!(send(&mut account, 10));
    }

    #[test]
    fn a_limited_task_has_a_window_of_its_own() {
        let mut account = account();
        account.hear(Credit { class: 6, ..credit(0, 0) }).unwrap();
        let cost = account.cost(5, 10).unwrap();
        assert_eq!(cost.class, 6);
        (0..8).for_each(|_| account.sent(cost));
        assert!(!account.has_room(6) && account.has_room(SHARED));
        assert_eq!(account.cost(u32::MAX, 0).map(|cost| cost.class), Some(SHARED));
    }

    /// Whatever the sizes and whenever things start and end, a caller that is out of room hears of it while most of its
    /// window still waits.
    #[test]
    fn a_caller_without_room_is_told_while_most_of_its_window_still_waits() {
        for size in [1, 60, 100, 250, 799, 3000] {
            for ends in [0, 3, 1] {
                let (grant, mut account) = (Grant::new(SHARED, WINDOW), account());
                let cost = Cost { class: SHARED, bytes: size };
                let (mut waiting, mut frames) = (0u64, 0);
                for started in 1..=100u64 {
                    while send(&mut account, size as usize) {
                        assert!(grant.arrive(size), "an honest peer is admitted");
                        waiting += 1;
                    }
                    waiting -= 1;
                    if grant.leave(size) {
                        frames += 1;
                        account.hear(grant.tell()).unwrap();
                    }
                    if ends > 0 && started % ends == 0 {
                        grant.end(size);
                        account.ended(cost);
                    }
                    assert!(
                        waiting > 0 || account.has_room(SHARED),
                        "nothing waits, and the caller is not told: {size}"
                    );
                }
                assert!(frames <= 100 * size.max(100) / 200 + 1, "{frames} frames of calls of {size} bytes");
                assert!(ends != 1 || frames == 100 || size < 250, "outcomes tell as much");
            }
        }
    }

    #[test]
    fn more_than_the_window_is_refused_until_something_has_left() {
        let grant = Grant::new(SHARED, WINDOW);
        assert!((0..8).all(|_| grant.arrive(10)));
        assert!(!grant.arrive(10));
        grant.leave(10);
        grant.leave(10);
        assert!(grant.arrive(10) && !grant.arrive(10));
    }
}
