//! A body that panics: its caller is told what and where, and nothing else goes down.

use atasks::{Crash, Error, Ran, Result, TaskError};
use futures::future::join_all;
use tokio::task::yield_now;

/// The line of the first panic below; the others follow one a line.
const FIRST: u32 = line!() + 10;

#[atasks::task]
async fn crash(kind: String, suspended: bool) -> Result<u32> {
    if suspended {
        yield_now().await;
    }
    let list: Vec<u32> = Vec::new();
    let at = list.len() + 7;
    match &kind[..] {
        "str" => panic!("plain"),
        "string" => panic!("number {at}"),
        "any" => std::panic::panic_any(7u32),
        "unwrap" => Ok(kind.parse().unwrap()),
        "index" => Ok(list[at]),
        "bomb" => std::panic::panic_any(Bomb),
        "resume" => std::panic::resume_unwind(Box::new("quiet")),
        _ => Ok(1),
    }
}

const BLOCKING: u32 = line!() + 4;

#[atasks::task(blocking)]
fn crash_blocking() -> Result<()> {
    panic!("in a blocking task");
}

/// A payload whose own destructor panics.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in the payload's destructor");
    }
}

#[track_caller]
fn crash_of<T: std::fmt::Debug>(result: Result<T>) -> Crash {
    let error: Error = result.unwrap_err();
    assert_eq!(error.task_error().map(TaskError::ran), Some(Ran::Yes), "{error:?}");
    match error.task_error() {
        Some(TaskError::Crashed(crash)) => crash.clone(),
        other => panic!("{other:?}"),
    }
}

fn at(line: u32) -> String {
    format!("{}:{line}", file!())
}

#[atasks::test]
async fn it_tells_what_and_where_for_payloads_of_any_kind() {
    let me = atasks::node().unwrap().id().clone();
    let no_text = "a panic whose payload is not text";
    for suspended in [false, true] {
        for (line, kind, message) in [
            (0, "str", "plain"),
            (1, "string", "number 7"),
            (2, "any", no_text),
            (3, "unwrap", "called `Result::unwrap()` on an `Err` value: ParseIntError { kind: InvalidDigit }"),
            (4, "index", "index out of bounds: the len is 0 but the index is 7"),
            (5, "bomb", no_text),
        ] {
            let mut call = crash(kind.into(), suspended);
            let crash = crash_of((&mut call).await);
            assert_eq!((crash.message(), crash.task()), (message, "atasks::crashes::crash"), "{kind}");
            assert_eq!(crash.location(), Some(&at(FIRST + line)[..]), "{kind}");
            assert_eq!((Some(crash.id()), crash.node()), (call.id(), &me), "{kind}");
        }
    }
}

#[atasks::test]
async fn a_panic_that_is_resumed_has_no_place() {
    for suspended in [false, true] {
        let crash = crash_of(crash("resume".into(), suspended).await);
        assert_eq!((crash.message(), crash.location()), ("quiet", None));
    }
}

#[atasks::test]
async fn a_blocking_task_crashes_like_any_other() {
    let crash = crash_of(crash_blocking().await);
    assert_eq!((crash.message(), crash.location()), ("in a blocking task", Some(&at(BLOCKING)[..])));
}

#[atasks::test]
async fn it_reads_as_one_sentence() {
    let error = crash("str".into(), false).await.unwrap_err();
    let node = atasks::node().unwrap().id().to_string();
    assert_eq!(error.to_string(), format!("task `atasks::crashes::crash` crashed on {node} at {}: plain", at(FIRST)));
}

#[atasks::test]
async fn it_takes_nothing_else_down() {
    #[atasks::task]
    async fn long(n: usize) -> Result<usize> {
        for _ in 0..n % 7 {
            yield_now().await;
        }
        Ok(n)
    }

    let kinds = ["str", "string", "any", "unwrap", "index", "bomb", "resume"];
    let crashes = (0..200).map(|n| crash(kinds[n % 7].into(), n % 2 == 0));
    let (crashed, lived) = tokio::join!(join_all(crashes), join_all((0..200).map(long)));
    crashed.into_iter().for_each(|result| drop(crash_of(result)));
    let lived: Vec<_> = lived.into_iter().map(Result::unwrap).collect();
    assert_eq!(lived, (0..200).collect::<Vec<_>>());
    assert_eq!(crash("none".into(), true).await.unwrap(), 1);
}

#[atasks::test]
async fn a_parent_survives_the_crash_of_its_child() {
    #[atasks::task]
    async fn parent() -> Result<(u32, String)> {
        let (crashed, fine) = tokio::join!(crash("str".into(), true), crash("none".into(), true));
        Ok((fine?, crash_of(crashed).message().to_owned()))
    }

    assert_eq!(parent().await.unwrap(), (1, "plain".into()));
}

#[atasks::test]
async fn a_panic_that_a_body_catches_is_none() {
    #[atasks::task]
    async fn catches() -> Result<u32> {
        let caught = std::panic::catch_unwind(|| -> u32 { panic!("caught") });
        Ok(caught.unwrap_or(7))
    }

    #[atasks::task]
    async fn passes_a_panic_on() -> Result<()> {
        let error = tokio::spawn(async { panic!("spawned") }).await.unwrap_err();
        std::panic::resume_unwind(error.into_panic())
    }

    assert_eq!(catches().await.unwrap(), 7);
    assert_eq!(crash_of(passes_a_panic_on().await).message(), "spawned");
}
