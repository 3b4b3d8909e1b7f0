//! `Node`: this process's part of a cluster.

#[cfg(feature = "worker")]
mod worker;
#[cfg(not(feature = "worker"))]
#[path = "absent.rs"]
mod worker;

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    future::Future,
    path::PathBuf,
    sync::Arc,
};

use atasks_actors::{
    event::{Event, EventStream},
    host::{Host, Place},
    router::Router,
};
use atasks_cluster::{
    config::{Actors, Config, Hidden, Role},
    node::{NodeCore, NodeInfo, NodeParts, TaskInfo},
    secret::Secret,
    transport::Credentials,
};
use ractor::{ActorRef, Message};

use crate::{NodeId, StartError, default_node, default_node::InScope, program};

/// This process's part of a cluster. Cheap to clone; when the last clone is dropped the node leaves without draining.
#[derive(Clone)]
pub struct Node {
    core: Arc<NodeCore>,
    _last: Option<Arc<LeaveOnDrop>>,
}

struct LeaveOnDrop(Arc<NodeCore>);

impl Drop for LeaveOnDrop {
    fn drop(&mut self) {
        let router: Arc<dyn Router> = self.0.clone();
        default_node::withdraw(&router);
        self.0.close();
    }
}

impl Node {
    /// Makes a node step by step.
    pub fn builder() -> NodeBuilder {
        NodeBuilder::default()
    }

    /// Who this node is.
    #[must_use]
    pub fn id(&self) -> &NodeId {
        self.core.me()
    }

    /// Where others reach it, if it listens: what they take as a seed.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        self.core.addresses().first().map(ToString::to_string)
    }

    /// The nodes that are up, as this one sees them, itself first.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeInfo> {
        self.core.nodes()
    }

    /// The tasks that the nodes which are up can run, sorted by name; several entries of one name tell that its types or
    /// its version differ from node to node.
    #[must_use]
    pub fn tasks(&self) -> Vec<TaskInfo> {
        self.core.tasks()
    }

    /// Waits until `count` workers are up, itself included if it is one.
    pub async fn wait_for(&self, count: usize) {
        self.core.wait_for(count).await;
    }

    /// Runs `future` with this node for its calls: those that are made while it is polled.
    pub fn scope<F: Future>(&self, future: F) -> InScope<F> {
        InScope::new(self.core.clone(), future)
    }

    /// Runs `code` with this node for its calls; for programs without async.
    pub fn scope_sync<T>(&self, code: impl FnOnce() -> T) -> T {
        let _entered = default_node::enter(self.core.clone());
        code()
    }

    /// Reads what happens on this node from now on.
    #[must_use]
    pub fn events(&self) -> EventStream {
        self.core.events().read()
    }

    /// Sends what happens on this node from now on to an actor, as its messages. An actor that is slow misses events,
    /// which it is told by [`Event::Missed`]; at most [`MONITORED_MAX`] wait in its mailbox.
    pub fn monitor<M: Message + From<Monitored>>(&self, actor: &ActorRef<M>) {
        let mut events = self.events();
        let node = self.id().clone();
        let places = Arc::new(tokio::sync::Semaphore::new(MONITORED_MAX));
        let actor = actor.clone();
        self.core.io().spawn(async move {
            // A place is free again when the actor has let go of the event: so its mailbox is bounded.
            while let Ok(place) = places.clone().acquire_owned().await {
                let Some(event) = events.next().await else { return };
                if actor.cast(Monitored { node: node.clone(), event, _place: place }.into()).is_err() {
                    return;
                }
            }
        });
    }

    /// Leaves without harm to anybody: takes no new calls, hands back those that have not started, which then run
    /// elsewhere, waits until those that run are over (at most `node.drain_timeout`, then they are cancelled), and
    /// [leaves](Self::leave).
    pub async fn drain(&self) {
        let router: Arc<dyn Router> = self.core.clone();
        default_node::withdraw(&router);
        let core = self.core.clone();
        let drained = self.core.io().spawn(async move { core.drain().await });
        // The node's own thread ends with it; then it has left as well.
        let _ = drained.await;
    }

    /// Asks the node of this name to [drain](Self::drain); it listens to [operators](NodeBuilder::operator) only. False:
    /// no such worker is linked.
    #[must_use]
    pub fn ask_to_drain(&self, name: &str) -> bool {
        self.core.ask_to_drain(name)
    }

    /// Leaves the cluster at once. Calls that are awaited here end as [`Cancelled`](crate::TaskError::Cancelled) by
    /// [`Leave`](crate::Canceller::Leave), and no call starts here any more. Of the calls of other nodes those that wait
    /// here run elsewhere; those that run are cancelled, and end at their callers as
    /// [`NodeLost`](crate::TaskError::NodeLost) with [`Left`](crate::Loss::Left), all of them: [`drain`](Self::drain)
    /// lets them end.
    pub async fn leave(&self) {
        let router: Arc<dyn Router> = self.core.clone();
        default_node::withdraw(&router);
        let core = self.core.clone();
        let left = self.core.io().spawn(async move { core.leave().await });
        // The node's own thread ends with it; then it has left as well.
        let _ = left.await;
    }

    fn offer(&self) {
        let router: Arc<dyn Router> = self.core.clone();
        default_node::offer(&router);
    }

    pub(crate) fn core(&self) -> &Arc<NodeCore> {
        &self.core
    }

    pub(crate) fn from_core(core: Arc<NodeCore>) -> Self {
        Self { _last: Some(Arc::new(LeaveOnDrop(core.clone()))), core }
    }

    /// A handle that does not keep the node from leaving.
    pub(crate) fn borrowed(core: Arc<NodeCore>) -> Self {
        Self { core, _last: None }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("id", self.id()).finish_non_exhaustive()
    }
}

