//! What has not started goes back to its callers, which place it anew: all of it, or some.

use std::sync::atomic::Ordering;

use super::{Order, Pool};
use crate::{context::Context, outcome::Outcome};

impl Pool {
    /// Hands back all that has not started: it may run elsewhere. From now on [`ended`](Self::ended) tells.
    pub fn hand_back(&self) {
        self.draining.store(true, Ordering::SeqCst);
        for order in self.unstarted() {
            // One may have got the place of another that has ended: what runs here still makes calls that need it.
            self.release(&order.context);
            order.reply.send(Outcome::HandedBack);
        }
        self.blocking.hand_back();
        self.look_again();
    }

    /// Ends what has not started as the node leaves: what it has made itself (`own`) is cancelled, all else is handed back.
    pub fn leave(&self, own: impl Fn(&Context) -> bool) {
        for order in self.unstarted() {
            if own(&order.context) {
                order.let_go();
            } else {
                order.reply.send(Outcome::HandedBack);
            }
        }
    }

    /// Whether anything waits for an executor.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        self.waiting() > 0
    }

    /// Hands back at most `most` of what waits and may run elsewhere, as far as `wanted` says so: what would start last
    /// here. Only what was there at the last call already, as whatever waits for a moment only is served best here; if it is
    /// `urgent`, all, also what waits under a limit.
    ///
    /// Gives how many those were, and whether more may come to it.
    pub fn hand_back_some(&self, most: usize, urgent: bool, wanted: impl Fn(&Context) -> bool) -> (usize, bool) {
        let wanted = |order: &Order| wanted(&order.context);
        let mut queue = self.lock_queue();
        let looked = self.looked.swap(queue.next_number(), Ordering::Relaxed);
        let mut taken = queue.take_last(most, if urgent { u64::MAX } else { looked }, wanted);
        self.load.note(&queue);
        let more = queue.has_movable();
        drop(queue);
        if urgent {
            taken.extend(self.limits.take_last(most - taken.len(), wanted));
        }
        if !taken.is_empty() {
            self.work.fetch_sub(taken.iter().map(|order| order.weight).sum(), Ordering::Relaxed);
            self.load_moves();
        }
        let count = taken.len();
        for order in taken {
            order.reply.send(Outcome::HandedBack);
        }
        (count, more)
    }
}
