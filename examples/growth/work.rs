//! The tasks that are called.

use atasks::{
    Result,
    ractor::{Actor, ActorProcessingErr, ActorRef, Message},
};

#[atasks::task]
pub(crate) async fn add(a: i64, b: i64) -> Result<i64> {
    Ok(a + b)
}

#[atasks::task]
pub(crate) async fn echo(bytes: Vec<u8>) -> Result<Vec<u8>> {
    Ok(bytes)
}

/// So many calls below each other.
#[atasks::task]
pub(crate) async fn descend(depth: u64) -> Result<u64> {
    if depth <= 1 { Ok(1) } else { Ok(1 + descend(depth - 1).await?) }
}

/// So many actors of ractor are born, and end, one after another: what a call costs more that finds no idle one.
#[atasks::task]
pub(crate) async fn births(count: u64) -> Result<()> {
    for _ in 0..count {
        let (actor, ended) = Actor::spawn(None, Born, ()).await?;
        actor.stop(None);
        ended.await?;
    }
    Ok(())
}

struct Born;

struct Nothing;

impl Message for Nothing {}

impl Actor for Born {
    type Msg = Nothing;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _myself: ActorRef<Nothing>, (): ()) -> std::result::Result<(), ActorProcessingErr> {
        Ok(())
    }
}