/// Most events that wait in the mailbox of an actor that monitors a node.
pub const MONITORED_MAX: usize = 1024;

/// An event on its way to an actor that monitors a node.
#[derive(Debug)]
pub struct Monitored {
    /// Where it happened.
    pub node: NodeId,
    /// What happened.
    pub event: Event,
    pub(crate) _place: tokio::sync::OwnedSemaphorePermit,
}

/// Changes one setting.
type Change = Box<dyn FnOnce(&mut Config) + Send>;

/// Makes a [`Node`]: what is not set here comes from `atasks.toml` and the environment.
#[derive(Default)]
#[must_use]
pub struct NodeBuilder {
    role: Option<Role>,
    changes: Vec<Change>,
    file: Option<PathBuf>,
    state: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    host: Option<Host>,
    io: Option<Place>,
    credentials: Option<Credentials>,
    incarnation: Option<u64>,
    listen: Vec<String>,
    private: bool,
    /// What the file and the environment say is of no interest: a test is the same for everybody.
    unconfigured: bool,
    workers: usize,
    ractor: bool,
}

impl NodeBuilder {
    fn set(mut self, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Runs tasks, and listens.
    pub fn worker(mut self) -> Self {
        self.role = Some(Role::Worker);
        self
    }

    /// Only awaits tasks.
    pub fn client(mut self) -> Self {
        self.role = Some(Role::Client);
        self
    }

    /// Looks on, drains, calls by name; runs nothing.
    pub fn operator(mut self) -> Self {
        self.role = Some(Role::Operator);
        self
    }

    /// Reads this file instead of `atasks.toml`.
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// What the node will do.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role.unwrap_or_default()
    }

