//! A node: one process's part of a cluster, and what calls need of it.
//!
//! [`NodeCore`] is shared by all: callers place calls through it on any thread, links and actors find each other in it.
//! It decides nothing that its parts decide: placement's rule, the agent's admission, the election of links.

mod choose;
#[cfg(feature = "testing")]
mod counts;
mod fence;
mod lack;
mod leave;
mod losses;
pub mod memory;
mod names;
mod own;
mod place;
mod root;
mod start;
mod tasks;
mod timers;
mod view;

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use atasks_actors::{
    event::{Event, Events},
    executor::{LoadReport, Settings},
    host::{Host, Place},
    node_id::NodeId,
    table::TaskTable,
    task_error::Loss,
};
use ractor::ActorRef;
use tokio::{sync::watch, task::JoinHandle, time::Instant};

#[cfg(feature = "testing")]
pub use self::counts::Counts;
pub(crate) use self::losses::{Bereaved, Losses};
pub(crate) use self::place::Kept;
pub use self::start::{ExitOf, NodeParts};
pub use self::tasks::TaskInfo;
use self::{own::Own, root::RootMsg, timers::Timers, view::View};
pub use crate::link::Windows;
pub use crate::session::credit::Amount;
use crate::{
    address::Address,
    agent::Agent,
    config::{Actors, Config, Role},
    control::Control,
    link::{Link, election::Election},
    membership::MembershipMsg,
    placement::{Held, PlacementMsg},
    transport::Credentials,
    wire::{self, Acquaintance, Introduction, Notice},
};

/// How long a lost child process may take to tell how it ended.
const EXIT_TOLD_WITHIN: Duration = Duration::from_secs(1);
/// Addresses whose last answer is kept.
const ANSWERS_KEPT: usize = 64;

type FirstCall = Box<dyn FnOnce() + Send>;

/// One process's part of a cluster.
pub struct NodeCore {
    me: NodeId,
    myself: Weak<NodeCore>,
    role: Role,
    config: Config,
    host: Host,
    table: &'static TaskTable,
    credentials: Credentials,
    addresses: OnceLock<Vec<Address>>,
    io: Place,
    events: Events,
    timers: Arc<Timers>,
    timer_loop: OnceLock<tokio::task::AbortHandle>,
    agent: Agent,
    election: Mutex<Election>,
    losses: Losses,
    view: ArcSwap<View>,
    workers: watch::Sender<usize>,
    calls: AtomicU64,
    sessions: AtomicU64,
    /// Calls that were spread in turn.
    turns: AtomicU64,
    /// Takes no more calls.
    left: AtomicBool,
    /// Takes no more calls but those of what runs here, and leaves when that is over.
    draining: AtomicBool,
    /// Is no more.
    closed: watch::Sender<bool>,
    root: OnceLock<ActorRef<RootMsg>>,
    membership: OnceLock<ActorRef<MembershipMsg>>,
    placement: OnceLock<ActorRef<PlacementMsg>>,
    /// What waits there.
    held: Arc<Held>,
    /// Placement is told that there is room.
    room_told: AtomicBool,
    windows: Windows,
    own: Own,
    answers: Mutex<BTreeMap<String, String>>,
    /// Held by each connection that was accepted and has not greeted.
    greetings: Arc<()>,
    /// The first peers have told whom they know, and those have been tried.
    settled: watch::Sender<bool>,
    listeners: Mutex<Vec<JoinHandle<()>>>,
    exit_of: Mutex<Option<ExitOf>>,
    /// Why no worker will come any more.
    forsaken: OnceLock<String>,
    first_call: Mutex<Option<(usize, FirstCall)>>,
    awaits_first_call: AtomicBool,
    /// So many workers are on their way since the first call, and until when they are waited for.
    gathering: OnceLock<(usize, Instant)>,
    state: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    control: Control,
}

