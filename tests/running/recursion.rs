//! Recursion of any width and depth on one worker with one executor.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use atasks::{Actors, Node, TaskError};
use futures_util::future::try_join_all;
use tokio::{sync::Mutex, time::Instant};

use crate::{PATIENCE, eventually, lone};

type Result<T> = std::result::Result<T, TaskError>;

/// Levels of the deepest chain, calls of the widest fan-out.
const MANY: u64 = 100_000;

#[atasks::task]
async fn fib(n: u64) -> Result<u64> {
    if n < 2 {
        return Ok(n);
    }
    let (a, b) = tokio::try_join!(fib(n - 1), fib(n - 2))?;
    Ok(a + b)
}

#[atasks::task]
async fn chain(levels: u64) -> Result<u64> {
    if levels == 0 { Ok(0) } else { Ok(1 + chain(levels - 1).await?) }
}

#[atasks::task]
async fn leaf(n: u64) -> Result<u64> {
    Ok(n)
}

#[atasks::task]
async fn sleeper(n: u64) -> Result<u64> {
    tokio::task::yield_now().await;
    Ok(n)
}

#[atasks::task]
async fn fan_out(width: u64, yielding: bool) -> Result<u64> {
    let calls = (0..width).map(|n| if yielding { sleeper(n) } else { leaf(n) });
    Ok(try_join_all(calls).await?.into_iter().sum())
}

/// Held by what takes much memory: one at a time.
static LARGE: Mutex<()> = Mutex::const_new(());

/// Runs `call` on a fresh worker, and prints what it took.
async fn on_a_fresh_worker<T>(what: &str, call: impl AsyncFnOnce() -> T) -> T {
    let _large = LARGE.lock().await;
    let node = lone(Actors::Suspended).await;
    measured(what, &node, call).await
}

async fn measured<T>(what: &str, node: &Node, call: impl AsyncFnOnce() -> T) -> T {
    let (before, since) = (resident_mib(), Instant::now());
    let value = node.scope(call()).await;
    let (took, after) = (since.elapsed(), resident_mib());
    println!("{what}: {took:?}, {before} MiB resident before and {after} after, {} at most", peak_mib());
    assert!(took < PATIENCE, "{what} took {took:?}");
    value
}

fn status_kib(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("0");
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0)
}

fn resident_mib() -> u64 {
    status_kib("VmRSS:") / 1024
}

fn peak_mib() -> u64 {
    status_kib("VmHWM:") / 1024
}

#[tokio::test]
async fn both_children_are_awaited_at_every_level() {
    let most = if cfg!(debug_assertions) { 20 } else { 22 };
    for n in [20, most] {
        let expected = (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0;
        assert_eq!(on_a_fresh_worker(&format!("fib({n})"), async || fib(n).await).await, Ok(expected));
    }
}

#[tokio::test]
async fn another_root_gets_its_turn_while_a_large_recursion_runs() {
    let node = lone(Actors::Suspended).await;
    let n = if cfg!(debug_assertions) { 22 } else { 25 };
    let mut large = Box::pin(node.scope(async { fib(n).await }));
    let others = async {
        // So that the recursion is under way.
        assert_eq!(node.scope(async { leaf(0).await }).await, Ok(0));
        let mut longest = Duration::ZERO;
        for turn in 0..10 {
            let since = Instant::now();
            assert_eq!(node.scope(async { leaf(turn).await }).await, Ok(turn));
            longest = longest.max(since.elapsed());
        }
        longest
    };
    let since = Instant::now();
    tokio::select! {
        biased;
        ended = &mut large => panic!("{ended:?} before the others had their turns"),
        longest = others => println!("others waited {longest:?} at most"),
    }
    large.await.unwrap();
    println!("fib({n}) took {:?}", since.elapsed());
}

#[tokio::test]
async fn a_chain_is_as_deep_as_memory_allows() {
    let _large = LARGE.lock().await;
    let node = lone(Actors::Suspended).await;
    let mut resident = Vec::new();
    for _ in 0..3 {
        assert_eq!(measured("a chain", &node, async || chain(MANY).await).await, Ok(MANY));
        resident.push(resident_mib());
    }
    // What one chain has used serves the next one.
    assert!(resident[2] <= resident[0] * 3 / 2, "{resident:?} MiB");
}

#[tokio::test]
async fn one_task_joins_as_many_calls_as_memory_allows() {
    let sum = MANY * (MANY - 1) / 2;
    assert_eq!(on_a_fresh_worker("a fan-out", async || fan_out(MANY, false).await).await, Ok(sum));
    assert_eq!(on_a_fresh_worker("a fan-out that yields", async || fan_out(MANY, true).await).await, Ok(sum));
}

/// Tells whether bodies of the tree are alive, and whether one went on after the tree was dropped.
#[derive(Default)]
struct Watch {
    alive: AtomicUsize,
    most: AtomicUsize,
}

struct Alive(Arc<Watch>);

impl Alive {
    fn new() -> Self {
        let watch = (*atasks::state::<Arc<Watch>>()).clone();
        let alive = watch.alive.fetch_add(1, Ordering::SeqCst) + 1;
        watch.most.fetch_max(alive, Ordering::SeqCst);
        Self(watch)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Never ends by itself: `width` children at each of the first levels, then a single file down.
#[atasks::task]
async fn tree(width: u64, levels: u64) -> Result<()> {
    let _alive = Alive::new();
    if levels == 0 {
        return std::future::pending().await;
    }
    let width = if levels.is_multiple_of(1000) { width } else { 1 };
    try_join_all((0..width).map(|_| tree(width, levels - 1))).await?;
    Ok(())
}

#[tokio::test]
async fn a_wide_and_deep_tree_that_is_dropped_half_way_is_gone_to_the_last_leaf() {
    let _large = LARGE.lock().await;
    let watch = Arc::new(Watch::default());
    let node = Node::builder().state(watch.clone()).loopback().await.unwrap();
    let alive = || watch.alive.load(Ordering::SeqCst);
    let mut call = Box::pin(node.scope(async { tree(16, 5000).await }));
    tokio::select! {
        biased;
        () = eventually(alive, |alive| *alive >= 50_000) => {}
        ended = &mut call => panic!("{ended:?}"),
    }
    let since = Instant::now();
    drop(call);
    eventually(alive, |alive| *alive == 0).await;
    let most = watch.most.load(Ordering::SeqCst);
    println!("a tree of {most} was gone after {:?}", since.elapsed());
    let other = node.scope(async { leaf(7).await }).await;
    assert_eq!(other, Ok(7));
    assert_eq!(watch.most.load(Ordering::SeqCst), most, "it grew after it was dropped");
}
