//! Clusters whose connections, hosts and processes fail: at random, judged by a model, and by script.
//!
//! The model and the work are those of `examples/simulate`, which runs many more seeds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../examples/simulate/ledger.rs"]
mod ledger;
#[path = "../examples/simulate/model.rs"]
mod model;
#[path = "../examples/simulate/plan.rs"]
mod plan;
#[path = "../examples/simulate/run.rs"]
mod run;
#[path = "../examples/simulate/work.rs"]
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use atasks::testing::{Simulation, address, burn};
use atasks::{Loss, Node, Placement, Ran, Result, Retry, TaskError};
use tokio::time::{Instant, sleep};

const SEEDS: u64 = 400;
/// A slow machine runs fewer of them.
const AT_MOST: Duration = Duration::from_secs(18);
/// Every so many seeds one runs twice.
const TWICE: u64 = 8;

#[test]
fn nothing_hangs_lies_runs_twice_or_is_left_behind() {
    #[expect(clippy::disallowed_methods, reason = "real time is what is bounded")]
    let began = std::time::Instant::now();
    let next = AtomicU64::new(1);
    let runs = || {
        while began.elapsed() < AT_MOST {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > SEEDS {
                return;
            }
            let report = run::run(seed);
            assert!(report.breaches.is_empty(), "seed {seed}: {:#?}", report.breaches);
            assert!(report.awaits > 0 && report.bodies > 0 && report.faults > 0, "seed {seed} does nothing");
            if seed.is_multiple_of(TWICE) {
                assert_eq!(report.hash, run::run(seed).hash, "seed {seed} is another one the second time");
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(runs);
        }
    });
    println!("{} seeds", next.into_inner().min(SEEDS + 1) - 1);
}

#[atasks::task]
async fn nap(millis: u64) -> Result<u64, TaskError> {
    sleep(Duration::from_millis(millis)).await;
    Ok(millis)
}

/// Two workers, of which `w0` alone is called, and a client.
async fn started(simulation: &Simulation) -> (Node, Node, Node) {
    let one = simulation.start(simulation.worker("w0")).await.unwrap();
    let other = simulation.start(simulation.worker("w1").seed(address("w0"))).await.unwrap();
    let client = simulation.client("c0").seed(address("w0")).seed(address("w1"));
    (one, other, client.min_workers(2).join().await.unwrap())
}

fn at(name: &str) -> Placement {
    Placement::Node(name.into())
}

#[test]
fn a_half_open_connection_goes_on() {
    for (end, other) in [("w0", "c0"), ("c0", "w0")] {
        Simulation::run(1, async |simulation| {
            let (_one, _other, client) = started(simulation).await;
            let faults = async {
                sleep(Duration::from_millis(100)).await;
                simulation.network().cut_at(end, other);
            };
            let began = Instant::now();
            let (napped, ()) = tokio::join!(client.scope(nap(500).place(at("w0"))), faults);
            assert_eq!(napped.unwrap(), 500);
            assert!(began.elapsed() < Duration::from_millis(1000), "{:?}", began.elapsed());
        });
    }
}

#[test]
fn a_killed_process_is_told_at_once_and_a_silent_host_in_time() {
    for (kills, within, losses) in [(true, 30, [Loss::Closed; 2]), (false, 3500, [Loss::Silent; 2])] {
        Simulation::run(1, async |simulation| {
            let (one, _other, client) = started(simulation).await;
            let mut killed = None;
            let kill = async {
                sleep(Duration::from_millis(100)).await;
                killed = Some(Instant::now());
                if kills { simulation.kill(&one) } else { simulation.unplug(&one) }
            };
            let (napped, ()) = tokio::join!(client.scope(nap(60_000).place(at("w0"))), kill);
            let error = napped.unwrap_err();
            let TaskError::NodeLost { reason, ran: Ran::Maybe, .. } = &error else { panic!("{error:?}") };
            assert!(losses.contains(reason), "{reason:?}");
            let told = killed.unwrap().elapsed();
            assert!(told < Duration::from_millis(within), "{told:?}");
        });
    }
}

