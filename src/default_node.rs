//! The node that calls use which name none: the one in scope, else the first that the process has joined with.

use std::{
    any::Any,
    cell::RefCell,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    task::{Context as TaskContext, Poll},
};

use atasks_actors::{context::Context, router::Router};
use atasks_cluster::node::NodeCore;

use crate::{Node, TaskError};

/// The one mutable global: which node this process has joined with.
static DEFAULT: RwLock<Option<Arc<dyn Router>>> = RwLock::new(None);

thread_local! {
    static SCOPED: RefCell<Option<Arc<dyn Router>>> = const { RefCell::new(None) };
}

/// The node of the scope that is being polled on this thread.
pub(crate) fn scoped() -> Option<Arc<dyn Router>> {
    SCOPED.with_borrow(Clone::clone)
}

/// The node that a call uses which is polled here.
pub(crate) fn current() -> Option<Arc<dyn Router>> {
    scoped().or_else(|| DEFAULT.read().unwrap_or_else(PoisonError::into_inner).clone())
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
    DEFAULT.write().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| node.clone());
}

/// Takes the default back, if it is `node`.
pub(crate) fn withdraw(node: &Arc<dyn Router>) {
    let mut default = DEFAULT.write().unwrap_or_else(PoisonError::into_inner);
    if default.as_ref().is_some_and(|default| default.id() == node.id()) {
        *default = None;
    }
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
