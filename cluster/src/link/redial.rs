//! Redialling: a connection that has broken, or is silent, is replaced; or what answers tells how the peer has ended.

use std::{sync::Arc, time::Duration};

use atasks_actors::task_error::Loss;
use tokio::time::{sleep, timeout};

use super::{Connection, GreetError, Link, greet_again};
use crate::{
    address::Address,
    node::NodeCore,
    session::greeting::GreetingError,
    transport::{DialError, dial, resolve},
};

/// Wait before the second try; it doubles up to a tenth of `liveness.lost_after`.
const PAUSE_FIRST: Duration = Duration::from_millis(5);

/// What came of redialling.
pub(crate) enum Redialled {
    /// The session goes on over this connection.
    Again(Connection),
    /// The peer has ended in this way.
    Over(Loss),
}

/// What one address has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Its host says that nobody listens.
    Refused,
    /// Another node answers.
    Another,
    /// A later start of the peer answers.
    Restarted,
    /// The peer answers, and has given the session up.
    Gone,
    /// Nothing that would tell.
    Nothing,
}

/// Dials the peer until its session goes on, or until it is clear how it has ended. Silence alone never ends it: the
/// link's clock does.
pub(super) async fn redial(link: Arc<Link>, addresses: Vec<Address>) -> Redialled {
    let mut pause = PAUSE_FIRST;
    loop {
        let Some(node) = link.node.upgrade() else { return Redialled::Over(Loss::Left) };
        let lost_after = node.config().liveness.lost_after;
        let mut answers = Vec::with_capacity(addresses.len());
        for address in &addresses {
            if let Some(connection) = hosts(&node, &link, address, lost_after / 4, &mut answers).await {
                return Redialled::Again(connection);
            }
        }
        drop(node);
        if let Some(loss) = verdict(&answers) {
            return Redialled::Over(loss);
        }
        sleep(pause).await;
        pause = (2 * pause).min(lost_after / 10);
    }
}

/// Tries each host that the address stands for now.
async fn hosts(
    node: &Arc<NodeCore>,
    link: &Link,
    address: &Address,
    within: Duration,
    answers: &mut Vec<Answer>,
) -> Option<Connection> {
    let Ok(hosts) = resolve(address).await else {
        answers.push(Answer::Nothing);
        return None;
    };
    for host in hosts {
        match attempt(node, link, &host, within).await {
            Ok(connection) => return Some(connection),
            Err(answer) => answers.push(answer),
        }
    }
    None
}

async fn attempt(node: &Arc<NodeCore>, link: &Link, host: &Address, within: Duration) -> Result<Connection, Answer> {
    let socket = match dial(host, node.credentials(), within).await {
        Ok(socket) => socket,
        Err(error) if DialError::nobody_listens(&error) => return Err(Answer::Refused),
        Err(_) => return Err(Answer::Nothing),
    };
    let Ok(greeted) = timeout(within, greet_again(node, link, socket)).await else { return Err(Answer::Nothing) };
    greeted.map_err(|error| match error {
        GreetError::Another(other) if other.name() == link.id().name() => Answer::Restarted,
        GreetError::Another(_) => Answer::Another,
        // The peer speaks ours.
        GreetError::Greeting(GreetingError::OtherProtocol { .. }) => Answer::Another,
        GreetError::Gone => Answer::Gone,
        _ => Answer::Nothing,
    })
}

/// How the peer has ended, if the answers of all its addresses leave no doubt.
fn verdict(answers: &[Answer]) -> Option<Loss> {
    let not_there = |answer: &Answer| matches!(answer, Answer::Refused | Answer::Another);
    if answers.contains(&Answer::Restarted) {
        Some(Loss::Restarted)
    } else if answers.contains(&Answer::Gone) {
        Some(Loss::Evicted)
    } else if !answers.is_empty() && answers.iter().all(not_there) {
        Some(Loss::Closed)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer::*, *};

    #[test]
    fn only_what_leaves_no_doubt_is_a_verdict() {
        for (answers, loss) in [
            (&[Refused][..], Some(Loss::Closed)),
            (&[Refused, Another], Some(Loss::Closed)),
            (&[Refused, Nothing], None),
            (&[Nothing], None),
            (&[], None),
            (&[Nothing, Restarted], Some(Loss::Restarted)),
            (&[Refused, Gone], Some(Loss::Evicted)),
            (&[Another, Restarted, Refused], Some(Loss::Restarted)),
        ] {
            assert_eq!(verdict(answers), loss, "{answers:?}");
        }
    }
}
