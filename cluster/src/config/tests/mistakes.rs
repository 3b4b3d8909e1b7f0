//! Each mistake is told with where it stands, its key, what was found and what is allowed.

use std::{ffi::OsString, os::unix::ffi::OsStringExt as _, time::Duration};

use super::{super::*, read, written};

const SECRET: &str = "8f1c0a52d3e94b7768b3f5120c9d4e6ba17f83c2550e6d9922b4d8f0713cae15";

#[track_caller]
fn told(result: Result<impl std::fmt::Debug, StartError>, parts: &[&str]) {
    let error = result.expect_err("a mistake").to_string();
    for part in parts {
        assert!(error.contains(part), "`{part}` is missing in: {error}");
    }
    assert!(!error.contains(SECRET) && !error.contains(&SECRET[..20]), "{error}");
}

#[test]
fn a_wrong_value_in_a_file_is_told_with_its_line() {
    for (line, parts) in [
        ("[node]\n\nname = 5", &["line 3", "`node.name`", "the number 5", "a text of 1 to 255"][..]),
        ("[node]\nname = ''", &["line 2", "`node.name`", "empty", "1 to 255"]),
        ("[node]\nname = \"a\\nb\"", &["`node.name`", "`a\\nb`", "control"]),
        ("[node]\nrole = 'server'", &["`node.role`", "`server`", "`worker` or `client` or `operator`"]),
        ("[node]\nrole = true", &["`node.role`", "is true", "`worker`"]),
        ("[node]\nactors = 'all'", &["`node.actors`", "`all`", "`suspended` or `every`"]),
        ("[node]\nlabels = [['a']]", &["`node.labels`", "is a list;", "a list, in brackets"]),
        ("[node]\nlabels = 7", &["`node.labels`", "the number 7", "with commas"]),
        ("[node]\nexecutors = 0", &["`node.executors`", "the number 0", "from 1 to 1024"]),
        ("[node]\nexecutors = -1", &["`node.executors`", "the number -1", "from 1 to 1024"]),
        ("[node]\nexecutors = 2.5", &["`node.executors`", "the number 2.5", "whole number"]),
        ("[node]\nexecutors = 99999999999999999999", &["`node.executors`", "100000000000000000000", "1024"]),
        ("[node]\ncancel_grace = 250", &["`node.cancel_grace`", "the number 250", "with its unit", "`250ms`"]),
        ("[node]\ndrain_timeout = '3 weeks'", &["`node.drain_timeout`", "`3 weeks`", "to 720h"]),
        ("[node]\ndrain_timeout = '721h'", &["`node.drain_timeout`", "721h", "from 0s to 720h"]),
        ("[liveness]\nheartbeat = '0ms'", &["`liveness.heartbeat`", "is 0s", "from 1ms"]),
        ("[limits]\npayload_max = '2GiB'", &["`limits.payload_max`", "2GiB", "from 1 to 1GiB"]),
        ("[limits]\npayload_max = '2 GB'", &["`limits.payload_max`", "`2 GB`", "`64MiB`"]),
        ("[limits]\nbacklog = 1", &["`limits.backlog`", "is 1;", "at least 64KiB"]),
        ("[cluster]\nseeds = ['a:1', 'b']", &["`cluster.seeds`", "`b` (it has no port)", "`HOST:PORT`"]),
        ("[cluster]\nadvertise = 'unix:a/b'", &["`cluster.advertise`", "`unix:a/b`", "plain file name"]),
        ("[cluster]\nsecret_file = ''", &["`cluster.secret_file`", "empty", "a path"]),
        ("node = 3", &["line 1", "`node`", "the number 3", "a section, [node]"]),
    ] {
        told(read(line, &[]), &[&["atasks.toml, line "], parts].concat());
    }
}

