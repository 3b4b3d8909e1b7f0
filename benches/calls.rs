//! What it takes to choose a node for a call, and to await a call on this node: `cargo bench --bench calls`.
//!
//! Whole processes are measured by `examples/bench.rs` and `examples/growth`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::time::Duration;

use atasks::{Node, NodeBuilder, Result, testing};
use criterion::{Criterion, Throughput};
use tokio::{runtime::Runtime, time::Instant};

const CHOICES: usize = 100;

#[atasks::task]
async fn add(a: i64, b: i64) -> Result<i64> {
    Ok(a + b)
}

#[atasks::task]
async fn add_later(a: i64, b: i64) -> Result<i64> {
    tokio::task::yield_now().await;
    Ok(a + b)
}

/// How long so many calls take that are over at their first poll.
#[atasks::task]
async fn adds(count: u64) -> Result<Duration> {
    let begun = Instant::now();
    for n in 0..count {
        add(n as i64, 1).await?;
    }
    Ok(begun.elapsed())
}

/// How long so many calls take that are not, so that each has an actor.
#[atasks::task]
async fn adds_later(count: u64) -> Result<Duration> {
    let begun = Instant::now();
    for n in 0..count {
        add_later(n as i64, 1).await?;
    }
    Ok(begun.elapsed())
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    choices(&mut criterion);
    local_calls(&mut criterion);
    criterion.final_summary();
}

/// Of a client, among so many workers.
fn choices(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("placement");
    group.throughput(Throughput::Elements(CHOICES as u64));
    for workers in [1, 8, 64] {
        let builders = (0..workers).map(|_| NodeBuilder::default());
        testing::simulate_cluster(builders, 1, async |cluster| {
            let call = add(1, 2);
            group.bench_function(format!("{CHOICES} choices of {workers}"), |bench| {
                bench.iter(|| assert_eq!(testing::targets(cluster.client(), &call, CHOICES).len(), CHOICES));
            });
        });
    }
    group.finish();
}

/// Made by a task of the same node.
fn local_calls(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let node = runtime.block_on(Node::loopback()).unwrap();
    let mut group = criterion.benchmark_group("local call");
    group.bench_function("elided", |bench| {
        bench.iter_custom(|count| runtime.block_on(node.scope(async { adds(count).await })).unwrap());
    });
    group.bench_function("suspended", |bench| {
        bench.iter_custom(|count| runtime.block_on(node.scope(async { adds_later(count).await })).unwrap());
    });
    group.finish();
}
