//! What really happened: noted by the bodies and by those who await them, beside everything that is to be judged by it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atasks::{Context, NodeId, TaskError};
use tokio::time::Instant;

/// Names an await; no two of a run have the same.
pub(crate) type Key = u64;

/// Shared by all nodes of a run. Times are virtual, since the run began.
#[derive(Clone, Debug)]
pub(crate) struct Ledger(Arc<Mutex<Entries>>, Instant);

#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// The last key that was given.
    last: Key,
    pub(crate) awaits: BTreeMap<Key, Await>,
    pub(crate) bodies: Vec<Body>,
    /// When nodes were killed: what they do afterwards did not happen.
    pub(crate) killed: BTreeMap<NodeId, Duration>,
    /// From when until when nodes were stopped.
    pub(crate) stops: Vec<(NodeId, Duration, Option<Duration>)>,
}

/// One await of a call.
#[derive(Debug)]
pub(crate) struct Await {
    pub(crate) caller: NodeId,
    /// What the body that awaits was called by; none awaits a root.
    pub(crate) parent: Option<Key>,
    pub(crate) began: Duration,
    pub(crate) deadline: Option<Duration>,
    pub(crate) idempotent: bool,
    pub(crate) retries: u32,
    /// Of a node by its name, which may be away.
    pub(crate) bound: bool,
    pub(crate) ended: Option<(Duration, End)>,
}

/// How an await ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// The result was that of this await, or of another.
    Returned {
        right: bool,
    },
    Failed(TaskError),
    Dropped,
    /// With the node that awaited.
    Killed,
}

/// One run of a body.
#[derive(Debug)]
#[allow(dead_code, reason = "some of it is only shown")]
pub(crate) struct Body {
    pub(crate) key: Key,
    pub(crate) attempt: u32,
    pub(crate) node: NodeId,
    pub(crate) began: Duration,
    pub(crate) ended: Option<Duration>,
    /// Its arguments were those of its call.
    pub(crate) right: bool,
    pub(crate) deadline: Option<Duration>,
}

impl Entries {
    /// For how long a node was not stopped.
    pub(crate) fn awake(&self, node: &NodeId, from: Duration, until: Duration) -> Duration {
        let stopped = self
            .stops
            .iter()
            .filter(|(stopped, ..)| stopped == node)
            .map(|(_, since, on)| on.unwrap_or(Duration::MAX).min(until).saturating_sub((*since).max(from)));
        until.saturating_sub(from).saturating_sub(stopped.sum())
    }
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self(Arc::default(), Instant::now())
    }

    pub(crate) fn now(&self) -> Duration {
        self.1.elapsed()
    }

    pub(crate) fn at(&self, when: Instant) -> Duration {
        when.saturating_duration_since(self.1)
    }

    pub(crate) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an await, until what is given back is dropped.
    pub(crate) fn awaits(&self, begun: Await) -> Awaiting {
        let mut entries = self.entries();
        let mut key = 0;
        if !entries.killed.contains_key(&begun.caller) {
            entries.last += 1;
            key = entries.last;
            entries.awaits.insert(key, begun);
        }
        Awaiting { ledger: self.clone(), key }
    }

    /// Notes a body, until what is given back is dropped.
    pub(crate) fn begins(&self, key: Key, current: &Context, right: bool) -> Running {
        let node = current.node();
        let mut entries = self.entries();
        let killed = entries.killed.contains_key(node);
        let number = (!killed).then_some(entries.bodies.len());
        if !killed {
            let (attempt, deadline) = (current.attempt(), current.deadline().map(|at| self.at(at)));
            let (node, began) = (node.clone(), self.now());
            entries.bodies.push(Body { key, attempt, node, began, ended: None, right, deadline });
        }
        Running { ledger: self.clone(), number }
    }

    /// Notes that a node is stopped.
    pub(crate) fn stopped(&self, node: &NodeId) {
        let now = self.now();
        self.entries().stops.push((node.clone(), now, None));
    }

    /// Notes that a node goes on.
    pub(crate) fn goes_on(&self, node: &NodeId) {
        let now = self.now();
        for (_, _, on) in self.entries().stops.iter_mut().filter(|(stopped, ..)| stopped == node) {
            on.get_or_insert(now);
        }
    }

    pub(crate) fn is_killed(&self, node: &NodeId) -> bool {
        self.entries().killed.contains_key(node)
    }

    /// Notes that a node is no more, with all that it was doing.
    pub(crate) fn killed(&self, node: &NodeId) {
        let now = self.now();
        let mut entries = self.entries();
        entries.killed.insert(node.clone(), now);
        for body in entries.bodies.iter_mut().filter(|body| body.node == *node) {
            body.ended.get_or_insert(now);
        }
        for awaited in entries.awaits.values_mut().filter(|awaited| awaited.caller == *node) {
            awaited.ended.get_or_insert((now, End::Killed));
        }
    }
}

pub(crate) struct Awaiting {
    ledger: Ledger,
    pub(crate) key: Key,
}

impl Awaiting {
    pub(crate) fn ended(&self, end: End) {
        let now = self.ledger.now();
        tracing::debug!(at = ?now, key = self.key, ?end, "ended");
        if let Some(awaited) = self.ledger.entries().awaits.get_mut(&self.key) {
            awaited.ended.get_or_insert((now, end));
        }
    }
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        self.ended(End::Dropped);
    }
}

pub(crate) struct Running {
    ledger: Ledger,
    number: Option<usize>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let now = self.ledger.now();
        if let Some(number) = self.number {
            self.ledger.entries().bodies[number].ended.get_or_insert(now);
        }
    }
}