#[test]
fn a_wrong_value_in_a_variable_is_told_with_its_name() {
    for (name, value, parts) in [
        ("ATASKS__NODE__EXECUTORS", "many", &["`node.executors`", "`many`", "from 1 to 1024"][..]),
        ("ATASKS__NODE__NAME", "", &["`node.name`", "empty", "1 to 255"]),
        ("ATASKS__LIVENESS__LOST_AFTER", "3", &["`liveness.lost_after`", "`3`", "with its unit"]),
        ("ATASKS__CLUSTER__LISTEN", "unix,0.0.0.0", &["`cluster.listen`", "`0.0.0.0` (it has no port)"]),
        ("ATASKS__CLUSTER__SECRET", &SECRET[1..], &["`cluster.secret`", "63 characters", "64 hexadecimal digits"]),
        ("ATASKS__CLUSTER__SECRET", &"0".repeat(64), &["`cluster.secret`", "guessable", "`atasks secret`"]),
    ] {
        told(read("", &[(name, value)]), &[&[&format!("the variable {name}: ")[..]], parts].concat());
    }
}

#[test]
fn a_variable_that_is_not_unicode_is_refused() {
    let variables =
        [("ATASKS__NODE__NAME".into(), OsString::from_vec(vec![0xff])), ("X".into(), OsString::from_vec(vec![0xff]))];
    told(
        Config::read(Some(&written("").path), variables.into_iter()),
        &["ATASKS__NODE__NAME", "not Unicode", "1 to 255"],
    );
}

#[test]
fn an_unknown_key_or_section_of_a_file_is_told_with_the_nearest() {
    for (file, parts) in [
        ("[cluster]\n\nseds = []", &["line 3", "`cluster.seds`", "the nearest is `cluster.seeds`"][..]),
        ("[cluster]\nheartbeat = '1s'", &["`cluster.heartbeat`", "the nearest is `liveness.heartbeat`"]),
        ("[placement]\nqqqq = 1", &["`placement.qqqq`", "[placement] has `place_timeout`"]),
        ("[clutser]\nseeds = []", &["line 1", "[clutser]", "the nearest is [cluster]"]),
        ("[qqqqqqq]", &["[qqqqqqq]", "[node], [cluster], [liveness], [limits], [placement]"]),
        ("seeds = ['a:1']", &["`seeds` stands in no section", "[cluster]"]),
        ("[cluster.seeds]\na = 1", &["`cluster.seeds`", "a section", "a list"]),
    ] {
        told(read(file, &[]), &[&["atasks.toml, line "], parts].concat());
    }
}

#[test]
fn an_unknown_variable_is_told_with_the_nearest() {
    for (name, parts) in [
        ("ATASKS__CLUSTER__SEDS", &["the nearest is ATASKS__CLUSTER__SEEDS"][..]),
        ("ATASKS__CLUTSER__SEEDS", &["the nearest is ATASKS__CLUSTER__SEEDS"]),
        ("ATASKS__NODE__SECRET", &["the nearest is ATASKS__CLUSTER__SECRET"]),
        ("ATASKS__node__name", &["the nearest is ATASKS__NODE__NAME"]),
        (
            "ATASKS__LIMITS__QQQQ",
            &["there are ATASKS__LIMITS__MEMORY, ATASKS__LIMITS__RUNNING, ATASKS__LIMITS__TREE, \
             ATASKS__LIMITS__PAYLOAD_MAX, ATASKS__LIMITS__BACKLOG"],
        ),
        ("ATASKS__QQQQQQQ__X", &["there are ATASKS__NODE__NAME", "ATASKS__PLACEMENT__PLACE_TIMEOUT"]),
        ("ATASKS__NODE", &["there are ATASKS__NODE__NAME"]),
        ("ATASKS__", &["there are ATASKS__NODE__NAME"]),
        ("ATASKS__NODE__NAME__X", &["there are ATASKS__NODE__NAME"]),
    ] {
        told(read("", &[(name, SECRET)]), &[&[&format!("the variable {name}: it sets nothing")[..]], parts].concat());
    }
}

