//! Each key through the file, a variable and the program, in this order.

use std::{collections::BTreeSet, time::Duration};

use super::{super::*, read};

const SECRETS: [&str; 3] = [
    "8f1c0a52d3e94b7768b3f5120c9d4e6ba17f83c2550e6d9922b4d8f0713cae15",
    "jxwKUtPpS3dos_USDJ1Oa6F_g8JVDm2ZIrTY8HE8rhU",
    "15ae3c71f0d8b422996d0e55c2837fa16b4e9d0c12f5b368774be9d3520a1c8f",
];

/// How one key is set in three ways, and whether it is.
struct Case {
    key: String,
    /// As it stands in a file.
    file: &'static str,
    /// As it stands in a variable.
    variable: &'static str,
    /// Sets it as a program does.
    build: fn(&mut Config),
    /// By which way it has been set; 0 for the default.
    way: fn(&Config) -> usize,
}

macro_rules! case {
    ($section:ident.$key:ident, $file:literal, $variable:literal, [$first:expr, $second:expr, $third:expr]) => {
        Case {
            key: format!("{}.{}", stringify!($section), stringify!($key)),
            file: $file,
            variable: $variable,
            build: |config| config.$section.$key = $third,
            way: |config| {
                let ways = [Config::default().$section.$key, $first, $second, $third];
                ways.iter().position(|way| *way == config.$section.$key).expect("one of the ways")
            },
        }
    };
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn cases() -> Vec<Case> {
    vec![
        case!(node.name, "'one'", "1e5", [Some("one".into()), Some("1e5".into()), Some("three".into())]),
        case!(node.role, "'worker'", "operator", [Some(Role::Worker), Some(Role::Operator), Some(Role::Client)]),
        case!(
            node.labels,
            "['gpu', 'a b']",
            "007, eu,",
            [texts(&["gpu", "a b"]), texts(&["007", "eu"]), texts(&["x"])]
        ),
        case!(node.executors, "2", "3", [Some(2), Some(3), Some(4)]),
        case!(node.actors, "'every'", "suspended", [Actors::Every, Actors::Suspended, Actors::Every]),
        case!(node.drain_timeout, "'1m'", "2h", [secs(60), secs(7200), secs(0)]),
        case!(node.cancel_grace, "'20ms'", "0s", [Duration::from_millis(20), secs(0), secs(5)]),
        case!(node.stall_after, "'2s'", "100ms", [secs(2), Duration::from_millis(100), secs(60)]),
        case!(
            cluster.listen,
            "['unix:a', '127.0.0.1:0']",
            "[::1]:7000",
            [texts(&["unix:a", "127.0.0.1:0"]), texts(&["[::1]:7000"]), texts(&[])]
        ),
        case!(cluster.advertise, "'a:1'", "b:2", [Some("a:1".into()), Some("b:2".into()), Some("c:3".into())]),
        case!(
            cluster.seeds,
            "['a:1', 'unix:b']",
            "a:1,unix:/b/c , d:4",
            [texts(&["a:1", "unix:b"]), texts(&["a:1", "unix:/b/c", "d:4"]), texts(&["e:5"])]
        ),
        case!(
            cluster.secret,
            "'8f1c0a52d3e94b7768b3f5120c9d4e6ba17f83c2550e6d9922b4d8f0713cae15'",
            "jxwKUtPpS3dos_USDJ1Oa6F_g8JVDm2ZIrTY8HE8rhU",
            [hidden(0), hidden(1), hidden(2)]
        ),
        case!(cluster.secret_file, "'/a'", "b/c", [Some("/a".into()), Some("b/c".into()), Some("d".into())]),
        case!(cluster.join_timeout, "'1s'", "2s", [secs(1), secs(2), secs(3)]),
        case!(
            liveness.heartbeat,
            "'100ms'",
            "200ms",
            [Duration::from_millis(100), Duration::from_millis(200), Duration::from_millis(300)]
        ),
        case!(
            liveness.suspect_after,
            "'600ms'",
            "2s",
            [Duration::from_millis(600), secs(2), Duration::from_millis(2500)]
        ),
        case!(liveness.lost_after, "'2s'", "4s", [secs(2), secs(4), secs(5)]),
        case!(limits.memory, "'1GiB'", "65536", [Some(1 << 30), Some(64 << 10), Some(1 << 20)]),
        case!(limits.running, "10", "20", [10, 20, 30]),
        case!(limits.tree, "0.25", "0.75", [0.25, 0.75, 1.0]),
        case!(limits.payload_max, "4096", "64KiB", [4096, 64 << 10, 1 << 30]),
        case!(limits.backlog, "'1GiB'", "65536", [1 << 30, 64 << 10, 1 << 20]),
        case!(placement.place_timeout, "'1s'", "2s", [secs(1), secs(2), secs(3)]),
    ]
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn hidden(which: usize) -> Option<Hidden> {
    Some(Hidden(SECRETS[which].to_owned()))
}

#[test]
fn every_key_has_a_case() {
    let known: BTreeSet<_> = keys().iter().map(|key| format!("{}.{}", key.section, key.name)).collect();
    let tried: BTreeSet<_> = cases().into_iter().map(|case| case.key).collect();
    assert_eq!(known, tried, "each key of settings.rs needs a case in this file");
}

#[test]
fn every_key_is_read_from_the_file_and_from_its_variable_and_the_later_way_wins() {
    let config = |file: &str, variables: &[(&str, &str)]| read(file, variables).unwrap();
    for Case { key, file, variable, build, way } in cases() {
        let (section, name) = key.split_once('.').unwrap();
        let file = format!("[{section}]\n{name} = {file}\n");
        let named = format!("ATASKS__{section}__{name}").to_uppercase();
        assert!(keys().iter().any(|known| known.variable == named), "{named}");
        let set = [(&named[..], variable), ("ATASKS_OTHER", "x"), ("PATH", "/bin")];

        assert_eq!(way(&config("", &[])), 0, "{key}: the default");
        assert_eq!(way(&config(&file, &[])), 1, "{key}: the file");
        let alone = config("", &set);
        assert!(way(&alone) == 2 || key == "node.actors" && way(&alone) == 0, "{key}: the variable");
        let mut both = config(&file, &set);
        assert_eq!(way(&both), way(&alone), "{key}: the variable comes before the file");
        build(&mut both);
        both.check().unwrap();
        assert!(way(&both) == 3 || key == "node.actors" && way(&both) == 1, "{key}: the program comes before both");
    }
}

#[test]
fn the_example_file_has_every_key_and_reads_back_as_the_defaults() {
    let file = example_file();
    let shown = |config: &Config| format!("{config:?}");
    assert_eq!(shown(&read(&file, &[]).unwrap()), shown(&Config::default()));
    for key in keys() {
        let line = format!("{} = ", key.name);
        let found = file.lines().filter(|found| found.trim_start_matches('#').starts_with(&line)).count();
        assert_eq!(found, 1, "{line}");
        assert!(file.contains(&key.variable) && key.default.is_some() != key.instead.is_some(), "{key:?}");
    }
    assert!(file.lines().all(|line| line.chars().count() <= 120), "no line is too long");
}

#[test]
fn the_samples_of_the_example_file_are_allowed_but_for_the_secret() {
    for key in keys() {
        let Some(sample) = key.sample else { continue };
        let read = read(&format!("[{}]\n{} = {sample}", key.section, key.name), &[]);
        assert_eq!(read.is_ok(), key.kind != "secret", "{}: {read:?}", key.name);
    }
}

#[test]
fn the_defaults_are_allowed() {
    Config::default().check().unwrap();
}

#[test]
fn an_empty_variable_empties_a_list() {
    let config = read("[cluster]\nseeds = ['a:1']", &[("ATASKS__CLUSTER__SEEDS", "")]).unwrap();
    assert_eq!(config.cluster.seeds, texts(&[]));
}

#[test]
fn a_value_that_a_variable_replaces_may_be_wrong() {
    let config = read("[node]\nexecutors = 'many'", &[("ATASKS__NODE__EXECUTORS", "2")]).unwrap();
    assert_eq!(config.node.executors, Some(2));
}

#[test]
fn a_file_that_nobody_named_may_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let layer = Layer::of_file(&folder.path().join("atasks.toml"), false).unwrap();
    assert!(layer.collect().unwrap().is_empty());
}
