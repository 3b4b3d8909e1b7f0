//! Calls that wait beside an idle worker, or behind a task that never yields, go elsewhere; in virtual time.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use atasks::{
    Candidate, Event, Node, NodeBuilder, Placement, Policy, Result, Snapshot, current,
    testing::{Cluster, burn, simulate_cluster},
};
use futures_util::future::{join_all, try_join_all};
use tokio::time::{Instant, sleep};

use crate::workers;

const SEEDS: std::ops::RangeInclusive<u64> = 1..=4;

/// How often the body of each call ran, by the test and the number that its caller gave it.
static RUNS: Mutex<BTreeMap<(String, u64), u32>> = Mutex::new(BTreeMap::new());

/// Computes; gives where, and as which attempt.
#[atasks::task]
async fn counted(test: String, number: u64, micros: u64) -> Result<(String, u32)> {
    *RUNS.lock().unwrap_or_else(PoisonError::into_inner).entry((test, number)).or_default() += 1;
    burn(Duration::from_micros(micros)).await;
    Ok((current().node().name().to_owned(), current().attempt()))
}

/// Never yields for so long.
#[atasks::task]
async fn hogs(millis: u64) -> Result<()> {
    burn(Duration::from_millis(millis)).await;
    Ok(())
}

/// Computes in turns with what else runs there, and stalls nothing.
#[atasks::task]
async fn busy(turns: u64) -> Result<()> {
    for _ in 0..turns {
        burn(Duration::from_millis(500)).await;
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Sees to it that each of `count` calls has run exactly once.
#[track_caller]
fn each_ran_once(test: &str, count: u64) {
    let mut all = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
    let runs: Vec<_> = (0..count).map(|number| all.remove(&(test.to_owned(), number)).unwrap_or(0)).collect();
    assert!(runs.iter().all(|runs| *runs == 1), "{test}: {runs:?}");
}

/// The number of calls on each node.
fn by_node(done: &[(String, u32)]) -> BTreeMap<&str, usize> {
    done.iter().fold(BTreeMap::new(), |mut counts, (node, _)| {
        *counts.entry(&node[..]).or_default() += 1;
        counts
    })
}

/// Virtual time that `until` takes.
async fn timed<T>(until: impl Future<Output = T>) -> (T, Duration) {
    let since = Instant::now();
    (until.await, since.elapsed())
}

#[test]
fn calls_that_wait_beside_an_idle_worker_move_and_each_runs_once() {
    for seed in SEEDS {
        let test = format!("beside an idle worker {seed}");
        let name = test.clone();
        simulate_cluster(workers(3), seed, async |cluster: &Cluster| {
            // What is there to do is placed before anybody knows how long it takes, a third of it on each.
            let calls =
                (0..300).map(|number| counted(name.clone(), number, if number < 100 { 100_000 } else { 1_000 }));
            let busy = busy(8).on(cluster.workers()[0].id().clone());
            let (busy, done) = tokio::join!(busy, timed(try_join_all(calls)));
            busy.unwrap();
            let (done, took) = done;
            let done = done.unwrap();
            let moves: u32 = done.iter().map(|(_, attempt)| attempt - 1).sum();
            println!("seed {seed}: {took:?}, {moves} moves, {:?}", by_node(&done));
            // 100 times 100 ms, 200 times 1 ms and 4 s on three.
            assert!(took < Duration::from_millis(14_200 / 3 * 5 / 4), "{took:?}");
            assert!((1..=300).contains(&moves), "{moves} moves of 300 calls");
            assert!(done.iter().all(|(_, attempt)| *attempt <= 4));
        });
        each_ran_once(&test, 300);
    }
}

struct OnTheFirst;

impl Policy for OnTheFirst {
    fn choose<'a>(&self, snapshot: &'a Snapshot<'a>) -> Option<&'a Candidate<'a>> {
        snapshot.candidates().first()
    }
}

#[test]
fn what_is_meant_for_a_node_stays_there_although_others_are_idle_or_it_is_stalled() {
    simulate_cluster(workers(3), 1, async |cluster| {
        let first = &cluster.workers()[0];
        let mut key = 0;
        while crate::placed(Placement::Key(key)).await != "w0" {
            key += 1;
        }
        let hogs = hogs(5_000).on(first.id().clone());
        let stays = [
            Placement::On(first.id().clone()),
            Placement::Node("w0".into()),
            Placement::Key(key),
            Placement::policy(OnTheFirst),
            Placement::Local,
        ];
        let calls = stays.into_iter().map(|placement| async move {
            let local = placement == Placement::Local;
            let calls = async {
                join_all((0..10).map(|number| counted("named".into(), number, 100_000).place(placement.clone()))).await
            };
            if local { first.scope(calls).await } else { calls.await }
        });
        let (hogs, done) = tokio::join!(hogs, join_all(calls));
        hogs.unwrap();
        for result in done.into_iter().flatten() {
            assert_eq!(result.unwrap(), ("w0".to_owned(), 1));
        }
    });
}

#[test]
fn a_task_that_never_yields_is_told_once_and_what_waits_behind_it_runs_elsewhere() {
    for seed in SEEDS {
        let test = format!("behind a hog {seed}");
        let name = test.clone();
        simulate_cluster(workers(3), seed, async |cluster| {
            let first = &cluster.workers()[0];
            let mut events = first.events();
            let hogs = timed(hogs(20_000).on(first.id().clone()));
            let calls = async {
                let first = (0..60).map(|number| counted(name.clone(), number, 1_000));
                let (done, took) = timed(try_join_all(first)).await;
                let on = by_node(&done.unwrap()).get("w0").copied();
                println!("seed {seed}: calls made at once took {took:?}");
                assert!(took < Duration::from_secs(2) && on.is_none(), "{took:?}, {on:?} on the stalled node");
                sleep(Duration::from_secs(2)).await;
                let later = (60..160).map(|number| counted(name.clone(), number, 1_000));
                let (done, took) = timed(try_join_all(later)).await;
                assert!(took < Duration::from_millis(200), "{took:?}");
                assert!(done.unwrap().iter().all(|(node, attempt)| node != "w0" && *attempt == 1));
                assert_eq!(load_of(cluster, "w0").stalled, 1);
            };
            let (hogs, ()) = tokio::join!(hogs, calls);
            assert_eq!(hogs.1.as_secs(), 20);
            // It is used again.
            sleep(Duration::from_secs(1)).await;
            assert_eq!(load_of(cluster, "w0").stalled, 0);
            let done = try_join_all((160..220).map(|number| counted(name.clone(), number, 1_000))).await.unwrap();
            assert!(by_node(&done).contains_key("w0"));
            let mut told = Vec::new();
            while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(1), events.next()).await {
                match event {
                    Event::Stalled(subject, lasted) => told.push((subject.task, lasted)),
                    Event::NodeSuspect(_) | Event::NodeLost(..) => panic!("{event:?}"),
                    _ => {}
                }
            }
            let [(task, lasted)] = &told[..] else { panic!("{told:?}") };
            assert!(task.ends_with("::hogs"), "{task}");
            assert!((1000..1600).contains(&lasted.as_millis()), "{lasted:?}");
        });
        each_ran_once(&test, 220);
    }
}

