//! The other side of a Gateway: asks it, and asks again until the end is told.

use std::{future::Future, time::Duration};

use atasks_actors::{
    codec,
    event::Event,
    node_id::NodeId,
    task_error::{Loss, Payload, Ran, TaskError, Waiting},
};
use bytes::Bytes;
use ractor::{ActorRef, rpc::CallResult};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    ANSWER_MAX, Call, GatewayMsg, PAYLOAD_MAX,
    request::{Answer, Request, TalkId, decode_event, encode},
};

/// First and longest wait before a Gateway that has too much under way is asked again; each doubles the one before.
const FULL_PAUSE: Duration = Duration::from_millis(50);
const FULL_PAUSE_MAX: Duration = Duration::from_secs(2);

/// How long after its deadline a call that has begun waits for the Gateway to tell of it: that knows what the call has
/// waited for and whether it ran.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Has `gateway`, which is that of `node`, make a call that is over at `deadline`, whatever its `timeout_us`, which is
/// what is left at each sending. Gives the encoded return value.
///
/// # Errors
/// [`TaskError::DeadlineExceeded`] at the deadline if the Gateway has no room until then, else half a second later at most;
/// How the call failed; [`TaskError::NodeLost`] if the Gateway, its node or the way there is lost.
///
/// # Cancel safety
/// Dropping it cancels the call.
pub async fn call(
    gateway: &ActorRef<GatewayMsg>,
    node: &NodeId,
    call: Call,
    deadline: Option<Instant>,
) -> Result<Bytes, TaskError> {
    if call.arguments.len() > PAYLOAD_MAX {
        let size = call.arguments.len();
        return Err(TaskError::TooLarge { size, limit: PAYLOAD_MAX, what: Payload::Arguments });
    }
    let began = Instant::now();
    let late = |waited_for, ran| TaskError::DeadlineExceeded { after: began.elapsed(), waited_for, ran };
    let mut talk = Talk::new(gateway, node);
    let mut request = Request::Call(talk.id, Box::new(call));
    let mut pause = FULL_PAUSE;
    loop {
        if let (Request::Call(_, call), Some(deadline)) = (&mut request, deadline) {
            let left = deadline.saturating_duration_since(Instant::now());
            call.timeout_us = Some(u64::try_from(left.as_micros()).unwrap_or(u64::MAX));
        }
        let end = deadline.and_then(|deadline| deadline.checked_add(LAST_WORD));
        let Some(answer) = until(end, talk.ask(&request)).await else { return Err(late(Waiting::Result, Ran::Maybe)) };
        match answer? {
            Answer::Full if until(deadline, sleep(pause)).await.is_none() => {
                return Err(late(Waiting::Placement, Ran::No));
            }
            Answer::Full => pause = (2 * pause).min(FULL_PAUSE_MAX),
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

/// Waits for `future`, but not beyond `end`.
async fn until<T>(end: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match end {
        Some(end) => timeout_at(end, future).await.ok(),
        None => Some(future.await),
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
        TaskError::NodeLost { node: self.node.clone(), reason, ran, before: Vec::new() }
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ractor::{Actor, ActorProcessingErr};

    use super::*;
    use crate::control::gateway::Where;

    /// A Gateway that never has room; notes when it was asked, and how much was left by what it was told.
    struct Full(Arc<Mutex<Vec<(Instant, Duration)>>>);

    impl Actor for Full {
        type Msg = GatewayMsg;
        type State = ();
        type Arguments = ();

        async fn pre_start(&self, _: ActorRef<GatewayMsg>, (): ()) -> Result<(), ActorProcessingErr> {
            Ok(())
        }

        async fn handle(
            &self,
            _: ActorRef<GatewayMsg>,
            message: GatewayMsg,
            (): &mut (),
        ) -> Result<(), ActorProcessingErr> {
            if let GatewayMsg::Ask(request, port) = message {
                if let Request::Call(_, call) = codec::decode(&request)? {
                    let left = Duration::from_micros(call.timeout_us.unwrap());
                    self.0.lock().unwrap().push((Instant::now(), left));
                }
                let _ = port.send(encode(&Answer::Full)?);
            }
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_ends_the_wait_for_room_and_what_is_left_shrinks() {
        let (began, minute) = (Instant::now(), Duration::from_secs(60));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (gateway, _running) = Actor::spawn(None, Full(asked.clone()), ()).await.unwrap();
        let fingerprint = codec::decode(&[&[16][..], &[0; 16]].concat()).unwrap();
        let (task, arguments, placement) = ("a".to_owned(), vec![1], Where::Auto);
        let (timeout_us, label, baggage) = (None, None, Default::default());
        let wanted = Call { task, fingerprint, arguments, placement, timeout_us, label, baggage, idempotent: false };
        let ended = call(&gateway, &NodeId::new("g", 1), wanted, Some(began + minute)).await.unwrap_err();
        let TaskError::DeadlineExceeded { waited_for: Waiting::Placement, ran: Ran::No, .. } = ended else {
            panic!("{ended:?}")
        };
        assert!(began.elapsed().abs_diff(minute) < Duration::from_millis(10), "{:?}", began.elapsed());
        let asked = asked.lock().unwrap();
        assert!((20..50).contains(&asked.len()), "{} times in a minute", asked.len());
        let ends = asked.iter().map(|(at, left)| (*at + *left).duration_since(began));
        assert!(
            ends.clone().all(|end| end.abs_diff(minute) < Duration::from_millis(10)),
            "{:?}",
            ends.collect::<Vec<_>>()
        );
        gateway.stop(None);
    }
}