#[test]
fn broken_toml_is_told_with_its_line_and_without_its_text() {
    let broken = format!("[cluster]\nsecret = \"{SECRET}\nseeds = []");
    told(read(&broken, &[]), &["atasks.toml, line 2: "]);
    told(read("[node]\nname = 'a'\nname = 'b'", &[]), &["atasks.toml, line 3: ", "duplicate key"]);
    told(read("[node", &[]), &["atasks.toml, line 1: "]);
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.toml");
    let read = |path: &Path| Config::read(Some(path), std::iter::empty());
    told(read(&missing), &[missing.to_str().unwrap(), "cannot be read", "No such file"]);
    told(read(folder.path()), &[folder.path().to_str().unwrap(), "cannot be read"]);
    std::fs::write(&missing, [b'a', 0xff]).unwrap();
    told(read(&missing), &[missing.to_str().unwrap(), "cannot be read", "UTF-8"]);
    std::fs::write(&missing, "#".repeat((1 << 20) + 1)).unwrap();
    told(read(&missing), &[missing.to_str().unwrap(), "more than 1048576 bytes"]);
}

#[test]
fn what_does_not_go_together_is_told_with_both_places() {
    let secret = format!("[cluster]\nsecret = '{SECRET}'");
    let both = ["atasks.toml, line 2 and the variable ATASKS__CLUSTER__SECRET_FILE: ", "both set", "one of them"];
    told(read(&secret, &[("ATASKS__CLUSTER__SECRET_FILE", "/a")]), &both);
    let lost = ["atasks.toml, line 2: ", "`liveness.lost_after` is 3s", "5 x liveness.heartbeat (1s)"];
    told(read("[liveness]\nheartbeat = '1s'", &[]), &lost);
    for wrong in ["400ms", "3s", "1h"] {
        let parts =
            ["ATASKS__LIVENESS__SUSPECT_AFTER", "2 x liveness.heartbeat (250ms)", "less than liveness.lost_after (3s)"];
        told(read("", &[("ATASKS__LIVENESS__SUSPECT_AFTER", wrong)]), &parts);
    }
}

#[test]
fn what_the_program_sets_wrong_is_told_as_the_builders() {
    let check = |change: fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        config.check()
    };
    told(
        check(|config| config.node.executors = Some(0)),
        &["the builder: ", "`node.executors`", "the number 0", "1024"],
    );
    told(check(|config| config.node.name = Some("x".repeat(300))), &["the builder: ", "`node.name`", "xx..`", "255"]);
    told(
        check(|config| config.cluster.seeds = vec!["a".into()]),
        &["the builder: ", "`cluster.seeds`", "it has no port"],
    );
    told(check(|config| config.cluster.secret = Some(Hidden(SECRET[1..].into()))), &["the builder: ", "63 characters"]);
    told(check(|config| config.limits.backlog = 0), &["the builder: ", "`limits.backlog` is 0", "64KiB"]);
    let nanosecond = |config: &mut Config| config.liveness.heartbeat = Duration::from_nanos(1);
    told(check(nanosecond), &["the builder: ", "`liveness.heartbeat` is 1ns", "from 1ms"]);
    told(
        check(|config| config.liveness.lost_after = Duration::from_secs(1)),
        &["the builder, with", "`liveness.lost_after`"],
    );
    let both = |config: &mut Config| {
        config.cluster.secret = Some(Hidden(SECRET.into()));
        config.cluster.secret_file = Some("/a".into());
    };
    told(check(both), &["the builder, with", "both set"]);
}

#[test]
fn a_secret_is_shown_nowhere() {
    let config = read(&format!("[cluster]\nsecret = '{SECRET}'"), &[]).unwrap();
    assert!(!format!("{config:?}").contains(&SECRET[..8]));
    let wrong = format!("[cluster]\nsecret = '{SECRET}0'");
    told(read(&wrong, &[]), &["`cluster.secret`", "65 characters", "not shown"]);
    told(read(&format!("[cluster]\nsecret = ['{SECRET}']"), &[]), &["`cluster.secret`", "not a text"]);
    told(read("[cluster]\nsecret = 123456789", &[]), &["`cluster.secret`", "not shown"]);
    told(read(&format!("[clutser]\nsecret = '{SECRET}'"), &[]), &["[clutser]"]);
}
