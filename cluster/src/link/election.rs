//! Which of several connections between the same two nodes becomes their link.
//!
//! Both ends may dial at the same moment. Each end reserves the peer for a connection: who is dialled when it has read the
//! hello, who dials when the peer has welcomed it. Where reservations meet, the connection dialled by the smaller identity
//! stays, and as both ends know both identities they agree. A greeting that fails takes its own reservation along alone.

use std::collections::{BTreeMap, BTreeSet};

use atasks_actors::node_id::NodeId;

use crate::session::greeting::{Dialled, stays};

/// Names the reservation of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// The peers that greetings are under way with.
#[derive(Debug)]
pub(crate) struct Election {
    us: NodeId,
    reserved: BTreeMap<NodeId, BTreeMap<Ticket, Dialled>>,
    linked: BTreeSet<NodeId>,
    tickets: u64,
}

impl Election {
    pub(crate) fn new(us: NodeId) -> Self {
        Self { us, reserved: BTreeMap::new(), linked: BTreeSet::new(), tickets: 0 }
    }

    /// Asks to link with `peer` over a connection that was dialled by `dialled`. None: another connection stays.
    pub(crate) fn reserve(&mut self, peer: &NodeId, dialled: Dialled) -> Option<Ticket> {
        if self.linked.contains(peer) || !self.may_stay(peer, dialled) {
            return None;
        }
        Some(self.file(peer, dialled))
    }

    /// Asks to go on with the link to `peer` over another connection, in place of one that the same side has dialled
    /// before: that is likely dead. None: a connection of the other side stays, or there is no link.
    pub(crate) fn reserve_again(&mut self, peer: &NodeId, dialled: Dialled) -> Option<Ticket> {
        if !self.linked.contains(peer) || !self.may_stay(peer, dialled) {
            return None;
        }
        if let Some(reserved) = self.reserved.get_mut(peer) {
            reserved.retain(|_, other| *other != dialled);
        }
        Some(self.file(peer, dialled))
    }

    /// Whether no connection is under way that has to be preferred.
    fn may_stay(&self, peer: &NodeId, dialled: Dialled) -> bool {
        let us = (self.us.name(), self.us.incarnation());
        let Some(winner) = stays(us, (peer.name(), peer.incarnation())) else { return false };
        let mut others = self.reserved.get(peer).into_iter().flat_map(BTreeMap::values);
        dialled == winner || !others.any(|other| *other == winner)
    }

