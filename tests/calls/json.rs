//! Calls by name, in JSON, of tasks of all kinds of types.

use std::collections::BTreeMap;

use atasks::{JsonReturn, Node, Payload, TaskError};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Pair<A, B> {
    one: A,
    other: B,
}

#[derive(Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(f64),
    Box { width: u32, height: Option<u32> },
}

/// An error without a text.
#[derive(Serialize, Deserialize)]
enum Mute {
    Twice { times: u32 },
    Task(TaskError),
}

impl From<TaskError> for Mute {
    fn from(error: TaskError) -> Self {
        Self::Task(error)
    }
}

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
enum Spoken {
    #[error("no {0} here")]
    Absent(String),
    #[error("it could not run")]
    Task(#[from] TaskError),
}

#[atasks::task(name = "json/swap")]
async fn swap(pair: Pair<Pair<u8, String>, Vec<Shape>>) -> atasks::Result<Pair<Vec<Shape>, Pair<u8, String>>> {
    Ok(Pair { one: pair.other, other: pair.one })
}

#[atasks::task(name = "json/reverse")]
async fn reverse(mut bytes: Vec<u8>) -> atasks::Result<Vec<u8>> {
    bytes.reverse();
    Ok(bytes)
}

#[atasks::task(name = "json/nothing")]
async fn nothing() -> atasks::Result<()> {
    Ok(())
}

#[atasks::task(name = "json/huge")]
async fn huge(number: u128, by: BTreeMap<i8, bool>) -> atasks::Result<(u128, BTreeMap<i8, bool>)> {
    Ok((number, by))
}

#[atasks::task(name = "json/mute")]
async fn mute() -> Result<(), Mute> {
    Err(Mute::Twice { times: 2 })
}

#[atasks::task(name = "json/spoken")]
async fn spoken(what: String) -> Result<(), Spoken> {
    Err(Spoken::Absent(what))
}

#[atasks::task(name = "json/erased")]
async fn erased() -> atasks::Result<()> {
    Err(atasks::Error::msg("the disk is full").context("nothing was kept"))
}

#[atasks::task(name = "json/message", message = Greet)]
async fn greet(name: String, times: Option<u32>) -> atasks::Result<String> {
    Ok(format!("hello {name}").repeat(times.unwrap_or(1) as usize))
}

async fn call(name: &str, arguments: &str) -> Result<JsonReturn, TaskError> {
    Node::loopback().await.unwrap().call_json(name, arguments).await
}

#[track_caller]
fn refused(returned: Result<JsonReturn, TaskError>) -> String {
    match returned {
        Err(TaskError::Codec { stage: Payload::Arguments, message }) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn values_of_all_kinds_cross_as_serde_writes_them() {
    for (name, arguments, result) in [
        (
            "json/swap",
            r#"{"pair": {"one": {"one": 1, "other": "é\n"}, "other": ["Point", {"Circle": 1.5}, {"Box": {"width": 3}}]}}"#,
            r#"{"one":["Point",{"Circle":1.5},{"Box":{"width":3,"height":null}}],"other":{"one":1,"other":"é\n"}}"#,
        ),
        ("json/reverse", r#"{"bytes": [1, 2, 255]}"#, "[255,2,1]"),
        ("json/reverse", r#"["abc"]"#, "[99,98,97]"),
        ("json/nothing", "{}", "null"),
        ("json/nothing", "[]", "null"),
        (
            "json/huge",
            r#"[340282366920938463463374607431768211455, {"-1": true}]"#,
            r#"[340282366920938463463374607431768211455,{"-1":true}]"#,
        ),
        ("json/message", r#"{"name": "you", "times": 2}"#, r#""hello youhello you""#),
        ("json/message", r#"{"name": "you"}"#, r#""hello you""#),
    ] {
        assert_eq!(call(name, arguments).await, Ok(JsonReturn::Ok(result.to_owned())), "{name}");
    }
}

#[tokio::test]
async fn a_tasks_own_error_comes_as_a_value_and_as_text_if_it_has_one() {
    let text = |text: &str| Some(text.to_owned());
    let told = async |name: &str, arguments: &str| match call(name, arguments).await {
        Ok(JsonReturn::Err { value, text }) => (value, text),
        other => panic!("{other:?}"),
    };
    assert_eq!(told("json/mute", "{}").await, (r#"{"Twice":{"times":2}}"#.to_owned(), None));
    assert_eq!(told("json/spoken", "[\"disk\"]").await, (r#"{"Absent":"disk"}"#.to_owned(), text("no disk here")));
    let (_, chain) = told("json/erased", "{}").await;
    assert_eq!(chain, text("nothing was kept\n  caused by: the disk is full"));
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_told_by_place_and_did_not_run() {
    let error = call("json/message", r#"{"name": "you", "tims": 2}"#).await.unwrap_err();
    assert_eq!(error.ran(), atasks::Ran::No);
    let told = refused(Err(error));
    assert!(told.contains("unknown field `tims`, expected `name` or `times`"), "{told}");
    assert!(told.contains("line 1, column 22"), "{told}");

    let told = refused(call("json/swap", r#"{"pair": {"one": {"one": 256}}}"#).await);
    assert!(told.starts_with("`pair.one.one`, line 1, column 28: invalid value: integer `256`, expected u8"), "{told}");
    let told = refused(call("json/nothing", r#"{"argument": 1}"#).await);
    assert!(told.contains("unknown field `argument`"), "{told}");
    let told = refused(call("json/reverse", "{}").await);
    assert!(told.contains("missing field `bytes`") && told.contains(r#"looks like {"bytes":[]}"#), "{told}");
    let told = refused(call("json/reverse", "{").await);
    assert!(told.contains("EOF while parsing"), "{told}");
}