fn load_of(cluster: &Cluster, name: &str) -> atasks::LoadReport {
    cluster.client().nodes().into_iter().find(|node| node.id.name() == name).unwrap().load
}

#[test]
fn with_all_stalled_calls_wait_where_they_are_and_none_is_refused() {
    for seed in SEEDS {
        let test = format!("all stalled {seed}");
        let name = test.clone();
        simulate_cluster(workers(3), seed, async |cluster| {
            let hogs = cluster.workers().iter().map(|node| hogs(10_000).on(node.id().clone()));
            let calls = async {
                let mut all = Vec::new();
                for number in 0..100 {
                    // Some are made before it is known, some after.
                    all.push(tokio::spawn(counted(name.clone(), number, 1_000)));
                    sleep(Duration::from_millis(50)).await;
                }
                timed(try_join_all(all)).await
            };
            let (hogs, (done, took)) = tokio::join!(try_join_all(hogs), calls);
            hogs.unwrap();
            let done: Vec<_> = done.unwrap().into_iter().map(Result::unwrap).collect();
            assert!((4_900..5_500).contains(&took.as_millis()), "{took:?}");
            let moves: u32 = done.iter().map(|(_, attempt)| attempt - 1).sum();
            println!("seed {seed}: {took:?}, {moves} moves, {:?}", by_node(&done));
            assert!(moves <= 200, "{moves} moves of 100 calls");
        });
        each_ran_once(&test, 100);
    }
}