/// A node as another one sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// Who it is.
    pub id: NodeId,
    /// What it does.
    pub role: Role,
    /// Where it listens.
    pub addresses: Vec<String>,
    /// Tasks that it can run.
    pub tasks: usize,
    /// Threads that run them; 0 for a node that runs none.
    pub executors: usize,
    /// What calls may ask for.
    pub labels: Vec<String>,
    /// It takes no more calls, and leaves when what it runs is over.
    pub draining: bool,
    /// It has said nothing for `liveness.suspect_after`.
    pub suspect: bool,
    /// What it had to do when it last said so.
    pub load: LoadReport,
}

impl NodeCore {
    /// Who this node is.
    pub fn me(&self) -> &NodeId {
        &self.me
    }

    /// What it does.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where its loops run.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The thread of its links and actors.
    pub fn io(&self) -> &Place {
        &self.io
    }

    /// The program's tasks.
    pub fn table(&self) -> &'static TaskTable {
        self.table
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[Address] {
        self.addresses.get().map_or(&[], Vec::as_slice)
    }

    /// Where others are told to reach it: where it listens, or what it was told to say instead of an address that is good
    /// for listening only.
    pub(crate) fn advertised(&self) -> impl Iterator<Item = String> {
        let advertise = self.config.cluster.advertise.clone();
        let listens = self.addresses().iter();
        let kept = listens.filter(move |address| advertise.is_none() || matches!(address, Address::Unix(_)));
        self.config.cluster.advertise.clone().into_iter().chain(kept.map(ToString::to_string))
    }

    /// Whether it has left.
    pub fn is_closed(&self) -> bool {
        self.left.load(Ordering::SeqCst)
    }

    /// Waits until it is no more.
    pub async fn closed(&self) {
        let mut closed = self.closed.subscribe();
        // The sender lives as long as the node.
        let _ = closed.wait_for(|closed| *closed).await;
    }

    /// Whether it takes no more calls, and leaves when what it runs is over.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// The nodes that it is linked to, and itself.
    pub fn nodes(&self) -> Vec<NodeInfo> {
        let view = self.view.load();
        let own = NodeInfo {
            id: self.me.clone(),
            role: self.role,
            addresses: self.addresses().iter().map(ToString::to_string).collect(),
            tasks: if self.role == Role::Worker {
                self.table.iter().filter(|task| task.entry.has_body()).count()
            } else {
                0
            },
            executors: self.executors(),
            labels: self.config.node.labels.clone(),
            draining: self.is_draining(),
            suspect: false,
            load: self.load(),
        };
        std::iter::once(own).chain(view.infos()).collect()
    }

    /// Waits until it is linked to `count` workers; itself counts if it is one.
    pub async fn wait_for(&self, count: usize) {
        let own = usize::from(self.role == Role::Worker);
        let mut workers = self.workers.subscribe();
        // The sender lives as long as the node.
        let _ = workers.wait_for(|linked| linked + own >= count).await;
    }

