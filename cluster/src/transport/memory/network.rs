//! Who listens, who is connected, and how long bytes take.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};

use super::super::credentials::Credentials;
use super::super::error::{DialError, TransportError};
use super::listener::Listener;
use super::pipe::Pipe;
use super::stream::Stream;
use super::way::Way;
use crate::address::Address;

/// Bytes take between the least and the most of these one way. The timer's grain is a millisecond, so less would not
/// vary.
const LATENCY_MIN: Duration = Duration::from_millis(1);
const LATENCY_MAX: Duration = Duration::from_millis(3);
/// Connections that wait to be accepted.
const BACKLOG: usize = 128;
/// A connection that got no answer is asked for again within this time after the silence has ended.
const DIALLED_AGAIN_MAX: Duration = Duration::from_millis(200);

/// Connects the nodes of a simulation.
///
/// Shape: endpoints and listeners by name; each direction of a connection keeps its order, holds 256 KiB and draws its
/// delays, 1 to 3 ms of virtual time, from its own stream of random numbers. Cheap to clone.
#[derive(Clone)]
pub struct Network(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Wakes those that dial into a silence.
    changed: Notify,
}

pub(super) struct State {
    rng: StdRng,
    // Ordered, as everything that a replay iterates over must be.
    pub(super) listeners: BTreeMap<String, Door>,
    pub(super) connections: Vec<Connection>,
    pub(super) ways: BTreeMap<(String, String), Way>,
    /// By name, how often it was ended: what was begun in a former life has no more effect.
    pub(super) endpoints: BTreeMap<String, u64>,
    /// Names whose hosts do not answer at all.
    pub(super) unplugged: BTreeSet<String>,
    doors: u64,
}

/// Hands a listener its end of a connection, and the name of who dialled.
type Knock = mpsc::Sender<(Stream, String)>;

/// Where a listener is knocked at, and whose it is.
pub(super) struct Door {
    number: u64,
    pub(super) owner: String,
    knock: Knock,
}

/// Ends by name, and the two directions for as long as one end uses them.
pub(super) struct Connection {
    pub(super) ends: [String; 2],
    pub(super) pipes: [Weak<Pipe>; 2],
}

impl Network {
    /// Makes an empty network; equal seeds and equal calls at equal virtual times give equal runs.
    pub fn new(seed: u64) -> Self {
        let state = State {
            rng: StdRng::seed_from_u64(seed),
            listeners: BTreeMap::new(),
            connections: Vec::new(),
            ways: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            unplugged: BTreeSet::new(),
            doors: 0,
        };
        Self(Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }))
    }

    /// Makes the credentials of a node at the endpoint `name`, which faults know it by. After a [`kill`](Self::kill) they
    /// are worth nothing, and new ones can be made for the same name.
    pub fn credentials(&self, name: &str) -> Credentials {
        let life = *self.lock().endpoints.entry(name.into()).or_default();
        Credentials::at(Endpoint { network: self.clone(), name: name.into(), life })
    }

    pub(super) fn close_door(&self, name: &str, number: u64) {
        let mut state = self.lock();
        if state.listeners.get(name).is_some_and(|door| door.number == number) {
            state.listeners.remove(name);
        }
    }

    pub(super) fn changed(&self) -> &Notify {
        &self.0.changed
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Network").field("listeners", &state.listeners.keys()).finish_non_exhaustive()
    }
}

/// One node's place in a network.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    network: Network,
    name: String,
    life: u64,
}

/// What becomes of a request for a connection.
enum Asked {
    Connected(Knock, [Stream; 2]),
    Refused,
    /// It is asked again when something has changed.
    NoAnswer,
    /// Who asks is no more.
    Ended,
}

