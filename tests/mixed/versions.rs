//! Nodes with no version of the protocol in common: each end says what both speak.

use std::os::unix::net::UnixListener;
use std::time::Duration;

use atasks::{Loss, Placement, StartError, TaskError};
use atasks_cluster::session::frame::Frame;
use atasks_cluster::session::greeting::{Greeting, RefusalReason, Role, VERSIONS};
use tokio::time::Instant;

use super::peer::{LATER, OTHER, Peer, hello};
use super::{Over, Place, builder, is_up};
use crate::programs::{Ended, Running, program, run};
use crate::shared::call;

const BOTH: &str = "speaks protocol versions 2 to 6, this one version 1: build this program with a newer atasks";

/// A node that listens and speaks another protocol.
fn other(listener: UnixListener) {
    std::thread::spawn(move || {
        loop {
            let mut peer = Peer::connected(listener.accept().unwrap().0);
            peer.greet(&hello("other", Role::Worker, OTHER, Vec::new()));
            peer.until_hung_up_on();
        }
    });
}

#[tokio::test]
async fn guarantee_10_whoever_dials_another_protocol_is_told_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other");
    other(UnixListener::bind(&path).unwrap());
    let address = format!("unix:{}", path.display());
    let short = builder().configure(|config| config.cluster.join_timeout = Duration::from_millis(300));
    let StartError::NoSeed(answers) = short.seed(&address).join().await.unwrap_err() else { panic!("another error") };
    println!("{answers:?}");
    assert!(answers.len() == 1 && answers[0].1.contains(BOTH), "{answers:?}");

    let mut client = program("old");
    client.env("ATASKS__CLUSTER__SEEDS", &address).env("ATASKS__CLUSTER__JOIN_TIMEOUT", "300ms");
    let Ended { code, said, .. } = run(client.arg("unchanged"));
    println!("{said}");
    assert!(code == Some(1) && said.contains(BOTH) && said.contains(&address), "{said}");

    // A worker serves whom it can, and says why it does not reach this one.
    let mut command = program("old");
    command.args(["worker", "--name", &format!("versions-{}", std::process::id()), "--seed", &address]);
    let (mut worker, _) = Running::worker(&mut command);
    println!("{}", worker.line(BOTH));
}

#[test]
fn guarantee_10_whoever_is_dialled_by_another_protocol_says_both_versions() {
    let (mut worker, address) = Place::new(Over::Unix, "dialled", 0).start_with_seeds("old", [].into_iter());
    let mut peer = Peer::connect(&address);
    peer.greet(&hello("other", Role::Client, OTHER, Vec::new()));
    let Greeting::Hello(theirs) = peer.greeting() else { panic!("no hello") };
    assert_eq!(theirs.versions, VERSIONS);
    let refusal = peer.refusal();
    println!("{}", refusal.text);
    assert_eq!(refusal.reason, RefusalReason::OtherProtocol);
    assert_eq!(refusal.text, "it speaks protocol version 1, not versions 2 to 6");
    println!("{}", worker.line("was not let in: the other end speaks protocol versions 2 to 6"));
}

#[tokio::test]
async fn a_node_that_comes_back_with_another_protocol_is_lost_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("comes-back");
    let listener = UnixListener::bind(&path).unwrap();
    let place = Place {
        over: Over::Unix,
        name: format!("comes-back-{}", std::process::id()),
        address: format!("unix:{}", path.display()),
    };
    // Its tasks are those of any worker.
    let print = {
        let of = Place::new(Over::Unix, "prints", 0);
        let _worker = of.start("old", &[]);
        let node = super::client(&[&of]).await;
        let found = node.tasks().into_iter().find(|task| task.name == "upgrade::body_changed").unwrap().fingerprint;
        node.leave().await;
        found
    };
    let own = hello(&place.name, Role::Worker, LATER, vec![place.address.clone()]);
    std::thread::spawn(move || {
        let mut peer = Peer::accept(&listener, &own).unwrap();
        peer.introduce(&[("upgrade::body_changed".to_owned(), print)]);
        peer.wait_for("a call", |_, frame| matches!(frame, Frame::Invoke(_)).then_some(()));
        other(listener);
    });
    let node = builder().seed(&place.address).configure(|config| config.liveness.lost_after = Duration::from_secs(60));
    let node = node.join().await.unwrap();
    is_up(&node, &place, 1).await;
    let began = Instant::now();
    let error = node.scope(call("body_changed", Placement::Node(place.name.clone()))).await.unwrap_err();
    assert!(matches!(error, TaskError::NodeLost { reason: Loss::Closed, .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(30), "it was waited for");
}
