//! The awaits that an error passes on its way up, the nearest first, whatever type carries it.

use std::time::Duration;

use atasks::{Canceller, Crash, Error, Hop, Loss, Node, Placement, TaskError, Waiting, testing::simulate_cluster};

#[derive(Debug, thiserror::Error, serde::Serialize, serde::Deserialize)]
enum Typed {
    #[error("something of its own")]
    Own,
    #[error(transparent)]
    Task(#[from] TaskError),
}

#[atasks::task]
async fn bottom(refuses: bool) -> Result<u32, Typed> {
    if refuses {
        return Err(Typed::Own);
    }
    panic!("at the bottom");
}

#[atasks::task]
async fn typed_middle() -> Result<u32, Typed> {
    tokio::task::yield_now().await;
    bottom(false).await
}

#[atasks::task]
async fn typed_top() -> Result<u32, Typed> {
    Ok(typed_middle().await? + 1)
}

const TYPED: [u32; 2] = [line!() - 8, line!() - 3];

#[atasks::task]
async fn erased_middle() -> atasks::Result<u32> {
    Ok(bottom(false).await? + 1)
}

#[atasks::task]
async fn erased_top() -> atasks::Result<u32> {
    tokio::task::yield_now().await;
    Ok(erased_middle().await? + 1)
}

const ERASED: [u32; 2] = [line!() - 9, line!() - 3];

fn expected(awaits: &[(&str, u32)]) -> Vec<Hop> {
    let node = atasks::node().unwrap().id().to_string();
    let hop = |(task, line): &(&str, u32)| Hop {
        task: format!("atasks::hops::{task}"),
        node: node.clone(),
        site: format!("{}:{line}", file!()),
    };
    awaits.iter().map(hop).collect()
}

#[track_caller]
fn check(crash: &Crash, awaits: &[(&str, u32)]) {
    assert_eq!((crash.task(), crash.message()), ("atasks::hops::bottom", "at the bottom"));
    assert_eq!(crash.hops(), expected(awaits), "{crash:?}");
}

#[atasks::test]
async fn a_crash_carries_three_hops_through_typed_errors() {
    let error = typed_top().await.unwrap_err();
    let here = line!() - 1;
    let Typed::Task(TaskError::Crashed(crash)) = error else { panic!("{error:?}") };
    check(&crash, &[("bottom", TYPED[0]), ("typed_middle", TYPED[1]), ("typed_top", here)]);
}

#[atasks::test]
async fn a_crash_carries_three_hops_through_the_erased_error() {
    let error = erased_top().await.unwrap_err();
    let here = line!() - 1;
    let Some(TaskError::Crashed(crash)) = error.task_error() else { panic!("{error:?}") };
    let awaits = [("bottom", ERASED[0]), ("erased_middle", ERASED[1]), ("erased_top", here)];
    check(crash, &awaits);
    assert_eq!(error.hops(), expected(&awaits));
    // What `main` shows names all of them.
    let shown = format!("{error:?}");
    assert!(expected(&awaits).iter().all(|hop| shown.contains(&hop.site)), "{shown}");
}

#[atasks::test(sim = 3)]
async fn hops_are_kept_between_nodes() {
    let error = erased_top().await.unwrap_err();
    let tasks: Vec<_> = error.hops().iter().map(|hop| &hop.task[..]).collect();
    assert_eq!(tasks, ["atasks::hops::bottom", "atasks::hops::erased_middle", "atasks::hops::erased_top"]);
    assert!(error.hops()[2].node.starts_with("client"), "{error:?}");
}

#[atasks::test]
async fn a_tasks_own_error_carries_hops_when_it_is_erased() {
    #[atasks::task]
    async fn refuse() -> atasks::Result<u32> {
        Err(Error::msg("a reason").context("what failed"))
    }

    #[atasks::task]
    async fn above() -> atasks::Result<u32> {
        Ok(refuse().await? + 1)
    }

    let error = above().await.unwrap_err();
    let here = line!() - 1;
    assert_eq!((error.to_string(), error.causes().collect::<Vec<_>>()), ("what failed".into(), vec!["a reason"]));
    assert_eq!(error.hops(), expected(&[("refuse", here - 3), ("above", here)]));
    assert!(error.task_error().is_none());
}

#[atasks::test]
async fn a_typed_error_can_be_erased_on_its_way() {
    #[atasks::task]
    async fn erases() -> atasks::Result<u32> {
        Ok(bottom(true).await?)
    }

    let error = erases().await.unwrap_err();
    assert_eq!((error.to_string(), error.task_error()), ("something of its own".into(), None));
}

#[atasks::test]
async fn no_more_than_16_hops_are_kept_and_those_are_the_nearest() {
    #[atasks::task]
    async fn deep(depth: u32) -> atasks::Result<u32> {
        match depth {
            0 => Ok(bottom(false).await?),
            _ => deep(depth - 1).await,
        }
    }

    let error = deep(30).await.unwrap_err();
    assert_eq!(error.hops().len(), 16);
    assert_eq!(error.hops()[0].task, "atasks::hops::bottom");
    assert!(error.hops()[1..].iter().all(|hop| hop.task == "atasks::hops::deep"));
}

#[atasks::task]
async fn sleeps(_load: Vec<u8>) -> atasks::Result<()> {
    tokio::time::sleep(Duration::from_secs(3600)).await;
    Ok(())
}

/// What cannot be encoded, though its shape can be told.
#[derive(Debug, serde::Deserialize)]
struct Unsendable;

impl serde::Serialize for Unsendable {
    fn serialize<S: serde::Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it cannot be sent"))
    }
}

