//! Workers of other programs: no call reaches one that lacks its task, or has another of that name.

use std::{collections::BTreeSet, time::Duration};

use atasks::{Node, NodeBuilder, Placement, Result, Unplaced};

use crate::{
    programs::{PATIENCE, Running, program},
    reason, whereabouts,
};

/// Another one than that of the programs, which gives a process.
#[atasks::task(name = "atasks::tasks::whereabouts")]
async fn mistaken() -> Result<u8> {
    Ok(0)
}

fn name(of: &str) -> String {
    format!("lacks-{of}-{}", std::process::id())
}

fn private(builder: NodeBuilder) -> NodeBuilder {
    builder.executors(1).configure(|config| config.placement.place_timeout = Duration::from_millis(200))
}

#[tokio::test]
async fn calls_go_only_to_those_that_have_the_task() {
    let mut command = program("launched");
    command.args(["worker", "--listen", "unix", "--name", &name("other")]).env("ATASKS__NODE__EXECUTORS", "1");
    let (_other, address) = Running::worker(&mut command);
    let able = private(Node::builder().worker().name(name("able")).listen("unix").seed(&address)).join().await.unwrap();
    let seeds = [&address, &able.address().unwrap()];
    let client = seeds.into_iter().fold(private(Node::builder().client()), |builder, seed| builder.seed(seed));
    let client = client.join().await.unwrap();
    tokio::time::timeout(PATIENCE, client.wait_for(2)).await.unwrap();

    let calls = async {
        let policy = Placement::policy(crate::policy::First);
        for n in 0..50 {
            for placement in [Placement::Auto, Placement::Spread, Placement::Key(n), policy.clone()] {
                assert_eq!(whereabouts().place(placement).await.unwrap(), *able.id());
            }
        }
        let answers = whereabouts().everywhere().await.unwrap();
        assert_eq!(answers.into_iter().map(|(node, _)| node).collect::<BTreeSet<_>>(), [able.id().clone()].into());
        // On the node that lacks it, whatever is asked.
        let nodes = client.nodes();
        let other = nodes.iter().find(|info| info.id.name() == name("other")).unwrap();
        for placement in [Placement::Node(name("other")), Placement::On(other.id.clone())] {
            let error = whereabouts().place(placement).await.unwrap_err();
            assert!(matches!(reason(&error), Unplaced::NotRegistered { .. }), "{error:?}");
        }
        // The able worker has this one, the other has another one of that name: it runs where it is the same.
        assert_eq!(mistaken().await.unwrap(), 0);
    };
    client.scope(calls).await;
    able.leave().await;

    let calls = async {
        let wide = [Placement::Auto, Placement::Spread, Placement::Key(1), Placement::Label("gpu".into())];
        for placement in wide.into_iter().chain([Placement::policy(crate::policy::First)]) {
            let error = whereabouts().place(placement.clone()).await.unwrap_err();
            let Unplaced::NotRegistered { nearest } = reason(&error) else { panic!("{placement:?}: {error:?}") };
            println!("{placement:?}: {error}, nearest {nearest:?}");
            let error = mistaken().place(placement.clone()).await.unwrap_err();
            let Unplaced::VersionMismatch { here, there } = reason(&error) else { panic!("{placement:?}: {error:?}") };
            assert!(there.len() == 1 && there[0].1 != *here, "{placement:?}: {error:?}");
        }
        let error = whereabouts().everywhere().await.unwrap_err();
        assert!(matches!(error, atasks::TaskError::Unplaced { reason: Unplaced::NotRegistered { .. }, .. }), "{error}");
    };
    client.scope(calls).await;
    client.leave().await;
}
