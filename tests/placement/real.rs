//! The same on real threads.

use std::time::Duration;

use atasks::{Node, Placement, Result, testing::burn};
use futures_util::future::try_join_all;
use tokio::time::Instant;

#[atasks::task]
async fn compute(millis: u64) -> Result<()> {
    burn(Duration::from_millis(millis)).await;
    Ok(())
}

#[atasks::task]
async fn siblings(count: u64, millis: u64) -> Result<()> {
    try_join_all((0..count).map(|_| compute(millis).place(Placement::Local))).await.map(drop)
}

/// Eight siblings of 50 ms on two threads take 200 ms, not 400. They burn wall-clock time, so that two threads of one core
/// do as well as those of two.
#[tokio::test]
async fn siblings_that_compute_use_both_threads_of_their_node() {
    let builder = Node::builder().worker().executors(2).configure(|config| config.cluster.listen.clear());
    let node = builder.join().await.unwrap();
    let mut took = Vec::new();
    for _ in 0..5 {
        let since = Instant::now();
        node.scope(async { siblings(8, 50).await }).await.unwrap();
        took.push(since.elapsed());
    }
    println!("8 siblings of 50 ms on 2 executors: {took:?}");
    let fastest = took.into_iter().min().unwrap();
    assert!(fastest < Duration::from_millis(300), "{fastest:?}");
    node.leave().await;
}
