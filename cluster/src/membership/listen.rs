//! Letting peers in: a bounded number of greetings at once, each within a bounded time.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use ractor::ActorRef;
use tokio::{sync::Semaphore, time::timeout};

use super::MembershipMsg;
use crate::{
    link::{GreetError, greet},
    node::NodeCore,
    session::greeting::Dialled,
    transport::{Incoming, Listener},
};

/// Greetings under way at once; further peers wait in the system's queue.
const GREETINGS_MAX: usize = 64;
/// Longest that a greeting may take, the transport's handshake included.
pub(super) const GREETING_TIME_MAX: Duration = Duration::from_secs(3);
/// Wait after the system had no descriptor left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts peers for as long as the node lives.
pub(crate) async fn listen(listener: Listener, node: Weak<NodeCore>, membership: ActorRef<MembershipMsg>) {
    let places = Arc::new(Semaphore::new(GREETINGS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let incoming = match listener.accept().await {
            Ok(incoming) => incoming,
            Err(error) => {
                tracing::warn!(address = %listener.address(), %error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (node, membership) = (node.clone(), membership.clone());
        tokio::spawn(async move {
            let _place = place;
            if let Some(node) = node.upgrade() {
                admit(incoming, &node, &membership).await;
            }
        });
    }
}

async fn admit(incoming: Incoming, node: &Arc<NodeCore>, membership: &ActorRef<MembershipMsg>) {
    let from = incoming.peer().clone();
    let greeting = async {
        let socket = incoming.establish().await.map_err(|error| error.to_string())?;
        match greet(node, socket, Dialled::ByPeer).await {
            Ok((link, read)) => Ok(Some((link, read))),
            Err(GreetError::Linked(_) | GreetError::Itself) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    };
    match timeout(GREETING_TIME_MAX, greeting).await {
        Ok(Ok(Some((link, read)))) => {
            let _ = membership.cast(MembershipMsg::Linked { link, read, address: None });
        }
        Ok(Ok(None)) => {}
        Ok(Err(reason)) => tracing::warn!(%from, reason, "a peer was not let in"),
        Err(_elapsed) => tracing::warn!(%from, "a peer did not greet in time"),
    }
}
