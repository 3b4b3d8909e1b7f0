//! `#[atasks::main]`: a worker, a client of workers, or a client with workers of its own.

use rustix::process::Signal;

use crate::programs::{Ended, Running, program, run};

const NO_CLUSTER: &str = "atasks: no cluster configured: ";

#[test]
fn without_a_cluster_there_are_local_workers_after_one_line() {
    let Ended { code, said, .. } = run(program("launched").args(["x", "--y", "worker"]));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches(NO_CLUSTER).count(), 1, "{said}");
    let told = said.lines().find(|line| line.starts_with("[\"x\", \"--y\", \"worker\"] in ")).expect(&said);
    let (main, task) =
        told.rsplit_once(" in ").unwrap().0.rsplit_once(" in ").map_or((told, told), |(main, _)| (main, told));
    assert_ne!(main, task, "{said}");
}

#[test]
fn a_first_call_everywhere_reaches_all_the_local_workers() {
    let Ended { code, said, .. } = run(program("launched").arg("everywhere"));
    assert_eq!(code, Some(0), "{said}");
    let workers: usize =
        said.lines().find_map(|line| line.strip_prefix(NO_CLUSTER)?.split(' ').next()).unwrap().parse().unwrap();
    assert_eq!(said.lines().filter(|line| line.starts_with("local-")).count(), workers, "{said}");
}

#[test]
fn a_program_that_makes_no_call_starts_no_worker() {
    let Ended { code, said, .. } = run(program("launched").arg("no-calls"));
    assert_eq!((code, said.as_str()), (Some(0), "made no calls"));
}

#[test]
fn main_need_not_be_async() {
    let Ended { code, said, .. } = run(program("plain").args(["worker", "x"]));
    assert_eq!(code, Some(0), "{said}");
    // Its word for a worker is another one.
    assert!(said.contains("[\"worker\", \"x\"], a task in another process: true"), "{said}");
}

#[test]
fn what_the_setup_leaves_is_found_by_tasks_in_every_process() {
    let Ended { code, said, .. } = run(program("launched").arg("states").env("ATASKS__NODE__EXECUTORS", "1"));
    assert_eq!(code, Some(0), "{said}");
    let states: Vec<_> = said.lines().filter(|line| line.contains(": set up as Worker in ")).collect();
    assert!(!states.is_empty() && states.iter().all(|state| state.starts_with("local-")), "{said}");
}

#[test]
fn a_setup_that_fails_is_told_and_nothing_runs() {
    for arguments in [&["no-calls"][..], &["worker"]] {
        let Ended { code, said, .. } = run(program("launched").args(arguments).env("SETUP_FAILS", "*"));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("setup failed") && said.contains("no pool") && said.contains("db:5432"), "{said}");
        assert!(!said.contains("made no calls"), "{said}");
    }
}

#[test]
fn a_setup_that_fails_in_local_workers_alone_is_told_and_the_call_ends() {
    let mut program = program("launched");
    // As long as that nobody waits for it.
    program.arg("x").env("SETUP_FAILS", "Worker").env("ATASKS__PLACEMENT__PLACE_TIMEOUT", "1h");
    let Ended { code, said, .. } = run(&mut program);
    assert_eq!(code, Some(1), "{said}");
    let fails = |line: &str| line.starts_with("Error: ") && line.contains("all local workers stay down: local-");
    assert!(said.lines().any(fails), "{said}");
    let told = said.lines().any(|line| line.starts_with("[local-0] ") && line.contains("setup failed: no pool"));
    assert!(told && said.contains("local-0 ended 6 times"), "{said}");
}

#[test]
fn a_worker_serves_until_it_is_asked_to_end() {
    for (name, word, signal) in [("launched", "worker", Signal::TERM), ("plain", "serve", Signal::INT)] {
        let (worker, address) = Running::worker(program(name).args([word, "--listen", "127.0.0.1:0"]));
        let mut client = program(name);
        let client = run(client.arg("x").env("ATASKS__CLUSTER__SEEDS", &address));
        assert_eq!(client.code, Some(0), "{client:?}");
        assert!(!client.said.contains(NO_CLUSTER), "{client:?}");
        worker.signal(signal);
        let Ended { code, said, .. } = worker.end();
        assert_eq!(code, Some(0), "{said}");
    }
}

#[test]
fn a_worker_that_is_asked_for_help_prints_its_options_and_sets_nothing_up() {
    for arguments in [&["worker", "--help"][..], &["worker", "--seed", "127.0.0.1:1", "-h"]] {
        let Ended { code, said, .. } = run(program("launched").args(arguments).env("SETUP_FAILS", "*"));
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("program-launched worker [OPTIONS]") && said.contains("--listen"), "{said}");
    }
    // Its word for a worker is another one.
    let Ended { code, said, .. } = run(program("plain").args(["serve", "--help"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("program-plain serve [OPTIONS]"), "{said}");
}

#[test]
fn a_mistyped_option_of_a_worker_is_told_before_anything_is_set_up() {
    let Ended { code, said, .. } = run(program("launched").args(["worker", "--lisen"]).env("SETUP_FAILS", "*"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("`--lisen` is no option of a worker: --listen ADDRESS") && !said.contains("setup"), "{said}");
}

#[test]
fn workers_that_name_a_seed_meet_and_one_seed_is_enough_for_a_client() {
    let worker = |more: &[&str]| Running::worker(program("launched").args(["worker", "--listen", "unix"]).args(more));
    let (_first, first) = worker(&["--name", "launch-first"]);
    let (_second, _) = worker(&["--name", "launch-second", "--seed", &first]);
    let seen = crate::programs::eventually("both workers at a client", || {
        let client = run(program("launched").arg("states").env("ATASKS__CLUSTER__SEEDS", &first));
        match client.said.matches("set up as Worker").count() {
            2 => Ok(client.said),
            _ => Err(client.said),
        }
    });
    assert!(seen.contains("launch-first: set up") && seen.contains("launch-second: set up"), "{seen}");
}

#[test]
fn seeds_that_do_not_answer_are_told_one_by_one() {
    let mut client = program("launched");
    let Ended { code, said, .. } = run(client
        .arg("x")
        .env("ATASKS__CLUSTER__SEEDS", "127.0.0.1:1,unix:nobody-is-here")
        .env("ATASKS__CLUSTER__JOIN_TIMEOUT", "1s"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("atasks: no seed answered: 127.0.0.1:1 refused the connection"), "{said}");
    assert!(said.contains("; unix:nobody-is-here: there is no socket") && !said.contains("no answer"), "{said}");
    println!("{said}");
}
