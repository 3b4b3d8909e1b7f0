//! Several nodes: trees that nest over them end whatever the limits, and whatever ends leaves nothing counted.

use std::time::Duration;

use atasks::{
    Node, NodeBuilder, Placement, TaskError,
    testing::{Simulation, counts, simulate_cluster},
};
use futures_util::future::join_all;

use crate::{Result, executors, too_large};

/// Numbers that follow from a seed.
fn dice(seed: u64, number: u64) -> u64 {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03);
    x = (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^ (x >> 32)
}

/// A tree whose shape and ends follow from `seed`, over all workers.
#[atasks::task]
async fn grows(seed: u64, levels: u32) -> Result<u64> {
    let pause = dice(seed, 1) % 8;
    if pause < 4 {
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    match dice(seed, 2) % 16 {
        0 => panic!("on purpose"),
        1 => return Err(TaskError::NotJoined),
        2 => atasks::testing::burn(Duration::from_millis(1)).await,
        _ => {}
    }
    if levels == 0 {
        return Ok(1);
    }
    let calls = (0..dice(seed, 3) % 4).map(|child| {
        let seed = dice(seed, 10 + child);
        let call = match dice(seed, 4) % 4 {
            0 => alone(seed, levels - 1),
            1 => blocks(seed, levels - 1),
            _ => grows(seed, levels - 1),
        };
        let call = if dice(seed, 5).is_multiple_of(8) { call.timeout(Duration::from_millis(5)) } else { call };
        if dice(seed, 6).is_multiple_of(2) { call.place(Placement::Spread) } else { call }
    });
    Ok(join_all(calls).await.into_iter().map(|ended| ended.unwrap_or(0)).sum())
}

#[atasks::task(max = 1)]
async fn alone(seed: u64, levels: u32) -> Result<u64> {
    grows(seed, levels).await
}

#[atasks::task(blocking)]
async fn blocks(seed: u64, levels: u32) -> Result<u64> {
    grows(seed, levels).await
}

#[atasks::task]
async fn endless(level: u64) -> Result<u64> {
    tokio::task::yield_now().await;
    endless(level + 1).place(Placement::Spread).await
}

/// Limits from far too small to those of everyday, by the seed.
fn limited(seed: u64) -> NodeBuilder {
    executors(1).configure(move |config| {
        config.limits.memory = Some(4096 << (dice(seed, 100) % 12));
        config.limits.running = 1 + (dice(seed, 101) % 4) as usize;
        config.limits.tree = (dice(seed, 102) % 11) as f64 / 10.0;
        config.node.cancel_grace = Duration::from_millis(5);
    })
}

async fn all_empty<'a>(nodes: impl Iterator<Item = &'a Node>, seed: u64) {
    // In virtual time; what is cancelled has 5 ms, what a lost node had is dropped a little later.
    tokio::time::sleep(Duration::from_secs(10)).await;
    for node in nodes {
        let counts = counts(node).await;
        assert!(counts.is_idle(), "seed {seed}: left behind on {}: {counts:?}", node.id());
    }
}

#[test]
fn trees_over_two_workers_end_whatever_the_limits_and_leave_nothing() {
    for seed in 0..60 {
        println!("seed {seed}");
        simulate_cluster([limited(seed), limited(seed)], seed, async |cluster| {
            let calls = (0..40).map(|n| {
                let call = grows(dice(seed, 1000 + n), 4);
                if n % 5 == 0 { call.timeout(Duration::from_millis(n)) } else { call }
            });
            // Far more virtual time than all of it takes: what hangs ends the test here.
            let ended = tokio::time::timeout(Duration::from_secs(600), join_all(calls)).await;
            let ended = ended.unwrap_or_else(|_| panic!("seed {seed}: a deadlock"));
            for ended in ended {
                assert!(
                    !matches!(ended, Err(TaskError::Cancelled { .. } | TaskError::NodeLost { .. })),
                    "seed {seed}: {ended:?}"
                );
            }
            all_empty(cluster.workers().iter().chain([cluster.client()]), seed).await;
        });
    }
}

#[test]
fn what_is_dropped_or_whose_node_dies_leaves_nothing() {
    for seed in 0..40 {
        println!("seed {seed}");
        Simulation::run(seed, async |simulation| {
            let first = simulation.worker_of(limited(seed), "w0").join().await.unwrap();
            let seeds = |builder: NodeBuilder| builder.seed(atasks::testing::address("w0"));
            let second = seeds(simulation.worker_of(limited(seed), "w1")).join().await.unwrap();
            let client = seeds(simulation.client("c")).join().await.unwrap();
            let all = client.scope(async { join_all((0..40).map(|n| grows(dice(seed, n), 5))).await });
            let some = tokio::time::timeout(Duration::from_millis(dice(seed, 200) % 20), all).await;
            println!("{} of 40 before it was dropped", if some.is_ok() { "all" } else { "not all" });
            let again = client.scope(async {
                join_all((0..40).map(|n| grows(dice(seed, 300 + n), 5))).await;
            });
            let kills = async {
                tokio::time::sleep(Duration::from_millis(dice(seed, 201) % 20)).await;
                simulation.kill(&second);
            };
            let both = tokio::time::timeout(Duration::from_secs(600), async { tokio::join!(again, kills) }).await;
            assert!(both.is_ok(), "seed {seed}: a deadlock");
            all_empty([&first, &client].into_iter(), seed).await;
        });
    }
}

#[test]
fn a_recursion_without_end_over_two_workers_ends_with_the_error_of_one() {
    let small = || executors(1).configure(|config| config.limits.memory = Some(1 << 20));
    simulate_cluster([small(), small()], 1, async |cluster| {
        let refused = too_large(endless(0).await);
        // Each of them holds every other level.
        assert!(refused.count > 20 && refused.bytes < 600 << 10, "{refused:?}");
        all_empty(cluster.workers().iter().chain([cluster.client()]), 1).await;
        assert_eq!(endless_not(3).await, Ok(3));
    });
}

#[atasks::task]
async fn endless_not(levels: u64) -> Result<u64> {
    if levels == 0 { Ok(0) } else { Ok(1 + endless_not(levels - 1).place(Placement::Spread).await?) }
}

#[test]
fn one_executor_and_one_root_at_a_time_on_each_of_two_workers_are_no_deadlock() {
    let narrow = || executors(1).configure(|config| config.limits.running = 1);
    simulate_cluster([narrow(), narrow()], 1, async |cluster| {
        let calls = join_all((0..50).map(|_| endless_not(10)));
        let ended = tokio::time::timeout(Duration::from_secs(600), calls).await.expect("a deadlock");
        assert!(ended.iter().all(|ended| *ended == Ok(10)), "{ended:?}");
        all_empty(cluster.workers().iter(), 1).await;
    });
}
