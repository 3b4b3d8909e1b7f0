//! Orders whose gate lets nothing start: who asked for them does not read what it has asked for before. They hold up nobody
//! else.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use super::{Order, Pool, ticket::Ticket};

/// What waits for its gate; bounded by what gates let in.
#[derive(Default)]
pub(super) struct Parked {
    orders: Mutex<Vec<Order>>,
    waiting: AtomicUsize,
}

impl Parked {
    /// Gives the order back if it may start.
    pub(super) fn admit(&self, mut order: Order) -> Option<Order> {
        if lets_start(&order) {
            return Some(order);
        }
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever opens the gate looks here after that.
        if lets_start(&order) {
            return Some(order);
        }
        // It holds up nobody: as a root that runs it would keep others from that.
        order.charge.start_later();
        orders.push(order);
        self.waiting.store(orders.len(), Ordering::Relaxed);
        None
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Takes what may start, or all.
    pub(super) fn take(&self, all: bool) -> Vec<Order> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = orders.extract_if(.., |order| all || lets_start(order)).collect();
        self.waiting.store(orders.len(), Ordering::Relaxed);
        taken
    }
}

pub(super) fn lets_start(order: &Order) -> bool {
    order.ticket.as_ref().is_none_or(Ticket::lets_start)
}

impl Pool {
    /// A gate lets start again what it has let in: takes up what has waited for that.
    pub fn start_what_was_parked(&self) {
        for order in self.parked.take(false) {
            self.enqueue(order);
        }
    }
}
