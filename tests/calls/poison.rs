//! Trees of calls in which one task ends its process wherever it runs: none costs more than two nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use atasks::testing::{Simulation, address};
use atasks::{InvocationId, Node, NodeId, Placement, TaskError, current};
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::sleep;

const WORKERS: u64 = 8;
const SEEDS: u64 = 24;
/// Messages are under way for less than the shortest pause before a repetition.
const WAY_MAX_MS: u64 = 10;

/// A call, and all that its body does.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tree {
    place: Place,
    millis: u64,
    at_once: bool,
    below: Vec<Tree>,
    /// It ends its process.
    poison: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Place {
    Auto,
    Spread,
    Key(u64),
    Node(u64),
}

impl Tree {
    /// Some call of it waits for a node that may be gone.
    fn names_a_node(&self) -> bool {
        matches!(self.place, Place::Node(_)) || self.below.iter().any(Self::names_a_node)
    }
}

/// How a root has ended, and whether some call of it names a node.
type End = (Result<(), TaskError>, bool);

type Deaths = UnboundedSender<(NodeId, InvocationId)>;

#[atasks::task(idempotent, retry = 5)]
async fn grow(tree: Tree) -> Result<(), TaskError> {
    sleep(Duration::from_millis(tree.millis)).await;
    if tree.poison {
        atasks::state::<Deaths>().send((current().node().clone(), current().root())).unwrap();
        std::future::pending::<()>().await;
    }
    if tree.at_once {
        return join_all(tree.below.into_iter().map(made)).await.into_iter().collect();
    }
    for below in tree.below {
        made(below).await?;
    }
    Ok(())
}

fn made(tree: Tree) -> atasks::TaskCall<Result<(), TaskError>> {
    let place = match tree.place {
        Place::Auto => Placement::Auto,
        Place::Spread => Placement::Spread,
        Place::Key(key) => Placement::Key(key),
        Place::Node(worker) => Placement::Node(format!("w{worker}")),
    };
    grow(tree).place(place)
}

/// A tree of this depth with poison at the bottom, and harmless calls beside the way there.
fn tree(rng: &mut StdRng, depth: u32) -> Tree {
    let mut below: Vec<_> = match depth {
        1 => Vec::new(),
        _ => (0..rng.random_range(0..4)).map(|_| harmless(rng)).collect(),
    };
    if depth > 1 {
        below.insert(rng.random_range(0..=below.len()), tree(rng, depth - 1));
    }
    Tree { below, poison: depth == 1, ..harmless(rng) }
}

fn harmless(rng: &mut StdRng) -> Tree {
    let place = match rng.random_range(0..10) {
        0..4 => Place::Auto,
        4..8 => Place::Spread,
        8 => Place::Key(rng.random_range(0..5)),
        _ => Place::Node(rng.random_range(0..WORKERS)),
    };
    let millis = if rng.random_bool(0.5) { 0 } else { rng.random_range(1..200) };
    Tree { place, millis, at_once: rng.random_bool(0.7), below: Vec::new(), poison: false }
}

/// Has nobody wait for long for a node that is gone.
fn soon_unplaced(config: &mut atasks::Config) {
    config.placement.place_timeout = Duration::from_secs(1);
}

/// Makes calls on a cluster in which a process ends when a task says so; gives how they ended, and what each root has cost.
fn run(seed: u64) -> (Vec<End>, BTreeMap<InvocationId, BTreeSet<NodeId>>) {
    Simulation::run(seed, async |simulation| {
        let rng = &mut StdRng::seed_from_u64(seed);
        let (deaths, mut dying) = unbounded_channel::<(NodeId, InvocationId)>();
        let mut workers: BTreeMap<NodeId, Node> = BTreeMap::new();
        let names: Vec<_> = (0..WORKERS).map(|worker| format!("w{worker}")).collect();
        let seeds = |builder, count| {
            names[..count].iter().fold(builder, |builder: atasks::NodeBuilder, seed| builder.seed(address(seed)))
        };
        for (at, name) in names.iter().enumerate() {
            let builder = simulation.worker(name).state::<Deaths>(deaths.clone()).configure(soon_unplaced);
            let builder = seeds(builder, at);
            let worker = simulation.start(builder).await.unwrap();
            workers.insert(worker.id().clone(), worker);
        }
        let client = seeds(simulation.client("client"), names.len()).min_workers(names.len()).join().await.unwrap();
        for one in names.iter().map(String::as_str).chain(["client"]) {
            for other in names.iter().filter(|other| *other != one) {
                let way = Duration::from_millis(rng.random_range(0..=WAY_MAX_MS));
                simulation.network().delay(one, other, way);
                simulation.network().delay(other, one, way);
            }
        }
        let mut cost: BTreeMap<InvocationId, BTreeSet<NodeId>> = BTreeMap::new();
        let roots: Vec<_> = (0..rng.random_range(1..=2))
            .map(|_| {
                let depth = rng.random_range(1..=5);
                tree(rng, depth)
            })
            .collect();
        let names_a_node: Vec<_> = roots.iter().map(Tree::names_a_node).collect();
        let ends = join_all(roots.into_iter().map(|root| client.scope(made(root))));
        let mut all = std::pin::pin!(async {
            let ends = ends.await;
            // Whoever is to die late does it now.
            sleep(Duration::from_secs(2)).await;
            ends
        });
        let ends = loop {
            tokio::select! {
                biased;
                Some((node, root)) = dying.recv() => {
                    // One that is dead already says nothing any more.
                    if let Some(worker) = workers.remove(&node) {
                        cost.entry(root).or_default().insert(node);
                        simulation.kill(&worker);
                    }
                }
                ends = &mut all => break ends,
            }
        };
        (ends.into_iter().zip(names_a_node).collect(), cost)
    })
}

