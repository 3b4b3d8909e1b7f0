//! The membership actor: keeps the node linked with those that it should be linked with, and supervises the links.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::BytesMut;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, Message, SupervisionEvent};
use tokio::time::{sleep, timeout};

use super::{listen::GREETING_TIME_MAX, targets::Targets};
use crate::{
    address::Address,
    config::Role,
    link::{GreetError, Link, LinkActor, greet},
    node::NodeCore,
    session::greeting::Dialled,
    transport::dial,
    wire::Acquaintance,
};

pub(crate) struct MembershipActor;

pub(crate) enum MembershipMsg {
    /// A greeting has made a link.
    Linked { link: Arc<Link>, read: BytesMut, address: Option<Address> },
    /// What was dialled has made no link.
    NotLinked { address: Address, error: GreetError },
    /// What was dialled did not answer, or does not let us in, which may need a person to change.
    Unreachable { address: Address, reason: String, needs_a_person: bool },
    /// Dial these as well.
    AddSeeds(Vec<Address>),
    /// A peer has told of workers.
    HeardOf(Vec<Acquaintance>),
}

impl Message for MembershipMsg {}

pub(crate) struct State {
    node: Weak<NodeCore>,
    targets: Targets,
    links: BTreeMap<ActorId, Arc<Link>>,
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
        let mut state = State { node, targets: Targets::default(), links: BTreeMap::new() };
        state.add_seeds(&myself, seeds);
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<MembershipMsg>,
        message: MembershipMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            MembershipMsg::Linked { link, read, address } => {
                if let Some(address) = address {
                    state.targets.linked(&address, link.id());
                }
                for address in link.addresses().iter().filter_map(|text| text.parse().ok()) {
                    state.targets.linked(&address, link.id());
                }
                let (actor, _) =
                    LinkActor::spawn_linked(None, LinkActor, (link.clone(), read), myself.get_cell()).await?;
                state.links.insert(actor.get_id(), link);
            }
            MembershipMsg::NotLinked { address, error } => state.not_linked(&myself, address, error),
            MembershipMsg::Unreachable { address, reason, needs_a_person } => {
                state.retry(&myself, address, &reason, needs_a_person);
            }
            MembershipMsg::AddSeeds(seeds) => state.add_seeds(&myself, seeds),
            MembershipMsg::HeardOf(workers) => state.heard_of(&myself, workers),
        }
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
            for address in state.targets.lost(link.id()) {
                state.dial(&myself, address, Duration::ZERO);
            }
        }
        Ok(())
    }
}

impl State {
    fn add_seeds(&mut self, myself: &ActorRef<MembershipMsg>, seeds: Vec<Address>) {
        for seed in seeds {
            if self.targets.add(&seed, true) {
                self.dial(myself, seed, Duration::ZERO);
            }
        }
    }

    /// Dials `address` after `wait`; the answer comes as a message.
    fn dial(&self, myself: &ActorRef<MembershipMsg>, address: Address, wait: Duration) {
        let (node, membership) = (self.node.clone(), myself.clone());
        tokio::spawn(async move {
            sleep(wait).await;
            let Some(node) = node.upgrade().filter(|node| !node.is_closed()) else { return };
            let _ = membership.cast(dialled(&node, address).await);
        });
    }

    fn not_linked(&mut self, myself: &ActorRef<MembershipMsg>, address: Address, error: GreetError) {
        match error {
            GreetError::Itself => self.targets.remove(&address),
            GreetError::Linked(peer) if self.node.upgrade().is_some_and(|node| node.election().is_linked(&peer)) => {
                self.targets.linked(&address, &peer);
            }
            error => self.retry(myself, address, &error.to_string(), matches!(error, GreetError::Refused(_))),
        }
    }

    fn retry(&mut self, myself: &ActorRef<MembershipMsg>, address: Address, reason: &str, needs_a_person: bool) {
        if let Some(node) = self.node.upgrade() {
            let is_new = node.note_answer(&address, reason);
            if is_new && needs_a_person {
                tracing::warn!(%address, reason, "a node is not joined, and it is dialled on");
            }
        }
        if let Some(wait) = self.targets.failed(&address) {
            self.dial(myself, address, wait);
        }
    }

    fn heard_of(&mut self, myself: &ActorRef<MembershipMsg>, workers: Vec<Acquaintance>) {
        let Some(node) = self.node.upgrade() else { return };
        for Acquaintance { node: other, addresses } in workers {
            // Of two workers the smaller dials; the other one waits for it.
            let ours = node.role() != Role::Worker || *node.me() < other;
            if other == *node.me() || node.election().is_linked(&other) || !ours {
                continue;
            }
            // Some may be good on its own machine only; of several that lead to it one becomes the link.
            for address in addresses.iter().filter_map(|text| text.parse::<Address>().ok()) {
                if self.targets.add(&address, false) {
                    self.dial(myself, address, Duration::ZERO);
                }
            }
        }
    }
}

async fn dialled(node: &Arc<NodeCore>, address: Address) -> MembershipMsg {
    let socket = match dial(&address, node.credentials(), GREETING_TIME_MAX).await {
        Ok(socket) => socket,
        Err(error) => {
            let needs_a_person = error.needs_a_person();
            return MembershipMsg::Unreachable { address, reason: error.to_string(), needs_a_person };
        }
    };
    match timeout(GREETING_TIME_MAX, greet(node, socket, Dialled::ByUs)).await {
        Ok(Ok((link, read))) => MembershipMsg::Linked { link, read, address: Some(address) },
        Ok(Err(error)) => MembershipMsg::NotLinked { address, error },
        Err(_elapsed) => {
            let reason = "it is silent: connected, and did not greet in time".to_owned();
            MembershipMsg::Unreachable { address, reason, needs_a_person: false }
        }
    }
}