    fn file(&mut self, peer: &NodeId, dialled: Dialled) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.reserved.entry(peer.clone()).or_default().insert(ticket, dialled);
        ticket
    }

    /// Who else is linked, or greeted, under the name of `peer`.
    pub(crate) fn namesake(&self, peer: &NodeId) -> Option<NodeId> {
        let others = self.linked.iter().chain(self.reserved.keys()).chain([&self.us]);
        others.filter(|other| other.name() == peer.name()).find(|other| *other != peer).cloned()
    }

    /// Makes the connection the link. False: it was overtaken by another one meanwhile.
    pub(crate) fn confirm(&mut self, peer: &NodeId, ticket: Ticket) -> bool {
        let confirmed = !self.linked.contains(peer) && self.wins(peer, ticket);
        if confirmed {
            self.linked.insert(peer.clone());
        }
        confirmed
    }

    /// Makes the connection that of the link. False: it was overtaken, or the link is gone.
    pub(crate) fn confirm_again(&mut self, peer: &NodeId, ticket: Ticket) -> bool {
        self.linked.contains(peer) && self.wins(peer, ticket)
    }

    /// Takes all reservations out, if this one stays.
    fn wins(&mut self, peer: &NodeId, ticket: Ticket) -> bool {
        let dialled = self.reserved.get(peer).and_then(|reserved| reserved.get(&ticket)).copied();
        let wins = dialled.is_some_and(|dialled| self.may_stay(peer, dialled));
        if wins {
            self.reserved.remove(peer);
        }
        wins
    }

    /// The greeting failed.
    pub(crate) fn release(&mut self, peer: &NodeId, ticket: Ticket) {
        if let Some(reserved) = self.reserved.get_mut(peer) {
            reserved.remove(&ticket);
            if reserved.is_empty() {
                self.reserved.remove(peer);
            }
        }
    }

    /// The link is gone.
    pub(crate) fn unlink(&mut self, peer: &NodeId) {
        self.linked.remove(peer);
    }

    #[cfg(feature = "testing")]
    pub(crate) fn greetings(&self) -> usize {
        self.reserved.values().map(BTreeMap::len).sum()
    }

    pub(crate) fn is_linked(&self, peer: &NodeId) -> bool {
        self.linked.contains(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> (NodeId, NodeId) {
        (NodeId::new("a", 1), NodeId::new("b", 1))
    }

    /// Links at once, as who dials does.
    fn links(election: &mut Election, peer: &NodeId, dialled: Dialled) -> bool {
        election.reserve(peer, dialled).is_some_and(|ticket| election.confirm(peer, ticket))
    }

    #[test]
    fn a_lone_connection_becomes_the_link_whoever_dialled() {
        let (a, b) = nodes();
        for dialled in [Dialled::ByUs, Dialled::ByPeer] {
            let mut at_a = Election::new(a.clone());
            assert!(links(&mut at_a, &b, dialled));
            assert!(at_a.reserve(&b, Dialled::ByUs).is_none(), "one link a pair");
        }
    }

    #[test]
    fn of_two_connections_at_once_both_ends_keep_the_one_of_the_smaller() {
        let (a, b) = nodes();
        let (mut at_a, mut at_b) = (Election::new(a.clone()), Election::new(b.clone()));
        // Both accept what the other has dialled, then hear the answer to what they dialled themselves.
        let from_b = at_a.reserve(&b, Dialled::ByPeer).unwrap();
        let from_a = at_b.reserve(&a, Dialled::ByPeer).unwrap();
        assert!(links(&mut at_a, &b, Dialled::ByUs), "a is smaller: its own stays");
        assert!(at_b.reserve(&a, Dialled::ByUs).is_none(), "b yields");
        assert!(at_b.confirm(&a, from_a));
        assert!(!at_a.confirm(&b, from_b));
    }

    #[test]
    fn a_node_never_links_with_itself() {
        let (a, _) = nodes();
        assert!(Election::new(a.clone()).reserve(&a, Dialled::ByUs).is_none());
    }

    #[test]
    fn a_link_goes_on_over_the_connection_of_the_smaller() {
        let (a, b) = nodes();
        let (mut at_a, mut at_b) = (Election::new(a.clone()), Election::new(b.clone()));
        assert!(at_a.reserve_again(&b, Dialled::ByUs).is_none(), "there is no link");
        assert!(links(&mut at_a, &b, Dialled::ByUs) && links(&mut at_b, &a, Dialled::ByPeer));
        let b_dials =
            (at_b.reserve_again(&a, Dialled::ByUs).unwrap(), at_a.reserve_again(&b, Dialled::ByPeer).unwrap());
        let a_dials =
            (at_a.reserve_again(&b, Dialled::ByUs).unwrap(), at_b.reserve_again(&a, Dialled::ByPeer).unwrap());
        assert!(!at_b.confirm_again(&a, b_dials.0) && !at_a.confirm_again(&b, b_dials.1), "that of a stays");
        assert!(at_a.confirm_again(&b, a_dials.0) && at_b.confirm_again(&a, a_dials.1));
        assert!(at_a.is_linked(&b) && !at_a.confirm_again(&b, a_dials.0));
        at_a.unlink(&b);
        assert!(at_a.reserve_again(&b, Dialled::ByPeer).is_none());
    }

    #[test]
    fn who_dials_again_overtakes_itself() {
        let (a, b) = nodes();
        let mut at_a = Election::new(a);
        assert!(links(&mut at_a, &b, Dialled::ByPeer));
        let first = at_a.reserve_again(&b, Dialled::ByPeer).unwrap();
        let second = at_a.reserve_again(&b, Dialled::ByPeer).unwrap();
        assert!(!at_a.confirm_again(&b, first));
        at_a.release(&b, first);
        assert!(at_a.confirm_again(&b, second));
    }

    #[test]
    fn a_name_is_held_by_who_has_it_and_by_who_is_about_to() {
        let (a, b) = nodes();
        let (again, own) = (NodeId::new("b", 2), NodeId::new("a", 2));
        let mut at_a = Election::new(a.clone());
        assert_eq!(at_a.namesake(&b), None);
        assert_eq!(at_a.namesake(&own), Some(a));
        let ticket = at_a.reserve(&b, Dialled::ByPeer).unwrap();
        assert_eq!(at_a.namesake(&again), Some(b.clone()));
        assert!(at_a.confirm(&b, ticket));
        assert_eq!(at_a.namesake(&again), Some(b.clone()));
        assert_eq!(at_a.namesake(&b), None, "itself is no other");
        at_a.unlink(&b);
        assert_eq!(at_a.namesake(&again), None);
    }

    #[test]
    fn a_greeting_that_fails_leaves_what_others_have_reserved() {
        let (a, b) = nodes();
        for dialled in [Dialled::ByUs, Dialled::ByPeer] {
            let mut at_a = Election::new(a.clone());
            let stays = at_a.reserve(&b, Dialled::ByPeer).unwrap();
            let fails = at_a.reserve(&b, dialled).unwrap();
            at_a.release(&b, fails);
            assert!(at_a.confirm(&b, stays), "{dialled:?}");
        }
        let mut at_a = Election::new(a);
        let fails = at_a.reserve(&b, Dialled::ByUs).unwrap();
        assert!(at_a.reserve(&b, Dialled::ByPeer).is_none(), "that of the smaller is under way");
        at_a.release(&b, fails);
        assert!(links(&mut at_a, &b, Dialled::ByPeer), "the way is free");
    }
}
