//! Who listens, who is connected, and how long bytes take.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::super::credentials::Credentials;
use super::super::error::{DialError, TransportError};
use super::listener::Listener;
use super::pipe::Pipe;
use super::stream::Stream;
use crate::address::Address;

/// Bytes take between the least and the most of these one way. The timer's grain is a millisecond, so less would not
/// vary.
const LATENCY_MIN: Duration = Duration::from_millis(1);
const LATENCY_MAX: Duration = Duration::from_millis(3);
/// Connections that wait to be accepted.
const BACKLOG: usize = 128;

/// Connects the nodes of a simulation.
///
/// Shape: endpoints and listeners by name; each direction of a connection keeps its order, holds 256 KiB and draws its
/// delays, 1 to 3 ms of virtual time, from its own stream of random numbers. Cheap to clone.
#[derive(Clone)]
pub struct Network(Arc<Mutex<State>>);

struct State {
    rng: StdRng,
    // Ordered, as everything that a replay iterates over must be.
    listeners: BTreeMap<String, Door>,
    connections: Vec<Connection>,
}

/// Hands a listener its end of a connection, and the name of who dialled.
type Knock = mpsc::Sender<(Stream, String)>;

/// Where a listener is knocked at, and whose it is.
struct Door {
    owner: String,
    knock: Knock,
}

/// Ends by name, and the two directions for as long as one end uses them.
struct Connection {
    ends: [String; 2],
    pipes: [Weak<Pipe>; 2],
}

impl Network {
    /// Makes an empty network; equal seeds and equal calls at equal virtual times give equal runs.
    pub fn new(seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self(Arc::new(Mutex::new(State { rng, listeners: BTreeMap::new(), connections: Vec::new() })))
    }

    /// Makes the credentials of a node at the endpoint `name`, which [`cut`](Self::cut) knows it by.
    pub fn credentials(&self, name: &str) -> Credentials {
        Credentials::at(Endpoint { network: self.clone(), name: name.into() })
    }

    /// Breaks every connection that stands between two endpoints: both ends read a reset at once, and what was under
    /// way is lost. They may connect again.
    pub fn cut(&self, one: &str, other: &str) {
        let mut state = self.lock();
        state.connections.retain(|connection| {
            let [dialler, accepter] = connection.ends.each_ref().map(String::as_str);
            let between = (dialler, accepter) == (one, other) || (accepter, dialler) == (one, other);
            if between {
                let now = Instant::now();
                connection.pipes.iter().filter_map(Weak::upgrade).for_each(|pipe| pipe.cut(now));
            }
            !between
        });
    }

    pub(super) fn close_door(&self, name: &str) {
        self.lock().listeners.remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
}

impl Endpoint {
    pub(crate) fn bind(&self, name: &str) -> Result<Listener, TransportError> {
        let (knock, knocks) = mpsc::channel(BACKLOG);
        match self.network.lock().listeners.entry(name.into()) {
            Entry::Occupied(_) => return Err(TransportError::InUse { address: Address::Memory(name.into()) }),
            Entry::Vacant(vacant) => vacant.insert(Door { owner: self.name.clone(), knock }),
        };
        Ok(Listener::new(self.network.clone(), name.into(), knocks))
    }

    /// Takes a round trip, whether somebody listens or not.
    pub(crate) async fn dial(&self, name: &str) -> Result<Stream, DialError> {
        let round_trip = {
            let mut state = self.network.lock();
            latency(&mut state.rng) + latency(&mut state.rng)
        };
        sleep(round_trip).await;
        let refused = || DialError::Refused { address: Address::Memory(name.into()) };
        let (knock, [near, far]) = self.network.lock().connect(&self.name, name).ok_or_else(refused)?;
        knock.send((far, self.name.clone())).await.map_err(|_closed| refused())?;
        Ok(near)
    }
}

impl State {
    fn connect(&mut self, dialler: &str, listener: &str) -> Option<(Knock, [Stream; 2])> {
        let Door { owner, knock } = self.listeners.get(listener)?;
        let ends = [dialler.to_owned(), owner.clone()];
        let knock = knock.clone();
        let [there, back] = [(); 2].map(|()| Arc::new(Pipe::new(StdRng::from_rng(&mut self.rng))));
        self.connections.retain(|connection| connection.pipes.iter().any(|pipe| pipe.strong_count() > 0));
        self.connections.push(Connection { ends, pipes: [Arc::downgrade(&there), Arc::downgrade(&back)] });
        Some((knock, [Stream::new(there.clone(), back.clone()), Stream::new(back, there)]))
    }
}

/// How long bytes take one way, this time.
pub(super) fn latency(rng: &mut StdRng) -> Duration {
    rng.random_range(LATENCY_MIN..=LATENCY_MAX)
}
