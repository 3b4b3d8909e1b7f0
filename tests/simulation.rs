//! Clusters in one thread, in virtual time: the same seed gives the same run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use atasks::{
    Event, Loss, Node, Placement, Ran, Result, TaskError,
    testing::{replay, simulate, simulate_cluster},
};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};

#[atasks::task]
async fn nap(seconds: u64) -> Result<u64> {
    sleep(Duration::from_secs(seconds)).await;
    Ok(seconds)
}

/// Gives the names of the nodes that took part.
#[atasks::task]
async fn tree(depth: u64) -> Result<Vec<String>> {
    let here = atasks::current().node().name().to_owned();
    if depth == 0 {
        nap(1).await?;
        return Ok(vec![here]);
    }
    let (mut nodes, others) = tokio::try_join!(tree(depth - 1), tree(depth - 1))?;
    nodes.extend(others);
    nodes.push(here);
    nodes.sort();
    nodes.dedup();
    Ok(nodes)
}

#[atasks::test(sim = 3)]
async fn nested_tasks_spread_over_all_workers() {
    assert_eq!(tree(6).await.unwrap(), ["w0", "w1", "w2"]);
}

#[atasks::test(sim = 3)]
async fn an_hour_passes_in_no_time() {
    let start = Instant::now();
    assert_eq!(nap(3600).await.unwrap(), 3600);
    let took = start.elapsed();
    assert!((3600..3601).contains(&took.as_secs()), "{took:?}");
}

#[atasks::test(sim = 1)]
async fn waiting_would_stop_the_simulation_and_is_refused() {
    assert_eq!(nap(1).wait().unwrap_err().task_error(), Some(&TaskError::WouldBlock));
}

#[atasks::task(blocking)]
fn blocking(n: u64) -> Result<u64> {
    Ok(n + 1)
}

/// Awaits something of another node: when that fails it fails as well, with the error that it got.
#[atasks::task]
async fn wait_for_another() -> Result<u64> {
    nap(3600).place(Placement::Node("w1".into())).await
}

#[atasks::task(max = 1)]
async fn one_by_one(seconds: u64) -> Result<String> {
    sleep(Duration::from_secs(seconds)).await;
    Ok(atasks::current().node().name().to_owned())
}

#[atasks::task]
async fn bulk(after: Duration) -> Result<Vec<u8>> {
    sleep(after).await;
    Ok(vec![7; 8 << 20])
}

#[test]
fn who_awaits_what_runs_on_a_node_that_leaves_is_told_that_it_left_and_the_rest_runs_elsewhere() {
    for seed in 1..6 {
        simulate_cluster([Node::builder(), Node::builder()], seed, async |cluster| {
            let leaver = &cluster.workers()[0];
            let there = || Placement::On(leaver.id().clone());
            let running = [nap(3600).place(there()), wait_for_another().place(there())];
            // The first holds the place there, for longer than this takes; the others wait for it.
            let (held, waiting) = (one_by_one(3600).place(there()), (0..4).map(|_| one_by_one(1)));
            let end = Duration::from_millis(500 + seed);
            let ((), running, held, waiting, ended) = tokio::join!(
                async {
                    sleep(end).await;
                    leaver.leave().await;
                },
                join_all(running),
                held,
                join_all(waiting),
                // Keeps the link busy, so that the goodbye has to wait.
                bulk(end - Duration::from_millis(10)).place(there()),
            );
            assert_eq!(ended.unwrap().len(), 8 << 20, "what has ended is told");
            for error in running.into_iter().map(Result::unwrap_err).chain([held.unwrap_err()]) {
                let (node, reason, ran) = (leaver.id().clone(), Loss::Left, Ran::Maybe);
                assert_eq!(
                    error.task_error(),
                    Some(&TaskError::NodeLost { node, reason, ran, before: Vec::new() }),
                    "seed {seed}"
                );
            }
            assert!(waiting.iter().all(|ran| ran.as_deref().is_ok_and(|name| name == "w1")), "{seed}: {waiting:?}");
        });
    }
}

#[atasks::test(sim = 2)]
async fn a_blocking_task_runs_in_the_one_thread() {
    assert_eq!(blocking(1).await.unwrap(), 2);
}

