//! The node that calls use which name none: the one in scope, else the first that the process has joined with.

use std::{
    any::Any,
    cell::RefCell,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use arc_swap::ArcSwapOption;
use atasks_actors::{context::Context, router::Router};
use atasks_cluster::node::NodeCore;

use crate::{Node, TaskError};

/// The one mutable global: which node this process has joined with.
///
/// In an `Arc` of its own, as what is swapped has one word. Read by every call of a root, on all threads: without a lock.
static DEFAULT: ArcSwapOption<Arc<dyn Router>> = ArcSwapOption::const_empty();

thread_local! {
    static SCOPED: RefCell<Option<Arc<dyn Router>>> = const { RefCell::new(None) };
}

/// The node of the scope that is being polled on this thread.
pub(crate) fn scoped() -> Option<Arc<dyn Router>> {
    SCOPED.with_borrow(Clone::clone)
}

/// The node that a call uses which is polled here.
pub(crate) fn current() -> Option<Arc<dyn Router>> {
    scoped().or_else(|| DEFAULT.load().as_deref().cloned())
}

/// The node that a call made here would use.
pub(crate) fn node() -> Result<Node, TaskError> {
    let router = match Context::try_current() {
        Some(context) => Some(context.router().clone()),
        None => current(),
    };
    let node =
        router.map(|router| router as Arc<dyn Any + Send + Sync>).and_then(|any| any.downcast::<NodeCore>().ok());
    node.map(Node::borrowed).ok_or(TaskError::NotJoined)
}

/// Makes `node` the default if there is none.
pub(crate) fn offer(node: &Arc<dyn Router>) {
    DEFAULT.rcu(|default| Some(default.clone().unwrap_or_else(|| Arc::new(node.clone()))));
}

/// Takes the default back, if it is `node`.
pub(crate) fn withdraw(node: &Arc<dyn Router>) {
    DEFAULT.rcu(|default| default.clone().filter(|default| default.id() != node.id()));
}

/// A future whose calls use a node of their own; see [`Node::scope`](crate::Node::scope).
pub struct InScope<F> {
    node: Arc<dyn Router>,
    future: Pin<Box<F>>,
}

impl<F: Future> InScope<F> {
    pub(crate) fn new(node: Arc<dyn Router>, future: F) -> Self {
        Self { node, future: Box::pin(future) }
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let _entered = enter(self.node.clone());
        self.future.as_mut().poll(cx)
    }
}

impl<F> fmt::Debug for InScope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InScope").field("node", self.node.id()).finish_non_exhaustive()
    }
}

/// Restores the scope that was there before.
pub(crate) struct Entered(Option<Arc<dyn Router>>);

/// Makes `node` this thread's until the guard is dropped.
pub(crate) fn enter(node: Arc<dyn Router>) -> Entered {
    Entered(SCOPED.replace(Some(node)))
}

impl Drop for Entered {
    fn drop(&mut self) {
        SCOPED.set(self.0.take());
    }
}
