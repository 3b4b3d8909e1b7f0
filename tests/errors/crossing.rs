//! Every error crosses as itself, in the erased error and in one of the user's own.

use std::time::Duration;

use atasks::{Canceller, Loss, NodeId, Payload, Ran, Rejection, Result, TaskError, Unplaced, Waiting};

#[derive(Clone, Debug, PartialEq, thiserror::Error, serde::Serialize, serde::Deserialize)]
enum Typed {
    #[error("own {0}")]
    Own(String),
    #[error(transparent)]
    Task(#[from] TaskError),
}

#[atasks::task]
async fn fail_typed(error: Typed, hops: u32) -> std::result::Result<(), Typed> {
    if hops == 0 { Err(error) } else { fail_typed(error, hops - 1).await }
}

#[atasks::task]
async fn fail_erased(error: TaskError, hops: u32) -> Result<()> {
    if hops == 0 { Err(error.into()) } else { fail_erased(error, hops - 1).await }
}

const RAN: [Ran; 3] = [Ran::No, Ran::Maybe, Ran::Yes];
const WAITING: [Waiting; 4] = [Waiting::Placement, Waiting::Link, Waiting::Executor, Waiting::Result];
const CANCELLERS: [Canceller; 6] =
    [Canceller::Caller, Canceller::Parent, Canceller::Loss, Canceller::Operator, Canceller::Drain, Canceller::Leave];
const LOSSES: [Loss; 7] =
    [Loss::Left, Loss::Closed, Loss::Silent, Loss::Restarted, Loss::Evicted, Loss::Exited(3), Loss::Killed(9)];

fn unplaced() -> [Unplaced; 7] {
    [
        Unplaced::NoWorkers,
        Unplaced::NotRegistered { nearest: vec!["u".into(), "v".into()] },
        Unplaced::VersionMismatch { here: "5678".into(), there: vec![(NodeId::new("n", 7), "1234".into())] },
        Unplaced::Labels,
        Unplaced::Draining,
        Unplaced::NoSuchNode("m".into()),
        Unplaced::NotAWorker,
    ]
}

/// Every variant with every value of its parts; crashes have tests of their own.
fn all() -> Vec<TaskError> {
    let (node, task) = (NodeId::new("n", 7), "t".to_owned());
    let mut all = vec![TaskError::NotJoined, TaskError::WouldBlock];
    all.extend(unplaced().map(|reason| TaskError::Unplaced { task: task.clone(), reason }));
    for reason in [Rejection::Draining, Rejection::TreeTooLarge { task, count: 9, bytes: 90_000, limit: 80_000 }] {
        all.push(TaskError::Rejected { node: node.clone(), reason });
    }
    for what in [Payload::Arguments, Payload::Result, Payload::Baggage] {
        all.push(TaskError::TooLarge { size: 1 << 40, limit: 8, what });
        all.push(TaskError::Codec { stage: what, message: "m".into() });
    }
    let after = Duration::from_nanos(1_000_000_007);
    for ran in RAN {
        all.extend(LOSSES.map(|reason| TaskError::NodeLost { node: node.clone(), reason, ran, before: vec![] }));
        all.extend(CANCELLERS.map(|by| TaskError::Cancelled { by, ran }));
        all.extend(WAITING.map(|waited_for| TaskError::DeadlineExceeded { after, waited_for, ran }));
    }
    all.push(TaskError::Other { code: 777, message: "of a newer version".into() });
    all
}

#[atasks::test]
async fn in_an_error_of_ones_own() {
    for error in all() {
        assert_eq!(fail_typed(error.clone().into(), 2).await, Err(Typed::Task(error)));
    }
    let own = Typed::Own("text".into());
    assert_eq!(fail_typed(own.clone(), 2).await, Err(own));
}

#[atasks::test]
async fn in_the_erased_error() {
    for error in all() {
        let came = fail_erased(error.clone(), 2).await.unwrap_err();
        assert_eq!(came.task_error(), Some(&error));
        assert_eq!(came.hops().len(), 3, "{came:?}");
        let nearest = &came.hops()[0];
        assert_eq!(
            came.to_string(),
            format!("{error} ({nearest})"),
            "what a newer version says is passed on as it came"
        );
    }
}

#[atasks::test(sim = 2)]
async fn between_nodes() {
    for error in all() {
        assert_eq!(fail_typed(error.clone().into(), 2).await, Err(Typed::Task(error.clone())));
        assert_eq!(fail_erased(error.clone(), 2).await.unwrap_err().task_error(), Some(&error));
    }
}

/// By `?` and by boxes, as in a program's `main`.
#[atasks::test]
async fn out_of_the_erased_error_into_a_box() {
    async fn boxed() -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        fail_erased(TaskError::WouldBlock, 0).await?;
        Ok(())
    }

    let error = boxed().await.unwrap_err();
    assert!(error.to_string().starts_with(&TaskError::WouldBlock.to_string()), "{error}");
    let cause = error.source().and_then(|source| source.downcast_ref::<TaskError>());
    assert_eq!(cause, Some(&TaskError::WouldBlock));
}