#[atasks::task]
async fn hog(millis: u64) -> Result<(), TaskError> {
    atasks::state::<Starts>().fetch_add(1, Ordering::Relaxed);
    burn(Duration::from_millis(millis)).await;
    Ok(())
}

type Starts = Arc<AtomicU64>;

#[test]
fn a_process_that_was_stopped_starts_nothing_that_was_lost_with_it() {
    for (stopped, started) in [(1400, 2), (2200, 2), (3700, 1)] {
        Simulation::run(1, async |simulation| {
            let starts = Starts::default();
            let worker = simulation.worker("w0").state(starts.clone());
            let worker = simulation.start(worker).await.unwrap();
            let client = simulation.client("c0").seed(address("w0")).join().await.unwrap();
            let calls = async {
                // One executor: the second of them waits.
                let calls = async { tokio::join!(hog(200).place(at("w0")), hog(200).place(at("w0"))) };
                client.scope(calls).await
            };
            let stop = async {
                sleep(Duration::from_millis(100)).await;
                simulation.freeze(&worker);
                sleep(Duration::from_millis(stopped)).await;
                simulation.thaw(&worker);
            };
            let ((one, other), ()) = tokio::join!(calls, stop);
            sleep(Duration::from_secs(5)).await;
            assert_eq!(starts.load(Ordering::Relaxed), started, "stopped for {stopped} ms");
            for outcome in [one, other] {
                match started {
                    2 => outcome.unwrap(),
                    _ => assert!(matches!(
                        outcome,
                        Err(TaskError::NodeLost { reason: Loss::Silent, ran: Ran::Maybe, .. })
                    )),
                }
            }
        });
    }
}

#[test]
fn what_an_old_connection_brings_after_the_session_went_on_is_dropped() {
    for delay in [900, 1100, 2000, 6000] {
        Simulation::run(1, async |simulation| {
            let starts = Starts::default();
            let worker = simulation.start(simulation.worker("w0").state(starts.clone())).await.unwrap();
            let client = simulation.client("c0").seed(address("w0")).join().await.unwrap();
            simulation.network().linger("w0", "c0", Duration::from_millis(delay));
            client.scope(hog(10).place(at("w0"))).await.unwrap();
            sleep(Duration::from_secs(10)).await;
            assert_eq!(starts.load(Ordering::Relaxed), 1, "{delay} ms");
            assert!(simulation.counts(&client).await.is_idle() && simulation.counts(&worker).await.is_idle());
        });
    }
}

#[test]
fn a_repeated_call_that_may_have_run_never_says_that_it_did_not() {
    Simulation::run(1, async |simulation| {
        let (one, _other, client) = started(simulation).await;
        let kill = async {
            sleep(Duration::from_millis(100)).await;
            simulation.kill(&one);
        };
        let call = nap(60_000).place(at("w0")).idempotent().retry(Retry::times(1));
        let error = tokio::join!(client.scope(call), kill).0.unwrap_err();
        assert_eq!(error.ran(), Ran::Maybe, "{error:?}");
    });
}

/// Calls back where it came from, and waits there.
#[atasks::task]
async fn bounce(back: String, millis: u64) -> Result<(), TaskError> {
    nap(millis).place(at(&back)).await.map(drop)
}

#[test]
fn a_node_leaves_though_what_it_cancels_has_called_the_peer_that_called_it() {
    for drains in [true, false] {
        Simulation::run(1, async |simulation| {
            let patience = Duration::from_millis(200);
            let leaver = simulation.worker("w0").configure(move |config| config.node.drain_timeout = patience);
            let leaver = simulation.start(leaver).await.unwrap();
            let caller = simulation.start(simulation.worker("w1").seed(address("w0"))).await.unwrap();
            caller.wait_for(2).await;
            let leave = async {
                sleep(Duration::from_millis(100)).await;
                if drains { leaver.drain().await } else { leaver.leave().await }
            };
            let call = caller.scope(bounce("w1".to_owned(), 60_000).place(at("w0")));
            let (outcome, ()) = tokio::join!(call, leave);
            assert!(outcome.is_err(), "{outcome:?}");
            sleep(Duration::from_secs(5)).await;
            assert!(simulation.counts(&caller).await.is_idle());
        });
    }
}
