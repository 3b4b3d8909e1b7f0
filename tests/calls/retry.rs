//! What is repeated, and what never is.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use atasks::{Placement, Ran, Result, Retry, TaskError, Unplaced, Waiting, current};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);
/// The default of `placement.place_timeout`.
const PLACE_TIMEOUT: Duration = Duration::from_secs(10);

#[atasks::task]
async fn attempt() -> Result<u32> {
    Ok(current().attempt())
}

fn nobody() -> Placement {
    Placement::Node("nobody".into())
}

#[atasks::test(sim = 1)]
async fn what_did_not_run_is_repeated_so_often() {
    for times in [0, 1, 3] {
        let start = Instant::now();
        let retry = Retry::times(times).backoff(SECOND, SECOND);
        let error = attempt().place(nobody()).retry(retry).await.unwrap_err();
        assert!(matches!(error.task_error(), Some(TaskError::Unplaced { reason: Unplaced::NoSuchNode(_), .. })));
        let took = start.elapsed();
        let waits = PLACE_TIMEOUT * (times + 1);
        assert!(took >= waits + times * SECOND / 2, "{times} repetitions took {took:?}");
        assert!(took <= waits + times * SECOND + SECOND / 2, "{times} repetitions took {took:?}");
    }
}

#[atasks::test(sim = 1)]
async fn repetitions_end_at_the_deadline() {
    let start = Instant::now();
    let error = attempt().place(nobody()).retry(Retry::times(1000)).timeout(25 * SECOND).await.unwrap_err();
    let error = error.task_error().unwrap();
    assert!(
        matches!(error, TaskError::DeadlineExceeded { waited_for: Waiting::Placement, ran: Ran::No, .. }),
        "{error:?}"
    );
    let took = start.elapsed();
    assert!(took >= 25 * SECOND && took < 26 * SECOND, "{took:?}");
}

#[atasks::test(sim = 1)]
async fn a_backoff_that_would_pass_the_deadline_is_not_waited_for() {
    let start = Instant::now();
    let retry = Retry::times(9).backoff(3600 * SECOND, 3600 * SECOND);
    let error = attempt().place(nobody()).retry(retry).timeout(60 * SECOND).await.unwrap_err();
    assert!(matches!(error.task_error(), Some(TaskError::Unplaced { .. })), "{error:?}");
    assert!(start.elapsed() < 11 * SECOND);
}

#[atasks::test]
async fn what_ran_is_never_repeated() {
    static RAN: AtomicU32 = AtomicU32::new(0);

    #[atasks::task(idempotent, retry = 5)]
    async fn fail(by_panic: bool) -> Result<()> {
        RAN.fetch_add(1, Ordering::SeqCst);
        assert!(!by_panic, "on purpose");
        Err(atasks::Error::msg("a result"))
    }

    for (by_panic, ran) in [(false, 1), (true, 2)] {
        fail(by_panic).idempotent().retry(Retry::times(5)).await.unwrap_err();
        assert_eq!(RAN.load(Ordering::SeqCst), ran);
    }
}

#[atasks::task]
async fn die_at_first() -> Result<u32> {
    match current().attempt() {
        1 => std::process::exit(3),
        attempt => Ok(attempt),
    }
}

#[atasks::test(cluster = 2)]
async fn what_may_have_run_is_repeated_only_if_idempotent() {
    let error = die_at_first().retry(Retry::times(5)).await.unwrap_err();
    assert_eq!(error.task_error().map(TaskError::ran), Some(Ran::Maybe), "{error:?}");
    assert_eq!(die_at_first().idempotent().retry(Retry::times(5)).await.unwrap(), 2);
}
