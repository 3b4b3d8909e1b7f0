//! The Gateway: the one actor of a worker that others of ractor's cluster reach, through which ractor actors call tasks
//! and read events.
//!
//! Its message is two byte strings, so that nothing of its decoding can fail before its handler has it; what they say is
//! in `request`. A request is always answered within [`ANSWER_WITHIN`], by "not yet" if need be, and is asked again: so
//! a call may take as long as it likes, while one whose Gateway, node or answer is lost ends soon, and a call that nobody
//! asks for any more is cancelled.

mod actor;
mod client;
mod message;
mod request;
mod talk;
mod watch;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use atasks_actors::{invocation::Baggage, router::Placement, task::TaskEntry, task_error::TaskError};
use bytes::Bytes;

pub(super) use self::actor::GatewayActor;
pub use self::{
    client::{Watching, call},
    message::GatewayMsg,
    request::{Call, Where},
};
use crate::node::NodeCore;

/// The pg group that has the Gateway of every worker.
pub const GROUP: &str = "atasks";

/// A request is answered at the latest after this time.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// An answer that has not come after this time does not come: its Gateway, or the way there, is lost.
pub const ANSWER_MAX: Duration = Duration::from_secs(15);

/// What nobody has asked for so long, nobody wants any more: a call is cancelled, a subscription ends.
pub const ABANDONED_AFTER: Duration = Duration::from_secs(20);

/// Most calls of one Gateway that are not over; further ones wait at their callers.
pub const CALLS_MAX: usize = 10_000;

/// Most bytes of arguments of calls that are not over, and of results that nobody has asked for yet. While that is
/// reached further calls wait as well, but for a lone one, and a result that nobody asks for is not kept.
pub const HELD_MAX: usize = 256 << 20;

/// Most subscriptions to one Gateway's events; further ones wait.
pub const SUBSCRIPTIONS_MAX: usize = 256;

/// Most that may wait for room at one Gateway to be told of it; further ones look again by themselves.
const WAITING_MAX: usize = 10_000;

/// Arguments from so many bytes on are not sent before there is room for them.
const LARGE: usize = 64 << 10;

/// Most bytes of the arguments or of the result of a call through a Gateway. ractor_cluster ends the session for
/// messages above 16 MiB, so that all that is larger is refused before.
pub const PAYLOAD_MAX: usize = 8 << 20;

/// Most bytes of a request or an answer: a payload and what is said about it.
const MESSAGE_MAX: usize = PAYLOAD_MAX + (1 << 20);

/// Most events of one answer.
pub const EVENTS_BATCH_MAX: usize = 64;

/// Most bytes of one event; a larger one counts as missed.
const EVENT_MAX: usize = 64 << 10;

/// A call that a Gateway was asked for, as its node makes it.
#[derive(Debug)]
pub struct Order {
    /// The task, from this program's table.
    pub task: &'static TaskEntry,
    /// The encoded arguments.
    pub arguments: Vec<u8>,
    /// Where it may run.
    pub placement: Placement,
    /// Longest that it may take.
    pub timeout: Option<Duration>,
    /// What people call it.
    pub label: Option<String>,
    /// What follows it.
    pub baggage: Option<Baggage>,
    /// Running it twice does no harm.
    pub idempotent: bool,
}

/// The future of a call that a Gateway makes.
pub type Making = Pin<Box<dyn Future<Output = Result<Bytes, TaskError>> + Send>>;

/// Makes calls for a Gateway as they are made by a program: repeated and placed again as those are.
pub type Caller = fn(Arc<NodeCore>, Order) -> Making;
