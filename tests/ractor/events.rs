//! Supervision events that an actor hears of other nodes.

use atasks::{Event, TaskError};

use crate::actors::listen;
use crate::support::soon;
use crate::tasks::{Done, Failed, double, gateway_of};
use crate::worker;

/// Has a task crash on another node, and hears of it here.
#[atasks::task]
async fn hears_a_crash(gateway: String) -> Done<()> {
    let gateway = gateway_of(&gateway, None).await;
    let mut told = listen(&gateway).await;
    let crashed = gateway.call(double(7).place(atasks::Placement::Local)).await;
    assert!(matches!(crashed, Err(Failed::Task(TaskError::Crashed(_)))), "{crashed:?}");
    loop {
        let (node, event) = soon(told.recv()).await.unwrap();
        assert_eq!(node, gateway.node().to_string());
        if let Event::Crashed(subject, crash) = event {
            assert_eq!((subject.task, crash.message()), ("atasks::tasks::double", "seven is too much"));
            return Ok(());
        }
    }
}

#[atasks::test(cluster = 2)]
async fn an_ordinary_actor_hears_of_a_crash_on_another_node() {
    for gateway in ["local-0", "local-1"] {
        hears_a_crash(gateway.into()).place(worker(0)).await.unwrap();
    }
}

/// Hears nothing more of a node whose gateway is killed, and is told so.
#[atasks::task]
async fn hears_the_end(gateway: String) -> Done<()> {
    let gateway = gateway_of(&gateway, None).await;
    let mut told = listen(&gateway).await;
    let _ = gateway.call(double(1).place(atasks::Placement::Local)).await;
    crate::failures::kills("gateway".into()).on(gateway.node().clone()).await?;
    let last = soon(async {
        let mut last = None;
        while let Some((_, event)) = told.recv().await {
            let is_end = matches!(event, Event::Unwatched(_));
            last = Some(event);
            if is_end {
                break;
            }
        }
        last
    });
    assert_eq!(last.await, Some(Event::Unwatched(gateway.node().clone())));
    Ok(())
}

#[atasks::test(cluster = 2)]
async fn the_end_of_what_is_heard_is_told() {
    hears_the_end("local-1".into()).place(worker(0)).await.unwrap();
}
