//! One run: starts the cluster of a seed, has its nodes call each other while faults happen, and waits for the end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use atasks::testing::{Counts, Simulation, address, windows};
use atasks::{Event, Node, NodeBuilder, NodeId, TaskError};
use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::ledger::{End, Entries, Ledger};
use crate::model;
use crate::plan::{BUSY, Fault, Plan};
use crate::work::{Call, Doing, Maker, Place, make};

/// Longest that the last await may take after the last heal: no call takes that long.
pub(crate) const SETTLED_WITHIN: Duration = Duration::from_secs(240);
/// Then all that was left behind is gone, and lost nodes have found each other again.
const TIDY_AFTER: Duration = Duration::from_secs(6);
/// What a link holds beyond its backlog: one payload, for whose last chunk there was room, and what is no Invoke.
const BEYOND_BACKLOG: usize = 800_000;
const LOOK_EVERY: Duration = Duration::from_millis(37);
const PLACE_TIMEOUT: Duration = Duration::from_secs(3);

/// What came of a seed.
#[derive(Debug)]
#[allow(dead_code, reason = "the tests need less of it than the example")]
pub(crate) struct Report {
    pub(crate) calm: bool,
    pub(crate) awaits: usize,
    pub(crate) bodies: usize,
    pub(crate) faults: usize,
    pub(crate) losses: usize,
    /// Of all that happened, in order.
    pub(crate) hash: u64,
    pub(crate) lines: Vec<String>,
    /// What should never happen.
    pub(crate) breaches: Vec<String>,
}

/// What happened on a node, and when.
pub(crate) type Told = (Duration, NodeId, Event);

/// What the model looks at, beside the ledger.
#[derive(Default)]
pub(crate) struct Ends {
    pub(crate) hung: bool,
    pub(crate) counts: Vec<(NodeId, Counts)>,
    pub(crate) events: Vec<Told>,
    /// Nodes that kept more than they may.
    pub(crate) crowded: Vec<String>,
}

struct Run<'a> {
    simulation: &'a Simulation,
    plan: &'a Plan,
    seed: u64,
    ledger: Ledger,
    maker: Maker,
    nodes: RefCell<BTreeMap<String, Node>>,
    events: Arc<Mutex<Vec<Told>>>,
    crowded: RefCell<Vec<String>>,
}

/// What is done to a node.
enum Order {
    Kill(Duration),
    Unplug(Duration),
    Drain(Duration),
    Leave(Duration),
}

/// Runs a seed, and judges it.
pub(crate) fn run(seed: u64) -> Report {
    let plan = Plan::new(seed);
    let (ledger, ends) = Simulation::run(seed, async |simulation| {
        let maker = Maker { workers: plan.workers };
        let ledger = Ledger::new();
        let (nodes, events, crowded) = Default::default();
        let run = Run { simulation, plan: &plan, seed, ledger, maker, nodes, events, crowded };
        let ends = run.to_the_end().await;
        (run.ledger, ends)
    });
    let breaches = model::judge(&plan, &ledger, &ends);
    let entries = ledger.entries();
    let lines = lines(&entries, &ends.events);
    let mut hasher = DefaultHasher::new();
    lines.hash(&mut hasher);
    Report {
        calm: plan.calm,
        awaits: entries.awaits.len(),
        bodies: entries.bodies.len(),
        faults: plan.faults.len(),
        losses: ends.events.iter().filter(|(_, _, event)| matches!(event, Event::NodeLost(..))).count(),
        hash: hasher.finish(),
        lines,
        breaches,
    }
}

/// All that happened, to be compared with another run of the same seed.
fn lines(entries: &Entries, events: &[Told]) -> Vec<String> {
    let events = events.iter().map(|(at, node, event)| match event {
        // Its backtrace is read anew only now and then.
        Event::Crashed(subject, _) => format!("{at:?} {node} crashed {subject:?}"),
        // Of calls that end with their node, whichever goes first cancels the other.
        Event::Cancelled(subject, _) => format!("{at:?} {node} cancelled {subject:?}"),
        event => format!("{at:?} {node} {event:?}"),
    });
    let awaits = entries.awaits.iter().map(|(key, awaited)| match &awaited.ended {
        Some((at, End::Dropped | End::Killed)) => format!("{key} {at:?} given up"),
        Some((at, End::Failed(TaskError::Cancelled { ran, .. }))) => format!("{key} {at:?} cancelled {ran:?}"),
        Some((at, End::Failed(TaskError::Crashed(crash)))) => format!("{key} {at:?} {}", crash.message()),
        ended => format!("{key} {ended:?}"),
    });
    let bodies = entries.bodies.iter().map(|body| format!("{body:?}"));
    let mut lines: Vec<_> = events.chain(awaits).chain(bodies).collect();
    // A node that ends stops its actors in the order of ractor's own map, all of them at one moment.
    lines.sort_unstable();
    lines
}

