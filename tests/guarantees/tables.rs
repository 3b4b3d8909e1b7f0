//! Tables that name tests: each guarantee, each fault and each error has one, and each test that is named exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Rust sources of a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let own = files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    own.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

/// The code of all crates, without that of tests.
pub(crate) fn code() -> Vec<(PathBuf, String)> {
    let all = ["src", "actors/src", "cluster/src"].into_iter().flat_map(|part| sources(&root().join(part)));
    let is_test = |path: &Path| path.iter().any(|part| part == "tests" || part == "tests.rs");
    let code = all.filter(|path| !is_test(path.strip_prefix(root()).unwrap())).map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        (path, code)
    });
    let code: Vec<_> = code.collect();
    assert!(code.len() > 100, "{} sources", code.len());
    code
}

/// The cells of each row of the tables in a text, their headings left out.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let table = text.lines().map(|line| line.trim_start_matches("//!").trim()).filter(|line| line.starts_with('|'));
    let cells = table.map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let all: Vec<_> = cells.collect();
    let is_rule = |at: usize| all.get(at).is_some_and(|cells| cells.iter().all(|cell| cell.starts_with("---")));
    let rows = all.iter().enumerate().filter(|(at, _)| !is_rule(*at) && !is_rule(at + 1));
    rows.map(|(_, cells)| cells.clone()).collect()
}

/// The tests that a cell names: a file and a test in it, or a further test of the same file.
fn tests(cell: &str) -> Vec<(String, String)> {
    let mut file = String::new();
    let mut found = Vec::new();
    for quoted in cell.split('`').skip(1).step_by(2) {
        let name = match quoted.split_once(".rs::") {
            Some((path, name)) => {
                file = format!("{path}.rs");
                name
            }
            None => quoted,
        };
        found.push((file.clone(), name.to_owned()));
    }
    found
}

/// Sees to it that the cell names tests, and that they are there.
#[track_caller]
fn check_tests(row: &[&str]) {
    let named = tests(row.last().unwrap());
    assert!(!named.is_empty(), "no test: {row:?}");
    for (file, name) in named {
        let text = read(&file);
        let is_there = text.contains(&format!("fn {name}("));
        assert!(is_there, "{file} has no test {name}: {row:?}");
    }
}

#[test]
fn each_guarantee_has_a_test_named_after_it() {
    let all: String = sources(&root().join("tests")).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for guarantee in 1..=12 {
        assert!(all.contains(&format!("fn guarantee_{guarantee}_")), "guarantee {guarantee} has none");
    }
    let rows = rows(include_str!("main.rs")).into_iter().map(|row| row[0].parse::<u32>().unwrap()).collect::<Vec<_>>();
    assert!(rows.iter().copied().eq(1..=12), "{rows:?}");
}

#[test]
fn each_fault_has_a_test() {
    let text = read("docs/faults.md");
    let (faults, _) = text.split_once("\n## Simulated").unwrap();
    let rows = rows(faults);
    assert!(rows.len() > 20, "{} rows", rows.len());
    rows.iter().for_each(|row| check_tests(row));
}

/// The variants of an enum, by their names.
fn variants<'a>(source: &'a str, name: &str) -> Vec<&'a str> {
    let (_, body) = source.split_once(&format!("pub enum {name} {{\n")).unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    names.map(|line| line.split(|end: char| !end.is_alphanumeric()).next().unwrap()).collect()
}

#[test]
fn each_error_has_a_test_that_makes_it_happen() {
    let source = ["mod.rs", "reasons.rs"].map(|file| read(format!("actors/src/task_error/{file}"))).concat();
    let table = read("tests/errors/main.rs");
    let rows = rows(&table);
    rows.iter().for_each(|row| check_tests(row));
    let told: BTreeSet<_> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    let others = code().into_iter().filter(|(path, _)| !path.iter().any(|part| part == "task_error"));
    let code: String = others.map(|(_, code)| code).collect();
    for (kind, prefix) in [
        ("TaskError", ""),
        ("Unplaced", "Unplaced "),
        ("Rejection", "Rejected "),
        ("Payload", "TooLarge "),
        ("Loss", "NodeLost "),
        ("Waiting", "DeadlineExceeded "),
        ("Canceller", "Cancelled "),
    ] {
        for variant in variants(&source, kind) {
            let name = format!("{prefix}{variant}");
            let is_told = told.iter().any(|told| *told == name || told.starts_with(&format!("{name} ")));
            // What nothing gives yet needs no test yet.
            let is_given = code.contains(&format!("{kind}::{variant}"));
            assert!(is_told || !is_given, "`{name}` has no row in tests/errors/main.rs");
        }
    }
}
