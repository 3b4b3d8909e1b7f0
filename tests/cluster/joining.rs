//! Who finds whom, and who is let in.

use std::time::Duration;

use atasks::{Node, StartError};

use super::{BOTH, OTHER_SECRET, Over, Worker, client, nodes_are, two_workers};
use crate::programs::{PATIENCE, Running, program, run};
use crate::tasks::whereabouts;

#[tokio::test]
async fn a_client_joins_by_the_one_seed_that_lives() {
    for over in BOTH {
        let worker = Worker::new(over, "alive", &[]);
        for seeds in [["127.0.0.1:1", &worker.address], [&worker.address, "unix:nobody-is-here"]] {
            let node = client(&seeds).join().await.unwrap();
            node.scope(whereabouts()).await.unwrap();
            node.leave().await;
        }
    }
}

#[tokio::test]
async fn workers_and_clients_find_each_other_through_one_seed() {
    for over in BOTH {
        let ([first, second], node) = two_workers(over, "mesh").await;
        assert_ne!(first.id(&node), second.id(&node));
        let third = Worker::new(over, "mesh-3", &[&first.address]);
        tokio::time::timeout(PATIENCE, node.wait_for(3)).await.unwrap();
        // The second worker was told of the third, too: what runs on it can go there.
        let via = crate::tasks::time_left(Some(third.name(&node))).place(second.place(&node));
        node.scope(via).await.unwrap();
        drop(third);
        nodes_are(&node, 3).await;
    }
}

#[tokio::test]
async fn another_secret_is_refused_at_both_ends_and_both_say_so() {
    let mut worker = Worker::new(Over::Tls, "asked", &[]);
    let stranger = Node::builder().client().secret(OTHER_SECRET).seed(worker.address.clone());
    let stranger = stranger.configure(|config| config.cluster.join_timeout = Duration::from_secs(1));
    let error = stranger.join().await.unwrap_err();
    println!("{error}");
    assert!(matches!(&error, StartError::NoSeed(seeds) if seeds.len() == 1 && seeds[0].0 == worker.address), "{error}");
    assert!(error.to_string().contains("secret"), "{error}");
    println!("{}", worker.process.line("this cluster's secret"));
    client(&[&worker.address]).join().await.unwrap();
}

#[tokio::test]
async fn two_workers_of_different_secrets_do_not_meet() {
    let first = Worker::new(Over::Tls, "apart", &[]);
    let mut other = program("launched");
    let other = other.args(["worker", "--listen", "127.0.0.1:0", "--seed", &first.address]);
    let (mut other, address) = Running::worker(other.env("ATASKS__CLUSTER__SECRET", OTHER_SECRET));
    println!("{}", other.line("another secret"));
    let node = Node::builder().client().secret(OTHER_SECRET).seed(address).join().await.unwrap();
    node.scope(whereabouts()).await.unwrap();
    assert_eq!(node.nodes().len(), 2, "{:?}", node.nodes());
}

#[test]
fn the_users_own_secret_is_enough_on_one_machine() {
    let home = tempfile::tempdir().unwrap();
    let mut worker = program("launched");
    worker.args(["worker", "--listen", "127.0.0.1:0"]).env("XDG_STATE_HOME", home.path());
    let (_worker, address) = Running::worker(&mut worker);
    let mut client = program("launched");
    let ended = run(client.arg("x").env("XDG_STATE_HOME", home.path()).env("ATASKS__CLUSTER__SEEDS", &address));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(home.path().join("atasks/secret").exists());

    let elsewhere = tempfile::tempdir().unwrap();
    let mut client = program("launched");
    client.arg("x").env("XDG_STATE_HOME", elsewhere.path()).env("ATASKS__CLUSTER__SEEDS", &address);
    let ended = run(client.env("ATASKS__CLUSTER__JOIN_TIMEOUT", "1s"));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.said.contains("secret"), "{ended:?}");
}
