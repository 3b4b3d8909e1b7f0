//! Tasks that are looked at from outside: they tell where they run, hold on, and end their process.

#![allow(dead_code, reason = "each program uses some of them")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use atasks::{NodeId, Placement, TaskError};
use serde::{Deserialize, Serialize};

type Done<T> = Result<T, TaskError>;

/// Where a task runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Whereabouts {
    pub(crate) node: NodeId,
    pub(crate) pid: u32,
    pub(crate) attempt: u32,
}

/// How a task takes its process with it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Death {
    Exit(i32),
    Abort,
    Overflow,
    Memory,
}

#[atasks::task]
pub(crate) async fn whereabouts() -> Done<Whereabouts> {
    Ok(here())
}

/// Where a task runs that this one calls on another node.
#[atasks::task]
pub(crate) async fn whereabouts_of(node: String) -> Done<Whereabouts> {
    whereabouts().place(Placement::Node(node)).await
}

/// With how many workers the node is linked that this runs on.
#[atasks::task]
pub(crate) async fn links() -> Done<usize> {
    let node = atasks::node()?;
    Ok(node.nodes().iter().filter(|info| info.role == atasks::Role::Worker && info.id != *node.id()).count())
}

/// The workers that the node knows which this runs on, itself included, in order.
#[atasks::task]
pub(crate) async fn workers_known() -> Done<Vec<NodeId>> {
    let nodes = atasks::node()?.nodes().into_iter();
    let mut workers: Vec<_> = nodes.filter(|info| info.role == atasks::Role::Worker).map(|info| info.id).collect();
    workers.sort();
    Ok(workers)
}

fn here() -> Whereabouts {
    let current = atasks::current();
    Whereabouts { node: current.node().clone(), pid: std::process::id(), attempt: current.attempt() }
}

/// Takes something along, and takes its time.
#[atasks::task]
pub(crate) async fn carry(load: Vec<u8>, millis: u64) -> Done<Whereabouts> {
    tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
    assert!(load.iter().all(|byte| *byte == 7), "the load has changed");
    Ok(here())
}

/// Takes something along and tells how often this process has run it for `key`.
#[atasks::task]
pub(crate) async fn count_run(key: u64, load: Vec<u8>, millis: u64) -> Done<u32> {
    static RUNS: std::sync::Mutex<std::collections::BTreeMap<u64, u32>> =
        std::sync::Mutex::new(std::collections::BTreeMap::new());
    let runs = {
        let mut all = RUNS.lock().unwrap();
        let runs = all.entry(key).or_default();
        *runs += 1;
        *runs
    };
    tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
    assert!(load.iter().all(|byte| *byte == 7), "the load has changed");
    Ok(runs)
}

/// Says that it has started, and goes on until there is a file `until`; keeps its executor busy meanwhile, or not.
#[atasks::task]
pub(crate) async fn stay(folder: PathBuf, until: String, busy: bool) -> Done<Whereabouts> {
    note(&folder, &format!("before-{until}"), "");
    let pause = std::time::Duration::from_millis(2);
    while !folder.join(&until).exists() {
        if busy { std::thread::park_timeout(pause) } else { tokio::time::sleep(pause).await }
    }
    Ok(here())
}

/// Says that it has started, and brings so many bytes as soon as there is a file `until`.
#[atasks::task]
pub(crate) async fn bring(folder: PathBuf, until: String, bytes: usize) -> Done<Vec<u8>> {
    stay(folder, until, false).run().await?;
    Ok(vec![7; bytes])
}

/// Keeps its executor busy.
#[atasks::task]
pub(crate) async fn occupy(millis: u64) -> Done<Whereabouts> {
    let until = tokio::time::Instant::now() + std::time::Duration::from_millis(millis);
    while let Some(left) = until.checked_duration_since(tokio::time::Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
    Ok(here())
}

/// Awaits the same below itself, one after the other, and tells where all of them ran.
#[atasks::task]
pub(crate) async fn descend(depth: u32, millis: u64) -> Done<Vec<Whereabouts>> {
    tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
    let mut places = if depth == 0 { Vec::new() } else { descend(depth - 1, millis).await? };
    places.push(here());
    Ok(places)
}

#[atasks::task]
pub(crate) async fn die(death: Death) -> Done<()> {
    match death {
        Death::Exit(code) => std::process::exit(code),
        Death::Abort => std::process::abort(),
        Death::Overflow => {
            overflow(0);
            Ok(())
        }
        Death::Memory => exhaust(),
    }
}

/// Takes all the memory that the process may have.
fn exhaust() -> ! {
    let limit = rustix::process::getrlimit(rustix::process::Resource::As);
    assert!(limit.current.is_some(), "the machine's memory is not to be tried");
    let mut taken = Vec::new();
    loop {
        taken.push(std::hint::black_box(Vec::<u8>::with_capacity(16 << 20)));
    }
}

fn overflow(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { overflow(depth + 1) + frame[7] }
}

/// Ends its process when it runs for the first time with this folder, and notes each time that it runs.
#[atasks::task]
pub(crate) async fn die_once(folder: PathBuf) -> Done<Whereabouts> {
    let first = !folder.join("ran-1").exists();
    fs::write(folder.join(if first { "ran-1" } else { "ran-2" }), "").unwrap();
    if first {
        std::process::abort();
    }
    Ok(here())
}

/// How a task calls the next one below itself.
fn placed<T: Send + Serialize + serde::de::DeserializeOwned + 'static>(
    call: atasks::TaskCall<Done<T>>,
    spread: bool,
) -> atasks::TaskCall<Done<T>> {
    if spread { call.place(Placement::Spread) } else { call }
}

