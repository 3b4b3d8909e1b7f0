//! Windows of calls that have not started: of those that the peer has sent, told to it; of those that were sent to the
//! peer, read by whoever chooses where a call goes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use atasks_actors::executor::{Issuer, Ticket};

use super::{Link, Out, serve::Delivery};
use crate::session::{
    ProtocolError,
    credit::{Amount, CLASSES_MAX, Cost, Credit, Grant, SHARED},
    frame::Head,
};

/// How much of what one peer sends waits here unstarted: roots, as nested calls need no window.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    /// Of all tasks but the limited ones together. 10,000 calls in flight at full speed never wait for it: with 4,096 they
    /// were half as many a second. So many take 10 MiB beside their arguments. 64 MiB are what one call may have, and half a
    /// second of a fast network.
    pub shared: Amount,
    /// Of each limited task: few of those run at once.
    pub own: Amount,
}

impl Default for Windows {
    fn default() -> Self {
        Self { shared: Amount { calls: 16_384, bytes: 64 << 20 }, own: Amount { calls: 1024, bytes: 8 << 20 } }
    }
}

/// What the peer has sent that has not started, by class.
#[derive(Debug)]
pub(crate) struct Grants {
    shared: Grant,
    /// Of the limited tasks; as many of them as there may be classes.
    own: BTreeMap<u32, Grant>,
}

impl Grants {
    /// Windows for a node with these limited tasks, by the numbers under which peers know them.
    pub(crate) fn new(windows: Windows, limited: impl Iterator<Item = u32>) -> Self {
        let classes = limited.filter_map(|number| number.checked_add(1)).take(CLASSES_MAX - 1);
        Self {
            shared: Grant::new(SHARED, windows.shared),
            own: classes.map(|class| (class, Grant::new(class, windows.own))).collect(),
        }
    }

    /// What a call takes of a window, as its caller counts it. None: it is nested.
    fn cost(&self, head: &Head, bytes: usize) -> Option<Cost> {
        if head.lineage.is_some() {
            return None;
        }
        let own = head.task.checked_add(1).filter(|class| self.own.contains_key(class));
        Some(Cost { class: own.unwrap_or(SHARED), bytes: bytes as u64 })
    }

    fn of(&self, class: u32) -> &Grant {
        self.own.get(&class).unwrap_or(&self.shared)
    }

    fn all(&self) -> impl Iterator<Item = &Grant> {
        std::iter::once(&self.shared).chain(self.own.values())
    }
}

/// Which classes of the peer have no room, as far as is known. Read without a lock, so it may be a little late.
#[derive(Debug, Default)]
pub(super) struct Full {
    shared: AtomicBool,
    /// Of the limited tasks, once the peer has told which those are.
    own: OnceLock<BTreeMap<u32, AtomicBool>>,
}

impl Full {
    fn of(&self, class: u32) -> &AtomicBool {
        self.own.get().and_then(|own| own.get(&class)).unwrap_or(&self.shared)
    }
}

impl Link {
    /// Whether the peer lets in no further root of its task `number` now.
    pub(crate) fn is_full(&self, number: u32) -> bool {
        self.full.of(number.saturating_add(1)).load(Ordering::SeqCst)
    }

    /// The peer has told all its windows: it has introduced itself.
    pub(super) fn windows_are_told(&self) {
        let mut out = self.out();
        let own = out.outgoing.account().classes().filter(|class| *class != SHARED);
        let _ = self.full.own.set(own.map(|class| (class, false.into())).collect());
    }

    /// Notes that a call was sent, or found no credit.
    pub(super) fn note_room(&self, out: &mut Out, class: u32) {
        let full = !out.outgoing.account().has_room(class);
        let known = self.full.of(class);
        if known.load(Ordering::Relaxed) != full {
            known.store(full, Ordering::SeqCst);
        }
    }

