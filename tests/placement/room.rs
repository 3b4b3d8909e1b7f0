//! Calls that find no room on a link, or in the queue behind it, wait for it, however many they are.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use atasks::{
    Candidate, Node, Placement, Policy, Ran, Result, Snapshot, TaskError, Waiting,
    testing::{Cluster, burn, simulate_cluster, windows},
};
use futures_util::future::{join_all, try_join_all};
use tokio::{sync::Semaphore, time::timeout};

const SEED: u64 = 1;

/// Long in virtual time: who waits so long waits for ever.
const FOR_EVER: Duration = Duration::from_secs(36_000);

#[atasks::task]
async fn measure(bytes: Vec<u8>) -> Result<usize> {
    Ok(bytes.len())
}

#[test]
fn thousands_that_wait_for_room_all_get_it() {
    // More large arguments than a peer takes at once, and so many small ones behind them that not all are tried in one go.
    println!("seed {SEED}");
    simulate_cluster([Node::builder()], SEED, async |_| {
        let large = try_join_all((0..1000).map(|_| measure(vec![0; 100_000])));
        let small = try_join_all((0..3000).map(|_| measure(vec![0; 10])));
        let all = timeout(Duration::from_secs(3600), futures_util::future::try_join(large, small)).await;
        let (large, small) = all.expect("some wait for ever").unwrap();
        assert_eq!((large.len(), small.len()), (1000, 3000));
    });
}

/// Keeps the one executor of its node, in steps.
#[atasks::task]
async fn compute(ms: u64) -> Result<()> {
    burn(Duration::from_millis(ms)).await;
    Ok(())
}

fn on(cluster: &Cluster, worker: usize) -> Placement {
    Placement::On(cluster.workers()[worker].id().clone())
}

/// What waits unstarted on a worker.
fn unstarted(cluster: &Cluster, worker: usize) -> u32 {
    let id = cluster.workers()[worker].id();
    let info = cluster.workers()[worker].nodes().into_iter().find(|info| info.id == *id);
    info.unwrap().load.unstarted
}

async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[test]
fn no_more_than_the_window_waits_at_a_worker_and_all_get_their_turn() {
    println!("seed {SEED}");
    let worker = windows(Node::builder(), 100, 1 << 20);
    simulate_cluster([worker], SEED, async |cluster| {
        let calls = join_all((0..2000).map(|_| compute(1)));
        let watched = async {
            let mut most = 0;
            for _ in 0..200 {
                pass(5).await;
                most = most.max(unstarted(cluster, 0));
            }
            most
        };
        let (results, most) = timeout(FOR_EVER, futures_util::future::join(calls, watched)).await.expect("hangs");
        assert!(results.iter().all(Result::is_ok));
        assert!((50..=100).contains(&most), "{most} waited");
    });
}

#[test]
fn a_call_for_a_free_worker_passes_a_hundred_thousand_that_wait_for_another() {
    println!("seed {SEED}");
    let workers = [windows(Node::builder(), 10, 1 << 20), Node::builder()];
    simulate_cluster(workers, SEED, async |cluster| {
        let first =
            cluster.client().scope(async { tokio::spawn(compute(600_000).place(on(cluster, 0)).into_future()) });
        let first = first.await;
        pass(100).await;
        let place = on(cluster, 0);
        let crowd: Vec<_> = (0..100_000).map(|_| compute(0).place(place.clone())).collect();
        let mut crowd = Box::pin(join_all(crowd));
        assert!(futures_util::poll!(&mut crowd).is_pending());
        pass(10).await;
        let counts = cluster.counts(cluster.client()).await;
        assert!(counts.kept >= 99_900, "{counts:?}");
        let began = tokio::time::Instant::now();
        compute(0).place(on(cluster, 1)).await.unwrap();
        compute(0).await.unwrap();
        assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
        assert!(futures_util::poll!(&mut crowd).is_pending());
        drop(crowd);
        // What was given up is let go of before its turn.
        pass(10).await;
        let counts = cluster.counts(cluster.client()).await;
        assert!(counts.kept <= 2048, "{counts:?}");
        first.abort();
    });
}

#[test]
fn a_deadline_says_that_it_was_the_worker_that_had_no_room() {
    println!("seed {SEED}");
    let worker = windows(Node::builder(), 1, 1 << 20);
    simulate_cluster([worker], SEED, async |cluster| {
        let _first = cluster.client().scope(async { tokio::spawn(compute(600_000).into_future()) }).await;
        pass(100).await;
        let second = compute(0).timeout(Duration::from_secs(5));
        let third = compute(0).timeout(Duration::from_secs(5));
        let (second, third) = tokio::join!(second, async {
            pass(1).await;
            third.await
        });
        // At the worker it is cancelled, and whether it had started is not known here.
        let waited = |error: &atasks::Error| match error.task_error() {
            Some(TaskError::DeadlineExceeded { waited_for, ran, .. }) => (*waited_for, *ran),
            other => panic!("{other:?}"),
        };
        assert_eq!(waited(&second.unwrap_err()).0, Waiting::Result);
        assert_eq!(waited(&third.unwrap_err()), (Waiting::Link, Ran::No));
    });
}

#[atasks::task(max = 1)]
async fn one_at_a_time(ms: u64) -> Result<()> {
    pass(ms).await;
    Ok(())
}

