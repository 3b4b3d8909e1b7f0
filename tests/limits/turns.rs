//! Roots that wait for their turn under `max` do not take the places of roots that may run, and get their own all the same.

use std::{sync::Arc, time::Duration};

use atasks::testing::counts;
use futures_util::future::{join_all, try_join_all};
use tokio::sync::Notify;

use crate::{Result, executors, is_left_empty, within, worker};

#[atasks::task]
async fn plain(millis: u64) -> Result<u64> {
    tokio::time::sleep(Duration::from_millis(millis)).await;
    Ok(1)
}

#[atasks::task(max = 1)]
async fn holds() -> Result<u64> {
    std::future::pending().await
}

#[tokio::test]
async fn what_waits_under_max_keeps_no_other_root_from_starting() {
    for count in [1, 2] {
        let node = worker(executors(count), |config| config.limits.running = 3).await;
        let mut held = Box::pin(node.scope(async { join_all((0..20).map(|_| holds())).await }));
        assert!(futures_util::poll!(&mut held).is_pending());
        let others = node.scope(async { try_join_all((0..20).map(|n| plain(n % 3))).await });
        assert_eq!(within(others).await.unwrap().len(), 20);
        assert_eq!(counts(&node).await.roots, 1, "that which holds the place, and none that waits for it");
        drop(held);
        is_left_empty(&node).await;
    }
}

#[atasks::task(max = 1)]
async fn one_at_a_time(waits: bool) -> Result<u64> {
    if waits {
        atasks::state::<Arc<Notify>>().notified().await;
    }
    Ok(1)
}

#[atasks::task]
async fn calls_it(waits: bool) -> Result<u64> {
    tokio::task::yield_now().await;
    one_at_a_time(waits).await
}

#[tokio::test]
async fn what_has_waited_under_max_starts_though_others_have_taken_all_room() {
    // A nested call holds the place. Roots of its task wait for it, and then all room is taken, by roots that have calls
    // wait behind those.
    for count in [1, 2] {
        let step = Arc::new(Notify::new());
        let node = worker(executors(count).state(step.clone()), |config| config.limits.running = 2).await;
        let calls = node.scope(async {
            let roots = try_join_all((0..5).map(|_| one_at_a_time(false)));
            let room = try_join_all((0..5).map(|_| calls_it(false)));
            let stepped = async {
                while counts(&node).await.roots < 2 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                step.notify_one();
            };
            tokio::join!(calls_it(true), roots, room, stepped)
        });
        let (first, roots, room, ()) = within(calls).await;
        assert_eq!((first, roots.unwrap().len(), room.unwrap().len()), (Ok(1), 5, 5));
        is_left_empty(&node).await;
    }
}