    /// The value of this type that was set before joining.
    pub fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.state.get(&TypeId::of::<T>())?.clone().downcast().ok()
    }

    /// Has `exit_of` asked how a peer's process has ended, when its connection closes.
    pub fn set_exit_of(&self, exit_of: ExitOf) {
        *self.exit_of.lock().unwrap_or_else(PoisonError::into_inner) = Some(exit_of);
    }

    /// Has calls end at once, with what has happened, while no worker is up: none will come.
    pub fn forsake(&self, what: String) {
        let _ = self.forsaken.set(what);
        self.nodes_changed();
    }

    /// Those that are up.
    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        self.view.load().links().cloned().collect()
    }

    pub(crate) fn control(&self) -> &Control {
        &self.control
    }

    pub(crate) fn agent(&self) -> &Agent {
        &self.agent
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) fn election(&self) -> MutexGuard<'_, Election> {
        self.election.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts as a greeting under way while it is held.
    pub(crate) fn greeting(&self) -> Arc<()> {
        self.greetings.clone()
    }

    /// Whether somebody is at the door who has not said yet who he is.
    pub(crate) fn is_greeted(&self) -> bool {
        Arc::strong_count(&self.greetings) > 1
    }

    pub(crate) fn payload_max_wire(&self) -> u32 {
        u32::try_from(self.config.limits.payload_max).unwrap_or(u32::MAX)
    }

    pub(crate) fn load(&self) -> LoadReport {
        self.agent.pool().map(|pool| pool.load()).unwrap_or_default()
    }

    /// Tells all who may place calls here how much there is to do.
    pub(crate) fn tell_load(&self) {
        self.view.load().links().for_each(|link| link.tell_load(self));
    }

    pub(crate) fn executor_settings(&self) -> Settings {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Settings {
            executors: self.config.node.executors.unwrap_or_else(cores),
            actor_for_every: self.config.node.actors == Actors::Every,
            cancel_grace: self.config.node.cancel_grace,
            stopped_after: Some(self.config.liveness.lost_after / 2),
            shared_host: self.host.is_shared(),
            memory: self.config.limits.memory.unwrap_or_else(memory::default),
            running: self.config.limits.running,
            tree: self.config.limits.tree,
            tasks: self.table.len(),
        }
    }

    fn executors(&self) -> usize {
        self.agent.pool().map_or(0, |pool| pool.executor_count())
    }

    // What links and membership tell.

    pub(crate) fn introduce_to(&self, link: &Link) {
        let introduction = match self.role {
            Role::Worker => Introduction::of(self.table, self.executors(), &self.config.node.labels),
            Role::Client | Role::Operator => Introduction::default(),
        };
        match wire::encode(&introduction) {
            Ok(bytes) => link.introduce(&bytes),
            Err(error) => tracing::error!(%error, "the task table cannot be told"),
        }
        if self.is_draining() {
            link.notice(&Notice::Draining);
        }
    }

    /// A peer has introduced itself: calls may go there from now on.
    pub(crate) fn link_is_up(&self, link: &Arc<Link>) {
        let known = self.view.load();
        let acquaintances: Vec<_> = known.workers().map(acquaintance).collect();
        // An empty list as well: a peer that joins waits for it.
        self.tell_gossip([link], &acquaintances);
        if let (true, Some(membership)) = (link.is_worker(), self.membership.get()) {
            let _ = membership.cast(MembershipMsg::Newcomer(acquaintance(link)));
        }
        self.change_view(|view| view.with(link.clone()));
        if self.is_draining() {
            // It was introduced before that began, and was in nobody's view then.
            link.notice(&Notice::Draining);
        }
        self.events.tell(|| Event::NodeUp(link.id().clone()));
        self.control.link_up(link);
        self.nodes_changed();
    }

    /// The link to this peer, if it is up.
    pub(crate) fn link_to(&self, peer: &NodeId) -> Option<Arc<Link>> {
        self.view.load().links().find(|link| link.id() == peer).cloned()
    }

    /// Ends a link without a connection to a peer that comes for a new `session`: it has given the former up. Not if the same
    /// node has named that one later: then it is the greeting that is late, and the session may go on.
    pub(crate) fn evict_broken(&self, peer: &NodeId, session: u128) {
        let is_later = |link: &Arc<Link>| link.session() >> 64 == session >> 64 && link.session() > session;
        if let Some(link) = self.link_to(peer).filter(|link| !link.is_connected() && !is_later(link)) {
            self.link_is_lost(&link, Loss::Evicted);
        }
    }

    /// Names a new session. No two nodes give one name, as no two have one incarnation.
    pub(crate) fn next_session(&self) -> u128 {
        let count = self.sessions.fetch_add(1, Ordering::Relaxed);
        u128::from(self.me.incarnation()) << 64 | u128::from(count)
    }

    /// A peer is gone: no call goes there any more, and those that did are told.
    pub(crate) fn link_is_lost(&self, link: &Arc<Link>, reason: Loss) {
        let was_up = self.view.load().links().any(|other| Arc::ptr_eq(other, link));
        if was_up {
            self.change_view(|view| view.without(link));
        }
        if !link.lose(reason) {
            return;
        }
        self.losses.forget_all_of(link.id());
        self.election().unlink(link.id());
        // Calls that waited for room there have to look elsewhere, and a drain waits no more for what it was sending.
        self.nodes_changed();
        self.agent.look_again();
        if was_up {
            self.events.tell(|| Event::NodeLost(link.id().clone(), reason));
        }
    }

    /// A peer has said nothing for a while, or is heard again.
    pub(crate) fn link_is_suspect(&self, link: &Link, suspect: bool) {
        let peer = || link.id().clone();
        self.events.tell(|| if suspect { Event::NodeSuspect(peer()) } else { Event::NodeHeard(peer()) });
        self.nodes_changed();
    }

    /// Asks how the process of a peer has ended, if it is a child of this one; no answer in time is none.
    pub(crate) fn ask_for_exit(&self, peer: &NodeId) -> Option<impl Future<Output = Option<Loss>> + Send + use<>> {
        let exit_of = self.exit_of.lock().unwrap_or_else(PoisonError::into_inner);
        let exit = exit_of.as_ref().and_then(|exit_of| exit_of(peer))?;
        Some(async { tokio::time::timeout(EXIT_TOLD_WITHIN, exit).await.ok() })
    }

    /// A node has come or gone, or is another than it was: calls that wait may go.
    pub(crate) fn nodes_changed(&self) {
        self.tell_placement(PlacementMsg::Changed);
    }

    /// There is room again on a link, or in this node's queue: calls that wait for it may go.
    pub(crate) fn room_again(&self) {
        // Once until it is heard of, as there may be some a million times a second.
        if !self.room_told.swap(true, Ordering::SeqCst) {
            self.tell_placement(PlacementMsg::Room);
        }
    }

    pub(crate) fn room_is_heard_of(&self) {
        self.room_told.store(false, Ordering::SeqCst);
    }

    /// Half of what waits was given up.
    pub(crate) fn sweep_kept(&self) {
        self.tell_placement(PlacementMsg::Sweep);
    }

    pub(crate) fn held(&self) -> &Arc<Held> {
        &self.held
    }

    /// What peers may have wait here; none, if it runs nothing.
    pub(crate) fn grants(&self) -> Option<crate::link::Grants> {
        (self.role == Role::Worker).then(|| crate::link::Grants::new(self.windows, self.agent.limited()))
    }

    fn tell_placement(&self, message: PlacementMsg) {
        if let Some(placement) = self.placement.get() {
            let _ = placement.cast(message);
        }
    }

    /// Tells all peers of workers that have come.
    pub(crate) fn tell_of(&self, newcomers: &[Acquaintance]) {
        self.tell_gossip(self.view.load().links(), newcomers);
    }

    pub(crate) fn heard_of(&self, from: &NodeId, workers: Vec<Acquaintance>) {
        if let Some(membership) = self.membership.get() {
            let _ = membership.cast(MembershipMsg::HeardOf { from: from.clone(), workers });
        }
    }

    /// The first peers have told whom they know, and those have been tried.
    pub(crate) fn is_settled(&self) {
        self.settled.send_replace(true);
    }

    /// Notes what an address has answered, for the person who reads `NoSeed`. True: it is another answer than before.
    pub(crate) fn note_answer(&self, address: &Address, answer: &str) -> bool {
        tracing::debug!(%address, answer, "no link");
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let address = address.to_string();
        if answers.len() >= ANSWERS_KEPT && !answers.contains_key(&address) {
            return false;
        }
        answers.insert(address, answer.to_owned()).is_none_or(|before| before != answer)
    }

    fn tell_gossip<'a>(&self, to: impl IntoIterator<Item = &'a Arc<Link>>, acquaintances: &[Acquaintance]) {
        match wire::encode(&acquaintances) {
            Ok(bytes) => to.into_iter().for_each(|link| link.gossip(&bytes)),
            Err(error) => tracing::warn!(%error, "the list of nodes cannot be told"),
        }
    }

    fn change_view(&self, change: impl Fn(&View) -> View) {
        self.view.rcu(|view| change(view));
        let workers = self.view.load().workers().count();
        self.workers.send_replace(workers);
    }
}

fn acquaintance(link: &Arc<Link>) -> Acquaintance {
    Acquaintance { node: link.id().clone(), addresses: link.addresses().to_vec() }
}

impl fmt::Debug for NodeCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("id", &self.me).field("role", &self.role).finish_non_exhaustive()
    }
}
