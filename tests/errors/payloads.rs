//! Arguments and results that are too large, or whose own code fails, at either end.

use atasks::{Node, Payload, Ran, Result, TaskError};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

const LIMIT: usize = 1000;
/// A text of more than 250 bytes has its length before it.
const PREFIX: usize = 3;
/// A result says first whether it is `Ok` or `Err`.
const RESULT: usize = 1;

#[atasks::task]
async fn measure(text: String) -> Result<usize> {
    Ok(text.len())
}

#[atasks::task]
async fn make(length: usize) -> Result<String> {
    Ok("x".repeat(length))
}

#[atasks::task]
async fn refuse(length: usize) -> std::result::Result<(), Refusal> {
    Err(Refusal::Long("x".repeat(length)))
}

#[derive(Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
enum Refusal {
    #[error("{0}")]
    Long(String),
    #[error(transparent)]
    Task(#[from] TaskError),
}

async fn small() -> Node {
    Node::builder().configure(|config| config.limits.payload_max = LIMIT).loopback().await.unwrap()
}

#[track_caller]
fn task_error<T: std::fmt::Debug>(result: Result<T>) -> TaskError {
    let error = result.unwrap_err();
    error.task_error().cloned().unwrap_or_else(|| panic!("{error:?}"))
}

#[atasks::test]
async fn arguments_above_the_limit_are_too_large_and_tell_their_size() {
    let node = small().await;
    let call = async |length: usize| node.scope(async { measure("x".repeat(length)).await }).await;
    let most = LIMIT - PREFIX;
    assert_eq!(call(most).await.unwrap(), most);
    for length in [most + 1, 50_000] {
        let error = task_error(call(length).await);
        assert_eq!(error, TaskError::TooLarge { size: length + PREFIX, limit: LIMIT, what: Payload::Arguments });
        assert_eq!(error.ran(), Ran::No);
    }
    node.leave().await;
}

#[atasks::test]
async fn a_result_above_the_limit_is_too_large_and_tells_its_size() {
    let node = small().await;
    let call = async |length: usize| node.scope(async { make(length).await }).await;
    let most = LIMIT - PREFIX - RESULT;
    assert_eq!(call(most).await.unwrap().len(), most);
    for length in [most + 1, 50_000] {
        let error = task_error(call(length).await);
        let size = length + PREFIX + RESULT;
        assert_eq!(error, TaskError::TooLarge { size, limit: LIMIT, what: Payload::Result });
        assert_eq!(error.ran(), Ran::Yes);
    }
    // An error of the task's own is a result.
    let refused = node.scope(async { refuse(50_000).await }).await.unwrap_err();
    assert!(matches!(refused, Refusal::Task(TaskError::TooLarge { what: Payload::Result, .. })), "{refused:?}");
    node.leave().await;
}

#[atasks::test]
async fn the_error_says_what_to_do() {
    let node = small().await;
    let text = node.scope(async { measure("x".repeat(5000)).await }).await.unwrap_err().to_string();
    assert!(text.contains("5003 bytes") && text.contains("1000") && text.contains("limits.payload_max"), "{text}");
    node.leave().await;
}

/// A number of which some values cannot be encoded, and some not decoded.
#[derive(Debug, PartialEq)]
struct Fussy(u64);

const ENCODE_PANICS: u64 = 0xA1_0000_0001;
const ENCODE_FAILS: u64 = 0xA1_0000_0002;
const DECODE_PANICS: u64 = 0xA1_0000_0003;
const DECODE_FAILS: u64 = 0xA1_0000_0004;

impl Serialize for Fussy {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0 {
            ENCODE_PANICS => panic!("encoding panics"),
            ENCODE_FAILS => Err(S::Error::custom("encoding fails")),
            number => number.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Fussy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            DECODE_PANICS => panic!("decoding panics"),
            DECODE_FAILS => Err(D::Error::custom("decoding fails")),
            number => Ok(Self(number)),
        }
    }
}

#[atasks::task]
async fn takes(fussy: Fussy) -> Result<u64> {
    Ok(fussy.0)
}

#[atasks::task]
async fn gives(number: u64) -> Result<Fussy> {
    Ok(Fussy(number))
}

#[atasks::task]
async fn takes_below(number: u64) -> Result<u64> {
    takes(Fussy(number)).await
}

const FAULTS: [(u64, &str); 4] = [
    (ENCODE_PANICS, "encoding panics"),
    (ENCODE_FAILS, "encoding fails"),
    (DECODE_PANICS, "decoding panics"),
    (DECODE_FAILS, "decoding fails"),
];

#[track_caller]
fn assert_codec(error: &TaskError, expected: Payload, ran: Ran, text: &str) {
    let TaskError::Codec { stage, message } = error else { panic!("{error:?}") };
    assert_eq!((*stage, error.ran()), (expected, ran));
    assert!(message.contains(text), "{message}");
}

#[atasks::test]
async fn arguments_whose_code_fails_at_either_end_did_not_run() {
    assert_eq!(takes(Fussy(7)).await.unwrap(), 7);
    for (number, text) in FAULTS {
        assert_codec(&task_error(takes(Fussy(number)).await), Payload::Arguments, Ran::No, text);
        assert_codec(&task_error(takes_below(number).await), Payload::Arguments, Ran::No, text);
    }
    assert_eq!(takes(Fussy(8)).await.unwrap(), 8);
}

#[atasks::test]
async fn a_result_whose_code_fails_at_either_end_did_run() {
    assert_eq!(gives(7).await.unwrap(), Fussy(7));
    for (number, text) in FAULTS {
        assert_codec(&task_error(gives(number).await), Payload::Result, Ran::Yes, text);
    }
    assert_eq!(gives(8).await.unwrap(), Fussy(8));
}

#[atasks::test(sim = 1)]
async fn it_is_the_same_between_nodes() {
    for (number, text) in FAULTS {
        assert_codec(&task_error(takes(Fussy(number)).await), Payload::Arguments, Ran::No, text);
        assert_codec(&task_error(gives(number).await), Payload::Result, Ran::Yes, text);
    }
    assert_eq!(takes(Fussy(8)).await.unwrap(), 8);
}
