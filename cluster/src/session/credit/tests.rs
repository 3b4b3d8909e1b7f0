//! The two ends of a window, by tables of cases.

use super::super::error::ProtocolError;
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
                assert!(waiting > 0 || account.has_room(SHARED), "nothing waits, and the caller is not told: {size}");
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
