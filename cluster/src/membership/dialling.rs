//! Dialling one address: every host that its name has now, until one of them becomes a link.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use super::{GREETING_TIME_MAX, MembershipMsg};
use crate::{
    address::Address,
    error::chain,
    link::{Connection, GreetError, Link, greet},
    node::NodeCore,
    session::greeting::{Dialled, GreetingError},
    transport::{DialError, dial, resolve},
};

/// Least time that each host of a name gets.
const HOST_TIME_MIN: Duration = Duration::from_millis(300);

/// Why an address gave no link.
#[derive(Debug)]
pub(crate) enum NoLink {
    /// There was no connection.
    Dial(DialError),
    /// The greeting made it no link.
    Greet(GreetError),
    /// It did not greet in time.
    Silent,
}

impl NoLink {
    /// How much it tells, to choose among the answers of several hosts of one name.
    fn weight(&self) -> u8 {
        match self {
            Self::Greet(GreetError::Itself) => 0,
            Self::Dial(error) => 1 + error.room(),
            Self::Silent => 3,
            Self::Greet(GreetError::Linked(_)) => 6,
            Self::Greet(_) => 5,
        }
    }

    /// Whether somebody has to change something before it can be a link.
    pub(crate) fn needs_a_person(&self) -> bool {
        match self {
            Self::Dial(error) => error.needs_a_person(),
            Self::Greet(error) => match error {
                GreetError::Refused(_) | GreetError::NameTaken(_) => true,
                GreetError::Greeting(error) => matches!(error, GreetingError::OtherProtocol { .. }),
                _ => false,
            },
            Self::Silent => false,
        }
    }
}

impl fmt::Display for NoLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // With what the system said: nobody asks for the causes of what is told in one line.
            Self::Dial(error) => f.write_str(&chain(error)),
            Self::Greet(error) => error.fmt(f),
            Self::Silent => f.write_str("it is silent: connected, and did not greet in time"),
        }
    }
}

/// Dials `address`: the hosts that its name has now one after another, each with an equal share of the time.
pub(super) async fn dialled(node: &Arc<NodeCore>, address: Address) -> MembershipMsg {
    let until = Instant::now() + GREETING_TIME_MAX;
    let hosts = match resolve(&address).await {
        Ok(hosts) => hosts,
        Err(error) => return MembershipMsg::NotLinked { address, error: NoLink::Dial(error) },
    };
    let mut told = None;
    for (index, host) in hosts.iter().enumerate() {
        let share = until.saturating_duration_since(Instant::now()) / (hosts.len() - index) as u32;
        match attempt(node, host, share.max(HOST_TIME_MIN)).await {
            Ok((link, connection)) => return MembershipMsg::Linked { link, connection, address: Some(address) },
            Err(error) => told = Some(heavier(told, error)),
        }
    }
    MembershipMsg::NotLinked { address, error: told.unwrap_or(NoLink::Silent) }
}

async fn attempt(node: &Arc<NodeCore>, host: &Address, within: Duration) -> Result<(Arc<Link>, Connection), NoLink> {
    let socket = dial(host, node.credentials(), within).await.map_err(NoLink::Dial)?;
    match timeout(within, greet(node, socket, Dialled::ByUs)).await {
        Ok(greeted) => greeted.map_err(NoLink::Greet),
        Err(_elapsed) => Err(NoLink::Silent),
    }
}

/// Keeps the answer that tells more; of equals the first.
fn heavier(kept: Option<NoLink>, next: NoLink) -> NoLink {
    match kept {
        Some(kept) if kept.weight() >= next.weight() => kept,
        _ => next,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn of_the_hosts_of_a_name_the_answer_that_tells_most_is_told() {
        let address = || Address::Tcp("worker:7000".into());
        let io = |kind: io::ErrorKind| NoLink::Dial(DialError::Io { address: address(), source: kind.into() });
        let refused = || NoLink::Dial(DialError::Refused { address: address() });
        let timed_out = || NoLink::Dial(DialError::TimedOut { address: address() });
        let wrong = || NoLink::Dial(DialError::WrongSecret { address: address(), set: true });
        let told = |answers: Vec<NoLink>| {
            answers.into_iter().fold(None, |kept, next| Some(heavier(kept, next))).unwrap().to_string()
        };
        for (answers, tells) in [
            (vec![refused(), refused()], "refused the connection"),
            (vec![io(io::ErrorKind::AddrNotAvailable), refused()], "refused the connection"),
            (vec![refused(), timed_out()], "did not answer"),
            (vec![timed_out(), wrong(), refused()], "another secret"),
            (vec![NoLink::Greet(GreetError::Itself), refused()], "refused the connection"),
            (vec![wrong(), NoLink::Greet(GreetError::NameTaken("the name is taken".into()))], "the name is taken"),
        ] {
            assert!(told(answers).contains(tells), "{tells}");
        }
    }
}
