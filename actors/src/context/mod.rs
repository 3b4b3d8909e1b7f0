//! The invocation that is running here, as its body and the calls that it makes see it.

mod below;
mod current;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll},
};

use futures_util::task::AtomicWaker;
use tokio::{sync::Notify, time::Instant};

use self::below::cancel_below;
pub(crate) use self::current::{enter, polling};
#[cfg(feature = "worker")]
pub(crate) use self::current::{inlined, inlined_last, may_inline};
use crate::{
    invocation::{Baggage, Invocation, InvocationId},
    node_id::NodeId,
    router::Router,
    slot::{Door, Slot},
    task::{Form, TaskEntry},
    task_error::{Canceller, Ran, Waiting},
};

/// The running invocation: who it is, who asked for it, how long it has, and whether it is still wanted.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    invocation: Invocation,
    node: Arc<dyn Router>,
    phase: AtomicU8,
    cancelled: AtomicU8,
    runner: AtomicWaker,
    told: Notify,
    watchers: AtomicUsize,
    holds_place: AtomicBool,
    children: Mutex<Children>,
    progress: Mutex<Option<Progress>>,
}

/// How far a task says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all.
    pub total: u64,
    /// What it is doing.
    pub text: String,
}

/// The life of an invocation on its node, one atomic word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    Queued,
    Started,
    Cancelled,
    Over,
}

/// The calls that an invocation has made and that are not over.
#[derive(Default)]
struct Children {
    slots: Vec<Option<Arc<Slot>>>,
    free: Vec<usize>,
    closed: bool,
}

impl Context {
    /// Makes the context of an invocation that is about to run on `node`. Its arguments go their own way: the context
    /// outlives them.
    #[must_use]
    pub fn new(invocation: Invocation, node: Arc<dyn Router>) -> Self {
        debug_assert!(invocation.arguments.is_empty(), "arguments are taken out first");
        Self(Arc::new(Inner {
            invocation,
            node,
            phase: AtomicU8::new(Phase::Queued as u8),
            cancelled: AtomicU8::new(0),
            runner: AtomicWaker::new(),
            told: Notify::new(),
            watchers: AtomicUsize::new(0),
            holds_place: AtomicBool::new(false),
            children: Mutex::default(),
            progress: Mutex::default(),
        }))
    }

    /// The invocation that is running on this thread, if any.
    #[must_use]
    pub fn try_current() -> Option<Self> {
        current::running()
    }

    /// Which call this is.
    #[must_use]
    pub fn id(&self) -> InvocationId {
        self.0.invocation.id
    }

    /// The invocation that made the call; none for a root.
    #[must_use]
    pub fn parent(&self) -> Option<InvocationId> {
        self.0.invocation.parent
    }

    /// The invocation at the top of the tree.
    #[must_use]
    pub fn root(&self) -> InvocationId {
        self.0.invocation.root
    }

