//! Who finds whom, and who is let in.

use std::time::Duration;

use atasks::{Node, StartError};
use rustix::process::Signal;
use tokio::time::Instant;

use super::{BOTH, OTHER_SECRET, Over, SECRET, Worker, client, nodes_are, two_workers};
use crate::programs::{PATIENCE, Running, program, run};
use crate::tasks::{whereabouts, workers_known};

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

/// Where a worker says that it listens, before it does.
fn free_port() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn whoever_joins_by_one_seed_has_all_that_it_knows_in_hand() {
    for over in BOTH {
        let seed = Worker::new(over, "view-0", &[]);
        let others: Vec<_> =
            (1..5).map(|number| Worker::new(over, &format!("view-{number}"), &[&seed.address])).collect();
        let node = client(&[&seed.address]).join().await.unwrap();
        assert_eq!(node.nodes().len(), 6, "right after joining over {over:?}: {:?}", node.nodes());
        node.leave().await;
        // One that is gone without a word holds up nobody for long.
        others[0].process.signal(Signal::STOP);
        let began = Instant::now();
        let node = client(&[&seed.address]).join().await.unwrap();
        let (took, found) = (began.elapsed(), node.nodes().len());
        others[0].process.signal(Signal::CONT);
        assert!(took < Duration::from_secs(2) && found >= 5, "{found} nodes in {took:?}");
    }
}

#[tokio::test]
async fn a_worker_that_listens_everywhere_is_found_where_it_is_seen() {
    let start = |seeds: &[&str]| {
        let port = free_port().rsplit_once(':').unwrap().1.to_owned();
        let mut command = program("launched");
        command.args(["worker", "--listen", &format!("0.0.0.0:{port}")]).env("ATASKS__CLUSTER__SECRET", SECRET);
        command.args(seeds.iter().flat_map(|seed| ["--seed", *seed]));
        (Running::worker(&mut command).0, format!("127.0.0.1:{port}"))
    };
    let (_first, seed) = start(&[]);
    let _others = [start(&[&seed]), start(&[&seed])];
    // All of them by the one, and each of them has the others.
    let node = client(&[&seed]).min_workers(3).join().await.unwrap();
    let end = Instant::now() + PATIENCE;
    loop {
        let views = node.scope(workers_known().everywhere()).await.unwrap();
        if views.len() == 3 && views.iter().all(|(_, view)| view.as_ref().is_ok_and(|view| view.len() == 3)) {
            break;
        }
        assert!(Instant::now() < end, "{views:#?}");
    }
}

#[tokio::test]
async fn all_views_become_one_whatever_comes_and_goes() {
    for over in BOTH {
        let seed = Worker::new(over, "views-0", &[]);
        let start = |number: usize| Worker::new(over, &format!("views-{number}"), &[&seed.address]);
        let (killed, drained, _stays) = (start(1), start(2), start(3));
        let node = client(&[&seed.address]).min_workers(4).join().await.unwrap();
        drained.process.signal(Signal::TERM);
        let _comes = start(4);
        killed.process.signal(Signal::KILL);
        let _comes_too = start(5);
        let end = Instant::now() + PATIENCE;
        loop {
            let views = node.scope(workers_known().everywhere()).await.unwrap();
            let views: Vec<_> = views.into_iter().map(|(id, view)| (id, view.unwrap_or_default())).collect();
            let ids: Vec<_> = views.iter().map(|(id, _)| id.clone()).collect();
            if ids.len() == 4 && views.iter().all(|(_, view)| *view == ids) {
                break;
            }
            assert!(Instant::now() < end, "over {over:?}: {views:#?}");
        }
    }
}

#[tokio::test]
async fn a_node_may_be_its_own_seed_and_seeds_may_start_in_any_order() {
    let addresses = [free_port(), free_port(), free_port()];
    let start = |address: &str| {
        let mut command = program("launched");
        command.args(["worker", "--listen", address]).env("ATASKS__CLUSTER__SECRET", SECRET);
        Running::start(command.env("ATASKS__CLUSTER__SEEDS", addresses.join(",")))
    };
    let _workers: Vec<_> = addresses.iter().map(|address| start(address)).collect();
    let node = client(&[&addresses[2]]).min_workers(3).join().await.unwrap();
    assert_eq!(node.nodes().len(), 4);
}

