//! Where a call runs, when its caller says so, and what it gets when nobody is there.

use std::time::Duration;

use atasks::{Error, Loss, Node, NodeId, Placement, Ran, Result, TaskError, Unplaced, current};

#[atasks::task]
async fn whereabouts() -> Result<NodeId> {
    Ok(current().node().clone())
}

fn task_error(error: &Error) -> &TaskError {
    error.task_error().unwrap_or_else(|| panic!("{error:?}"))
}

#[atasks::test]
async fn a_worker_runs_what_is_placed_on_itself() {
    let me = atasks::node().unwrap().id().clone();
    for placement in
        [Placement::Auto, Placement::Local, Placement::Node(me.name().to_owned()), Placement::On(me.clone())]
    {
        assert_eq!(whereabouts().place(placement.clone()).await.unwrap(), me, "{placement:?}");
    }
    assert_eq!(whereabouts().on(me.clone()).await.unwrap(), me);
}

#[atasks::test(sim = 3)]
async fn a_call_runs_on_the_named_node() {
    for info in &atasks::node().unwrap().nodes()[1..] {
        assert_eq!(whereabouts().on(info.id.clone()).await.unwrap(), info.id);
        assert_eq!(whereabouts().place(Placement::Node(info.id.name().to_owned())).await.unwrap(), info.id);
    }
}

#[atasks::test]
async fn an_incarnation_that_is_gone_is_lost_at_once() {
    let me = atasks::node().unwrap().id().clone();
    let former = NodeId::new(me.name(), me.incarnation() ^ 1);
    let error = whereabouts().on(former.clone()).await.unwrap_err();
    assert_eq!(
        *task_error(&error),
        TaskError::NodeLost { node: former, reason: Loss::Closed, ran: Ran::No, before: vec![] }
    );
}

#[atasks::test]
async fn a_name_that_nobody_has_is_waited_for_so_long() {
    let within = Duration::from_millis(20);
    let builder = Node::builder().configure(move |config| config.placement.place_timeout = within);
    let node = builder.loopback().await.unwrap();
    let nobody = Placement::Node("nobody".into());
    let error = node.scope(async { whereabouts().place(nobody).await }).await.unwrap_err();
    let TaskError::Unplaced { task, reason } = task_error(&error) else { panic!("{error:?}") };
    assert_eq!((&task[..], reason), ("atasks::places::whereabouts", &Unplaced::NoSuchNode("nobody".into())));
    assert_eq!(task_error(&error).ran(), Ran::No);
    node.leave().await;
}

#[atasks::test(sim = 1)]
async fn a_client_runs_nothing_itself() {
    let error = whereabouts().place(Placement::Local).await.unwrap_err();
    let TaskError::Unplaced { reason: Unplaced::NotAWorker, .. } = task_error(&error) else { panic!("{error:?}") };
    assert_eq!(task_error(&error).ran(), Ran::No);
    let me = atasks::node().unwrap().id().clone();
    for placement in [Placement::On(me.clone()), Placement::Node(me.name().to_owned())] {
        let error = whereabouts().place(placement.clone()).await.unwrap_err();
        let refused = matches!(task_error(&error), TaskError::Unplaced { reason: Unplaced::NotAWorker, .. });
        assert!(refused, "{placement:?}: {error:?}");
    }
}

#[atasks::test(sim = 1)]
async fn a_worker_is_told_that_a_client_runs_nothing() {
    #[atasks::task]
    async fn on_its_caller(caller: String) -> Result<()> {
        whereabouts().place(Placement::Node(caller)).await.map(drop)
    }

    let me = atasks::node().unwrap().id().name().to_owned();
    let error = on_its_caller(me).await.unwrap_err();
    assert!(matches!(task_error(&error), TaskError::Unplaced { reason: Unplaced::NotAWorker, .. }), "{error:?}");
}
