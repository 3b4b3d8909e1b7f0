//! Calls are values of one type, and are awaited like any other.

use atasks::{Result, TaskCall, TaskError};

#[atasks::task]
async fn fib(n: u64) -> Result<u64> {
    if n < 2 {
        return Ok(n);
    }
    let (a, b) = tokio::try_join!(fib(n - 1), fib(n - 2))?;
    Ok(a + b)
}

#[atasks::task]
async fn even(n: u64) -> Result<bool> {
    if n == 0 { Ok(true) } else { odd(n - 1).await }
}

#[atasks::task]
async fn odd(n: u64) -> Result<bool> {
    if n == 0 { Ok(false) } else { even(n - 1).await }
}

#[atasks::task]
async fn nothing() -> Result<()> {
    Ok(())
}

/// Its arguments have names of tasks, and one is changed.
#[atasks::task]
async fn named(mut fib: u64, even: u64, r#type: String, _unused: Option<u8>) -> Result<u64> {
    fib += even;
    Ok(fib + u64::from(r#type == "sum"))
}

/// Its error is the caller's own.
#[atasks::task(retry = 2, idempotent)]
async fn typed(text: String) -> std::result::Result<u64, ParseError> {
    text.parse().or(Err(ParseError::NoNumber(text)))
}

/// What can go wrong in `typed`.
#[derive(Debug, PartialEq, thiserror::Error, serde::Serialize, serde::Deserialize)]
enum ParseError {
    #[error("`{0}` is no number")]
    NoNumber(String),
    #[error(transparent)]
    Task(#[from] TaskError),
}

#[atasks::task]
async fn bytes(list: Vec<u8>, inside: Option<Vec<u8>>) -> Result<Vec<u8>> {
    Ok([list, inside.unwrap_or_default()].concat())
}

/// A plain function that blocks its thread.
#[atasks::task(blocking, max = 2)]
fn sum(numbers: Vec<u64>) -> Result<u64> {
    Ok(numbers.iter().sum())
}

#[atasks::test]
async fn awaits_have_the_type_that_the_signature_states() -> Result<()> {
    assert_eq!(fib(7).await?, 13);
    assert!(even(3).await.is_ok_and(|even| !even));
    nothing().await?;
    assert_eq!(named(1, 2, "sum".to_owned(), None).await?, 4);
    assert_eq!(typed("7".to_owned()).await, Ok(7));
    assert_eq!(typed("seven".to_owned()).await, Err(ParseError::NoNumber("seven".to_owned())));
    assert_eq!(sum(vec![1, 2]).await?, 3);
    Ok(())
}

#[atasks::test]
async fn bytes_arrive_as_they_were() -> Result<()> {
    assert_eq!(bytes(vec![0, 255], Some(vec![7])).await?, [0, 255, 7]);
    assert!(bytes(Vec::new(), None).await?.is_empty());
    Ok(())
}

#[atasks::test]
async fn calls_of_different_tasks_go_into_one_list() -> Result<()> {
    let calls: Vec<TaskCall<Result<u64>>> = vec![fib(5), named(1, 1, String::new(), None), sum(vec![4])];
    let mut results = Vec::new();
    for call in calls {
        results.push(call.await?);
    }
    assert_eq!(results, [5, 2, 4]);
    Ok(())
}

#[atasks::test]
async fn a_call_is_sent_to_another_thread() -> Result<()> {
    assert_eq!(tokio::spawn(fib(6)).await??, 8);
    Ok(())
}

#[test]
fn tasks_are_passed_as_functions() {
    fn calls(make: impl Fn(u64) -> TaskCall<Result<u64>>) -> usize {
        (0..3).map(make).count()
    }
    assert_eq!(calls(fib), 3);
}

#[tokio::test]
async fn a_body_runs_without_a_node() -> Result<()> {
    assert_eq!(sum(vec![1, 2, 3]).run().await?, 6);
    Ok(())
}