#[test]
fn ten_thousand_calls_of_a_limited_task_hold_up_none_of_another() {
    println!("seed {SEED}");
    simulate_cluster([Node::builder()], SEED, async |_| {
        let limited = join_all((0..10_000).map(|_| one_at_a_time(10)));
        let other = async {
            pass(1000).await;
            let began = tokio::time::Instant::now();
            compute(0).await.unwrap();
            began.elapsed()
        };
        let (limited, took) = timeout(FOR_EVER, futures_util::future::join(limited, other)).await.expect("hangs");
        assert!(limited.iter().all(Result::is_ok));
        assert!(took < Duration::from_millis(50), "{took:?}");
    });
}

#[test]
fn a_call_that_found_no_room_at_one_worker_goes_to_another_that_has_some_first() {
    println!("seed {SEED}");
    let workers = [windows(Node::builder(), 1, 1 << 20), windows(Node::builder(), 10, 1 << 20)];
    simulate_cluster(workers, SEED, async |cluster| {
        // The one with less to do, which it does not come to for an hour.
        let slow = join_all((0..2).map(|_| compute(3_600_000).place(on(cluster, 0))));
        let quick = join_all((0..10).map(|_| compute(1000).place(on(cluster, 1))));
        let any = async {
            pass(100).await;
            timeout(Duration::from_secs(60), compute(0)).await.expect("waits for the slow one").unwrap();
        };
        tokio::select! {
            biased;
            _ = slow => panic!("too early"),
            (_, ()) = futures_util::future::join(quick, any) => {}
        }
    });
}

/// Each time any of them.
struct Wavers(AtomicUsize);

impl Policy for Wavers {
    fn choose<'a>(&self, snapshot: &'a Snapshot<'a>) -> Option<&'a Candidate<'a>> {
        let (candidates, asked) = (snapshot.candidates(), self.0.fetch_add(1, Ordering::Relaxed));
        let dice = (asked + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let dice = (dice ^ dice >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32;
        candidates.get(dice % candidates.len())
    }
}

#[test]
fn a_policy_that_wavers_between_nodes_without_room_is_not_asked_for_ever() {
    println!("seed {SEED}");
    let workers = [(); 8].map(|()| windows(Node::builder(), 1, 1 << 20));
    simulate_cluster(workers, SEED, async |cluster| {
        let policy = Placement::policy(Wavers(AtomicUsize::new(0)));
        let busy = (0..8).map(|worker| compute(60_000).place(on(cluster, worker)));
        let calls = (0..200).map(|_| compute(1).place(policy.clone()));
        // Time stands still while somebody is at work.
        let all = join_all(busy.chain(calls));
        assert!(timeout(FOR_EVER, all).await.expect("hangs").iter().all(Result::is_ok));
    });
}

/// A tree as wide as it is deep; each node of it awaits all below.
#[atasks::task]
async fn tree(width: u32, depth: u32) -> Result<u64> {
    if depth == 0 {
        return Ok(1);
    }
    let below = try_join_all((0..width).map(|_| tree(width, depth - 1))).await?;
    Ok(1 + below.into_iter().sum::<u64>())
}

#[test]
fn recursion_needs_no_credit() {
    println!("seed {SEED}");
    let workers = [0, 1].map(|_| windows(Node::builder(), 1, 1));
    simulate_cluster(workers, SEED, async |_| {
        let wide = join_all((0..10).map(|_| tree(40, 2)));
        let deep = join_all((0..10).map(|_| tree(2, 8)));
        let all = timeout(FOR_EVER, futures_util::future::join(wide, deep)).await.expect("hangs");
        assert!(all.0.into_iter().all(|sum| sum.unwrap() == 1641));
        assert!(all.1.into_iter().all(|sum| sum.unwrap() == 511));
    });
}

#[atasks::task]
async fn spawns_roots(count: u64) -> Result<u64> {
    let roots = join_all((0..count).map(|_| compute(1).place(Placement::Local).detached())).await;
    Ok(roots.iter().filter(|root| root.is_ok()).count() as u64)
}

#[test]
fn a_workers_own_roots_have_a_window_too() {
    println!("seed {SEED}");
    let worker = windows(Node::builder(), 20, 1 << 20);
    simulate_cluster([worker], SEED, async |cluster| {
        let roots = spawns_roots(500);
        let watched = async {
            pass(100).await;
            (unstarted(cluster, 0), cluster.counts(&cluster.workers()[0]).await.kept)
        };
        let (started, (waiting, kept)) = tokio::join!(roots, watched);
        assert_eq!(started.unwrap(), 500);
        assert!(waiting <= 20 && kept > 300, "{waiting} wait, {kept} are kept");
    });
}

static GATE: Semaphore = Semaphore::const_new(0);
static STARTED: AtomicU64 = AtomicU64::new(0);

#[atasks::task]
async fn waits(n: u64) -> Result<u64> {
    STARTED.fetch_add(1, Ordering::SeqCst);
    GATE.acquire().await?.forget();
    Ok(n)
}

#[test]
fn what_has_started_and_waits_holds_no_credit() {
    println!("seed {SEED}");
    let worker = windows(Node::builder(), 5, 1 << 20);
    simulate_cluster([worker], SEED, async |_| {
        let calls = join_all((0..1000).map(waits));
        let opened = async {
            pass(10_000).await;
            // None of them has ended, so outcomes tell nothing.
            assert_eq!(STARTED.load(Ordering::SeqCst), 1000);
            GATE.add_permits(1000);
        };
        let (calls, ()) = timeout(FOR_EVER, futures_util::future::join(calls, opened)).await.expect("hangs");
        assert!(calls.iter().all(Result::is_ok));
    });
}
