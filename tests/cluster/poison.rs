//! A task that ends its process, below retries: it costs the cluster two workers, and no more.

use atasks::{Node, Placement, TaskError};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Over, Worker, client};
use crate::programs::{PATIENCE, is_running};
use crate::tasks::{links, poison, poisoned_branches, take_turns, whereabouts};

const WORKERS: usize = 6;

/// Workers that nobody starts again but the test itself, and a client.
struct Cluster {
    name: &'static str,
    workers: Vec<Worker>,
    started: usize,
    node: Node,
}

impl Cluster {
    async fn start(name: &'static str) -> Self {
        let first = Worker::new(Over::Unix, &format!("{name}-0"), &[]);
        let node = client(&[&first.address]).join().await.unwrap();
        let mut cluster = Self { name, workers: vec![first], started: 1, node };
        cluster.fill_up().await;
        cluster
    }

    /// Has so many workers again, each linked to all others.
    async fn fill_up(&mut self) {
        while self.workers.len() < WORKERS {
            let seeds: Vec<_> = self.workers.iter().map(|worker| worker.address.as_str()).collect();
            let worker = Worker::new(Over::Unix, &format!("{}-{}", self.name, self.started), &seeds);
            self.workers.push(worker);
            self.started += 1;
        }
        let complete = async {
            loop {
                let linked = self.node.scope(links().everywhere()).await;
                let complete = |linked: &Vec<_>| linked.iter().all(|(_, others)| *others == Ok(WORKERS - 1));
                if linked.is_ok_and(|linked| linked.len() == WORKERS && complete(&linked)) {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, complete).await.unwrap();
    }

    /// Has the turns of all nodes stand anywhere.
    async fn shuffle(&self, rng: &mut StdRng) {
        let turns = |rng: &mut StdRng| rng.random_range(0..WORKERS as u32);
        for _ in 0..turns(rng) {
            self.node.scope(whereabouts().place(Placement::Spread)).await.unwrap();
        }
        for worker in &self.workers {
            let place = worker.place(&self.node);
            self.node.scope(take_turns(turns(rng)).place(place)).await.unwrap();
        }
    }

    /// Lets go of those that have ended, and tells how many. The others answer.
    async fn bury(&mut self) -> usize {
        let before = self.workers.len();
        self.workers.retain(|worker| is_running(worker.process.pid()));
        let dead = before - self.workers.len();
        for worker in &self.workers {
            self.node.scope(whereabouts().place(worker.place(&self.node))).await.unwrap();
        }
        dead
    }
}

#[track_caller]
fn says_so(error: &TaskError) {
    let TaskError::NodeLost { node, before, .. } = error else { panic!("{error:?}") };
    assert!(before.len() == 1 && before[0] != *node, "{error:?}");
    let text = error.to_string();
    for part in [&node.to_string(), &before[0].to_string(), "it is not repeated", "ends its process"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn a_task_that_ends_its_process_costs_two_workers_however_deep() {
    let mut cluster = Cluster::start("deep").await;
    let mut dead = 0;
    let mut cases = 0;
    for seed in [3, 17] {
        for (depth, spread) in (1..=5).flat_map(|depth| [(depth, false), (depth, true)]) {
            println!("seed {seed}, {depth} deep, spread: {spread}");
            let mut rng = StdRng::seed_from_u64(seed << 8 | u64::from(depth));
            cluster.shuffle(&mut rng).await;
            let call = poison(depth, spread);
            let call = if spread { call.place(Placement::Spread) } else { call };
            let error = cluster.node.scope(call).await.unwrap_err();
            println!("{error}");
            says_so(&error);
            dead += cluster.bury().await;
            cases += 1;
            assert_eq!(dead, 2 * cases);
            cluster.fill_up().await;
        }
    }
    // One that died late would have been found dead in the next case.
    assert_eq!((cluster.bury().await, dead), (0, 2 * cases));
}

#[tokio::test]
async fn of_many_branches_a_poisoned_one_costs_two_workers() {
    let mut cluster = Cluster::start("wide").await;
    for (seed, spread) in [(1, false), (2, true), (3, false), (4, true)] {
        println!("seed {seed}, spread: {spread}");
        cluster.shuffle(&mut StdRng::seed_from_u64(seed)).await;
        let error = cluster.node.scope(poisoned_branches(8, spread)).await.unwrap_err();
        println!("{error}");
        says_so(&error);
        assert_eq!(cluster.bury().await, 2);
        cluster.fill_up().await;
        assert_eq!(cluster.bury().await, 0);
    }
}