impl Run<'_> {
    async fn to_the_end(&self) -> Ends {
        let mut orders = BTreeMap::new();
        let workers = (0..self.plan.workers).map(|worker| format!("w{worker}"));
        let names = workers.chain((0..self.plan.clients).map(|client| format!("c{client}")));
        let lives: Vec<_> = names
            .map(|name| {
                let (give, take) = mpsc::unbounded_channel();
                orders.insert(name.clone(), give);
                self.life(name, take)
            })
            .collect();
        let all = async {
            let ended = Cell::new(false);
            let busy = async {
                tokio::join!(biased; self.faults(orders), join_all(lives));
                ended.set(true);
            };
            tokio::join!(biased; busy, self.watch(&ended));
        };
        let hung = timeout(BUSY + SETTLED_WITHIN, all).await.is_err();
        let mut ends = Ends { hung, ..Ends::default() };
        if !hung {
            sleep(TIDY_AFTER).await;
            self.count(&mut ends).await;
            self.probe().await;
            sleep(Duration::from_secs(1)).await;
            self.count(&mut ends).await;
        }
        ends.crowded = self.crowded.take();
        ends.events = std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner));
        ends
    }

    /// Looks now and then at what nodes hold.
    async fn watch(&self, ended: &Cell<bool>) {
        let links = self.plan.workers + self.plan.clients;
        let most = self.plan.backlog.unwrap_or(usize::MAX / 100) + BEYOND_BACKLOG;
        while !ended.get() {
            sleep(LOOK_EVERY).await;
            // Others owe outcomes as well, which always pass.
            let clients: Vec<_> =
                self.nodes.borrow().values().filter(|node| node.id().name().starts_with('c')).cloned().collect();
            for client in clients {
                let counts = self.simulation.counts(&client).await;
                if counts.unacknowledged > links * most {
                    self.crowded.borrow_mut().push(format!("{} at {:?}: {counts:?}", client.id(), self.ledger.now()));
                }
            }
        }
    }

    async fn count(&self, ends: &mut Ends) {
        let nodes: Vec<_> = self.nodes.borrow().values().cloned().collect();
        for node in nodes {
            ends.counts.push((node.id().clone(), self.simulation.counts(&node).await));
        }
    }

    /// Every node calls every worker: now nothing is in the way.
    async fn probe(&self) {
        let nodes: Vec<_> = self.nodes.borrow().values().cloned().collect();
        for node in &nodes {
            for worker in 0..self.plan.workers {
                let call = Call {
                    place: Place::Node(format!("w{worker}")),
                    idempotent: false,
                    retries: 0,
                    timeout_ms: None,
                    dropped_ms: None,
                    body: Doing::nothing(),
                    load: 100_000,
                };
                let _ = timeout(Duration::from_secs(5), node.scope(make(&self.ledger, node.id(), None, &call))).await;
            }
        }
    }

    async fn faults(&self, orders: BTreeMap<String, mpsc::UnboundedSender<Order>>) {
        let network = self.simulation.network();
        let order = |name: &str, order| {
            let _ = orders[name].send(order);
        };
        for (at, fault) in &self.plan.faults {
            if *at > BUSY {
                break;
            }
            sleep(at.saturating_sub(self.ledger.now())).await;
            tracing::info!(at = ?self.ledger.now(), ?fault, "fault");
            match fault {
                Fault::Cut(one, other) => network.cut(one, other),
                Fault::CutAt(end, other) => network.cut_at(end, other),
                Fault::Forget(one, other) => network.forget(one, other),
                Fault::Silence(from, to) => network.silence(from, to),
                Fault::Isolate(name) => network.isolate(name),
                Fault::Delay(from, to, delay) => network.delay(from, to, *delay),
                Fault::Slow(from, to, bytes) => network.slow(from, to, *bytes),
                Fault::Refuse(from, to) => network.refuse(from, to),
                Fault::Heal(one, other) => network.heal(one, other),
                Fault::HealAll => network.heal_all(),
                Fault::Kill(name, away) => order(name, Order::Kill(*away)),
                Fault::Unplug(name, away) => order(name, Order::Unplug(*away)),
                Fault::Drain(name, away) => order(name, Order::Drain(*away)),
                Fault::Leave(name, away) => order(name, Order::Leave(*away)),
                Fault::Linger(one, other, delay) => network.linger(one, other, *delay),
                Fault::Freeze(name) => self.nodes.borrow().get(name).into_iter().for_each(|node| self.freeze(node)),
                Fault::Thaw(name) => self.nodes.borrow().get(name).into_iter().for_each(|node| self.thaw(node)),
            }
        }
        sleep(BUSY.saturating_sub(self.ledger.now())).await;
        network.heal_all();
        self.nodes.borrow().values().for_each(|node| self.thaw(node));
    }

    fn freeze(&self, node: &Node) {
        self.ledger.stopped(node.id());
        self.simulation.freeze(node);
    }

    fn thaw(&self, node: &Node) {
        self.ledger.goes_on(node.id());
        self.simulation.thaw(node);
    }

    /// One node after another under one name.
    async fn life(&self, name: String, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut rng = StdRng::seed_from_u64(self.seed ^ name.bytes().fold(7, |all, byte| all * 31 + u64::from(byte)));
        loop {
            let Some(node) = self.start(&name).await else { continue };
            let (stopped, mut orderly) = (Cell::new(false), None);
            {
                let mut calls = pin!(self.simulation.on(&node, self.calls(&node, &mut rng, &stopped)));
                let order = tokio::select! {
                    biased;
                    Some(order) = orders.recv() => order,
                    () = &mut calls => return,
                };
                let away = match order {
                    Order::Kill(away) => {
                        self.ledger.killed(node.id());
                        self.simulation.kill(&node);
                        away
                    }
                    Order::Unplug(away) => {
                        self.ledger.killed(node.id());
                        self.simulation.unplug(&node);
                        away
                    }
                    Order::Drain(away) | Order::Leave(away) => {
                        stopped.set(true);
                        let gone = async {
                            match order {
                                Order::Leave(_) => node.leave().await,
                                _ => node.drain().await,
                            }
                            self.ledger.killed(node.id());
                        };
                        tokio::join!(biased; gone, calls);
                        away
                    }
                };
                orderly.replace(away);
            }
            self.nodes.borrow_mut().remove(&name);
            // What is stopped never ends.
            self.thaw(&node);
            drop(node);
            sleep(orderly.unwrap_or_default()).await;
        }
    }

    async fn start(&self, name: &str) -> Option<Node> {
        let (simulation, plan) = (self.simulation, self.plan);
        let is_worker = name.starts_with('w');
        let seeds = (0..plan.workers).map(|worker| format!("w{worker}")).filter(|seed| seed != name);
        let with_seeds = |builder| seeds.fold(builder, |builder: NodeBuilder, seed| builder.seed(address(&seed)));
        let with_settings = |builder: NodeBuilder| {
            let (backlog, running, memory, drain_timeout) =
                (plan.backlog, plan.running, plan.memory, plan.drain_timeout);
            let builder = builder.configure(move |config| {
                config.placement.place_timeout = PLACE_TIMEOUT;
                config.limits.backlog = backlog.unwrap_or(config.limits.backlog);
                config.limits.running = running.unwrap_or(config.limits.running);
                config.limits.memory = memory.or(config.limits.memory);
                config.node.drain_timeout = drain_timeout.unwrap_or(config.node.drain_timeout);
            });
            let builder = plan.window.iter().fold(builder, |builder, (calls, bytes)| windows(builder, *calls, *bytes));
            builder.state(self.ledger.clone())
        };
        let node = match is_worker {
            true => {
                simulation.start(with_settings(with_seeds(simulation.worker(name).executors(plan.executors)))).await
            }
            false => with_settings(with_seeds(simulation.client(name))).join().await,
        };
        let node = node.inspect_err(|error| tracing::info!(name, %error, "did not start")).ok()?;
        let (mut events, id, ledger, told) =
            (node.events(), node.id().clone(), self.ledger.clone(), self.events.clone());
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                tracing::debug!(at = ?ledger.now(), node = %id, ?event);
                if ledger.is_killed(&id) {
                    return;
                }
                told.lock().unwrap_or_else(PoisonError::into_inner).push((ledger.now(), id.clone(), event));
            }
        });
        self.nodes.borrow_mut().insert(name.to_owned(), node.clone());
        Some(node)
    }

    /// Makes calls for as long as all do, or until it is stopped, and waits for what came of them.
    async fn calls(&self, node: &Node, rng: &mut StdRng, stopped: &Cell<bool>) {
        let mut made = FuturesUnordered::new();
        // A worker has enough to do.
        let every = self.plan.root_every * if node.id().name().starts_with('w') { 4 } else { 1 };
        loop {
            let pause = rng.random_range(Duration::ZERO..=2 * every);
            let mut pause = pin!(sleep(pause));
            loop {
                tokio::select! {
                    biased;
                    () = &mut pause => break,
                    Some(()) = made.next() => {}
                }
            }
            if self.ledger.now() >= BUSY || stopped.get() {
                break;
            }
            let call = self.maker.tree(rng);
            let ledger = self.ledger.clone();
            made.push(async move { node.scope(make(&ledger, node.id(), None, &call)).await });
        }
        while made.next().await.is_some() {}
    }
}
