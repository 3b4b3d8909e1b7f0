//! The membership actor: keeps the node linked with those that it should be linked with, and supervises the links.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
    time::Duration,
};

use atasks_actors::node_id::NodeId;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, Message, SupervisionEvent};
use tokio::time::{Instant, sleep};

use super::{
    complaints::Complaints,
    dialling::{NoLink, dialled},
    targets::Targets,
};
use crate::{
    address::Address,
    config::Role,
    link::{Connection, GreetError, Link, LinkActor},
    node::NodeCore,
    wire::Acquaintance,
};

/// How long newcomers are collected: of many that come at once each peer is told in few words. They look round
/// themselves, so nobody waits for it.
const NEWCOMERS_TOLD_AFTER: Duration = Duration::from_millis(20);

pub(crate) struct MembershipActor;

pub(crate) enum MembershipMsg {
    /// A greeting has made a link.
    Linked { link: Arc<Link>, connection: Connection, address: Option<Address> },
    /// What was dialled has made no link.
    NotLinked { address: Address, error: NoLink },
    /// The wait before an address is dialled again is over.
    Due(Address),
    /// Dial these as well.
    AddSeeds(Vec<Address>),
    /// A worker is linked, which others may not know.
    Newcomer(Acquaintance),
    /// It is time to tell of the newcomers.
    TellNewcomers,
    /// A peer has told of workers; its first word is of all that it knows.
    HeardOf { from: NodeId, workers: Vec<Acquaintance> },
}

impl Message for MembershipMsg {}

pub(crate) struct State {
    node: Weak<NodeCore>,
    targets: Targets,
    complaints: Complaints,
    links: BTreeMap<ActorId, Arc<Link>>,
    /// Peers that have told whom they know.
    told: BTreeSet<NodeId>,
    /// Workers that the peers have not been told of.
    newcomers: Vec<Acquaintance>,
    /// The first round of dialling is over: from now on of two workers the smaller dials.
    settled: bool,
}

impl Actor for MembershipActor {
    type Msg = MembershipMsg;
    type State = State;
    type Arguments = (Weak<NodeCore>, Vec<Address>);

    async fn pre_start(
        &self,
        myself: ActorRef<MembershipMsg>,
        (node, seeds): (Weak<NodeCore>, Vec<Address>),
    ) -> Result<State, ActorProcessingErr> {
        let mut state = State {
            targets: Targets::new(node.upgrade().map_or(0, |node| node.me().incarnation())),
            node,
            complaints: Complaints::default(),
            links: BTreeMap::new(),
            told: BTreeSet::new(),
            newcomers: Vec::new(),
            settled: false,
        };
        seeds.iter().for_each(|seed| state.targets.add_seed(seed));
        state.dial(&myself);
        state.settle();
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<MembershipMsg>,
        message: MembershipMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        if let MembershipMsg::Linked { address: Some(address), .. } | MembershipMsg::NotLinked { address, .. } =
            &message
        {
            state.targets.ended(address);
        }
        match message {
            MembershipMsg::Linked { link, connection, .. } if connection.resumed.is_some() => {
                link.go_on_over(connection)
            }
            MembershipMsg::Linked { link, connection, address } => {
                if let Some(address) = &address {
                    state.targets.linked(address, link.id());
                    state.complaints.is_linked(address);
                }
                for address in link.addresses().iter().filter_map(|text| text.parse().ok()) {
                    state.targets.linked(&address, link.id());
                }
                let (actor, _) =
                    LinkActor::spawn_linked(None, LinkActor, (link.clone(), connection, address), myself.get_cell())
                        .await?;
                state.links.insert(actor.get_id(), link);
            }
            MembershipMsg::NotLinked { address, error } => state.not_linked(&myself, address, error),
            MembershipMsg::Due(address) => state.targets.due(&address),
            MembershipMsg::AddSeeds(seeds) => seeds.iter().for_each(|seed| state.targets.add_seed(seed)),
            MembershipMsg::Newcomer(newcomer) => {
                if let Some(node) = state.node.upgrade().filter(|_| state.newcomers.is_empty()) {
                    let myself = myself.clone();
                    node.io().spawn(async move {
                        sleep(NEWCOMERS_TOLD_AFTER).await;
                        let _ = myself.cast(MembershipMsg::TellNewcomers);
                    });
                }
                state.newcomers.push(newcomer);
            }
            MembershipMsg::TellNewcomers => {
                let newcomers = std::mem::take(&mut state.newcomers);
                if let Some(node) = state.node.upgrade() {
                    node.tell_of(&newcomers);
                }
            }
            MembershipMsg::HeardOf { from, workers } => {
                state.told.insert(from);
                state.heard_of(workers);
            }
        }
        state.dial(&myself);
        state.settle();
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<MembershipMsg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let who = match event {
            SupervisionEvent::ActorTerminated(who, ..) => who,
            SupervisionEvent::ActorFailed(who, reason) => {
                tracing::error!(supervisor = %myself.get_id(), context = "link", offender = %who.get_id(), %reason, "a link failed");
                who
            }
            _ => return Ok(()),
        };
        if let Some(link) = state.links.remove(&who.get_id()) {
            state.told.remove(link.id());
            state.targets.lost(link.id());
            state.dial(&myself);
        }
        Ok(())
    }
}

