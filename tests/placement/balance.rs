//! How work spreads over executors and workers, in virtual time: the figures are exact, and the same for a seed.

use std::{collections::BTreeMap, time::Duration};

use atasks::{
    Node, Placement, Result, current,
    testing::{Cluster, burn, simulate, simulate_cluster},
};
use futures_util::{
    future::{join_all, try_join_all},
    stream::{self, StreamExt, TryStreamExt},
};
use tokio::time::{Instant, sleep};

use crate::workers;

const SEEDS: std::ops::RangeInclusive<u64> = 1..=6;

/// Computes for so many microseconds; gives the node.
#[atasks::task]
async fn compute(micros: u64) -> Result<String> {
    burn(Duration::from_micros(micros)).await;
    Ok(current().node().name().to_owned())
}

/// The same as another task, with a mean of its own.
#[atasks::task]
async fn compute_long(micros: u64) -> Result<String> {
    burn(Duration::from_micros(micros)).await;
    Ok(current().node().name().to_owned())
}

/// Computes one after the other, in turns with what else runs there.
#[atasks::task]
async fn other_things(seconds: u64) -> Result<()> {
    for _ in 0..seconds {
        burn(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Numbers from 0 to 1 that look random, the same for a seed.
fn dice(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    })
}

/// Microseconds from a millisecond to a second; every order of magnitude as often as another.
fn uneven(seed: u64, count: usize) -> Vec<u64> {
    dice(seed).take(count).map(|dice| (1000.0 * 1000f64.powf(dice)) as u64).collect()
}

/// How much longer than with perfect placement `work` takes on three workers of which one is busy with other things.
fn stretch(seed: u64, work: &[u64], in_flight: usize) -> f64 {
    const OTHER: u64 = 12;
    simulate_cluster(workers(3), seed, async |cluster: &Cluster| {
        let since = Instant::now();
        let other = other_things(OTHER).on(cluster.workers()[0].id().clone());
        let calls =
            stream::iter(work).map(|micros| compute(*micros)).buffer_unordered(in_flight).try_collect::<Vec<_>>();
        let (other, done) = tokio::join!(other, calls);
        other.unwrap();
        // None is refused while all are merely busy.
        assert_eq!(done.unwrap().len(), work.len());
        let total = work.iter().sum::<u64>() as f64 / 1e6 + OTHER as f64;
        since.elapsed().as_secs_f64() / (total / 3.0)
    })
}

#[test]
fn uneven_work_ends_within_a_quarter_more_than_it_has_to_take() {
    // What is placed all at once, before anything is known, moves later.
    for (in_flight, count, most) in [(12, 600, 1.25), (100, 600, 1.25), (1000, 1000, 1.25)] {
        let stretches: Vec<_> = SEEDS.map(|seed| stretch(seed, &uneven(seed, count), in_flight)).collect();
        println!("{in_flight} in flight, seeds {SEEDS:?}: {stretches:.3?}");
        assert!(stretches.iter().all(|stretch| *stretch <= most), "{in_flight} in flight: {stretches:.3?}");
    }
}

#[test]
fn short_work_goes_round_a_node_that_has_few_but_long_things_to_do() {
    for seed in SEEDS {
        let slowest = simulate_cluster(workers(3), seed, async |cluster| {
            let first = cluster.workers()[0].id().clone();
            // So that it is known how long they take.
            compute_long(1_000_000).on(first.clone()).await.unwrap();
            let mut known = Vec::new();
            for node in cluster.workers() {
                known.push(compute(2_000).on(node.id().clone()));
            }
            join_all(known).await;
            let long = (0..6).map(|_| compute_long(1_000_000).on(first.clone()));
            let short = async {
                sleep(Duration::from_millis(300)).await;
                let timed = |micros| async move {
                    let since = Instant::now();
                    compute(micros).await.map(|_| since.elapsed())
                };
                let work = dice(seed).take(600).map(|dice| 1_000 + (dice * 2_000.0) as u64);
                let took = stream::iter(work).map(timed).buffer_unordered(24).try_collect::<Vec<_>>().await;
                took.unwrap().into_iter().max().unwrap()
            };
            tokio::join!(join_all(long), short).1
        });
        println!("seed {seed}: the slowest short call took {slowest:?}");
        assert!(slowest < Duration::from_millis(500), "seed {seed}: {slowest:?}");
    }
}

/// Gives the node that it has waited on.
#[atasks::task]
async fn waits() -> Result<String> {
    sleep(Duration::from_secs(60)).await;
    Ok(current().node().name().to_owned())
}

#[atasks::task]
async fn makes_many_wait(count: u64) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for name in try_join_all((0..count).map(|_| waits())).await? {
        *counts.entry(name).or_default() += 1;
    }
    Ok(counts)
}

#[test]
fn ten_thousand_calls_that_only_wait_spread_over_all_workers() {
    for seed in SEEDS {
        let counts = simulate(3, seed, || makes_many_wait(10_000)).unwrap();
        println!("seed {seed}: {counts:?}");
        assert!(
            counts.len() == 3 && counts.values().all(|count| (2_000..5_000).contains(count)),
            "seed {seed}: {counts:?}"
        );
    }
}

/// Computes in so many calls at once, however often it was measured before.
#[atasks::task]
async fn siblings(count: u64, micros: u64) -> Result<()> {
    try_join_all((0..count).map(|_| compute(micros).place(Placement::Local))).await.map(drop)
}

#[test]
fn siblings_that_compute_use_all_executors_of_their_node() {
    for executors in [1, 2, 4] {
        simulate_cluster([Node::builder().executors(executors)], 1, async |_| {
            for round in ["unknown", "known"] {
                let since = Instant::now();
                siblings(8, 50_000).await.unwrap();
                let (took, ideal) = (since.elapsed(), Duration::from_millis(400) / executors as u32);
                println!("{executors} executors, {round}: {took:?}");
                assert!(took < ideal + Duration::from_millis(60), "{executors} executors, {round}: {took:?}");
            }
        });
    }
}

#[test]
fn siblings_that_compute_spread_over_the_workers() {
    #[atasks::task]
    async fn spread(count: u64) -> Result<Vec<String>> {
        try_join_all((0..count).map(|_| compute(50_000))).await
    }
    simulate(4, 1, || async {
        // How long one takes is known from here on.
        spread(4).await.unwrap();
        let since = Instant::now();
        let mut names = spread(16).await.unwrap();
        let took = since.elapsed();
        names.sort();
        names.dedup();
        assert!(names.len() == 4 && took < Duration::from_millis(320), "{took:?} on {names:?}");
    });
}

#[atasks::task(max = 1)]
async fn one_at_a_time() -> Result<String> {
    sleep(Duration::from_secs(1)).await;
    Ok(current().node().name().to_owned())
}

#[test]
fn calls_that_wait_for_a_place_block_nobody_and_count_as_what_is_to_be_done() {
    simulate(2, 1, || async {
        let limited = join_all((0..20).map(|_| one_at_a_time()));
        let others = async {
            sleep(Duration::from_millis(500)).await;
            let since = Instant::now();
            try_join_all((0..10).map(|_| compute(1_000))).await.unwrap();
            since.elapsed()
        };
        let since = Instant::now();
        let (limited, others) = tokio::join!(limited, others);
        assert!(others < Duration::from_millis(100), "{others:?}");
        assert!(limited.into_iter().all(|name| name.is_ok()));
        let took = since.elapsed();
        assert!(took < Duration::from_millis(12_500), "20 calls of a second on two nodes: {took:?}");
    });
}
