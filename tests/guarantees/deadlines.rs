//! Guarantee 5: deadlines shrink with each hop, whatever the clocks of the hosts show.
//!
//! A deadline crosses as a time on the link's own clock, which each end reads off its monotonic one; see
//! `cluster/src/link/clock.rs`, whose tests have an hour between two clocks. In depth: `tests/errors/deadlines.rs`,
//! `tests/calls/options.rs`, and `a_deadline_shrinks_by_what_an_invocation_waits_on_its_way` in `tests/cluster/blips.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use atasks::{Node, TaskError};
use tokio::time::Instant;

use crate::tasks::{hold, time_left_along};
use crate::{Worker, client, file};

const PAUSE: Duration = Duration::from_millis(100);
const TIME: Duration = Duration::from_secs(20);

/// From worker to worker and back; what is left on each has to be less by what was spent before.
async fn check_shrinks(workers: &[&Worker], node: &Node) {
    let names: Vec<_> = workers.iter().chain(workers).map(|worker| worker.name(node)).collect();
    let began = Instant::now();
    let along = time_left_along(names, PAUSE.as_millis() as u64).timeout(TIME);
    let left = node.scope(along).await.unwrap();
    println!("left of {TIME:?}, in ms: {left:?}");
    assert_eq!(left.len(), 2 * workers.len() + 1);
    // The first runs anywhere. Clocks are compared by messages that take a while: a little may seem to be won.
    let slack = 20;
    let hops = left.windows(2).map(|pair| pair[0].saturating_sub(pair[1]));
    assert!(hops.into_iter().all(|hop| hop + slack >= PAUSE.as_millis() as u64), "{left:?}");
    let spent = TIME.as_millis() as u64 - left.last().unwrap();
    let all = PAUSE.as_millis() as u64 * 2 * workers.len() as u64;
    assert!(spent + slack >= all && spent <= began.elapsed().as_millis() as u64 + slack, "{spent} ms are spent");
}

/// It ends where it runs, too, when its time is over.
async fn check_ends(worker: &Worker, node: &Node) {
    let folder = tempfile::tempdir().unwrap();
    let (began, time) = (Instant::now(), Duration::from_secs(1));
    let error = node.scope(hold(folder.path().into()).place(worker.place(node)).timeout(time)).await.unwrap_err();
    assert!(matches!(error, TaskError::DeadlineExceeded { .. }) && began.elapsed() >= time, "{error:?}");
    file(&folder.path().join("dropped")).await;
}

#[tokio::test]
async fn guarantee_5_a_deadline_shrinks_with_each_hop() {
    let ([one, other], node) = crate::cluster::<2>("hops").await;
    check_shrinks(&[&one, &other], &node).await;
    check_ends(&one, &node).await;
}

/// A worker whose host was started five hours before this one. None where the system lets nobody have such a host.
fn of_another_age(seeds: &[&str]) -> Result<Worker, String> {
    const AGE: [&str; 9] = [
        "--user",
        "--map-root-user",
        "--time",
        "--monotonic",
        "18000",
        "--boottime",
        "18000",
        "--fork",
        "--kill-child",
    ];
    let tried = Command::new("unshare").args(AGE).arg("true").output().map_err(|error| error.to_string())?;
    if !tried.status.success() {
        return Err(String::from_utf8_lossy(&tried.stderr).trim().to_owned());
    }
    let worker = Worker::command("old", "127.0.0.1:0", seeds);
    let mut command = Command::new("unshare");
    command.args(AGE).arg(worker.get_program()).args(worker.get_args());
    for (name, value) in worker.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Ok(Worker::of(&mut command))
}

#[tokio::test]
async fn guarantee_5_hosts_may_differ_by_hours() {
    let young = Worker::of(&mut Worker::command("young", "127.0.0.1:0", &[]));
    let old = match of_another_age(&[&young.address]) {
        Ok(old) => old,
        Err(why) => return println!("skipped: this system has no time namespaces for us: {why}"),
    };
    let node = client(&young).min_workers(2).join().await.unwrap();
    check_shrinks(&[&young, &old], &node).await;
    check_ends(&old, &node).await;
    check_ends(&young, &node).await;
}

/// The sources of a folder, without those of tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "tests" {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") && name != "tests.rs" {
            found.push(path);
        }
    }
    found
}

/// Hosts agree on no date, and the date of one may be set at any time: nothing that decides anything reads it.
#[test]
fn guarantee_5_no_wall_clock_is_read() {
    const DATES: [&str; 5] = ["SystemTime", "UNIX_EPOCH", "ClockId::Realtime", "chrono::", ".modified()"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all: Vec<_> =
        ["src", "actors/src", "cluster/src"].into_iter().flat_map(|part| sources(&root.join(part))).collect();
    assert!(all.len() > 100, "{} sources", all.len());
    let mut readers = Vec::new();
    for path in all {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let reads = |line: &str| DATES.iter().any(|date| line.contains(date));
        readers.extend(code.lines().filter(|line| reads(line)).map(|line| format!("{}: {line}", path.display())));
    }
    assert!(readers.is_empty(), "{readers:#?}");
}