#[test]
fn with_one_executor_stalled_the_other_of_its_node_takes_what_comes() {
    let builders: [NodeBuilder; 1] = [Node::builder().executors(2)];
    simulate_cluster(builders, 1, async |_| {
        let hogs = timed(hogs(10_000));
        let calls = async {
            sleep(Duration::from_secs(2)).await;
            timed(try_join_all((0..100).map(|number| counted("the other".into(), number, 1_000)))).await
        };
        let (hogs, (done, took)) = tokio::join!(hogs, calls);
        assert!(hogs.0.is_ok() && hogs.1.as_secs() == 10);
        assert!(done.unwrap().iter().all(|(_, attempt)| *attempt == 1));
        assert!(took < Duration::from_millis(200), "{took:?}");
    });
}

#[test]
fn a_stalled_node_gives_what_waits_there_to_busy_ones_as_well() {
    for seed in SEEDS {
        let name = format!("to busy ones {seed}");
        simulate_cluster(workers(3), seed, async |cluster| {
            let on = |node: usize| cluster.workers()[node].id().clone();
            let hog = hogs(30_000).on(on(0));
            // Meant for them, and enough to keep them from being idle.
            let theirs = (0..80).map(|at| compute_half_a_second().on(on(1 + at % 2)));
            let calls = async {
                sleep(Duration::from_millis(100)).await;
                let calls = timed(try_join_all((0..20).map(|number| counted(name.clone(), number, 1_000))));
                let looks = async {
                    sleep(Duration::from_millis(500)).await;
                    assert!(load_of(cluster, "w0").unstarted > 0, "some wait there");
                    sleep(Duration::from_secs(2)).await;
                    assert_eq!(load_of(cluster, "w0").unstarted, 0);
                };
                tokio::join!(calls, looks).0
            };
            let (hog, theirs, (done, took)) = tokio::join!(hog, try_join_all(theirs), calls);
            assert!(hog.is_ok() && theirs.is_ok());
            assert!(by_node(&done.unwrap()).keys().all(|node| *node != "w0"));
            assert!(took < Duration::from_secs(25), "{took:?}");
        });
        each_ran_once(&name, 20);
    }
}

#[atasks::task]
async fn compute_half_a_second() -> Result<()> {
    burn(Duration::from_millis(500)).await;
    Ok(())
}

#[atasks::task(max = 1)]
async fn one_place(seconds: u64) -> Result<String> {
    sleep(Duration::from_secs(seconds)).await;
    Ok(current().node().name().to_owned())
}

#[test]
fn a_stalled_node_gives_away_what_waits_under_a_limit() {
    for seed in SEEDS {
        simulate_cluster(workers(2), seed, async |cluster| {
            let first = cluster.workers()[0].id();
            let holds = one_place(20).on(first.clone());
            let calls = async {
                sleep(Duration::from_millis(100)).await;
                timed(try_join_all((0..20).map(|_| one_place(0)))).await
            };
            let hog = async {
                sleep(Duration::from_secs(1)).await;
                assert!(load_of(cluster, "w0").unstarted > 0, "some wait there for the place");
                hogs(20_000).on(first.clone()).await
            };
            let (holds, (done, took), hog) = tokio::join!(holds, calls, hog);
            assert!(hog.is_ok() && holds.unwrap() == "w0");
            assert!(done.unwrap().iter().all(|node| node == "w1"));
            assert!(took < Duration::from_secs(4), "{took:?}");
        });
    }
}
