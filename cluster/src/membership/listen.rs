//! Letting peers in: a bounded number of greetings at once, each within a bounded time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use ractor::ActorRef;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::{GREETING_TIME_MAX, MembershipMsg};
use crate::{
    link::{GreetError, greet},
    node::NodeCore,
    session::greeting::Dialled,
    transport::{Incoming, Listener},
};

/// Greetings under way at once. One more, and the oldest is cut off: whoever only connects and says nothing cannot keep
/// others out.
const GREETINGS_MAX: usize = 64;
/// Wait after the system had no descriptor left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Least time between two lines about peers that were not let in, so that nobody can fill the log.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(1);
/// The same where the second says what the first has said.
const REMIND_PAUSE: Duration = Duration::from_secs(60);

/// Accepts peers for as long as the node lives.
pub(crate) async fn listen(listener: Listener, node: Weak<NodeCore>, membership: ActorRef<MembershipMsg>) {
    let mut greetings = VecDeque::new();
    let complaints = Arc::new(Complaints::default());
    loop {
        let incoming = match listener.accept().await {
            Ok(incoming) => incoming,
            Err(error) => {
                complaints.say(&format!("cannot accept a connection at {}: {error}", listener.address()));
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        make_room(&mut greetings);
        // From here on, and not from when its task begins: somebody is at the door.
        let under_way = node.upgrade().map(|node| node.greeting());
        let (node, membership, complaints) = (node.clone(), membership.clone(), complaints.clone());
        let Some(admitting) = node.upgrade() else { return };
        greetings.push_back(admitting.io().spawn(async move {
            if let Some(node) = node.upgrade() {
                admit(incoming, &node, &membership, &complaints).await;
            }
            drop(under_way);
        }));
    }
}

/// Forgets greetings that are over; if too many are not, ends the oldest.
fn make_room(greetings: &mut VecDeque<JoinHandle<()>>) {
    if greetings.len() < GREETINGS_MAX {
        return;
    }
    greetings.retain(|greeting| !greeting.is_finished());
    if greetings.len() >= GREETINGS_MAX
        && let Some(oldest) = greetings.pop_front()
    {
        oldest.abort();
    }
}

async fn admit(
    incoming: Incoming,
    node: &Arc<NodeCore>,
    membership: &ActorRef<MembershipMsg>,
    complaints: &Complaints,
) {
    let from = incoming.peer().clone();
    let greeting = async {
        let socket = incoming.establish().await.map_err(|error| error.to_string())?;
        match greet(node, socket, Dialled::ByPeer).await {
            Ok(linked) => Ok(Some(linked)),
            Err(GreetError::Linked(_) | GreetError::Itself) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    };
    match timeout(GREETING_TIME_MAX, greeting).await {
        Ok(Ok(Some((link, connection)))) => {
            let _ = membership.cast(MembershipMsg::Linked { link, connection, address: None });
        }
        Ok(Ok(None)) => {}
        Ok(Err(reason)) => complaints.say(&format!("a peer from {from} was not let in: {reason}")),
        Err(_elapsed) => complaints.say(&format!("a peer from {from} did not greet in time")),
    }
}

/// Says what goes wrong with strangers, at most once in [`COMPLAINT_PAUSE`], and the same again in [`REMIND_PAUSE`].
#[derive(Default)]
struct Complaints {
    last: Mutex<Option<Complaint>>,
}

struct Complaint {
    at: Instant,
    what: String,
    /// How many were not said since.
    unsaid: u64,
}

impl Complaints {
    fn say(&self, what: &str) {
        if let Some(unsaid) = self.is_due(what) {
            tracing::warn!(unsaid, "{what}");
        }
    }

    /// Whether this is to be said now, and how many were not since the last one.
    fn is_due(&self, what: &str) -> Option<u64> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let unsaid = match &mut *last {
            Some(Complaint { at, what: before, unsaid }) => {
                let pause = if before == what { REMIND_PAUSE } else { COMPLAINT_PAUSE };
                if at.elapsed() < pause {
                    *unsaid += 1;
                    return None;
                }
                *unsaid
            }
            None => 0,
        };
        *last = Some(Complaint { at: Instant::now(), what: what.to_owned(), unsaid: 0 });
        Some(unsaid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_stays_wrong_is_said_once_a_minute_and_what_is_new_within_a_second() {
        let complaints = Complaints::default();
        let mut said = Vec::new();
        for tenth in 0..1_300 {
            // As often as it is tried; from the hundredth second on somebody else is refused each time.
            let what = if tenth < 1_000 { "no descriptor left".to_owned() } else { format!("a peer from {tenth}") };
            said.extend(complaints.is_due(&what).map(|unsaid| (tenth / 10, unsaid)));
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert_eq!(said[..4], [(0, 0), (60, 599), (100, 399), (101, 9)]);
        assert_eq!(said.len(), 3 + 29);
    }
}