#[tokio::test]
async fn a_name_that_leads_to_the_node_itself_leads_on_to_others() {
    // `localhost` stands for ::1 and 127.0.0.1 where both are there: one worker on each, one port.
    let port = free_port().rsplit_once(':').unwrap().1.to_owned();
    let (one, other) = (format!("127.0.0.1:{port}"), format!("[::1]:{port}"));
    if std::net::TcpListener::bind(&other).is_err() {
        println!("skipped: this machine has no ::1");
        return;
    }
    let start = |address: &str| {
        let mut command = program("launched");
        command.args(["worker", "--listen", address, "--seed", &format!("localhost:{port}")]);
        Running::worker(command.env("ATASKS__CLUSTER__SECRET", SECRET)).0
    };
    let _workers = [start(&one), start(&other)];
    for seed in [&one, &other] {
        client(&[seed]).min_workers(2).join().await.unwrap();
    }
}

#[tokio::test]
async fn a_name_lives_once() {
    for over in BOTH {
        let first = Worker::new(over, "once", &[]);
        let seen = client(&[&first.address]).join().await.unwrap();
        let (name, former) = (first.name(&seen), first.id(&seen));
        // Elsewhere: refused, and told at both ends.
        let mut command = program("launched");
        command.args(["worker", "--name", &name, "--seed", &first.address, "--listen"]);
        command.arg(if over == Over::Tls { "127.0.0.1:0".to_owned() } else { format!("unix:{name}-2") });
        let (mut second, _) = Running::worker(command.env("ATASKS__CLUSTER__SECRET", SECRET));
        let told = second.line("is taken by");
        assert!(told.contains(&former.to_string()) && told.contains("node.name"), "{told}");
        assert_eq!(seen.nodes().len(), 2, "{:?}", seen.nodes());
        seen.scope(whereabouts().on(former.clone())).await.unwrap();
        // A client of that name is told so by `join`.
        let refused = client(&[&first.address]).name(name.clone());
        let refused = refused.configure(|config| config.cluster.join_timeout = Duration::from_millis(300));
        let error = refused.join().await.unwrap_err().to_string();
        assert!(error.contains("is taken by"), "{error}");
        // At the same address: the former start is over.
        let address = first.address.clone();
        first.process.signal(Signal::KILL);
        drop(first);
        let mut command = program("launched");
        command.args(["worker", "--name", &name, "--listen", &address]);
        let (third, _) = Running::worker(command.env("ATASKS__CLUSTER__SECRET", SECRET));
        let again = Worker { process: third, address: address.clone() };
        nodes_are(&seen, 2).await;
        let end = Instant::now() + PATIENCE;
        while seen.nodes().iter().all(|info| info.id == former || info.id == *seen.id()) {
            assert!(Instant::now() < end, "{:?}", seen.nodes());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_ne!(again.id(&seen), former);
        seen.scope(whereabouts().place(again.place(&seen))).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_says_what_each_seed_has_answered() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let talker = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let talks = talker.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        use std::io::Write;
        for connection in talker.incoming().map_while(Result::ok) {
            let _ = (&connection).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let other = Worker::new(Over::Tls, "answers", &[]);
    let refuses = free_port();
    let silent = silent.local_addr().unwrap().to_string();
    let node = Node::builder().client().secret(OTHER_SECRET);
    let seeds = ["unix:nobody-is-here", &refuses, &silent, &talks, &other.address, "no-such-host.invalid:7"];
    let node = seeds.iter().fold(node, |node, seed| node.seed(*seed));
    let node = node.configure(|config| config.cluster.join_timeout = Duration::from_secs(4));
    let error = node.join().await.unwrap_err();
    println!("{error}");
    let StartError::NoSeed(answers) = error else { panic!("{error}") };
    let expected = ["no socket", "refused", "did not answer", "another protocol", "another secret", "no-such-host"];
    assert_eq!(answers.len(), expected.len());
    for ((seed, (address, answer)), expected) in seeds.iter().zip(&answers).zip(expected) {
        assert!(address == seed && answer.contains(expected), "{seed}: {answer}, not {expected}");
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
    println!("{}", other.line("another secret, or with none set"));
    let node = Node::builder().client().secret(OTHER_SECRET).seed(address).join().await.unwrap();
    node.scope(whereabouts()).await.unwrap();
    assert_eq!(node.nodes().len(), 2, "{:?}", node.nodes());
}

#[test]
fn a_worker_says_of_a_seed_that_gives_no_link_what_it_answers() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    let mut worker = program("launched");
    worker.args(["worker", "--listen", "127.0.0.1:0", "--seed", &silent, "--seed", "unix:nobody-is-here"]);
    let (mut worker, _) = Running::worker(worker.env("ATASKS__CLUSTER__SECRET", SECRET));
    for (seed, answer) in [(&silent[..], "in time"), ("nobody-is-here", "no socket")] {
        let line = worker.line(seed);
        println!("{line}");
        assert!(line.contains("a seed gives no link") && line.contains(answer), "{line}");
    }
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
    assert!(ended.said.contains("another secret, and none is set here"), "{ended:?}");
}
