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
    ANSWER_MAX, Call, GatewayMsg, LARGE, PAYLOAD_MAX,
    request::{Answer, Request, TalkId, Wanted, decode_event, encode},
};

/// First and longest wait before a Gateway that cannot tell when there is room is asked again; each doubles the one before.
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
    let wanted = Wanted::Call(call.arguments.len() as u64);
    // What is large is not sent in vain.
    let mut full = call.arguments.len() >= LARGE;
    let mut request = Request::Call(talk.id, Box::new(call));
    loop {
        if full {
            let Some(room) = until(deadline, talk.room(wanted)).await else {
                return Err(late(Waiting::Placement, Ran::No));
            };
            room?;
            full = false;
        }
        if let (Request::Call(_, call), Some(deadline)) = (&mut request, deadline) {
            let left = deadline.saturating_duration_since(Instant::now());
            call.timeout_us = Some(u64::try_from(left.as_micros()).unwrap_or(u64::MAX));
        }
        let end = deadline.and_then(|deadline| deadline.checked_add(LAST_WORD));
        let Some(answer) = until(end, talk.ask(&request)).await else { return Err(late(Waiting::Result, Ran::Maybe)) };
        match answer? {
            Answer::Full => full = true,
            Answer::NotYet => request = Request::More(talk.id),
            Answer::Returned(bytes) => {
                talk.over = true;
                return Ok(bytes.into_vec().into());
            }
            Answer::Failed(error) => {
                talk.over = true;
                return Err(error);
            }
            Answer::Events(_) | Answer::Unknown | Answer::Room => return Err(talk.lost(Loss::Closed, Ran::Maybe)),
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
                Answer::Full => talk.room(Wanted::Subscription).await?,
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

    /// Waits until there is room for this at the Gateway, as far as it can tell.
    async fn room(&self, wanted: Wanted) -> Result<(), TaskError> {
        let mut pause = FULL_PAUSE;
        loop {
            match self.ask(&Request::Room(wanted)).await? {
                Answer::Room => return Ok(()),
                Answer::Full => sleep(pause).await,
                // An earlier version, which cannot tell: it finds out when it is asked.
                Answer::Malformed(_) => {
                    sleep(FULL_PAUSE).await;
                    return Ok(());
                }
                _ => return Err(self.lost(Loss::Closed, Ran::No)),
            }
            pause = (2 * pause).min(FULL_PAUSE_MAX);
        }
    }

    async fn ask(&self, request: &Request) -> Result<Answer, TaskError> {
        let ran = |otherwise| if matches!(request, Request::More(_)) { Ran::Maybe } else { otherwise };
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
                let answer = match codec::decode(&request)? {
                    Request::Call(_, call) => {
                        let left = Duration::from_micros(call.timeout_us.unwrap());
                        self.0.lock().unwrap().push((Instant::now(), left));
                        Answer::Full
                    }
                    // Somebody else always comes first.
                    _ => {
                        sleep(Duration::from_secs(2)).await;
                        Answer::Room
                    }
                };
                let _ = port.send(encode(&answer)?);
            }
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_ends_the_wait_for_room_and_what_is_left_shrinks() {
        for (bytes, times) in [(1, 30), (LARGE, 29)] {
            waits_for_room(bytes, times).await;
        }
    }

    async fn waits_for_room(bytes: usize, times: usize) {
        let (began, minute) = (Instant::now(), Duration::from_secs(60));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (gateway, _running) = Actor::spawn(None, Full(asked.clone()), ()).await.unwrap();
        let fingerprint = codec::decode(&[&[16][..], &[0; 16]].concat()).unwrap();
        let (task, arguments, placement) = ("a".to_owned(), vec![1; bytes], Where::Auto);
        let (timeout_us, label, baggage) = (None, None, Default::default());
        let wanted = Call { task, fingerprint, arguments, placement, timeout_us, label, baggage, idempotent: false };
        let ended = call(&gateway, &NodeId::new("g", 1), wanted, Some(began + minute)).await.unwrap_err();
        let TaskError::DeadlineExceeded { waited_for: Waiting::Placement, ran: Ran::No, .. } = ended else {
            panic!("{ended:?}")
        };
        assert!(began.elapsed().abs_diff(minute) < Duration::from_millis(10), "{:?}", began.elapsed());
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), times, "what is large is not sent before there is room");
        let ends = asked.iter().map(|(at, left)| (*at + *left).duration_since(began));
        assert!(
            ends.clone().all(|end| end.abs_diff(minute) < Duration::from_millis(10)),
            "{:?}",
            ends.collect::<Vec<_>>()
        );
        gateway.stop(None);
    }
}
