//! Letting peers in: a bounded number of greetings at once, each within a bounded time.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
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
/// Time between two lines about peers that were not let in, so that nobody can fill the log.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(1);

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

/// Says what goes wrong with strangers, at most once in [`COMPLAINT_PAUSE`].
#[derive(Default)]
struct Complaints {
    last: std::sync::Mutex<Option<(Instant, u64)>>,
}

impl Complaints {
    fn say(&self, what: &str) {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let unsaid = match &mut *last {
            Some((at, unsaid)) if at.elapsed() < COMPLAINT_PAUSE => {
                *unsaid += 1;
                return;
            }
            Some((_, unsaid)) => *unsaid,
            None => 0,
        };
        *last = Some((Instant::now(), 0));
        tracing::warn!(unsaid, "{what}");
    }
}
