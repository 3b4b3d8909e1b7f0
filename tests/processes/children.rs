//! The life of worker processes: started, started again, and ended with their parent, however that ends.

use std::collections::BTreeSet;
use std::fs;

use atasks::{LocalCluster, Placement};
use rustix::process::Signal;

use crate::programs::{Ended, Running, all_end, eventually, is_running, program, run, send};
use crate::tasks::{run_program, whereabouts};

/// The program, and its workers.
fn with_workers(arguments: &[&str]) -> (Running, Vec<u32>) {
    let mut parent = Running::start(program("bare").args(arguments));
    let told = parent.line("workers ");
    let pids: Vec<_> = told.split_whitespace().skip(1).map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2, "{told}");
    (parent, pids)
}

#[test]
fn no_worker_outlives_a_parent_that_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (parent, workers) = with_workers(&["hold", folder.path().to_str().unwrap()]);
    eventually("a call under way", || fs::read(folder.path().join("started")).map_err(|error| error.to_string()));
    parent.signal(Signal::KILL);
    assert_eq!(parent.end().signal, Some(9));
    all_end(&workers);
}

/// The processes that have this text among their arguments.
#[cfg(target_os = "linux")]
fn with_argument(text: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let arguments = fs::read(entry.path().join("cmdline")).ok()?;
        arguments.split(|byte| *byte == 0).any(|argument| argument == text.as_bytes()).then_some(pid)
    });
    processes.collect()
}

/// The workers that a program has at this moment, read without any delay.
#[cfg(target_os = "linux")]
fn newborn(parent: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{parent}/task")).unwrap().flatten();
    let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    children.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()).collect()
}

/// Catches workers at every point of their start: some have not yet looked for their parent when it is killed.
#[test]
#[cfg(target_os = "linux")]
fn a_worker_whose_parent_is_killed_at_once_never_runs_the_program() {
    for round in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().to_str().unwrap();
        let parent = Running::start(program("bare").args(["hold", mark]));
        let workers = loop {
            match newborn(parent.pid()) {
                none if none.is_empty() => std::thread::yield_now(),
                workers => break workers,
            }
        };
        workers.iter().for_each(|worker| send(*worker, Signal::STOP));
        drop(parent);
        workers.iter().for_each(|worker| send(*worker, Signal::CONT));
        eventually("the end of all", || match with_argument(mark) {
            left if left.iter().any(|pid| is_running(*pid)) => Err(format!("in round {round}: {left:?}")),
            _ => Ok(()),
        });
        assert!(!folder.path().join("started").exists(), "a worker has run the program instead");
    }
}

#[test]
fn shutdown_and_drop_end_the_workers() {
    for order in ["shutdown", "drop"] {
        let (mut parent, workers) = with_workers(&[order]);
        parent.line("over");
        all_end(&workers);
        assert!(is_running(parent.pid()));
    }
}

#[test]
fn a_stopped_worker_does_not_outlive_its_cluster() {
    let (mut parent, workers) = with_workers(&["shutdown"]);
    send(workers[0], Signal::STOP);
    parent.line("over");
    all_end(&workers);
}

#[tokio::test]
async fn a_dead_worker_is_started_again_and_takes_calls() {
    let cluster = LocalCluster::builder().workers(2).start().await.unwrap();
    let before = cluster.workers();
    let mut events = cluster.node().events();
    send(before[0].pid, Signal::KILL);
    // Down, and up again.
    let mut seen = Vec::new();
    while seen.len() < 2 {
        match events.next().await.unwrap() {
            atasks::Event::NodeLost(node, _) | atasks::Event::NodeUp(node) => seen.push(node),
            _ => {}
        }
    }
    assert_eq!(seen[0], before[0].node);
    let after = cluster.workers();
    let there = Placement::Node(before[0].node.name().to_owned());
    let found = cluster.node().scope(whereabouts().place(there)).await.unwrap();
    assert_eq!((found.node, found.pid), (after[0].node.clone(), after[0].pid));
    assert_ne!(after[0], before[0]);
    assert_eq!(after[1], before[1]);
}

