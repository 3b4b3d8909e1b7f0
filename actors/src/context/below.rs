//! Cancelling the calls below an invocation: all of them, however many, and however deep they are.

use std::{cell::RefCell, sync::Arc};

use tokio::{runtime::Handle, task::yield_now};

use crate::{host::is_node_thread, slot::Slot, task_error::Canceller};

/// Most calls that a thread of a node cancels in a row: some milliseconds. The rest follows when what waits there has had its
/// turn: a node whose own thread is at this for seconds is silent to its peers meanwhile, and takes itself for stopped.
const IN_A_ROW_MAX: usize = 4096;

thread_local! {
    /// Calls that this thread is about to cancel, while it is at that.
    static CANCELLING: RefCell<Option<Vec<Arc<Slot>>>> = const { RefCell::new(None) };
}

/// Cancels calls of an invocation that is cancelled, or has ended. Trees may be deeper than any stack: whoever is cancelled
/// on the way adds its own calls to what this thread has before it.
pub(super) fn cancel_below(slots: impl IntoIterator<Item = Arc<Slot>>) {
    struct Finished;
    impl Drop for Finished {
        fn drop(&mut self) {
            CANCELLING.take();
        }
    }
    let mut slots = slots.into_iter().peekable();
    if slots.peek().is_none() {
        return;
    }
    let is_outermost = CANCELLING.with_borrow_mut(|all| {
        let is_outermost = all.is_none();
        all.get_or_insert_default().extend(slots);
        is_outermost
    });
    if is_outermost {
        let _finished = Finished;
        cancel_all();
    }
}

fn cancel_all() {
    // A thread of the user's may end before it would come to the rest.
    let others = is_node_thread().then(Handle::try_current).and_then(Result::ok);
    let mut left = IN_A_ROW_MAX;
    while let Some(slot) = CANCELLING.with_borrow_mut(|all| all.as_mut().and_then(Vec::pop)) {
        if let Some(thread) = &others
            && left == 0
        {
            let mut rest = CANCELLING.take().unwrap_or_default();
            rest.push(slot);
            thread.spawn(async move {
                // Behind all that is ready, its sockets and its clock included.
                yield_now().await;
                cancel_below(rest);
            });
            return;
        }
        left = left.saturating_sub(1);
        slot.cancel(Canceller::Parent);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Mutex, PoisonError,
            atomic::{AtomicUsize, Ordering::SeqCst},
            mpsc,
        },
        time::Duration,
    };

    use super::*;
    use crate::{
        host::Host,
        slot::Door,
        task_error::{Ran, Waiting},
    };

    const CALLS: usize = 100_000;

    /// Counts the calls that are cancelled. One that is has the next of these below it.
    #[derive(Default)]
    struct Counts {
        cancelled: AtomicUsize,
        next: Mutex<Vec<Arc<Slot>>>,
    }

    impl Door for Counts {
        fn cancel(&self, _token: u64, _by: Canceller) -> (Waiting, Ran) {
            self.cancelled.fetch_add(1, SeqCst);
            let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).pop();
            cancel_below(next);
            (Waiting::Link, Ran::No)
        }
    }

    /// Calls beside each other, or one below the other.
    fn tree(deep: bool) -> (Arc<Counts>, Vec<Arc<Slot>>) {
        let counts = Arc::new(Counts::default());
        let slot = |_| {
            let slot = Slot::new(None);
            assert!(slot.enter(counts.clone(), 0));
            slot
        };
        let mut slots: Vec<_> = (0..CALLS).map(slot).collect();
        if deep {
            let first = slots.pop();
            *counts.next.lock().unwrap() = slots;
            slots = first.into_iter().collect();
        }
        (counts, slots)
    }

    #[test]
    fn a_large_tree_lets_others_of_its_thread_have_their_turn_and_is_gone_all_the_same() {
        for deep in [false, true] {
            let (counts, slots) = tree(deep);
            let place = Host::Threads.place("cancels").unwrap();
            let (tell, told) = mpsc::channel();
            place.spawn(async move {
                let mut seen = vec![0];
                cancel_below(slots);
                while seen.last() != Some(&CALLS) {
                    seen.push(counts.cancelled.load(SeqCst));
                    yield_now().await;
                }
                tell.send(seen).unwrap();
            });
            let seen = told.recv_timeout(Duration::from_secs(60)).unwrap();
            let most = seen.windows(2).map(|two| two[1] - two[0]).max();
            assert_eq!(most, Some(IN_A_ROW_MAX), "deep: {deep}");
        }
    }

    #[test]
    fn on_a_thread_that_is_no_node_s_all_are_cancelled_at_once() {
        for deep in [false, true] {
            let (counts, slots) = tree(deep);
            cancel_below(slots);
            assert_eq!(counts.cancelled.load(SeqCst), CALLS);
        }
    }
}
