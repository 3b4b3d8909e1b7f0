//! Types that the codec cannot carry: what whoever starts such a program is told.

use atasks::{Payload, Ran, TaskError};
use serde::{Deserialize, Serialize};

use crate::programs::{Ended, Running, program, run};
use crate::shared::Done;

/// Leaves its field out so seldom that no sample shows it.
#[derive(Serialize, Deserialize)]
struct Seldom {
    #[serde(default, skip_serializing_if = "is_unlucky")]
    number: u32,
    text: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_unlucky(number: &u32) -> bool {
    *number == 1313
}

#[atasks::task]
async fn seldom(value: Seldom, add: u32) -> Done<Seldom> {
    Ok(Seldom { number: value.number + add, ..value })
}

/// What the start of the program says, as a worker, or to call something.
#[track_caller]
fn refused(arguments: &[&str]) -> String {
    let mut command = program("unsendable");
    // A client that is refused dials nobody.
    let Ended { code, said, .. } =
        run(command.args(arguments).env("ATASKS__CLUSTER__SEEDS", "unix:nobody").env_remove("RUST_BACKTRACE"));
    assert_eq!(code, Some(1), "{said}");
    said
}

#[test]
fn guarantee_10_what_cannot_cross_refuses_the_start_by_task_and_type_all_at_once() {
    let worker = refused(&["worker"]);
    println!("{worker}");
    for (task, parts) in [
        ("untagged", &["its arguments cannot be encoded", "field `value` asks", "`untagged`"][..]),
        ("internally_tagged", &["::Internal` asks", "internally tagged"]),
        ("flattened", &["its result cannot be encoded", "`program_unsendable::Flat` asks", "`flatten`"]),
        ("any", &["`program_unsendable::Anything` asks", "`deserialize_any`"]),
        (
            "skipping",
            &["its arguments do not survive", "`skip_serializing_if` on field `note`", "remove the attribute"],
        ),
        ("one_way", &["its arguments do not survive", "do not match", "`skip_serializing`"]),
        ("vouched_for", &["field `value` asks", "`untagged`"]),
    ] {
        let start = format!("task `atasks::{task}` at tests/programs/unsendable.rs:");
        let line = worker.lines().find(|line| line.contains(&start)).unwrap_or_else(|| panic!("{task}: {worker}"));
        for part in parts {
            assert!(line.contains(part), "{part:?} is missing: {line}");
        }
    }
    assert_eq!(worker.lines().count(), 7, "{worker}");
    // The client is told the same before it has dialled anybody.
    assert_eq!(refused(&[]), worker);
}

#[test]
fn a_type_of_unknown_shape_is_warned_of_by_task_with_the_fix() {
    let mut command = program("old");
    let (mut worker, _) = Running::worker(command.args(["worker", "--name", &format!("warns-{}", std::process::id())]));
    let line = worker.line("shape of a type is not known");
    println!("{line}");
    for part in ["upgrade::unknown_shape", "its arguments: ", "not the word", "#[task(version = \"1\")]"] {
        assert!(line.contains(part), "{part:?} is missing: {line}");
    }
}

#[atasks::test]
async fn guarantee_10_a_field_that_is_left_out_is_refused_when_that_happens() {
    let value = |number| Seldom { number, text: "t".to_owned() };
    assert_eq!(seldom(value(1), 2).await.unwrap().number, 3);
    for (number, add, expected, ran) in [(1313, 0, Payload::Arguments, Ran::No), (1312, 1, Payload::Result, Ran::Yes)] {
        let Err(error) = seldom(value(number), add).await else { panic!("it was sent") };
        println!("{error}");
        assert!(matches!(error, TaskError::Codec { stage, .. } if stage == expected), "{error:?}");
        assert_eq!(error.ran(), ran);
        assert!(error.to_string().contains("`skip_serializing_if` on field `number`"), "{error}");
    }
}
