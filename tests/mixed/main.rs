//! Builds of one program that differ, in one cluster: guarantee 10.
//!
//! This binary has the tasks of the old build and is a client; workers and clients of both builds are processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../programs/upgrade/old.rs"]
mod changed;
#[path = "../programs/mod.rs"]
mod programs;
#[path = "../programs/upgrade/shared.rs"]
mod shared;

mod calls;
mod newer;
mod peer;
mod rolling;
mod tool;
mod types;
mod versions;

use std::process::Command;
use std::time::Duration;

use atasks::{Node, NodeBuilder, TaskError, Unplaced};
use tokio::time::Instant;

use programs::{Ended, PATIENCE, Running, program, run};
use shared::{Done, here};

/// Without a name of its own, and in a third file: neither build has this one.
#[atasks::task]
async fn greet() -> Done<String> {
    Ok(format!("greets by a test, {}", here()))
}

/// A secret of 32 random bytes.
const SECRET: &str = "8d20e6a1975b3cf4481e07d9bc6aa35f10f7c2846e9b5d03a8714cf6209be5d7";

/// How a worker is reached.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Over {
    Unix,
    Tls,
}

/// A worker that can be started again, as one build or the other: it has a name and a place of its own.
struct Place {
    over: Over,
    name: String,
    address: String,
}

impl Place {
    fn new(over: Over, test: &str, number: usize) -> Self {
        let name = format!("{test}-{over:?}-{number}-{}", std::process::id()).to_lowercase();
        let address = match over {
            Over::Unix => format!("unix:{name}"),
            Over::Tls => std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string(),
        };
        Self { over, name, address }
    }

    /// Starts a worker of this build here; it knows of the others.
    fn start(&self, build: &str, others: &[&Self]) -> Running {
        self.start_with_seeds(build, others.iter().map(|other| &other.address[..])).0
    }

    /// The same; the second part is where it listens.
    fn start_with_seeds<'a>(&self, build: &str, seeds: impl Iterator<Item = &'a str>) -> (Running, String) {
        let mut command = program(build);
        command.args(["worker", "--listen", &self.address, "--name", &self.name]);
        command.args(seeds.flat_map(|seed| ["--seed", seed]));
        command.env("ATASKS__NODE__EXECUTORS", "1").envs(TIMES);
        if self.over == Over::Tls {
            command.env("ATASKS__CLUSTER__SECRET", SECRET);
        }
        Running::worker(&mut command)
    }
}

/// Only refusals wait for so long. And on a machine that is busy with other things nobody is lost for it.
const PLACE_TIMEOUT: Duration = Duration::from_millis(500);
const LOST_AFTER: Duration = Duration::from_secs(30);
const TIMES: [(&str, &str); 2] =
    [("ATASKS__PLACEMENT__PLACE_TIMEOUT", "500ms"), ("ATASKS__LIVENESS__LOST_AFTER", "30s")];

/// A client of the old build, in this process.
async fn client(places: &[&Place]) -> Node {
    let builder = places.iter().fold(builder(), |builder, place| builder.seed(&place.address));
    let node = builder.join().await.unwrap();
    tokio::time::timeout(PATIENCE, node.wait_for(places.len())).await.unwrap();
    node
}

fn builder() -> NodeBuilder {
    Node::builder().client().secret(SECRET).configure(|config| {
        config.placement.place_timeout = PLACE_TIMEOUT;
        config.liveness.lost_after = LOST_AFTER;
    })
}

/// A client of this build, without orders.
fn client_of(build: &str, places: &[&Place]) -> Command {
    let seeds: Vec<_> = places.iter().map(|place| &place.address[..]).collect();
    let mut command = program(build);
    command.env("ATASKS__CLUSTER__SEEDS", seeds.join(",")).env("ATASKS__CLUSTER__SECRET", SECRET);
    command.envs(TIMES);
    command
}

/// What a client of this build says to these orders (see `shared::obey`).
fn client_says(build: &str, places: &[&Place], orders: &[&str]) -> Vec<String> {
    let Ended { code, said, .. } = run(client_of(build, places).args(orders));
    assert_eq!(code, Some(0), "{said}");
    orders
        .iter()
        .map(|order| {
            let line = said.lines().find_map(|line| line.strip_prefix(&format!("{order}: ")));
            line.unwrap_or_else(|| panic!("nothing of {order:?} in {said}")).to_owned()
        })
        .collect()
}

/// Waits until a worker of the place is up, and not draining, with the tasks that it has told; and no more than `count` workers.
async fn is_up(node: &Node, place: &Place, count: usize) {
    let end = Instant::now() + PATIENCE;
    loop {
        let nodes = node.nodes();
        let up = nodes.iter().any(|info| info.id.name() == place.name && !info.draining);
        if up && nodes.len() == count + 1 {
            return;
        }
        assert!(Instant::now() < end, "{} is not up: {nodes:?}", place.name);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Why nobody could run a call.
#[track_caller]
fn unplaced(ended: Done<String>) -> (Unplaced, String) {
    match ended {
        Err(error @ TaskError::Unplaced { .. }) => {
            let text = error.to_string();
            let TaskError::Unplaced { reason, .. } = error else { unreachable!() };
            (reason, text)
        }
        other => panic!("{other:?}"),
    }
}
