//! Windows and results over links that are slow, cut, or lost.

use std::time::Duration;

use atasks::{
    Node, Result,
    testing::{Network, Simulation, address, windows},
};
use futures_util::future::{join_all, try_join_all};
use tokio::time::{sleep, timeout};

const FOR_EVER: Duration = Duration::from_secs(36_000);
const BACKLOG: usize = 1 << 20;
const RESULT: usize = 100_000;

#[atasks::task]
async fn give(bytes: usize) -> Result<Vec<u8>> {
    Ok(vec![7; bytes])
}

/// A worker that lets little wait at either end, and a client of it.
async fn pair(simulation: &Simulation, calls: u64) -> (Node, Node) {
    let worker = windows(simulation.worker("w0"), calls, 1 << 20).configure(|config| config.limits.backlog = BACKLOG);
    let worker = simulation.start(worker).await.unwrap();
    let client = simulation.client("client").seed(address("w0")).min_workers(1).join().await.unwrap();
    (worker, client)
}

fn reads_slowly(network: &Network) {
    network.slow("w0", "client", 20_000);
}

#[test]
fn what_a_peer_has_not_read_keeps_more_for_it_from_starting_and_all_arrives() {
    Simulation::run(1, async |simulation| {
        let (worker, client) = pair(simulation, 400).await;
        reads_slowly(simulation.network());
        let asked = client.scope(async { try_join_all((0..400).map(|_| give(RESULT))) }).await;
        let watched = async {
            let mut most = 0;
            // 40 MB at 20 MB a second.
            for _ in 0..180 {
                sleep(Duration::from_millis(10)).await;
                most = most.max(simulation.counts(&worker).await.unacknowledged);
            }
            most
        };
        let (results, most) = timeout(FOR_EVER, futures_util::future::join(asked, watched)).await.expect("hangs");
        assert!(results.unwrap().iter().all(|bytes| bytes.len() == RESULT));
        assert!((BACKLOG..BACKLOG + 3 * RESULT).contains(&most), "{most} bytes were kept");
    });
}

#[test]
fn what_waits_for_a_peer_to_read_goes_when_the_peer_is_lost_and_when_the_node_drains() {
    for drains in [false, true] {
        Simulation::run(1, async |simulation| {
            let (worker, client) = pair(simulation, 400).await;
            reads_slowly(simulation.network());
            let asked = client.scope(async { tokio::spawn(join_all((0..400).map(|_| give(RESULT)))) }).await;
            sleep(Duration::from_millis(500)).await;
            let parked = simulation.counts(&worker).await.running;
            assert!(parked > 200, "{parked} wait");
            if drains {
                timeout(FOR_EVER, worker.drain()).await.expect("hangs");
                asked.abort();
                return;
            }
            simulation.kill(&client);
            sleep(Duration::from_secs(10)).await;
            let counts = simulation.counts(&worker).await;
            assert!(counts.is_idle(), "{counts:?}");
        });
    }
}

#[atasks::task]
async fn nap(ms: u64) -> Result<()> {
    sleep(Duration::from_millis(ms)).await;
    Ok(())
}

#[test]
fn credit_that_was_lost_with_its_connection_is_told_again() {
    for seed in 1..20 {
        println!("seed {seed}");
        Simulation::run(seed, async |simulation| {
            let (_worker, client) = pair(simulation, 7).await;
            // None ends before all have started: outcomes tell nothing of room.
            let naps = client.scope(async { try_join_all((0..200).map(|_| nap(60_000))) }).await;
            let cuts = async {
                for round in 0..20 {
                    sleep(Duration::from_millis(37 + seed * round % 11)).await;
                    simulation.network().cut("w0", "client");
                }
            };
            let began = tokio::time::Instant::now();
            let (naps, ()) = timeout(FOR_EVER, futures_util::future::join(naps, cuts)).await.expect("hangs");
            naps.unwrap();
            assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
        });
    }
}
