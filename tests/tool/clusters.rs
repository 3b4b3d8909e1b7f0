//! Which cluster the tool takes.

use std::fs;

use rustix::process::Signal;

use super::{Cluster, done};
use crate::programs::{Running, eventually};

/// A program with a `LocalCluster` that holds on.
fn local(cluster: &Cluster) -> Running {
    let mut command = cluster.program("bare");
    let mut local = Running::start(command.arg("hold").arg(cluster.path()));
    local.line("workers ");
    local
}

fn run_files(cluster: &Cluster) -> usize {
    let files = fs::read_dir(cluster.path().join("atasks")).unwrap().map(|entry| entry.unwrap().file_name());
    files.filter(|name| name.to_string_lossy().ends_with(".cluster.json")).count()
}

#[test]
fn a_local_cluster_is_found_by_itself() {
    let cluster = Cluster::new();
    let local = local(&cluster);
    let text = done(&mut cluster.command(&["nodes"])).ok();
    assert!(text.contains("local-0  up") && text.contains("local-1  up"), "{text}");
    let called = done(&mut cluster.command(&["call", "atasks::tasks::echo_numbers", "[[1, 2]]"])).ok();
    assert_eq!(called, "[1,2]\n");
    local.signal(Signal::TERM);
    local.end();
}

#[test]
fn a_file_that_a_killed_program_has_left_is_skipped_and_swept() {
    let cluster = Cluster::new();
    let first = local(&cluster);
    first.signal(Signal::KILL);
    first.end();
    assert_eq!(run_files(&cluster), 1);
    let told = done(&mut cluster.command(&["nodes"])).fails(3);
    assert!(told.contains("no cluster is configured, and none of yours runs on this machine"), "{told}");
    assert!(told.contains("--seed"), "{told}");
    assert_eq!(run_files(&cluster), 0);
}

#[test]
fn of_several_one_has_to_be_chosen() {
    let cluster = Cluster::new();
    let locals = [local(&cluster), local(&cluster)];
    let told = done(&mut cluster.command(&["nodes"])).fails(3);
    assert!(told.starts_with("atasks: 2 clusters run on this machine; choose one:\n"), "{told}");
    for local in &locals {
        let line = told.lines().find(|line| line.contains(&format!("(process {})", local.pid()))).unwrap();
        let seed = line.split_whitespace().nth(1).unwrap();
        let text = done(&mut cluster.command(&["nodes", "--seed", seed])).ok();
        assert!(text.contains(&format!("local-{}-", local.pid())) && text.lines().count() == 3, "{text}");
    }
}

#[test]
fn a_cluster_takes_its_file_along_when_it_ends() {
    let cluster = Cluster::new();
    let mut local = Running::start(cluster.program("bare").arg("shutdown"));
    local.line("over");
    assert_eq!(run_files(&cluster), 0);
}

#[test]
fn a_drained_local_worker_is_started_afresh() {
    let cluster = Cluster::new();
    let _local = local(&cluster);
    let (before, free) = eventually("the call that holds on", || {
        let nodes = done(&mut cluster.command(&["nodes", "--json"])).json();
        match [0, 1].map(|at| nodes[at]["load"]["suspended"] == 1) {
            [true, false] => Ok((nodes, 1)),
            [false, true] => Ok((nodes, 0)),
            _ => Err(nodes.to_string()),
        }
    });
    let name = before[free]["name"].as_str().unwrap();
    assert_eq!(done(&mut cluster.command(&["drain", name])).ok(), format!("`{name}` has left\n"));
    eventually("a new worker of that name", || {
        let after = done(&mut cluster.command(&["nodes", "--json"])).json();
        let new = after[free]["name"] == *name && after[free]["incarnation"] != before[free]["incarnation"];
        if new { Ok(()) } else { Err(after.to_string()) }
    });
}

#[test]
fn configuration_comes_before_what_runs_here_and_a_seed_before_both() {
    let cluster = Cluster::of(&["w1"]);
    let _local = local(&cluster);
    fs::write(cluster.path().join("other.toml"), "[cluster]\nseeds = ['unix:w1']\n[node]\nname = 'w1'").unwrap();
    let w1 = |text: &str| text.contains("\nw1  ") && !text.contains("local-0");
    let text = done(&mut cluster.command(&["nodes", "--config", "other.toml"])).ok();
    assert!(w1(&text), "{text}");
    let text = done(cluster.command(&["nodes"]).env("ATASKS__CLUSTER__SEEDS", "unix:w1")).ok();
    assert!(w1(&text), "{text}");
    let text = done(cluster.command(&["nodes", "--seed", "unix:w1"]).env("ATASKS__CLUSTER__SEEDS", "unix:w9")).ok();
    assert!(w1(&text), "{text}");
    let text = done(&mut cluster.command(&["nodes"])).ok();
    assert!(!w1(&text) && text.contains("local-0"), "{text}");
}

#[test]
fn a_cluster_that_does_not_answer_is_told_by_each_address() {
    let cluster = Cluster::new();
    let seeds = ["--seed", "unix:nope", "--seed", "127.0.0.1:1", "--timeout", "500ms"];
    let told = done(cluster.command(&["nodes"]).args(seeds).env("XDG_STATE_HOME", cluster.path())).fails(3);
    assert!(told.starts_with("atasks: no worker of the cluster answers:\n"), "{told}");
    assert!(told.contains("there is no socket") && told.contains("127.0.0.1:1"), "{told}");
    let mut tool = cluster.command(&["nodes", "--json"]);
    let told = done(tool.args(seeds).env("XDG_STATE_HOME", cluster.path()));
    assert_eq!((told.code, told.err.as_str()), (Some(3), ""));
    assert_eq!(told.json()["error"]["kind"], "no_cluster");
}