#[atasks::task(version = "1")]
async fn fails_to_encode(_what: Unsendable) -> atasks::Result<()> {
    Ok(())
}

/// Awaits one that is late, and passes that on.
#[atasks::task]
async fn gives_up() -> atasks::Result<()> {
    sleeps(Vec::new()).timeout(Duration::from_secs(1)).await
}

const GIVES_UP: u32 = line!() - 3;

/// Says what failed as a program's `main` does, and that the await at `line` is named by it.
#[track_caller]
fn names(result: atasks::Result<()>, line: u32, is_this: fn(&TaskError) -> bool) {
    let error = result.unwrap_err();
    println!("{{}}   Error: {error}\n{{:?}} Error: {error:?}\n");
    let (site, task) = (format!("{}:{line}", file!()), "`atasks::hops::sleeps`");
    assert!(error.task_error().is_some_and(is_this), "{error:?}");
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(shown.contains(&site) && shown.contains(task), "{shown}");
    }
}

#[test]
fn whatever_befalls_a_call_the_error_names_the_task_and_the_await() {
    simulate_cluster([Node::builder(), Node::builder()], 1, async |cluster| {
        let [stays, leaver] = cluster.workers() else { panic!("{cluster:?}") };
        let call = || sleeps(Vec::new());
        let here = line!() - 1;
        let second = || tokio::time::sleep(Duration::from_secs(1));
        let late = |error: &TaskError| matches!(error, TaskError::DeadlineExceeded { waited_for: Waiting::Result, .. });
        names(call().timeout(Duration::from_secs(1)).await, here, late);
        names(call().place(Placement::Local).await, here, |error| matches!(error, TaskError::Unplaced { .. }));
        let nobody = call().place(Placement::Node("nobody".into())).await;
        names(nobody, here, |error| matches!(error, TaskError::Unplaced { .. }));
        let large = sleeps(vec![0; 65 << 20]).await;
        names(large, line!() - 1, |error| matches!(error, TaskError::TooLarge { .. }));
        let unsendable = fails_to_encode(Unsendable).await;
        let error = unsendable.unwrap_err();
        println!("{error}\n{error:?}\n");
        assert!(matches!(error.task_error(), Some(TaskError::Codec { .. })) && error.hops().len() == 1, "{error:?}");
        names(call().wait(), here, |error| matches!(error, TaskError::WouldBlock));
        let (lost, ()) = tokio::join!(call().on(leaver.id().clone()), async {
            second().await;
            leaver.leave().await;
        });
        names(lost, here, |error| matches!(error, TaskError::NodeLost { reason: Loss::Left, .. }));
        // Over two awaits and the wire: the nearest is named, and in the long form all are.
        let error = gives_up().await.unwrap_err();
        let top = line!() - 1;
        println!("{error}\n{error:?}\n");
        let shown = format!("{error:?}");
        assert!(error.to_string().contains(&format!("{}:{GIVES_UP}", file!())), "{error}");
        assert!([GIVES_UP, top].iter().all(|line| shown.contains(&format!("{}:{line}", file!()))), "{shown}");
        let (drained, rejected, ()) = tokio::join!(
            call(),
            async {
                second().await;
                second().await;
                call().place(Placement::Node("w0".into())).await
            },
            async {
                second().await;
                stays.drain().await;
            }
        );
        names(rejected, here, |error| matches!(error, TaskError::Rejected { .. }));
        names(drained, here, |error| matches!(error, TaskError::Cancelled { by: Canceller::Drain, .. }));
        cluster.client().leave().await;
        names(call().await, here, |error| matches!(error, TaskError::NotJoined));
    });
}
