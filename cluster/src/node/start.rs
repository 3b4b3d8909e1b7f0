//! How a node starts, and how it leaves.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use atasks_actors::{
    event::Events,
    host::{Host, Place},
    node_id::NodeId,
    table::TaskTable,
    task_error::Loss,
};
use ractor::Actor;
use tokio::{sync::watch, time::timeout};

use super::{Losses, NodeCore, View, own::Own, root::RootActor, timers::Timers};
use crate::{
    address::Address,
    agent::Agent,
    config::{Config, Role},
    control::{Control, gateway::Caller},
    error::{StartError, chain},
    link::{Windows, election::Election},
    membership::{MembershipMsg, listen},
    placement::Held,
    transport::{Credentials, Listener},
};

/// How long a client that has found a worker waits for those that it knows: one of them may be gone without a word.
const SETTLE_MAX: Duration = Duration::from_millis(500);

/// Asked how the process of a node has ended; none if it is no child of this process.
pub type ExitOf = Box<dyn Fn(&NodeId) -> Option<Pin<Box<dyn Future<Output = Loss> + Send>>> + Send + Sync>;

/// What a node is made of.
pub struct NodeParts {
    /// What it does.
    pub role: Role,
    /// Its settings, checked.
    pub config: Config,
    /// Where its loops run.
    pub host: Host,
    /// The thread of its links and actors, if there is one already.
    pub io: Option<Place>,
    /// The program's tasks.
    pub table: &'static TaskTable,
    /// What it shows to be let in.
    pub credentials: Credentials,
    /// The random number of this start.
    pub incarnation: u64,
    /// What tasks find by `state()`.
    pub state: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    /// Takes part in ractor's cluster, and makes its calls so.
    pub ractor: Option<Caller>,
    /// How much of what each peer sends may wait here unstarted.
    pub windows: Windows,
}

impl std::fmt::Debug for NodeParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeParts").field("role", &self.role).finish_non_exhaustive()
    }
}

impl NodeCore {
    /// Starts a node: its threads, its actors, its listeners. Does not wait for peers.
    ///
    /// # Errors
    /// A setting is wrong, an address cannot be listened at, the system refuses a thread.
    pub async fn start(parts: NodeParts) -> Result<Arc<Self>, StartError> {
        let NodeParts { role, config, host, io, table, credentials, incarnation, state, ractor, windows } = parts;
        config.check()?;
        if cfg!(panic = "abort") {
            return Err(StartError::PanicAbort);
        }
        if role == Role::Worker && cfg!(not(feature = "worker")) {
            return Err(StartError::NotAWorker);
        }
        if role == Role::Worker && table.is_empty() {
            return Err(StartError::NoTasks);
        }
        let seeds = addresses("cluster.seeds", &config.cluster.seeds)?;
        let listens = if role == Role::Worker { addresses("cluster.listen", &config.cluster.listen)? } else { vec![] };
        let name = config.node.name.clone().unwrap_or_else(|| default_name(incarnation));
        let me = NodeId::new(&name, incarnation);
        let io = match io {
            Some(io) => io,
            None => host.place("atasks-io")?,
        };
        let node = Arc::new_cyclic(|myself| Self {
            election: Mutex::new(Election::new(me.clone())),
            losses: Losses::default(),
            me,
            myself: myself.clone(),
            role,
            config,
            host,
            table,
            credentials,
            addresses: OnceLock::new(),
            io,
            events: Events::default(),
            timers: Arc::new(Timers::default()),
            timer_loop: OnceLock::new(),
            agent: Agent::new(table),
            view: ArcSwap::from_pointee(View::default()),
            workers: watch::channel(0).0,
            calls: Default::default(),
            sessions: Default::default(),
            turns: AtomicU64::new(incarnation >> 1),
            left: Default::default(),
            draining: Default::default(),
            closed: watch::channel(false).0,
            root: OnceLock::new(),
            membership: OnceLock::new(),
            placement: OnceLock::new(),
            held: Arc::new(Held::new(myself.clone())),
            room_told: Default::default(),
            windows,
            own: Own::new(windows, table),
            answers: Mutex::default(),
            greetings: Arc::default(),
            settled: watch::channel(false).0,
            listeners: Mutex::default(),
            exit_of: Mutex::default(),
            forsaken: OnceLock::new(),
            first_call: Mutex::default(),
            awaits_first_call: Default::default(),
            gathering: OnceLock::new(),
            state,
            control: Control::new(ractor),
        });
        let starting = node.clone();
        let started = node.io.spawn(async move { starting.start_parts(listens, seeds).await }).await;
        match started.unwrap_or_else(|error| Err(StartError::System(std::io::Error::other(error)))) {
            Ok(()) => Ok(node),
            Err(error) => {
                node.close();
                Err(error)
            }
        }
    }

