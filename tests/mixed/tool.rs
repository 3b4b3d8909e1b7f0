//! Calls by the tool, which has no types of its own.

use std::process::Command;

use super::{Over, Place};
use crate::programs::program;

/// What `atasks call` says, and its exit code.
fn tool(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atasks"));
    // As for the programs: nothing of this environment names a cluster.
    for (name, _) in program("old").get_envs().filter(|(_, value)| value.is_none()) {
        command.env_remove(name);
    }
    let output = command.args(arguments).args(["--seed", &place.address]).output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    (output.status.code(), said)
}

#[test]
fn a_task_that_differs_is_called_only_where_it_is_said_to_be() {
    let [old, new] = [1, 2].map(|number| Place::new(Over::Unix, "tool", number));
    let _workers = [old.start("old", &[]), new.start("new", &[&old])];
    // An array goes by the order of the fields, which is what has changed.
    for arguments in [r#"{"size": {"width": 3, "height": 4}}"#, r#"[[3, 4]]"#] {
        let (code, said) = tool(&old, &["call", "upgrade::fields_swapped", arguments]);
        println!("{said}");
        assert_eq!(code, Some(2), "{said}");
        for part in [&old.name[..], &new.name, "not the same on all nodes", "`--on NODE`"] {
            assert!(said.contains(part), "{part:?} is missing: {said}");
        }
    }
    for place in [&old, &new] {
        let named = r#"{"size": {"width": 3, "height": 4}}"#;
        let (code, said) = tool(&old, &["call", "upgrade::fields_swapped", named, "--on", &place.name]);
        assert!(code == Some(0) && said.contains("3 wide, 4 high"), "{said}");
    }
    // A field that one of them does not know, or lacks, is told by its name.
    let (code, said) = tool(&old, &["call", "upgrade::field_added", r#"[{"x": 1, "y": 2}]"#, "--on", &new.name]);
    println!("{said}");
    assert!(code == Some(2) && said.contains("missing field `z`"), "{said}");
    // What is the same needs no node, and what one build lacks goes where it is.
    for (task, ran) in [("body_changed", " on "), ("removed", "old on "), ("added", "new on ")] {
        let (code, said) = tool(&old, &["call", &format!("upgrade::{task}")]);
        assert!(code == Some(0) && said.contains(ran), "{said}");
    }
}
