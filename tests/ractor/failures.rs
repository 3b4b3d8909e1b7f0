//! Control, NodeServer and Gateway die: an event, a new one, and calls that go on.

use atasks::{Event, Gateway, Loss, Part, Ran, TaskError};
use ractor::ActorCell;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::soon;
use crate::tasks::{Done, double, gateway_of, gateways, here, pid, sleeps};
use crate::{worker, workers};

fn own_gateway() -> Gateway {
    Gateway::all().into_iter().find(Gateway::is_local).unwrap()
}

/// The actor of this worker that this word stands for.
fn part(name: &str) -> ActorCell {
    let gateway = own_gateway().actor().get_cell();
    let control = || gateway.try_get_supervisor().unwrap();
    match name {
        "gateway" => gateway,
        "control" => control(),
        _ => control().get_children().into_iter().find(|child| child.get_id() != gateway.get_id()).unwrap(),
    }
}

#[atasks::task]
pub(crate) async fn kills(name: String) -> Done<()> {
    part(&name).kill();
    Ok(())
}

/// Kills a part of this worker, and waits until it is told and there is another one.
#[atasks::task]
async fn kills_and_sees(name: String) -> Done<Part> {
    let mut events = atasks::node()?.events();
    let (before, gateway) = (part(&name), own_gateway().actor().get_id());
    before.kill();
    soon(async {
        let failed = loop {
            if let Some(Event::PartFailed(failed, _reason)) = events.next().await {
                break failed;
            }
        };
        // A Gateway that is another one, if it was to die, and with it a part that is.
        if name != "server" {
            gateway_of(atasks::current().node().name(), Some(gateway)).await;
        }
        Ok(failed)
    })
    .await
}

#[atasks::test(cluster = 3)]
async fn what_dies_is_told_and_started_again_while_calls_go_on() {
    let mesh = workers();
    for place in 0..3 {
        assert_eq!(gateways(3).place(worker(place)).await.unwrap(), mesh);
    }
    let mut events = atasks::node().unwrap().events();
    for (name, failed) in [("gateway", Part::Gateway), ("server", Part::NodeServer), ("control", Part::Control)] {
        let mut killed = std::pin::pin!(kills_and_sees(name.into()).place(worker(1)));
        loop {
            tokio::select! {
                told = &mut killed => {
                    assert_eq!(told.unwrap(), failed);
                    break;
                }
                called = here().place(worker(1)) => drop(called.unwrap()),
            }
        }
        // Everybody reaches the new one, and is reached by it.
        for place in 0..3 {
            soon(calls_by_all_gateways(3).place(worker(place))).await.unwrap();
        }
    }
    assert_eq!(workers(), mesh, "nobody was lost");
    while let Some(Some(event)) = futures_util::FutureExt::now_or_never(events.next()) {
        assert!(!matches!(event, Event::NodeLost(..)), "{event:?}");
    }
}

/// Calls a task by every gateway of the mesh, once all are known and answer.
#[atasks::task]
async fn calls_by_all_gateways(count: usize) -> Done<()> {
    loop {
        let mut answered = std::collections::BTreeSet::new();
        for gateway in Gateway::wait_for(count).await {
            match gateway.call(double(4)).await {
                Ok(8) => drop(answered.insert(gateway.node().clone())),
                // A proxy of one that has died may not have heard of it yet.
                other => println!("{gateway:?}: {other:?}"),
            }
        }
        if answered.len() == count {
            return Ok(());
        }
    }
}

/// The same incarnation over another link: its former session may still be known when the next one begins.
#[atasks::test(cluster = 2)]
async fn a_worker_that_was_frozen_for_long_is_reached_again() {
    let mesh = workers();
    assert_eq!(gateways(2).place(worker(0)).await.unwrap(), mesh);
    let frozen = Pid::from_raw(pid().place(worker(1)).await.unwrap().cast_signed()).unwrap();
    let mut events = atasks::node().unwrap().events();
    kill_process(frozen, Signal::STOP).unwrap();
    soon(async { while !matches!(events.next().await, Some(Event::NodeLost(..))) {} }).await;
    kill_process(frozen, Signal::CONT).unwrap();
    for place in 0..2 {
        soon(calls_by_all_gateways(2).place(worker(place))).await.unwrap();
    }
    assert_eq!(workers(), mesh, "nobody was started anew");
}

#[atasks::task]
async fn loses_the_gateway(name: String) -> Done<()> {
    let gateway = gateway_of(&name, None).await;
    let mut call = std::pin::pin!(gateway.call(sleeps(60_000)));
    assert!(futures_util::poll!(&mut call).is_pending());
    // Known there once a later one has been answered.
    gateway.call(sleeps(1)).await?;
    kills("gateway".into()).on(gateway.node().clone()).await?;
    let lost = soon(call).await.unwrap_err();
    let TaskError::NodeLost { node, reason: Loss::Closed, ran: Ran::Maybe, .. } = &lost else { panic!("{lost:?}") };
    assert_eq!(node, gateway.node());
    let again = gateway.call(sleeps(1)).await.unwrap_err();
    assert!(matches!(again, TaskError::NodeLost { reason: Loss::Closed, .. }), "{again:?}");
    Ok(())
}

#[atasks::test(cluster = 2)]
async fn a_call_whose_gateway_dies_ends_at_once() {
    for name in ["local-0", "local-1"] {
        loses_the_gateway(name.into()).place(worker(0)).await.unwrap();
    }
}