/// Makes some calls that are spread, so that the next one of its node goes to another.
#[atasks::task]
pub(crate) async fn take_turns(count: u32) -> Done<()> {
    for _ in 0..count {
        whereabouts().place(Placement::Spread).await?;
    }
    Ok(())
}

/// Awaits itself below itself, and so on; the lowest ends its process.
#[atasks::task(idempotent, retry = 5)]
pub(crate) async fn poison(depth: u32, spread: bool) -> Done<()> {
    if depth <= 1 {
        std::process::abort();
    }
    placed(poison(depth - 1, spread), spread).await
}

/// Awaits many at once, one of which ends its process two levels below.
#[atasks::task(idempotent, retry = 5)]
pub(crate) async fn poisoned_branches(count: u32, spread: bool) -> Done<()> {
    let harmless = (1..count).map(|_| {
        let retry = atasks::Retry::times(5);
        placed(carry(Vec::new(), 100), spread).idempotent().retry(retry)
    });
    let (harmless, poisoned) =
        futures_util::future::join(futures_util::future::join_all(harmless), placed(poison(2, spread), spread)).await;
    drop(harmless);
    poisoned
}

/// Never ends by itself. Tells in files that it has started, and where, and that it was dropped.
#[atasks::task]
pub(crate) async fn hold(folder: PathBuf) -> Done<()> {
    let _held = Held(folder.clone());
    note(&folder, "started", &std::process::id().to_string());
    std::future::pending().await
}

/// Holds on another node.
#[atasks::task]
pub(crate) async fn hold_on(node: String, folder: PathBuf) -> Done<()> {
    hold(folder).place(Placement::Node(node)).await
}

struct Held(PathBuf);

impl Drop for Held {
    fn drop(&mut self) {
        note(&self.0, "dropped", "");
    }
}

/// Writes a file that is there whole or not at all.
pub(crate) fn note(folder: &Path, name: &str, text: &str) {
    let draft = folder.join(format!(".{name}"));
    fs::write(&draft, text).and_then(|()| fs::rename(&draft, folder.join(name))).unwrap();
}

/// Goes from node to node and panics on the last.
#[atasks::task]
pub(crate) async fn crash_after(nodes: Vec<String>) -> Done<()> {
    match nodes.split_first() {
        Some((next, rest)) => crash_after(rest.to_vec()).place(Placement::Node(next.clone())).await,
        None => panic!("the end of the road"),
    }
}

/// Goes to another node and tells how much time is left there, in milliseconds.
#[atasks::task]
pub(crate) async fn time_left(via: Option<String>) -> Done<Option<u64>> {
    if let Some(next) = via {
        return time_left(None).place(Placement::Node(next)).await;
    }
    let left = atasks::current().deadline().map(|at| at.saturating_duration_since(tokio::time::Instant::now()));
    Ok(left.map(|left| left.as_millis() as u64))
}

/// Goes from node to node and stays a while on each; tells how much time was left on each, in milliseconds.
#[atasks::task]
pub(crate) async fn time_left_along(nodes: Vec<String>, pause: u64) -> Done<Vec<u64>> {
    let deadline = atasks::current().deadline();
    let left = deadline.map_or(0, |at| at.saturating_duration_since(tokio::time::Instant::now()).as_millis() as u64);
    let mut all = vec![left];
    if let Some((next, rest)) = nodes.split_first() {
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        let next = Placement::Node(next.clone());
        all.extend(time_left_along(rest.to_vec(), pause).place(next).await?);
    }
    Ok(all)
}

#[atasks::task]
pub(crate) async fn echo_bytes(bytes: Vec<u8>) -> Done<Vec<u8>> {
    Ok(bytes)
}

#[atasks::task]
pub(crate) async fn echo_numbers(numbers: Vec<u64>) -> Done<Vec<u64>> {
    Ok(numbers)
}

/// Runs a program, with this process's standard input or with none, and gives all that it has said.
#[atasks::task(blocking)]
pub(crate) fn run_program(program: PathBuf, arguments: Vec<String>, inherit: bool) -> Done<String> {
    let stdin = if inherit { Stdio::inherit() } else { Stdio::null() };
    let output = Command::new(program).args(arguments).stdin(stdin).output().unwrap();
    Ok(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

/// Never ends by itself: each level awaits the next, here or on all workers in turn.
#[atasks::task]
pub(crate) async fn endless(level: u64, spread: bool) -> Done<u64> {
    tokio::task::yield_now().await;
    let next = endless(level + 1, spread);
    if spread { next.place(Placement::Spread).await } else { next.await }
}

/// The same, a thousand wide.
#[atasks::task]
pub(crate) async fn endless_wide(level: u64) -> Done<u64> {
    let calls = (0..1000).map(|_| endless_wide(level + 1));
    Ok(futures_util::future::try_join_all(calls).await?.into_iter().sum())
}