#[test]
fn a_worker_that_dies_six_times_stays_down_and_that_is_said() {
    let Ended { code, said, .. } = run(program("bare").arg("deaths"));
    assert_eq!(code, Some(0), "{said}");
    let deaths = said.lines().filter(|line| line.starts_with("death ")).count();
    assert_eq!(deaths, 6, "{said}");
    assert!(said.contains("death 6: local-0#") && said.contains("its process exited with code 46"), "{said}");
    assert!(said.contains("atasks: local-0 ended 6 times within 30s"), "{said}");
    assert!(said.contains("instead of death 7: Err("), "{said}");
}

#[test]
fn a_worker_that_does_not_start_is_shown_with_what_it_said() {
    let Ended { code, said, .. } = run(program("bare").arg("panics"));
    assert_eq!(code, Some(3), "{said}");
    let told = said.split_once("no cluster: ").unwrap().1;
    assert!(told.contains("exit status: 101") && told.contains("no licence was found"), "{told}");
}

#[test]
fn a_worker_that_is_not_ready_in_time_is_ended_and_shown_with_what_it_said() {
    let mut parent = Running::start(program("bare").arg("hangs"));
    let workers = eventually("two workers", || match children_of(parent.pid()) {
        workers if workers.len() == 2 => Ok(workers),
        workers => Err(format!("{workers:?}")),
    });
    let told = parent.line("no cluster: ");
    assert!(told.contains("not ready within 10s"), "{told}");
    let Ended { code, said, .. } = parent.end();
    assert_eq!(code, Some(3), "{said}");
    assert!(said.split_once("no cluster: ").unwrap().1.contains("looking for a licence"), "{said}");
    all_end(&workers);
}

fn children_of(parent: u32) -> Vec<u32> {
    let output = std::process::Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let pairs = text.lines().filter_map(|line| line.trim().split_once(' '));
    pairs.filter(|(_, of)| of.trim() == parent.to_string()).map(|(pid, _)| pid.parse().unwrap()).collect()
}

#[test]
fn a_program_without_the_macro_has_workers() {
    let (parent, workers) = with_workers(&["anything"]);
    let Ended { code, said, .. } = parent.end();
    assert_eq!(code, Some(0), "{said}");
    let places: BTreeSet<_> = said.lines().filter_map(|line| line.strip_prefix("in ")).collect();
    assert!(places.iter().all(|place| workers.iter().any(|pid| pid.to_string() == **place)), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("started")).count(), 1, "workers pass on: {said}");
    all_end(&workers);
}

/// A task starts a program; what that said.
#[track_caller]
fn started_by_a_task(starter: &str, started: &str) -> String {
    let started = program(started).get_program().to_str().unwrap().to_owned();
    let Ended { code, said, .. } = run(program(starter).args(["run", &started, "a", "b c"]));
    assert_eq!(code, Some(0), "{said}");
    said
}

#[test]
fn a_program_that_a_task_starts_is_no_worker() {
    for (starter, started) in [("bare", "bare"), ("launched", "launched"), ("bare", "launched"), ("launched", "bare")] {
        let said = started_by_a_task(starter, started);
        // It has workers of its own, and has run a task there.
        let worked = match started {
            "bare" => "started with [\"a\", \"b c\"]",
            _ => "[\"a\", \"b c\"] in ",
        };
        assert!(said.contains(worked) && said.contains("in "), "{starter} has started {started}: {said}");
    }
}

#[atasks::test(cluster = 1)]
async fn a_program_that_a_task_of_a_test_starts_is_no_worker() {
    let arguments = ["plain", "text"].map(str::to_owned).to_vec();
    let said = run_program("echo".into(), arguments.clone(), true).await.unwrap();
    assert_eq!(said, "plain text\n");
    let plain = program("plain").get_program().into();
    let said = run_program(plain, arguments, true).await.unwrap();
    assert!(said.contains("[\"plain\", \"text\"], a task in another process: true"), "{said}");
}

#[atasks::test(cluster = 1)]
async fn a_program_that_a_task_starts_finds_no_input() {
    let program = async |inherit| run_program("cat".into(), Vec::new(), inherit).await;
    assert_eq!(program(false).await.unwrap(), "");
    assert_eq!(program(true).await.unwrap(), "");
}