impl State {
    /// Dials what is next; the answers come as messages.
    fn dial(&mut self, myself: &ActorRef<MembershipMsg>) {
        let Some(core) = self.node.upgrade() else { return };
        while let Some(address) = self.targets.next() {
            let (node, membership) = (self.node.clone(), myself.clone());
            core.io().spawn(async move {
                let Some(node) = node.upgrade().filter(|node| !node.is_closed()) else { return };
                let _ = membership.cast(dialled(&node, address).await);
            });
        }
    }

    fn not_linked(&mut self, myself: &ActorRef<MembershipMsg>, address: Address, error: NoLink) {
        let Some(node) = self.node.upgrade() else { return };
        match error {
            // A name may lead elsewhere another time.
            NoLink::Greet(GreetError::Itself) if !address.is_name() => return self.targets.remove(&address),
            NoLink::Greet(GreetError::Linked(peer)) if node.election().is_linked(&peer) => {
                self.complaints.is_linked(&address);
                return self.targets.linked(&address, &peer);
            }
            NoLink::Greet(GreetError::Itself | GreetError::Linked(_)) => {}
            error => self.complain(&node, &address, &error),
        }
        if let Some(wait) = self.targets.failed(&address) {
            let membership = myself.clone();
            node.io().spawn(async move {
                sleep(wait).await;
                let _ = membership.cast(MembershipMsg::Due(address));
            });
        }
    }

    /// Tells a person what an address has answered: of a seed as long as it gives no link, of others once.
    fn complain(&mut self, node: &NodeCore, address: &Address, error: &NoLink) {
        let (reason, urgent) = (error.to_string(), error.needs_a_person());
        let is_new = node.note_answer(address, &reason);
        // Whoever joins as something else is told by an error, and has a worker then.
        if self.targets.is_seed(address) && node.role() == Role::Worker {
            if let Some(since) = self.complaints.answers(address, &reason, urgent, Instant::now()) {
                let seconds = since.as_secs();
                tracing::warn!(%address, reason, seconds, "a seed gives no link; it is dialled on");
            }
        } else if is_new && urgent {
            tracing::warn!(%address, reason, "a node is not joined; it is dialled on");
        }
    }

    /// Tells once that the node has looked round: each address that it was given or was told has been tried, and who is
    /// linked has told whom it knows.
    fn settle(&mut self) {
        let Some(node) = self.node.upgrade().filter(|_| !self.settled) else { return };
        let all_told = self.links.values().all(|link| !link.is_worker() || self.told.contains(link.id()));
        if self.targets.all_tried() && all_told {
            self.settled = true;
            node.is_settled();
        }
    }

    fn heard_of(&mut self, workers: Vec<Acquaintance>) {
        let Some(node) = self.node.upgrade() else { return };
        for Acquaintance { node: other, addresses } in workers {
            // Of two workers the smaller dials; the other one waits for it, unless it has just come.
            let ours = node.role() != Role::Worker || !self.settled || *node.me() < other;
            if other == *node.me() || node.election().is_linked(&other) || !ours {
                continue;
            }
            // Some may be good on its own machine only; of several that lead to it one becomes the link.
            for address in addresses.iter().filter_map(|text| text.parse::<Address>().ok()) {
                self.targets.hear_of(&address, &other);
            }
        }
    }
}