#[test]
fn a_root_costs_two_nodes_at_most_however_its_calls_are_placed() {
    let mut costs = [0; 3];
    for seed in 1..=SEEDS {
        let (ends, cost) = run(seed);
        for (root, nodes) in &cost {
            assert!(nodes.len() <= 2, "seed {seed}: {root} has cost {nodes:?}");
            costs[nodes.len()] += 1;
        }
        for (end, names_a_node) in ends {
            let error = end.unwrap_err();
            let says_so = matches!(&error, TaskError::NodeLost { before, .. } if !before.is_empty());
            assert!(says_so || names_a_node, "seed {seed}: {error:?}");
        }
    }
    println!("seeds 1 to {SEEDS}: roots that have cost no, one, two nodes: {costs:?}");
    assert!(costs[2] > SEEDS / 2, "{costs:?}");
}

/// Ends its process at its first attempt; else tells where it runs.
#[atasks::task(idempotent, retry = 5)]
async fn die_at_first() -> Result<String, TaskError> {
    if current().attempt() == 1 {
        atasks::state::<Deaths>().send((current().node().clone(), current().root())).unwrap();
        std::future::pending::<()>().await;
    }
    Ok(current().node().name().to_owned())
}

/// Takes some turns of its node, and then makes the call on whose turn it is.
#[atasks::task]
async fn below(turns: u64) -> Result<String, TaskError> {
    for _ in 0..turns {
        made(Tree { place: Place::Spread, millis: 0, at_once: false, below: Vec::new(), poison: false }).await?;
    }
    die_at_first().place(Placement::Spread).await
}

#[atasks::task]
async fn above(turns: u64) -> Result<String, TaskError> {
    below(turns).place(Placement::Node("w1".into())).await
}

#[test]
fn after_a_loss_a_call_goes_neither_to_its_own_node_nor_to_that_of_the_task_above() {
    let mut elsewhere = 0;
    for turns in 0..5 {
        let (again, lost) = Simulation::run(1, async |simulation| {
            let (deaths, mut dying) = unbounded_channel::<(NodeId, InvocationId)>();
            let mut workers = Vec::new();
            for at in 0..5 {
                let builder = simulation.worker(&format!("w{at}")).state::<Deaths>(deaths.clone());
                let builder = (0..at).fold(builder, |builder, seed| builder.seed(address(&format!("w{seed}"))));
                workers.push(simulation.start(builder).await.unwrap());
            }
            let client = simulation.client("client").seed(address("w0")).min_workers(5).join().await.unwrap();
            workers[1].wait_for(5).await;
            let call = client.scope(above(turns).place(Placement::Node("w0".into())));
            let kill = async {
                let (lost, _) = dying.recv().await.unwrap();
                simulation.kill(workers.iter().find(|worker| *worker.id() == lost).unwrap());
                lost.name().to_owned()
            };
            tokio::join!(call, kill)
        });
        println!("after {turns} turns of w1 {lost} is lost; then {again:?}");
        if ["w0", "w1"].contains(&lost.as_str()) {
            assert!(matches!(again, Err(TaskError::NodeLost { .. })), "{lost}: {again:?}");
            continue;
        }
        let again = again.unwrap();
        assert!(!["w0", "w1"].contains(&again.as_str()), "{lost} was lost, and {again} risked");
        elsewhere += 1;
    }
    assert_eq!(elsewhere, 3);
}
