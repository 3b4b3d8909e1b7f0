//! What is asked of a Gateway, and what it answers, as bytes.

use std::collections::BTreeMap;

use atasks_actors::{
    codec,
    event::Event,
    fingerprint::Fingerprint,
    node_id::NodeId,
    router::Placement,
    task_error::{Payload, TaskError},
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::{EVENT_MAX, MESSAGE_MAX};

/// Names a call or a subscription between its two ends; random, so that nobody else can name it.
pub(super) type TalkId = u128;

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    Call(TalkId, Box<Call>),
    Watch(TalkId),
    /// Asks again for what has not been told yet.
    More(TalkId),
    /// Asks to be told when there is room for this.
    Room(Wanted),
}

/// What there may be room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Wanted {
    /// A call with so many bytes of arguments.
    Call(u64),
    Subscription,
}

/// A call, as it is asked of a Gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// The task's name.
    pub task: String,
    /// What its types are at the caller's.
    pub fingerprint: Fingerprint,
    /// The encoded arguments.
    #[serde(with = "serde_bytes")]
    pub arguments: Vec<u8>,
    /// Where it may run, seen from the Gateway's node.
    pub placement: Where,
    /// Longest that it may take, in microseconds.
    pub timeout_us: Option<u64>,
    /// What people call it.
    pub label: Option<String>,
    /// What follows it.
    pub baggage: BTreeMap<String, String>,
    /// Running it twice does no harm.
    pub idempotent: bool,
}

/// Where a call may run, as far as that can be told to another node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Where {
    /// Wherever the Gateway's node finds best.
    Auto,
    /// On the Gateway's node.
    Local,
    /// On the node of this name.
    Node(String),
    /// On this start of this node.
    On(NodeId),
}

impl TryFrom<&Placement> for Where {
    type Error = TaskError;

    fn try_from(placement: &Placement) -> Result<Self, TaskError> {
        Ok(match placement {
            Placement::Auto => Self::Auto,
            Placement::Local => Self::Local,
            Placement::Node(name) => Self::Node(name.clone()),
            Placement::On(id) => Self::On(id.clone()),
            other => {
                let message = format!("a gateway cannot be told the placement {other:?}");
                return Err(TaskError::Codec { stage: Payload::Arguments, message });
            }
        })
    }
}

impl From<Where> for Placement {
    fn from(place: Where) -> Self {
        match place {
            Where::Auto => Self::Auto,
            Where::Local => Self::Local,
            Where::Node(name) => Self::Node(name),
            Where::On(id) => Self::On(id),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// There is nothing to tell yet: ask again.
    NotYet,
    /// The call ended with this encoded return value.
    Returned(ByteBuf),
    /// It failed.
    Failed(TaskError),
    /// Events, each encoded by itself, so that one of a later version spoils no other.
    Events(Vec<ByteBuf>),
    /// Too much is under way here: try again in a while.
    Full,
    /// It is not known here, or is over.
    Unknown,
    /// What was asked is no request.
    Malformed(String),
    /// There is room; who comes first has it.
    Room,
}

/// Encodes a request or an answer.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, codec::Error> {
    codec::encode(value, MESSAGE_MAX)
}

/// Events as they are told; one that is too large counts as missed.
pub(super) fn encode_event(event: &Event) -> ByteBuf {
    let encoded = codec::encode(event, EVENT_MAX).or_else(|_| codec::encode(&Event::Missed(1), EVENT_MAX));
    ByteBuf::from(encoded.unwrap_or_default())
}

/// An event of a version that is not known here counts as missed.
pub(super) fn decode_event(bytes: &[u8]) -> Event {
    codec::decode(bytes).unwrap_or(Event::Missed(1))
}