    /// Runs on the node's own thread: sockets and actors belong there.
    async fn start_parts(self: Arc<Self>, listens: Vec<Address>, seeds: Vec<Address>) -> Result<(), StartError> {
        let mut listeners = Vec::with_capacity(listens.len());
        for address in listens {
            let address = own_socket(address, self.me.name());
            let listener = Listener::bind(&address, &self.credentials)
                .await
                .map_err(|error| StartError::Listen { address: address.to_string(), reason: chain(&error) })?;
            listeners.push(listener);
        }
        let _ = self.addresses.set(listeners.iter().map(Listener::address).collect());
        let (root, _) = RootActor::spawn(None, RootActor, (self.clone(), seeds))
            .await
            .map_err(|error| StartError::System(std::io::Error::other(error.to_string())))?;
        let _ = self.root.set(root);
        let timers = self.timers.clone();
        let running = self.io.spawn(async move { timers.run().await });
        let _ = self.timer_loop.set(running.abort_handle());
        if self.role == Role::Worker {
            self.io.spawn(self.clone().keep_time());
        }
        for listener in listeners {
            if let Some(membership) = self.membership.get() {
                let listens = self.io.spawn(listen(listener, Arc::downgrade(&self), membership.clone()));
                self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listens);
            }
        }
        Ok(())
    }

    /// Adds addresses to be dialled.
    pub fn add_seeds(&self, seeds: Vec<Address>) {
        if let Some(membership) = self.membership.get() {
            let _ = membership.cast(MembershipMsg::AddSeeds(seeds));
        }
    }

    /// Has `action` done when the first call is made here; it brings so many workers.
    pub fn before_first_call(&self, workers: usize, action: Box<dyn FnOnce() + Send>) {
        *self.first_call.lock().unwrap_or_else(PoisonError::into_inner) = Some((workers, action));
        self.awaits_first_call.store(true, Ordering::SeqCst);
    }

    /// Waits until it is linked with the workers that the first seed to answer knows. A worker waits for no more than
    /// that each of its seeds is tried once: they may start later.
    ///
    /// # Errors
    /// A client's, or an operator's, if no seed answers in `cluster.join_timeout`: what each has answered.
    pub async fn joined(&self) -> Result<(), StartError> {
        let mut settled = self.settled.subscribe();
        let within = self.config.cluster.join_timeout;
        if self.role == Role::Worker {
            let _ = timeout(within, settled.wait_for(|settled| *settled)).await;
            return Ok(());
        }
        if self.config.cluster.seeds.is_empty() {
            return Err(StartError::NoSeed(Vec::new()));
        }
        let mut workers = self.workers.subscribe();
        let linked = timeout(within, workers.wait_for(|linked| *linked > 0)).await.is_ok();
        match linked {
            true => {
                let _ = timeout(SETTLE_MAX, settled.wait_for(|settled| *settled)).await;
                Ok(())
            }
            false => {
                let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
                let seeds = self.config.cluster.seeds.iter().map(|seed| {
                    let address = seed.parse::<Address>().map_or_else(|_| seed.clone(), |seed| seed.to_string());
                    let answer = answers.get(&address).cloned().unwrap_or_else(|| "no answer".to_owned());
                    (address, answer)
                });
                Err(StartError::NoSeed(seeds.collect()))
            }
        }
    }
}

fn addresses(key: &str, texts: &[String]) -> Result<Vec<Address>, StartError> {
    texts.iter().map(|text| text.parse().map_err(|error| StartError::Config(format!("{key}: {error}")))).collect()
}

/// A bare `unix` stands for a socket that is named after the node, so that many nodes of one user fit on a machine.
fn own_socket(address: Address, name: &str) -> Address {
    match "unix".parse::<Address>() {
        Ok(bare) if bare == address => Address::Unix(name.replace('/', "_").into()),
        _ => address,
    }
}

/// The host's name and six letters of the incarnation, so that two starts never have one name by chance.
fn default_name(incarnation: u64) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let host: String = host.chars().filter(|c| !c.is_control()).take(64).collect();
    format!("{host}-{:06x}", incarnation & 0xff_ffff)
}
