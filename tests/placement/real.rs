//! The same on real threads.

use std::time::Duration;

use atasks::{Event, LocalCluster, Node, Placement, Result, current, testing::burn};
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

#[atasks::task]
async fn compute_there(millis: u64) -> Result<(String, u32)> {
    burn(Duration::from_millis(millis)).await;
    Ok((current().node().name().to_owned(), current().attempt()))
}

/// Two worker processes of one thread each. One never yields for 6 s: it goes on to be heard, what waits there runs on the
/// other one, and it is left out from then on.
#[tokio::test]
async fn a_task_that_never_yields_delays_no_heartbeat_and_others_take_what_waits_behind_it() {
    let cluster = LocalCluster::builder().workers(2).executors(1).start().await.unwrap();
    let node = cluster.node();
    node.wait_for(2).await;
    let stalled = cluster.workers()[0].node.clone();
    let mut events = node.events();
    let since = Instant::now();
    let calls = async {
        let done = try_join_all((0..20).map(|_| compute_there(5))).await.unwrap();
        println!("20 calls took {:?}: {done:?}", since.elapsed());
        let load = || node.nodes().into_iter().find(|known| known.id == stalled).unwrap().load;
        while load().stalled == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        println!("known to be stalled after {:?}", since.elapsed());
        let later = try_join_all((0..20).map(|_| compute_there(5))).await.unwrap();
        assert!(later.iter().all(|(name, attempt)| name != stalled.name() && *attempt == 1), "{later:?}");
        assert!(done.iter().all(|(name, _)| name != stalled.name()), "{done:?}");
        since.elapsed()
    };
    let (hog, took) = node.scope(async { tokio::join!(compute_there(6_000).on(stalled.clone()), calls) }).await;
    assert_eq!(hog.unwrap(), (stalled.name().to_owned(), 1));
    assert!(took < Duration::from_secs(6) && since.elapsed() >= Duration::from_secs(6), "{took:?}");
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(1), events.next()).await {
        assert!(!matches!(event, Event::NodeSuspect(_) | Event::NodeLost(..)), "{event:?}");
    }
    cluster.shutdown().await;
}
