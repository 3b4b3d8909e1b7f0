//! The other side of a Gateway: asks it, and asks again until the end is told.

use std::time::Duration;

use atasks_actors::{
    codec,
    event::Event,
    node_id::NodeId,
    task_error::{Loss, Payload, Ran, TaskError},
};
use bytes::Bytes;
use ractor::{ActorRef, rpc::CallResult};
use tokio::time::sleep;

use super::{
    ANSWER_MAX, Call, GatewayMsg, PAYLOAD_MAX,
    request::{Answer, Request, TalkId, decode_event, encode},
};

/// Wait before a Gateway that has too much under way is asked again.
const FULL_PAUSE: Duration = Duration::from_millis(50);

/// Has `gateway`, which is that of `node`, make a call. Gives the encoded return value.
///
/// # Errors
/// How the call failed; [`TaskError::NodeLost`] if the Gateway, its node or the way there is lost.
///
/// # Cancel safety
/// Dropping it cancels the call.
pub async fn call(gateway: &ActorRef<GatewayMsg>, node: &NodeId, call: Call) -> Result<Bytes, TaskError> {
    if call.arguments.len() > PAYLOAD_MAX {
        let size = call.arguments.len();
        return Err(TaskError::TooLarge { size, limit: PAYLOAD_MAX, what: Payload::Arguments });
    }
    let mut talk = Talk::new(gateway, node);
    let mut request = Request::Call(talk.id, Box::new(call));
    loop {
        let answer = talk.ask(&request).await?;
        match answer {
            Answer::Full => sleep(FULL_PAUSE).await,
            Answer::NotYet => request = Request::More(talk.id),
            Answer::Returned(bytes) => {
                talk.over = true;
                return Ok(bytes.into_vec().into());
            }
            Answer::Failed(error) => {
                talk.over = true;
                return Err(error);
            }
            Answer::Events(_) | Answer::Unknown => return Err(talk.lost(Loss::Closed, Ran::Maybe)),
            Answer::Malformed(message) => return Err(TaskError::Codec { stage: Payload::Arguments, message }),
        }
    }
}

/// Reads the events of a Gateway's node.
#[derive(Debug)]
pub struct Watching(Talk);

impl Watching {
    /// Reads the events of the node of `gateway` from when this returns.
    ///
    /// # Errors
    /// [`TaskError::NodeLost`] if the Gateway, its node or the way there is lost.
    pub async fn begin(gateway: &ActorRef<GatewayMsg>, node: &NodeId) -> Result<Self, TaskError> {
        let talk = Talk::new(gateway, node);
        loop {
            match talk.ask(&Request::Watch(talk.id)).await? {
                Answer::Events(_) => return Ok(Self(talk)),
                Answer::Full => sleep(FULL_PAUSE).await,
                _ => return Err(talk.lost(Loss::Closed, Ran::Maybe)),
            }
        }
    }

    /// Waits for the next events, in order. None: the Gateway is gone or not reached any more, or was not asked in time.
    pub async fn next(&mut self) -> Option<Vec<Event>> {
        loop {
            match self.0.ask(&Request::More(self.0.id)).await.ok()? {
                Answer::NotYet => {}
                Answer::Events(events) => return Some(events.iter().map(|event| decode_event(event)).collect()),
                _ => return None,
            }
        }
    }
}

/// One call or subscription; what it was for is given up when it is dropped.
#[derive(Debug)]
struct Talk {
    gateway: ActorRef<GatewayMsg>,
    node: NodeId,
    id: TalkId,
    /// The end was told: there is nothing to give up.
    over: bool,
}

impl Talk {
    fn new(gateway: &ActorRef<GatewayMsg>, node: &NodeId) -> Self {
        Self { gateway: gateway.clone(), node: node.clone(), id: rand::random(), over: false }
    }

    async fn ask(&self, request: &Request) -> Result<Answer, TaskError> {
        let ran = |otherwise| if matches!(request, Request::Call(..)) { otherwise } else { Ran::Maybe };
        let bytes = encode(request).map_err(|error| {
            let message = error.to_string();
            TaskError::Codec { stage: Payload::Arguments, message }
        })?;
        // Never without a time limit: a remote actor that does not answer is not told apart from one that will.
        let asked = self.gateway.call(|port| GatewayMsg::Ask(bytes, port), Some(ANSWER_MAX)).await;
        let answer = match asked {
            Ok(CallResult::Success(answer)) => answer,
            Ok(CallResult::SenderError) => return Err(self.lost(Loss::Closed, Ran::Maybe)),
            Ok(CallResult::Timeout) => return Err(self.lost(Loss::Silent, Ran::Maybe)),
            Err(_never_sent) => return Err(self.lost(Loss::Closed, ran(Ran::No))),
        };
        codec::decode(&answer).map_err(|error| {
            let message = format!("the gateway's answer cannot be read: {error}");
            TaskError::Codec { stage: Payload::Result, message }
        })
    }

    fn lost(&self, reason: Loss, ran: Ran) -> TaskError {
        TaskError::NodeLost { node: self.node.clone(), reason, ran }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        if !self.over {
            // Should the Gateway be gone, there is nothing to give up either.
            let _ = self.gateway.cast(GatewayMsg::Forget(self.id.to_le_bytes().to_vec()));
        }
    }
}
