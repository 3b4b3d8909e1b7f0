//! Credit between the two halves of a session.

use super::super::Refused;
use super::super::credit::{Amount, Cost, Credit, SHARED};
use super::super::frame::{Id, Lineage, Status};
use super::*;

const WINDOW: Amount = Amount { calls: 2, bytes: 1000 };

fn credit(class: u32, calls: u64, bytes: u64) -> Credit {
    Credit { class, left: Amount { calls, bytes }, window: WINDOW }
}

/// What a batch tells of credit.
fn told(batch: &[u8]) -> Vec<Credit> {
    let (events, result) = receive(&mut incoming(), [batch]);
    assert_eq!(result, Ok(()));
    let credits = events.into_iter().filter_map(|event| match event {
        Event::Credit(credit) => Some(credit),
        _ => None,
    });
    credits.collect()
}

#[test]
fn a_root_without_credit_is_refused_and_a_nested_call_is_not() {
    let mut outgoing = outgoing();
    outgoing.account().hear(credit(SHARED, 0, 0)).unwrap();
    for _ in 0..2 {
        let call = outgoing.next_call();
        let cost = outgoing.invoke(head(call), &[], vec![0; 10]).unwrap();
        assert_eq!(cost, Some(Cost { class: SHARED, bytes: 10 }));
    }
    let call = outgoing.next_call();
    let refused = outgoing.invoke(head(call), &[], vec![0; 10]);
    assert_eq!(refused, Err(Refused::NoCredit { class: SHARED }));
    assert!(outgoing.has_room(), "for all that needs no credit");
    let id = Id { origin: 1, number: 2 };
    let nested = Head { lineage: Some(Lineage { parent: id, root: id }), ..head(call) };
    assert_eq!(outgoing.invoke(nested, &[], vec![0; 10]), Ok(None));
    outgoing.account().hear(credit(SHARED, 1, 10)).unwrap();
    let call = outgoing.next_call();
    assert!(outgoing.invoke(head(call), &[], vec![0; 10]).is_ok());
}

#[test]
fn only_the_last_totals_of_a_class_are_told_once_and_before_all_else() {
    let mut outgoing = outgoing();
    call(&mut outgoing, 10);
    [credit(SHARED, 1, 10), credit(4, 0, 0), credit(SHARED, 3, 30)].into_iter().for_each(|said| outgoing.credit(said));
    let batch = batch(&mut outgoing);
    assert_eq!(told(&batch), [credit(SHARED, 3, 30), credit(4, 0, 0)]);
    assert!(matches!(frames(&batch)[..], [Frame::Credit(_), Frame::Credit(_), Frame::Invoke(_)]));
    assert!(outgoing.is_empty());
    assert_eq!(outgoing.written(), 1, "credit needs no number");
}

#[test]
fn credit_waits_until_the_peer_has_read_what_it_was_answered() {
    let mut outgoing = Outgoing::new(1000, PAYLOAD_MAX);
    outgoing.tasks(b"table").unwrap();
    drain(&mut outgoing);
    outgoing.outcome(1, Status::Returned, vec![0; 2000]).unwrap();
    outgoing.credit(credit(SHARED, 1, 10));
    assert_eq!(told(&drain(&mut outgoing)), []);
    assert!(outgoing.is_empty(), "or the writer would not rest");
    outgoing.acknowledge(2).unwrap();
    assert!(!outgoing.is_empty());
    assert_eq!(told(&drain(&mut outgoing)), [credit(SHARED, 1, 10)]);
}

#[test]
fn windows_are_told_before_all_else_however_much_waits() {
    let mut outgoing = Outgoing::new(1000, PAYLOAD_MAX);
    let table = vec![0; 2000];
    outgoing.tasks(&table).unwrap();
    outgoing.credit(credit(SHARED, 0, 0));
    let bytes = drain(&mut outgoing);
    assert!(matches!(frames(&bytes)[..], [Frame::Credit(_), Frame::Tasks(_)]), "a peer would call without a window");
}

#[test]
fn credit_leaves_before_what_is_replayed() {
    let mut outgoing = outgoing();
    outgoing.tasks(b"table").unwrap();
    batch(&mut outgoing);
    outgoing.resume(0).unwrap();
    outgoing.credit(credit(SHARED, 0, 0));
    let bytes = drain(&mut outgoing);
    assert!(matches!(frames(&bytes)[..], [Frame::Credit(_), Frame::Tasks(b"table")]));
}