    /// Names the node; 1 to 255 printable characters.
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.set(|config| config.node.name = Some(name))
    }

    /// Listens at `address` instead of where the configuration says; may be given several times.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen.push(address.into());
        self
    }

    /// Adds a node to join.
    pub fn seed(self, address: impl Into<String>) -> Self {
        let address = address.into();
        self.set(|config| config.cluster.seeds.push(address))
    }

    /// Sets how many threads run tasks; at least 1.
    pub fn executors(self, count: usize) -> Self {
        self.set(move |config| config.node.executors = Some(count))
    }

    /// Gives each call an actor of its own, or only those that wait.
    pub fn actors(self, actors: Actors) -> Self {
        self.set(move |config| config.node.actors = actors)
    }

    /// Adds a label.
    pub fn label(self, label: impl Into<String>) -> Self {
        let label = label.into();
        self.set(|config| config.node.labels.push(label))
    }

    /// Sets the cluster's secret: 64 hexadecimal digits. It holds instead of a configured one, or a configured file's.
    pub fn secret(self, secret: impl Into<String>) -> Self {
        let secret = Hidden(secret.into());
        self.set(|config| {
            config.cluster.secret = Some(secret);
            config.cluster.secret_file = None;
        })
    }

    /// Changes any other setting.
    pub fn configure(self, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.set(change)
    }

    /// Sets a value that tasks of this process find by [`atasks::state`](crate::state); one of each type.
    pub fn state<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.put_state(value);
        self
    }

    /// The same as [`state`](Self::state), for a `setup` that has the builder by reference.
    pub fn put_state<T: Any + Send + Sync>(&mut self, value: T) {
        self.state.insert(TypeId::of::<T>(), Arc::new(value));
    }

    /// Has `join` wait until this many workers are up.
    pub fn min_workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// Joins the cluster. The first node of a process that joins becomes its default node.
    ///
    /// # Errors
    /// See [`StartError`]; for a client [`StartError::NoSeed`] when no seed answers in time.
    pub async fn join(self) -> Result<Node, StartError> {
        let (private, workers) = (self.private, self.workers);
        let node = self.start().await?;
        let core = node.core.clone();
        // On the node's own thread: the caller may have no timers.
        let joined = node.core.io().spawn(async move { core.joined().await });
        joined.await.map_err(std::io::Error::other)??;
        node.wait_for(workers).await;
        if !private {
            node.offer();
        }
        Ok(node)
    }

    /// Joins the cluster, and blocks this thread until it has; for programs without async.
    ///
    /// # Errors
    /// Those of [`join`](Self::join).
    pub fn join_wait(self) -> Result<Node, StartError> {
        match atasks_actors::wait::wait(self.join()) {
            Ok(joined) => joined,
            Err(error) => Err(StartError::System(std::io::Error::other(error))),
        }
    }

    fn unconfigured(mut self) -> Self {
        self.unconfigured = true;
        self
    }

    /// Never becomes the default node.
    pub(crate) fn private(mut self) -> Self {
        self.private = true;
        self
    }

    /// Starts the node without waiting for others, and makes it the default unless it is private.
    pub(crate) async fn start_as_default(self) -> Result<Node, StartError> {
        let private = self.private;
        let node = self.start().await?;
        if !private {
            node.offer();
        }
        Ok(node)
    }

    /// Uses a thread that is there already.
    pub(crate) fn io(mut self, io: Place) -> Self {
        self.io = Some(io);
        self
    }

    /// Has this incarnation.
    pub(crate) fn incarnation(mut self, incarnation: u64) -> Self {
        self.incarnation = Some(incarnation);
        self
    }

    /// Runs in tests: on this host, over these connections, with a fixed number.
    #[cfg(feature = "testing")]
    pub(crate) fn simulated(mut self, host: Host, credentials: Credentials, incarnation: u64) -> Self {
        (self.host, self.credentials, self.incarnation) = (Some(host), Some(credentials), Some(incarnation));
        // Not as many as this machine has cores: the same everywhere.
        self.changes.insert(0, Box::new(|config| config.node.executors = Some(1)));
        self.private().unconfigured()
    }

    /// Starts the node, and does not wait for others.
    pub(crate) async fn start(self) -> Result<Node, StartError> {
        let mut config = match self.unconfigured {
            true => Config::default(),
            false => Config::load_from(self.file.as_deref())?,
        };
        let role = self.role.or(config.node.role).unwrap_or_default();
        if !self.listen.is_empty() {
            config.cluster.listen = self.listen;
        }
        self.changes.into_iter().for_each(|change| change(&mut config));
        // Before a wrong secret is used.
        config.check()?;
        let credentials = match self.credentials {
            Some(credentials) => credentials,
            None => credentials(&config)?,
        };
        let incarnation = self.incarnation.unwrap_or_else(rand::random);
        let host = self.host.unwrap_or(Host::Threads);
        let table = program::table()?;
        let (state, io) = (self.state, self.io);
        // ractor's registries belong to the process, and nobody is reached without a network.
        let reaches = !config.cluster.listen.is_empty() || !config.cluster.seeds.is_empty();
        let takes_part = (role == Role::Worker || self.ractor) && reaches && !host.is_shared();
        let ractor = worker::CALLER.filter(|_| takes_part);
        let parts = NodeParts { role, config, host, io, table, credentials, incarnation, state, ractor };
        Ok(Node::from_core(NodeCore::start(parts).await?))
    }
}

impl fmt::Debug for NodeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeBuilder").field("role", &self.role()).finish_non_exhaustive()
    }
}

/// What the node shows to be let in: made from the cluster's secret, or, where nothing leaves this machine, from the
/// user's own.
fn credentials(config: &Config) -> Result<Credentials, StartError> {
    let unusable = |error: &dyn fmt::Display| StartError::Secret(error.to_string());
    let secret = match (&config.cluster.secret, &config.cluster.secret_file) {
        (Some(Hidden(text)), _) => text.parse::<Secret>().map_err(|error| unusable(&error))?,
        (None, Some(file)) => Secret::from_file(file).map_err(|error| unusable(&error))?,
        (None, None) => {
            let mut addresses = config.cluster.listen.iter().chain(&config.cluster.seeds);
            return match addresses.find(|address| !address.starts_with("unix")) {
                Some(_tcp) => Credentials::of_user(&per_user(config)?).map_err(|error| unusable(&error)),
                None => Ok(Credentials::none()),
            };
        }
    };
    Credentials::from_secret(&secret).map_err(|error| unusable(&error))
}

/// The user's own secret, which is good on this machine only.
fn per_user(config: &Config) -> Result<Secret, StartError> {
    let beyond =
        config.cluster.listen.iter().find(|address| {
            address.parse::<atasks_cluster::address::Address>().is_ok_and(|address| !address.is_local())
        });
    if let Some(address) = beyond {
        return Err(StartError::Secret(format!(
            "{address} can be reached from other machines, and no secret is set: set cluster.secret or \
             cluster.secret_file to the same 32 random bytes on all of them"
        )));
    }
    Secret::per_user().map_err(|error| StartError::Secret(error.to_string()))
}
