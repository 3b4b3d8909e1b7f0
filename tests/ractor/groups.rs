//! Who is seen in pg, and remotable actors of the user's own.

use std::time::Duration;

use atasks::{Gateway, Node};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use crate::support::soon;
use crate::tasks::{Done, counts, double, floods, gateways, here, pid, sleeps, starts_counter};
use crate::{worker, workers};

#[atasks::test(cluster = 2)]
async fn two_workers_see_both_gateways() {
    for place in 0..2 {
        assert_eq!(gateways(2).place(worker(place)).await.unwrap(), workers());
    }
}

#[atasks::test(cluster = 3)]
async fn three_workers_see_all_gateways_and_each_others_actors() {
    for place in 0..3 {
        assert_eq!(gateways(3).place(worker(place)).await.unwrap(), workers());
        starts_counter("counters".into()).place(worker(place)).await.unwrap();
    }
    // Every worker tells all three, those elsewhere by their proxies.
    for (place, total) in [(0, 3), (1, 6), (2, 9)] {
        assert_eq!(counts("counters".into(), 3, 1).place(worker(place)).await.unwrap(), total);
    }
}

/// The actors of this worker that other nodes can reach.
#[atasks::task]
async fn remotable() -> Done<Vec<Option<String>>> {
    let all = ractor::registry::pid_registry::get_all_pids().into_iter();
    let local = all.filter(|actor| actor.get_id().is_local() && actor.supports_remoting());
    Ok(local.map(|actor| actor.get_name()).collect())
}

#[atasks::test(cluster = 2)]
async fn of_our_own_actors_the_gateway_alone_is_remotable() {
    gateways(2).place(worker(0)).await.unwrap();
    // With actors of calls that wait.
    let calls = futures_util::future::join_all((0..20).map(|_| sleeps(300).place(worker(0))));
    let (calls, names) = tokio::join!(calls, remotable().place(worker(0)));
    assert!(calls.iter().all(Result::is_ok));
    let [Some(name)] = &names.as_ref().unwrap()[..] else { panic!("{names:?}") };
    assert!(name.starts_with("atasks:local-0#"), "{name}");
}

#[atasks::test(cluster = 2)]
async fn a_worker_that_is_started_again_takes_the_place_of_the_one_before() {
    let before = gateways(2).place(worker(0)).await.unwrap();
    let victim = pid().place(worker(1)).await.unwrap();
    kill_process(Pid::from_raw(victim.cast_signed()).unwrap(), Signal::KILL).unwrap();
    soon(async {
        loop {
            let now = gateways(2).place(worker(0)).await.unwrap();
            if now.len() == 2 && now != before {
                assert_eq!(now[0], before[0]);
                assert_eq!(now[1].name(), before[1].name());
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[atasks::test(cluster = 2)]
async fn a_client_on_request_reaches_workers_actors_and_gateways() {
    starts_counter("counters".into()).place(worker(1)).await.unwrap();
    let addresses = atasks::node().unwrap().nodes().into_iter().flat_map(|info| info.addresses);
    let client = addresses.fold(Node::builder().client().ractor(), atasks::NodeBuilder::seed);
    let client = client.join().await.unwrap();
    let all = soon(Gateway::wait_for(2)).await;
    assert!(all.iter().all(|gateway| !gateway.is_local()));
    for gateway in &all {
        assert_eq!(gateway.call(double(21)).await, Ok(42));
    }
    assert_eq!(counts("counters".into(), 1, 5).run().await.unwrap(), 5);
    client.leave().await;
}

#[atasks::test(cluster = 2)]
async fn many_megabytes_of_ractors_ride_beside_calls() {
    starts_counter("sink".into()).place(worker(1)).await.unwrap();
    let (pieces, bytes) = (1000, 64 << 10);
    let flood = floods("sink".into(), pieces, bytes).place(worker(0));
    let mut flood = std::pin::pin!(flood);
    let (mut calls, mut slowest) = (0, Duration::ZERO);
    let result = loop {
        let call = async {
            let began = Instant::now();
            here().place(worker(1)).await.unwrap();
            began.elapsed()
        };
        tokio::select! {
            biased;
            result = &mut flood => break result.unwrap(),
            took = call => (calls, slowest) = (calls + 1, slowest.max(took)),
        }
    };
    println!("{calls} calls beside {pieces} messages of {bytes} bytes, the slowest took {slowest:?}");
    assert_eq!(result, (pieces * bytes as u64, 0));
    assert!(calls > 10 && slowest < Duration::from_secs(2));
}

#[atasks::test(cluster = 2)]
async fn a_message_that_is_too_large_costs_the_session_and_not_the_link() {
    starts_counter("sink".into()).place(worker(1)).await.unwrap();
    // What is never answered: ractor_cluster ends the session.
    let flood = floods("sink".into(), 1, 17 << 20).place(worker(0)).await;
    assert!(flood.is_err(), "{flood:?}");
    let mut events = atasks::node().unwrap().events();
    for place in 0..2 {
        assert_eq!(gateways(2).place(worker(place)).await.unwrap(), workers());
    }
    assert_eq!(counts("sink".into(), 1, 1).place(worker(0)).await.unwrap(), 1);
    let lost = futures_util::FutureExt::now_or_never(events.next());
    assert!(lost.is_none(), "{lost:?}");
}
