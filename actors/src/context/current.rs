//! What runs on this thread right now: the invocation, its executor, and how much of the stack and of its turn is used.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use super::Context;
use crate::executor::Executor;

/// What runs on this thread right now.
#[derive(Default)]
struct Current {
    context: Option<Context>,
    executor: Option<Arc<Executor>>,
    /// The stack's address where the executor began to poll; 0 outside.
    base: usize,
}

thread_local! {
    static CURRENT: RefCell<Current> = const { RefCell::new(Current { context: None, executor: None, base: 0 }) };
    /// Calls that were begun inside the poll that this thread is in.
    static INLINED: Cell<u32> = const { Cell::new(0) };
}

/// Restores what ran on this thread before.
pub(crate) struct Entered(Current);

/// Makes `context` what runs on this thread until the guard is dropped.
pub(crate) fn enter(context: Option<Context>, executor: Option<Arc<Executor>>) -> Entered {
    CURRENT.with_borrow_mut(|current| {
        let base = match current.base {
            0 => {
                INLINED.set(0);
                stack_pointer()
            }
            base => base,
        };
        Entered(std::mem::replace(current, Current { context, executor, base }))
    })
}

impl Drop for Entered {
    fn drop(&mut self) {
        let before = std::mem::take(&mut self.0);
        // What ran here is dropped after the cell is free again: its destructor may look at the cell.
        let ran = CURRENT.with_borrow_mut(|current| std::mem::replace(current, before));
        drop(ran);
    }
}

/// The invocation that is running on this thread.
pub(super) fn running() -> Option<Context> {
    CURRENT.with_borrow(|current| current.context.clone())
}

/// The executor that polls on this thread right now.
pub(crate) fn polling() -> Option<Arc<Executor>> {
    CURRENT.with_borrow(|current| current.executor.clone())
}

/// Whether a further call may be polled inside the poll that this thread is in: it has used less than `stack` bytes, and
/// fewer than `calls` were begun in it. Counts the call if so.
pub(crate) fn may_inline(stack: usize, calls: u32) -> bool {
    let used = CURRENT.with_borrow(|current| current.base.saturating_sub(stack_pointer()));
    let inlined = INLINED.get();
    let may = used < stack && inlined < calls;
    if may {
        INLINED.set(inlined + 1);
    }
    may
}

/// Calls that were begun inside the poll that this thread is in; 0 outside.
pub(crate) fn inlined() -> u32 {
    if CURRENT.with_borrow(|current| current.base == 0) { 0 } else { INLINED.get() }
}

/// Calls that were begun inside the poll that this thread is in, or was in last.
pub(crate) fn inlined_last() -> u32 {
    INLINED.get()
}

/// About where the stack is: the address of a local.
#[inline(never)]
fn stack_pointer() -> usize {
    let here = 0u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}
