//! A subscription to a node's events, as the Gateway serves it.

use atasks_actors::event::EventStream;
use futures_util::FutureExt;
use tokio::{sync::mpsc::Receiver, time::timeout};

use super::{
    ABANDONED_AFTER, ANSWER_WITHIN, EVENTS_BATCH_MAX,
    request::{Answer, encode_event},
    talk::{Port, answer},
};

/// Tells events to who asks for them, until nobody does. Between two requests the node keeps them, up to its own bound:
/// who is slow misses the oldest, and is told how many. The first request is answered at once: they are kept from now on.
pub(super) async fn tell_events(mut asks: Receiver<Port>, mut events: EventStream) {
    if let Some(port) = asks.recv().await {
        answer(port, &Answer::Events(Vec::new()));
    }
    while let Ok(Some(port)) = timeout(ABANDONED_AFTER, asks.recv()).await {
        let first = match timeout(ANSWER_WITHIN, events.next()).await {
            Ok(Some(event)) => event,
            Ok(None) => return answer(port, &Answer::Unknown),
            Err(_elapsed) => {
                answer(port, &Answer::NotYet);
                continue;
            }
        };
        let mut batch = vec![encode_event(&first)];
        while batch.len() < EVENTS_BATCH_MAX
            && let Some(Some(event)) = events.next().now_or_never()
        {
            batch.push(encode_event(&event));
        }
        answer(port, &Answer::Events(batch));
    }
}