#[atasks::test(sim = 2)]
async fn a_deadline_holds_in_virtual_time() {
    let start = Instant::now();
    let error = nap(3600).timeout(Duration::from_secs(60)).await.unwrap_err();
    assert!(matches!(error.task_error(), Some(TaskError::DeadlineExceeded { .. })), "{error:?}");
    let took = start.elapsed();
    assert!((60_000..60_050).contains(&took.as_millis()), "{took:?}");
}

type Diary = Vec<(String, u64, u128)>;

static DIARY: Mutex<Diary> = Mutex::new(Vec::new());
/// Held by whoever writes a diary: tests of one binary run at once.
static WRITING: Mutex<()> = Mutex::new(());

#[atasks::task]
async fn work(n: u64, start: Arc<str>) -> Result<u64> {
    let since = Duration::from_nanos(start.parse()?);
    let write = |what: u64| {
        let at = now().saturating_sub(since).as_nanos();
        DIARY.lock().unwrap().push((atasks::current().node().name().to_owned(), what, at));
    };
    write(2 * n);
    sleep(Duration::from_millis(n * 7 % 13)).await;
    if n > 1 {
        let below = join_all((0..n % 4).map(|child| work(n / 2 + child, start.clone()).retry(atasks::Retry::times(1))));
        // Some are let go of half-way.
        let _ = timeout(Duration::from_millis(20 + n), below).await;
    }
    write(2 * n + 1);
    Ok(n)
}

/// Virtual time since some moment of this process.
fn now() -> Duration {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    Instant::now().saturating_duration_since(*BEGAN.get_or_init(Instant::now))
}

fn diary(seed: u64) -> Diary {
    let _writing = WRITING.lock().unwrap();
    DIARY.lock().unwrap().clear();
    simulate(3, seed, || async {
        let start: Arc<str> = now().as_nanos().to_string().into();
        let done = join_all((0..30).map(|n| work(n, start.clone()))).await;
        assert!(done.into_iter().all(|done| done.is_ok()));
    });
    std::mem::take(&mut DIARY.lock().unwrap())
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let mut runs = Vec::new();
    for seed in 1..=10 {
        let run = diary(seed);
        assert!(run.len() > 60, "{} entries", run.len());
        assert_eq!(run, diary(seed), "seed {seed}");
        runs.push(run);
    }
    runs.sort();
    runs.dedup();
    assert!(runs.len() > 1, "seeds make a difference");
}

#[test]
fn an_hour_takes_less_than_a_second_and_loses_nobody() {
    #[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
    let real = std::time::Instant::now();
    let (napped, trace) = replay(3, 1, || nap(3600));
    let took = real.elapsed();
    assert_eq!(napped.unwrap(), 3600);
    println!("an hour took {took:?}");
    assert!(cfg!(debug_assertions) || took < Duration::from_secs(1), "an hour took {took:?}");
    let lost = trace.entries.iter().find(|(_, _, event)| matches!(event, Event::NodeLost(..)));
    assert_eq!(lost, None);
}

#[atasks::task]
async fn crashes() -> Result<()> {
    sleep(Duration::from_millis(5)).await;
    panic!("simulated")
}

/// Many things at once: calls that nest, crash, time out, are dropped, block.
async fn scenario() {
    let all = tokio::join!(
        tree(7),
        crashes(),
        join_all((0..20).map(nap)),
        nap(3600).timeout(Duration::from_millis(100)),
        blocking(1),
        timeout(Duration::from_millis(20), tree(5)),
    );
    let error = all.1.unwrap_err();
    assert!(matches!(error.task_error(), Some(TaskError::Crashed(_))), "{error:?}");
    let error = all.3.unwrap_err();
    assert!(matches!(error.task_error(), Some(TaskError::DeadlineExceeded { .. })), "{error:?}");
    assert_eq!(all.4.unwrap(), 2);
}

#[test]
fn the_same_seed_gives_the_same_events_on_all_nodes() {
    let trace = |seed| replay(3, seed, scenario).1.entries;
    let first = trace(7);
    assert!(first.len() > 300, "{} events", first.len());
    for _ in 0..3 {
        let again = trace(7);
        if let Some(at) = first.iter().zip(&again).position(|(one, other)| one != other) {
            panic!("event {at}: {:#?} and then {:#?}", first[at], again[at]);
        }
        assert_eq!(first.len(), again.len());
    }
    assert!(first != trace(8), "the seed decides nothing");
}