    /// Which attempt at the call this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.0.invocation.attempt
    }

    /// The task.
    #[must_use]
    pub fn task(&self) -> &'static TaskEntry {
        self.0.invocation.task
    }

    /// How its arguments are encoded, and its return value will be.
    pub(crate) fn form(&self) -> Form {
        self.0.invocation.form
    }

    /// The node that it runs on.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        self.0.node.id()
    }

    /// When its caller stops waiting.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.invocation.deadline
    }

    /// What people call it, if its caller has named it.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.0.invocation.label.as_deref()
    }

    /// The value that follows the call under `key`.
    #[must_use]
    pub fn baggage(&self, key: &str) -> Option<&str> {
        self.0.invocation.baggage.as_ref()?.get(key).map(String::as_str)
    }

    /// All that follows the call.
    #[must_use]
    pub fn all_baggage(&self) -> Option<&Baggage> {
        self.0.invocation.baggage.as_ref()
    }

    /// Tells how far the task is, for whoever watches.
    pub fn progress(&self, done: u64, total: u64, text: impl Into<String>) {
        let progress = Progress { done, total, text: text.into() };
        *self.0.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    /// How far the task last said that it is.
    #[must_use]
    pub fn last_progress(&self) -> Option<Progress> {
        self.0.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether nobody wants the result any more; for code that does not await.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled_by().is_some()
    }

    /// Waits until nobody wants the result any more. A task that holds this future when that happens is not dropped at
    /// once: it has `node.cancel_grace` to tidy up.
    ///
    /// # Cancel safety
    /// Safe: dropping it before only gives the grace up.
    pub async fn cancelled(&self) {
        struct Watching<'a>(&'a AtomicUsize);
        impl Drop for Watching<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::AcqRel);
            }
        }
        self.0.watchers.fetch_add(1, Ordering::AcqRel);
        let watching = Watching(&self.0.watchers);
        loop {
            let told = self.0.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if self.is_cancelled() {
                // Stays counted: a task that knows has its grace, also if it learns of it the moment it asks.
                std::mem::forget(watching);
                return;
            }
            told.await;
        }
    }

    /// Runs `future` as part of this invocation: calls made in it are its children, wherever the future is polled.
    pub fn scope<F: Future>(&self, future: F) -> Scoped<F> {
        Scoped { context: self.clone(), future: Box::pin(future) }
    }

    /// The node, for calls.
    #[must_use]
    pub fn router(&self) -> &Arc<dyn Router> {
        &self.0.node
    }

    /// The limited tasks that are held above a call made here.
    #[must_use]
    pub fn holds_below(&self) -> Option<Arc<[u64]>> {
        let above = self.0.invocation.holds.as_ref();
        if !self.task().options().limited() {
            return above.cloned();
        }
        let key = self.task().key();
        match above {
            Some(above) if above.contains(&key) => Some(above.clone()),
            Some(above) => Some(above.iter().copied().chain([key]).collect()),
            None => Some(Arc::from([key])),
        }
    }

    pub(crate) fn invocation(&self) -> &Invocation {
        &self.0.invocation
    }

    pub(crate) fn place_held(&self) -> &AtomicBool {
        &self.0.holds_place
    }

    pub(crate) fn runner(&self) -> &AtomicWaker {
        &self.0.runner
    }

    /// Why a call made by this invocation is not started any more, if so.
    #[must_use]
    pub fn refuses_calls(&self) -> Option<Canceller> {
        let over = self.0.phase.load(Ordering::Acquire) == Phase::Over as u8;
        self.cancelled_by().or(over.then_some(Canceller::Parent))
    }

    pub(crate) fn has_watchers(&self) -> bool {
        self.0.watchers.load(Ordering::Acquire) > 0
    }

    pub(crate) fn cancelled_by(&self) -> Option<Canceller> {
        match self.0.cancelled.load(Ordering::Acquire) {
            0 => None,
            number => Canceller::from_code(number - 1),
        }
    }

    /// Cancels the invocation: unstarted it never starts, started it ends at its next yield.
    pub fn cancel(&self, by: Canceller) {
        self.0.cancel_by(by);
    }

    /// Moves to `next`, if the invocation is in `from`.
    pub(crate) fn advance(&self, from: Phase, next: Phase) -> bool {
        self.0.phase.compare_exchange(from as u8, next as u8, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether the body may have started.
    pub(crate) fn ran(&self) -> Ran {
        self.0.ran()
    }

    pub(crate) fn door(&self) -> Arc<dyn Door> {
        self.0.clone()
    }

    /// Ties a call to this invocation: it is cancelled when the invocation is, or ends. `None` if that has happened already.
    #[must_use]
    pub fn adopt(&self, slot: &Arc<Slot>) -> Option<Child> {
        let mut children = self.children();
        // Looked at under the lock: whoever cancels has said so before he takes it.
        if children.closed || self.is_cancelled() {
            return None;
        }
        let slot = Some(slot.clone());
        let place = match children.free.pop() {
            Some(place) => {
                children.slots[place] = slot;
                place
            }
            None => {
                children.slots.push(slot);
                children.slots.len() - 1
            }
        };
        Some(Child { context: self.clone(), place })
    }

    /// Ends the invocation: its calls that are not over are cancelled.
    pub(crate) fn end(&self) {
        // One that never started stays so: whoever asks whether it ran must not be told that it did.
        if !self.advance(Phase::Started, Phase::Over) {
            // Nor may it start later, where it still waits for a thread.
            self.advance(Phase::Queued, Phase::Cancelled);
        }
        let mut children = self.children();
        children.closed = true;
        let slots = std::mem::take(&mut children.slots);
        drop(children);
        if !slots.is_empty() {
            cancel_below(slots.into_iter().flatten());
        }
    }

    fn children(&self) -> MutexGuard<'_, Children> {
        self.0.children()
    }
}

impl Inner {
    fn cancel_by(&self, by: Canceller) {
        let number = by.code() + 1;
        let is_first = self.cancelled.compare_exchange(0, number, Ordering::AcqRel, Ordering::Acquire).is_ok();
        // By whoever cancels: the second, too, is about to say whether it has started, and the first may not be here yet.
        let (queued, cancelled) = (Phase::Queued as u8, Phase::Cancelled as u8);
        let _ = self.phase.compare_exchange(queued, cancelled, Ordering::AcqRel, Ordering::Acquire);
        if is_first {
            self.told.notify_waiters();
            self.runner.wake();
            // At once: what the task does with its grace, or a task that does not yield, must not keep the tree below alive.
            let below: Vec<_> = self.children().slots.iter().flatten().cloned().collect();
            cancel_below(below);
        }
    }

    fn children(&self) -> MutexGuard<'_, Children> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ran(&self) -> Ran {
        match self.phase.load(Ordering::Acquire) {
            phase if phase == Phase::Queued as u8 || phase == Phase::Cancelled as u8 => Ran::No,
            _ => Ran::Yes,
        }
    }
}

impl Door for Inner {
    fn cancel(&self, _token: u64, by: Canceller) -> (Waiting, Ran) {
        self.cancel_by(by);
        match self.ran() {
            Ran::No => (Waiting::Executor, Ran::No),
            ran => (Waiting::Result, ran),
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("id", &self.id()).field("task", &self.task().name()).finish_non_exhaustive()
    }
}

/// A call's tie to the invocation that made it; dropped when the call is over.
#[derive(Debug)]
pub struct Child {
    context: Context,
    place: usize,
}

impl Drop for Child {
    fn drop(&mut self) {
        let mut children = self.context.children();
        if !children.closed {
            children.slots[self.place] = None;
            children.free.push(self.place);
        }
    }
}

/// A future that runs as part of an invocation; see [`Context::scope`].
pub struct Scoped<F> {
    context: Context,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let executor = polling();
        let _entered = enter(Some(self.context.clone()), executor);
        self.future.as_mut().poll(cx)
    }
}

impl<F> fmt::Debug for Scoped<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scoped").field("context", &self.context).finish_non_exhaustive()
    }
}
