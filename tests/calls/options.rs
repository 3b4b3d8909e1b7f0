//! What is said of a call before it is awaited: time, names, baggage.

use std::time::Duration;

use atasks::{InvocationId, Payload, Ran, Result, TaskError, Waiting, current};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// How long the task still has.
#[atasks::task]
async fn remaining() -> Result<Option<Duration>> {
    Ok(current().deadline().map(|deadline| deadline.duration_since(Instant::now())))
}

#[atasks::task(timeout = "5s")]
async fn remaining_of_five() -> Result<Option<Duration>> {
    Ok(current().deadline().map(|deadline| deadline.duration_since(Instant::now())))
}

/// What a child that asks for `own` still has.
#[atasks::task]
async fn remaining_below(own: Duration) -> Result<Option<Duration>> {
    remaining().timeout(own).await
}

#[atasks::task]
async fn rest(time: Duration) -> Result<()> {
    sleep(time).await;
    Ok(())
}

#[track_caller]
fn assert_about(remaining: Option<Duration>, expected: Duration) {
    let remaining = remaining.expect("a deadline");
    // The clock of another node is known as well as the quickest of its heartbeats was quick.
    let most = expected + Duration::from_millis(5);
    assert!(remaining <= most && remaining >= expected.mul_f64(0.9), "{remaining:?} instead of {expected:?}");
}

#[atasks::test(sim = 1)]
async fn of_several_deadlines_the_earliest_holds() {
    assert_eq!(remaining().await.unwrap(), None);
    assert_about(remaining().timeout(3 * SECOND).await.unwrap(), 3 * SECOND);
    assert_about(remaining().timeout(3 * SECOND).timeout(9 * SECOND).await.unwrap(), 3 * SECOND);
    let soon = Instant::now() + SECOND;
    assert_about(remaining().timeout(3 * SECOND).deadline(soon).deadline(soon + SECOND).await.unwrap(), SECOND);
    assert_about(remaining_of_five().await.unwrap(), 5 * SECOND);
    assert_about(remaining_of_five().timeout(2 * SECOND).await.unwrap(), 2 * SECOND);
    assert_about(remaining_of_five().timeout(9 * SECOND).await.unwrap(), 5 * SECOND);
}

#[atasks::test(sim = 1)]
async fn a_deadline_is_inherited() {
    assert_about(remaining_below(9 * SECOND).timeout(2 * SECOND).await.unwrap(), 2 * SECOND);
    assert_about(remaining_below(SECOND).timeout(2 * SECOND).await.unwrap(), SECOND);
}

#[atasks::test(sim = 1)]
async fn a_timeout_counts_from_the_first_poll() {
    let call = remaining().timeout(2 * SECOND);
    sleep(60 * SECOND).await;
    assert_about(call.await.unwrap(), 2 * SECOND);
}

#[atasks::test(sim = 1)]
async fn a_call_ends_at_its_deadline_and_not_before() {
    rest(4 * SECOND).timeout(5 * SECOND).await.unwrap();
    let start = Instant::now();
    let error = rest(3600 * SECOND).timeout(5 * SECOND).await.unwrap_err();
    assert_about(Some(start.elapsed()), 5 * SECOND + SECOND / 10);
    let Some(TaskError::DeadlineExceeded { after, waited_for: Waiting::Result, ran }) = error.task_error() else {
        panic!("{error:?}")
    };
    assert_about(Some(*after), 5 * SECOND + SECOND / 10);
    assert_ne!(*ran, Ran::No);
}

#[atasks::test]
async fn a_deadline_in_the_past_starts_nothing() {
    let error = rest(Duration::ZERO).deadline(Instant::now() - SECOND).await.unwrap_err();
    let error = error.task_error().unwrap();
    assert!(
        matches!(error, TaskError::DeadlineExceeded { waited_for: Waiting::Executor, ran: Ran::No, .. }),
        "{error:?}"
    );
}

#[atasks::test]
async fn an_endless_timeout_is_no_deadline() {
    assert_eq!(remaining().timeout(Duration::MAX).await.unwrap(), None);
}

#[atasks::task]
async fn label() -> Result<Option<String>> {
    Ok(current().label().map(str::to_owned))
}

#[atasks::test]
async fn a_name_is_kept_up_to_255_bytes() {
    assert_eq!(label().await.unwrap(), None);
    assert_eq!(label().named("the first").await.unwrap().as_deref(), Some("the first"));
    // Three bytes each: the one that is cut through goes.
    let long = label().named("€".repeat(100)).await.unwrap();
    assert_eq!(long, Some("€".repeat(85)));
}

#[atasks::task]
async fn baggage(keys: Vec<String>) -> Result<Vec<Option<String>>> {
    Ok(keys.iter().map(|key| current().baggage(key).map(str::to_owned)).collect())
}

#[atasks::task]
async fn baggage_below(keys: Vec<String>) -> Result<Vec<Option<String>>> {
    baggage(keys).baggage("added", "below").baggage("changed", "below").await
}

#[atasks::test(sim = 2)]
async fn baggage_follows_over_hops() {
    let keys: Vec<String> = ["user", "added", "changed", "absent"].map(Into::into).into();
    let here = baggage(keys.clone()).baggage("user", "ann").baggage("changed", "above").await.unwrap();
    assert_eq!(here, [Some("ann".into()), None, Some("above".into()), None]);
    let below = baggage_below(keys).baggage("user", "ann").baggage("changed", "above").await.unwrap();
    assert_eq!(below, [Some("ann".into()), Some("below".into()), Some("below".into()), None]);
}

#[atasks::test]
async fn baggage_has_a_bound() {
    let fits = baggage(vec!["key".into()]).baggage("key", "x".repeat(4093)).await.unwrap();
    assert_eq!(fits[0].as_ref().map(String::len), Some(4093));
    let error = baggage(vec![]).baggage("key", "x".repeat(4000)).baggage("more", "x".repeat(93)).await.unwrap_err();
    let error = error.task_error().unwrap();
    assert_eq!(*error, TaskError::TooLarge { size: 4100, limit: 4096, what: Payload::Baggage });
    assert_eq!(error.ran(), Ran::No);
    // What is inherited counts as well.
    let error = baggage_below(vec![]).baggage("key", "x".repeat(4080)).await.unwrap_err();
    assert!(matches!(error.task_error(), Some(TaskError::TooLarge { what: Payload::Baggage, .. })), "{error:?}");
}

#[atasks::task]
async fn own_id() -> Result<InvocationId> {
    Ok(current().id())
}

#[atasks::test]
async fn the_id_of_a_call_is_that_of_the_task() {
    let mut call = own_id();
    assert_eq!(call.id(), None);
    let id = (&mut call).await.unwrap();
    assert_eq!(call.id(), Some(id));
    assert_ne!(own_id().await.unwrap(), id);
}
