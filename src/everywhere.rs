//! One call on every worker: `call.everywhere()`.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use atasks_actors::{codec, task::TaskEntry};
use bytes::Bytes;

use crate::{
    NodeId, TaskCall, TaskError, TaskReturn,
    call::decode,
    driver::{Arguments, Driver},
};

/// A call of a task on every worker that can run it; made by [`TaskCall::everywhere`].
///
/// It is lazy as any call: at its first poll it is sent to all capable workers that are up then, this node included if it
/// is one. Awaiting it gives what each of them answered, ordered by node.
///
/// # Cancel safety
/// Dropping it after its first poll cancels all that are not over: whether they ran is then not known here.
#[must_use = "a task does nothing unless it is awaited"]
pub struct Everywhere<R> {
    state: State<R>,
}

enum State<R> {
    New(TaskCall<R>),
    Running(Vec<(NodeId, One<R>)>),
    Over,
}

/// The call on one node.
enum One<R> {
    Running(Box<Driver>, Encoded),
    Over(R),
}

/// What all of them are called with, encoded once.
#[derive(Clone)]
pub(crate) struct Encoded {
    pub(crate) task: &'static TaskEntry,
    pub(crate) bytes: Bytes,
}

impl Arguments for Encoded {
    fn entry(&self) -> Option<&'static TaskEntry> {
        Some(self.task)
    }

    fn encode(&mut self, limit: usize) -> Result<Bytes, codec::Error> {
        match self.bytes.len() {
            size if size > limit => Err(codec::Error::TooLarge { size }),
            _ => Ok(std::mem::take(&mut self.bytes)),
        }
    }
}

impl<R> Unpin for Everywhere<R> {}

impl<R: TaskReturn> Everywhere<R> {
    pub(crate) fn new(call: TaskCall<R>) -> Self {
        Self { state: State::New(call) }
    }

    /// Blocks this thread until all are over; for programs without async.
    ///
    /// # Errors
    /// Those of awaiting it; [`TaskError::WouldBlock`] on a thread that a node needs to go on.
    pub fn wait(self) -> Result<Vec<(NodeId, R)>, TaskError> {
        atasks_actors::wait::wait(self)?
    }
}

impl<R: TaskReturn> Future for Everywhere<R> {
    type Output = Result<Vec<(NodeId, R)>, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut ones = match std::mem::replace(&mut this.state, State::Over) {
            State::New(mut call) => {
                if call.gathers(cx)? {
                    this.state = State::New(call);
                    return Poll::Pending;
                }
                let (encoded, drivers) = call.for_everywhere()?;
                let one = |driver| One::Running(Box::new(driver), encoded.clone());
                drivers.into_iter().map(|(node, driver)| (node, one(driver))).collect()
            }
            State::Running(ones) => ones,
            State::Over => return Poll::Ready(Err(crate::call::already_polled())),
        };
        let mut waits = false;
        for (_, one) in &mut ones {
            waits |= one.poll(cx);
        }
        if waits {
            this.state = State::Running(ones);
            return Poll::Pending;
        }
        let over = ones.into_iter().filter_map(|(node, one)| match one {
            One::Over(value) => Some((node, value)),
            One::Running(..) => None,
        });
        Poll::Ready(Ok(over.collect()))
    }
}

impl<R: TaskReturn> One<R> {
    /// True: it is not over yet.
    fn poll(&mut self, cx: &mut TaskContext<'_>) -> bool {
        let Self::Running(driver, encoded) = self else { return false };
        match driver.poll(cx, encoded) {
            Poll::Pending => true,
            Poll::Ready(outcome) => {
                *self = Self::Over(decode(driver, outcome));
                false
            }
        }
    }
}

impl<R> fmt::Debug for Everywhere<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Everywhere");
        match &self.state {
            State::New(call) => debug.field("call", call).finish(),
            State::Running(ones) => {
                debug.field("nodes", &ones.iter().map(|(node, _)| node).collect::<Vec<_>>()).finish()
            }
            State::Over => debug.finish_non_exhaustive(),
        }
    }
}
