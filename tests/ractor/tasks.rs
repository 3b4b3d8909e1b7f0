//! What the tests have workers do.

use std::{path::PathBuf, time::Duration};

use atasks::{Gateway, NodeId, TaskError};
use ractor::{Actor, ActorCell, pg};
use serde::{Deserialize, Serialize};

use crate::actors::{Ask, Asker, Counter, CounterMsg, answered};
use crate::support::soon;

pub(crate) type Done<T> = Result<T, TaskError>;

/// How a remotable actor may take to answer.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(30));

/// A task's own error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub(crate) enum Failed {
    #[error("{0} is odd luck")]
    Unlucky(u64),
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// Fails for 13, crashes for 7.
#[atasks::task]
pub(crate) async fn double(number: u64) -> Result<u64, Failed> {
    assert!(number != 7, "seven is too much");
    if number == 13 { Err(Failed::Unlucky(number)) } else { Ok(2 * number) }
}

#[atasks::task]
pub(crate) async fn here() -> Done<NodeId> {
    Ok(atasks::current().node().clone())
}

#[atasks::task]
pub(crate) async fn sleeps(millis: u64) -> Done<u64> {
    tokio::time::sleep(Duration::from_millis(millis)).await;
    Ok(millis)
}

#[atasks::task]
pub(crate) async fn echo(bytes: Vec<u8>) -> Done<Vec<u8>> {
    Ok(bytes)
}

/// What the call has brought along.
#[atasks::task]
pub(crate) async fn luggage() -> Done<(Option<String>, bool)> {
    let current = atasks::current();
    Ok((current.baggage("trace").map(str::to_owned), current.deadline().is_some()))
}

/// Writes `started` into the folder, and `dropped` when it is cancelled.
#[atasks::task]
pub(crate) async fn holds(folder: PathBuf) -> Done<()> {
    struct OnDrop(PathBuf);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            std::fs::write(&self.0, "").unwrap();
        }
    }
    let _dropped = OnDrop(folder.join("dropped"));
    std::fs::write(folder.join("started"), "").unwrap();
    std::future::pending().await
}

/// The nodes whose gateways are seen here, once there are so many.
#[atasks::task]
pub(crate) async fn gateways(count: usize) -> Done<Vec<NodeId>> {
    let mut nodes: Vec<_> = soon(Gateway::wait_for(count)).await.iter().map(|one| one.node().clone()).collect();
    nodes.sort();
    Ok(nodes)
}

/// The gateway of the node of this name, which is not `but`.
pub(crate) async fn gateway_of(name: &str, but: Option<ractor::ActorId>) -> Gateway {
    soon(async {
        loop {
            let mut all = Gateway::all().into_iter();
            let found = all.find(|one| one.node().name() == name && Some(one.actor().get_id()) != but);
            if let Some(gateway) = found {
                return gateway;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

/// Has an ordinary actor here call `double` through the gateway of the node of that name.
#[atasks::task]
pub(crate) async fn doubles_through(gateway: String, number: u64) -> Result<u64, Failed> {
    let gateway = gateway_of(&gateway, None).await;
    let (asker, handle) = Actor::spawn(None, Asker, ()).await.unwrap();
    let result = asker.call(|port| Ask(gateway, number, port), PATIENCE).await.unwrap().unwrap();
    asker.stop(None);
    handle.await.unwrap();
    result
}

/// Starts a remotable actor in this group.
#[atasks::task]
pub(crate) async fn starts_counter(group: String) -> Done<()> {
    let (counter, _) = Actor::spawn(None, Counter, ()).await.unwrap();
    pg::join(group, vec![counter.get_cell()]);
    Ok(())
}

pub(crate) async fn members(group: &str, count: usize) -> Vec<ActorCell> {
    soon(async {
        loop {
            let members = pg::get_members(&group.to_owned());
            if members.len() == count {
                return members;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

/// Tells each of the group's `count` members a number, and adds up what they then have.
#[atasks::task]
pub(crate) async fn counts(group: String, count: usize, more: u64) -> Done<u64> {
    let mut total = 0;
    for member in members(&group, count).await {
        let counter = ractor::ActorRef::<CounterMsg>::from(member);
        counter.cast(CounterMsg::Add(more)).unwrap();
        total += answered(counter.call(CounterMsg::Total, PATIENCE).await)?;
    }
    Ok(total)
}

/// Sends the group's only member so many pieces of so many bytes; how many bytes came, and how many pieces out of order.
#[atasks::task]
pub(crate) async fn floods(group: String, pieces: u64, bytes: usize) -> Done<(u64, u64)> {
    let counter = ractor::ActorRef::<CounterMsg>::from(members(&group, 1).await.remove(0));
    for number in 0..pieces {
        counter.cast(CounterMsg::Take(number, vec![7; bytes])).unwrap();
        tokio::task::yield_now().await;
    }
    let total = answered(counter.call(CounterMsg::Total, PATIENCE).await)?;
    Ok((total, answered(counter.call(CounterMsg::Disorder, PATIENCE).await)?))
}

#[atasks::task]
pub(crate) async fn pid() -> Done<u32> {
    Ok(std::process::id())
}