impl Endpoint {
    pub(crate) fn bind(&self, name: &str) -> Result<Listener, TransportError> {
        let (knock, knocks) = mpsc::channel(BACKLOG);
        let mut state = self.network.lock();
        state.doors += 1;
        let door = Door { number: state.doors, owner: self.name.clone(), knock };
        let listener = Listener::new(self.network.clone(), name.into(), door.number, knocks);
        match state.listeners.entry(name.into()) {
            Entry::Occupied(_) => {
                // A listener that is dropped asks for the lock.
                drop(state);
                return Err(TransportError::InUse { address: Address::Memory(name.into()) });
            }
            Entry::Vacant(vacant) => vacant.insert(door),
        };
        state.unplugged.remove(&self.name);
        drop(state);
        self.network.changed().notify_waiters();
        Ok(listener)
    }

    /// Takes a round trip, whether somebody listens or not, and for ever where nobody answers.
    pub(crate) async fn dial(&self, name: &str) -> Result<Stream, DialError> {
        let refused = || DialError::Refused { address: Address::Memory(name.into()) };
        let mut wait = self.network.lock().round_trip();
        loop {
            sleep(wait).await;
            let mut changed = pin!(self.network.changed().notified());
            changed.as_mut().enable();
            let asked = self.network.lock().ask(self, name);
            match asked {
                Asked::Connected(knock, [near, far]) => {
                    knock.send((far, self.name.clone())).await.map_err(|_closed| refused())?;
                    return Ok(near);
                }
                Asked::Refused => return Err(refused()),
                Asked::NoAnswer => changed.await,
                Asked::Ended => return pending().await,
            }
            wait = self.network.lock().dialled_again();
        }
    }
}

impl State {
    fn ask(&mut self, endpoint: &Endpoint, listener: &str) -> Asked {
        let dialler = &endpoint.name[..];
        if self.endpoints.get(dialler) != Some(&endpoint.life) {
            return Asked::Ended;
        }
        let owner = self.listeners.get(listener).map_or(listener, |door| &door.owner[..]);
        let [to, fro] = [(dialler, owner), (owner, dialler)].map(|(from, to)| self.way(from, to));
        if to.silent || fro.silent || self.unplugged.contains(owner) {
            return Asked::NoAnswer;
        }
        match self.listeners.get(listener) {
            Some(door) if !to.refused => {
                let (owner, knock) = (door.owner.clone(), door.knock.clone());
                Asked::Connected(knock, self.connect(dialler, owner, [to, fro]))
            }
            _ => Asked::Refused,
        }
    }

    fn round_trip(&mut self) -> Duration {
        latency(&mut self.rng) + latency(&mut self.rng)
    }

    fn dialled_again(&mut self) -> Duration {
        self.round_trip() + self.rng.random_range(Duration::ZERO..=DIALLED_AGAIN_MAX)
    }

    fn connect(&mut self, dialler: &str, owner: String, [to, fro]: [Way; 2]) -> [Stream; 2] {
        let [there, back] =
            [(to, fro), (fro, to)].map(|(way, back)| Arc::new(Pipe::new(StdRng::from_rng(&mut self.rng), way, back)));
        self.connections.retain(|connection| connection.pipes.iter().any(|pipe| pipe.strong_count() > 0));
        let ends = [dialler.to_owned(), owner];
        self.connections.push(Connection { ends, pipes: [Arc::downgrade(&there), Arc::downgrade(&back)] });
        [Stream::new(there.clone(), back.clone()), Stream::new(back, there)]
    }

    fn way(&self, from: &str, to: &str) -> Way {
        self.ways.get(&(from.to_owned(), to.to_owned())).copied().unwrap_or_default()
    }
}

/// How long bytes take one way, this time.
pub(super) fn latency(rng: &mut StdRng) -> Duration {
    rng.random_range(LATENCY_MIN..=LATENCY_MAX)
}

/// When what was lost in a silence that has lasted for `silence` is sent again after its end.
pub(super) fn sent_again(rng: &mut StdRng, silence: Duration) -> Duration {
    rng.random_range(LATENCY_MIN..=silence.max(LATENCY_MAX))
}

/// A moment that never comes.
pub(super) fn never(now: Instant) -> Instant {
    now + Duration::from_secs(86400 * 365)
}
