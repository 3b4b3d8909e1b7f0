//! What a running task knows of itself, and of its process.

use std::time::Duration;

use atasks::{InvocationId, Node, NodeId, Result, TaskError, current, try_current};
use tokio::time::Instant;

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Facts {
    id: InvocationId,
    parent: Option<InvocationId>,
    root: InvocationId,
    attempt: u32,
    node: NodeId,
    task: String,
    has_deadline: bool,
}

impl Facts {
    fn of_current() -> Self {
        let me = current();
        Self {
            id: me.id(),
            parent: me.parent(),
            root: me.root(),
            attempt: me.attempt(),
            node: me.node().clone(),
            task: me.task().name().to_owned(),
            has_deadline: me.deadline().is_some_and(|deadline| deadline > Instant::now()),
        }
    }
}

#[atasks::task]
async fn leaf() -> Result<Vec<Facts>> {
    tokio::task::yield_now().await;
    Ok(vec![Facts::of_current()])
}

#[atasks::task(blocking)]
fn blocking_leaf() -> Result<Vec<Facts>> {
    Ok(vec![Facts::of_current()])
}

/// The facts of a task, its child and its grandchildren.
#[atasks::task]
async fn tree(depth: u32) -> Result<Vec<Facts>> {
    let mut facts = vec![Facts::of_current()];
    facts.extend(match depth {
        0 => {
            let (leaf, blocking) = tokio::try_join!(leaf(), blocking_leaf())?;
            leaf.into_iter().chain(blocking).collect()
        }
        _ => tree(depth - 1).await?,
    });
    // After its children it still is who it was.
    assert_eq!(Facts::of_current().id, facts[0].id);
    Ok(facts)
}

#[atasks::test]
async fn a_task_knows_its_place_in_the_tree() {
    let facts = tree(1).timeout(Duration::from_secs(3600)).await.unwrap();
    let [top, middle, leaf, blocking] = &facts[..] else { panic!("{facts:?}") };
    assert_eq!((top.parent, top.root), (None, top.id));
    assert_eq!((middle.parent, leaf.parent, blocking.parent), (Some(top.id), Some(middle.id), Some(middle.id)));
    let me = atasks::node().unwrap().id().clone();
    for one in &facts {
        assert_eq!((one.root, one.attempt, &one.node, one.has_deadline), (top.id, 1, &me, true));
    }
    assert_eq!((&top.task[..], &blocking.task[..]), ("atasks::context::tree", "atasks::context::blocking_leaf"));
    assert!(!leaf.has_deadline || leaf.id != top.id);
}

#[test]
fn outside_of_a_task_current_panics_with_the_fix() {
    assert!(try_current().is_none());
    let panic = std::panic::catch_unwind(|| drop(current())).unwrap_err();
    let text =
        panic.downcast_ref::<&str>().map(ToString::to_string).or(panic.downcast_ref::<String>().cloned()).unwrap();
    for fix in ["outside of a task", "atasks::spawn(..)", "current().scope(..)", "try_current()"] {
        assert!(text.contains(fix), "{text}");
    }
}

#[atasks::task]
async fn advance() -> Result<Vec<(u64, u64, String)>> {
    let mut seen = Vec::new();
    for done in 1..=2 {
        current().progress(done, 2, format!("step {done}"));
        tokio::task::yield_now().await;
        seen.extend(current().last_progress().map(|progress| (progress.done, progress.total, progress.text)));
    }
    Ok(seen)
}

#[atasks::test]
async fn the_last_progress_is_kept() {
    assert_eq!(advance().await.unwrap(), [(1, 2, "step 1".into()), (2, 2, "step 2".into())]);
}

struct Pool(u32);
struct Missing;

#[atasks::task]
async fn use_pool() -> Result<u32> {
    Ok(atasks::state::<Pool>().0)
}

#[atasks::task]
async fn use_missing() -> Result<()> {
    let _ = atasks::state::<Missing>();
    Ok(())
}

#[atasks::test]
async fn state_is_what_was_set_before_joining() {
    let node = Node::builder().state(Pool(7)).loopback().await.unwrap();
    assert_eq!(node.scope(async { use_pool().await }).await.unwrap(), 7);
    node.leave().await;
}

#[atasks::test]
async fn missing_state_is_a_crash_that_names_the_type() {
    let error = use_missing().await.unwrap_err();
    let Some(TaskError::Crashed(crash)) = error.task_error() else { panic!("{error:?}") };
    assert!(crash.message().contains("calls::context::Missing"), "{crash}");
    assert!(crash.message().contains("NodeBuilder::state"), "{crash}");
    assert!(crash.location().unwrap().starts_with(file!()), "{crash}");
}
