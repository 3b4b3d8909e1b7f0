//! What stands for executors in a program without the feature `worker`: there are none, and nothing can ask them.

mod fence;
mod report;
mod settings;
mod ticket;

use std::{sync::Arc, task::Context as TaskContext, task::Poll};

use bytes::Bytes;

pub use self::{
    fence::Fence,
    report::{LoadReport, MemoryReport},
    settings::Settings,
    ticket::{Issuer, Ticket},
};
use crate::{
    context::Context,
    invocation::Invocation,
    outcome::Reply,
    park::{self, Unpark},
    router::{Router, Started},
    slot::Slot,
};

/// An invocation that is to be run.
#[derive(Debug)]
pub struct Submitted {
    /// Who it is.
    pub context: Context,
    /// Its encoded arguments.
    pub arguments: Bytes,
    /// Where its outcome goes.
    pub reply: Reply,
    /// Dropped when it waits no more.
    pub ticket: Option<Ticket>,
}

/// The executors of a node, of which there are none.
#[derive(Debug)]
pub enum Pool {}

/// One thread that runs tasks.
#[derive(Debug)]
pub enum Executor {}

#[expect(missing_docs, reason = "the same as those of a worker, and never called")]
impl Pool {
    pub fn submit_all(&self, _submitted: impl IntoIterator<Item = Submitted>) {
        match *self {}
    }

    pub fn start_here(
        self: &Arc<Self>,
        _invocation: Invocation,
        _router: Arc<dyn Router>,
        _ticket: Option<Ticket>,
    ) -> Started {
        match **self {}
    }

    pub fn submit_for(
        &self,
        _invocation: Invocation,
        _router: Arc<dyn Router>,
        _slot: &Arc<Slot>,
        _ticket: Option<Ticket>,
    ) {
        match *self {}
    }

    #[must_use]
    pub fn executor_count(&self) -> usize {
        match *self {}
    }

    #[must_use]
    pub fn load(&self) -> LoadReport {
        match *self {}
    }

    #[must_use]
    pub fn memory(&self) -> MemoryReport {
        match *self {}
    }

    #[must_use]
    pub fn fresh(&self) -> i64 {
        match *self {}
    }

    #[must_use]
    pub fn has_room(&self) -> bool {
        match *self {}
    }

    pub fn hand_back(&self) {
        match *self {}
    }

    pub fn leave(&self, _own: impl Fn(&Context) -> bool) {
        match *self {}
    }

    pub async fn ended(&self) {
        match *self {}
    }

    pub fn look_again(&self) {
        match *self {}
    }

    #[must_use]
    pub fn has_waiting(&self) -> bool {
        match *self {}
    }

    #[must_use]
    pub fn is_stalled(&self) -> bool {
        match *self {}
    }

    #[must_use]
    pub fn fence(&self) -> &Fence {
        match *self {}
    }

    pub fn start_what_was_kept(&self) {
        match *self {}
    }

    pub fn start_what_was_parked(&self) {
        match *self {}
    }

    pub fn close(&self) {
        match *self {}
    }
}

/// Blocks this thread until `poll` is ready.
pub(crate) fn block<T>(poll: impl FnMut(&mut TaskContext<'_>) -> Poll<T>) -> T {
    park::block(poll, Unpark::park)
}