    /// Tells placement that there is room again in a class that had none, if calls wait for some: be it that they have
    /// found none elsewhere.
    pub(super) fn tell_credit_again(&self, class: u32) {
        // In this order: who is counted as waiting after that finds the room.
        self.full.of(class).store(false, Ordering::SeqCst);
        if let Some(node) = self.node.upgrade().filter(|node| node.held().has_roots()) {
            node.room_again();
        }
    }

    /// The peer tells how much of what was sent to it waits no more.
    pub(super) fn hear_credit(&self, credit: Credit) -> Result<(), ProtocolError> {
        let mut out = self.out();
        if out.outgoing.account().hear(credit)? {
            self.tell_credit_again(credit.class);
        }
        Ok(())
    }

    /// Tells all windows, with what has left so far: at the start of every connection.
    pub(super) fn tell_windows(&self, out: &mut Out) {
        self.grants.iter().flat_map(Grants::all).for_each(|grant| out.outgoing.credit(grant.tell()));
    }

    /// Lets a call of the peer into the queue: what it costs, and what it holds while it waits. None: the peer has sent more
    /// than its window lets in.
    pub(super) fn let_in(
        &self,
        delivery: &Arc<Delivery>,
        head: &Head,
        bytes: usize,
    ) -> Option<(Option<Cost>, Option<Ticket>)> {
        let Some(grants) = &self.grants else { return Some((None, None)) };
        let Some(cost) = grants.cost(head, bytes) else { return Some((None, None)) };
        let admitted = grants.of(cost.class).arrive(cost.bytes);
        let ticket = Ticket::new(delivery.clone(), cost.class, cost.bytes);
        if !admitted {
            self.is_over(cost);
            return None;
        }
        Some((Some(cost), Some(ticket)))
    }

    /// The outcome of a call of the peer is about to be told.
    pub(super) fn is_over(&self, cost: Cost) {
        if let Some(grants) = &self.grants {
            grants.of(cost.class).end(cost.bytes);
        }
    }
}

impl Link {
    pub(super) fn start_what_was_parked(&self) {
        if let Some(pool) = self.node.upgrade().as_ref().and_then(|node| node.agent().pool()) {
            pool.start_what_was_parked();
        }
    }
}

impl Issuer for Delivery {
    fn lets_start(&self) -> bool {
        !self.0.unread.load(Ordering::SeqCst)
    }

    fn left(&self, class: u32, bytes: u64) {
        self.0.left(class, bytes);
    }
}

impl Link {
    /// A call of the peer waits here no more.
    fn left(&self, class: u32, bytes: u64) {
        let Some(grant) = self.grants.as_ref().map(|grants| grants.of(class)) else { return };
        if !grant.leave(bytes) {
            return;
        }
        let mut out = self.out();
        // Somebody else may have told it meanwhile.
        if grant.is_due() {
            out.outgoing.credit(grant.tell());
            self.send(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::frame::{Id, Lineage};

    fn head(task: u32) -> Head {
        Head {
            call: 1,
            task,
            idempotent: false,
            detached: false,
            attempt: 1,
            id: 1,
            origin: None,
            lineage: None,
            deadline: None,
        }
    }

    #[test]
    fn both_ends_count_a_call_alike() {
        let grants = Grants::new(Windows::default(), [2, 5].into_iter());
        let mut account = crate::session::credit::Account::default();
        grants.all().for_each(|grant| assert_eq!(account.hear(grant.tell()), Ok(false)));
        for task in [0, 1, 2, 5, 6, u32::MAX] {
            assert_eq!(grants.cost(&head(task), 7), account.cost(task, 7), "task {task}");
        }
    }

    #[test]
    fn a_nested_call_costs_nothing() {
        let grants = Grants::new(Windows::default(), [2].into_iter());
        let id = Id { origin: 1, number: 2 };
        let nested = Head { lineage: Some(Lineage { parent: id, root: id }), ..head(2) };
        assert_eq!(grants.cost(&nested, 7), None);
    }
}
