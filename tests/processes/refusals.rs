//! Starts that are refused, each with what to do about it.

use crate::programs::{Ended, program, run};

/// A start that ends with code 1 and says all of this.
#[track_caller]
fn check_refused(command: &mut std::process::Command, parts: &[&str]) {
    let Ended { code, said, .. } = run(command);
    println!("{said}");
    assert_eq!(code, Some(1), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing in: {said}");
    }
}

#[test]
fn an_unknown_key_is_named_with_the_nearest() {
    let parts = ["the variable ATASKS__CLUSTER__SEDS", "ATASKS__CLUSTER__SEEDS"];
    check_refused(program("launched").arg("no-calls").env(&parts[0][13..], "unix"), &parts);
    let parts = ["the variable ATASKS__CLUSTR__SEEDS", "ATASKS__CLUSTER__SEEDS"];
    check_refused(program("launched").arg("no-calls").env(&parts[0][13..], "unix"), &parts);
}

#[test]
fn a_configuration_file_that_is_named_must_be_there() {
    for arguments in [&["no-calls"][..], &["worker"]] {
        let file = "/nowhere/its.toml";
        check_refused(program("launched").args(arguments).env("ATASKS_CONFIG", file), &[file, "cannot be read"]);
    }
}

#[test]
fn a_value_that_does_not_fit_is_named_with_its_key() {
    check_refused(
        program("launched").arg("worker").env("ATASKS__LIMITS__PAYLOAD_MAX", "lots"),
        &["ATASKS__LIMITS__PAYLOAD_MAX", "`limits.payload_max`", "`lots`", "from 1 to 1GiB"],
    );
    check_refused(program("launched").args(["worker", "--listen", "nowhere"]), &["--listen: `nowhere`", "HOST:PORT"]);
    check_refused(
        program("launched").args(["worker", "--name", ""]),
        &["the builder", "`node.name` is empty", "1 to 255"],
    );
    check_refused(program("launched").args(["worker", "--lisen", "unix"]), &["`--lisen`", "--listen ADDRESS"]);
    check_refused(program("launched").args(["worker", "--seed"]), &["--seed needs an address"]);
}

#[test]
fn listening_beyond_this_machine_needs_a_secret() {
    let listen = ["worker", "--listen", "0.0.0.0:0"];
    check_refused(program("launched").args(listen), &["0.0.0.0:0", "other machines", "cluster.secret_file"]);
}

#[test]
fn a_secret_that_could_be_guessed_is_refused_and_not_shown() {
    let secret = "00".repeat(32);
    let Ended { code, said, .. } = run(program("launched").arg("worker").env("ATASKS__CLUSTER__SECRET", &secret));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("guessable") && !said.contains(&secret), "{said}");
}

#[test]
fn two_tasks_of_one_name_are_both_shown() {
    let parts = ["two tasks are named `greet`", "twice.rs:3", "twice.rs:8", "#[task(name"];
    check_refused(&mut program("twice"), &parts);
    check_refused(program("twice").arg("worker"), &parts);
}

#[test]
fn a_worker_without_tasks_does_not_start() {
    check_refused(program("taskless").arg("worker"), &["has no tasks", "use my_tasks as _;"]);
    let Ended { code, said, .. } = run(&mut program("taskless"));
    assert_eq!((code, said.as_str()), (Some(0), "runs"));
}
