//! Which of two connections between the same two nodes becomes their link.
//!
//! Both ends may dial at the same moment. Each end reserves the peer when it has read its hello; where two reservations
//! meet, the connection dialled by the smaller identity stays, and as both ends know both identities they agree.

use std::collections::{BTreeMap, BTreeSet};

use atasks_actors::node_id::NodeId;

use crate::session::greeting::{Dialled, stays};

/// The peers that greetings are under way with.
#[derive(Debug)]
pub(crate) struct Election {
    us: NodeId,
    reserved: BTreeMap<NodeId, Dialled>,
    linked: BTreeSet<NodeId>,
}

impl Election {
    pub(crate) fn new(us: NodeId) -> Self {
        Self { us, reserved: BTreeMap::new(), linked: BTreeSet::new() }
    }

    /// Asks to link with `peer` over a connection that was dialled by `dialled`. False: another connection stays.
    pub(crate) fn reserve(&mut self, peer: &NodeId, dialled: Dialled) -> bool {
        !self.linked.contains(peer) && self.prefer(peer, dialled)
    }

    /// Asks to go on with the link to `peer` over another connection. False: yet another one stays, or there is no link.
    pub(crate) fn reserve_again(&mut self, peer: &NodeId, dialled: Dialled) -> bool {
        self.linked.contains(peer) && self.prefer(peer, dialled)
    }

    fn prefer(&mut self, peer: &NodeId, dialled: Dialled) -> bool {
        let us = (self.us.name(), self.us.incarnation());
        let Some(winner) = stays(us, (peer.name(), peer.incarnation())) else { return false };
        match self.reserved.get(peer) {
            // A second connection of the same side: the first is likely dead, and the newcomer is not.
            None => {}
            Some(before) if *before == dialled => {}
            Some(_) if winner == dialled => {}
            Some(_) => return false,
        }
        self.reserved.insert(peer.clone(), dialled);
        true
    }

    /// Who else is linked, or greeted, under the name of `peer`.
    pub(crate) fn namesake(&self, peer: &NodeId) -> Option<NodeId> {
        let others = self.linked.iter().chain(self.reserved.keys()).chain([&self.us]);
        others.filter(|other| other.name() == peer.name()).find(|other| *other != peer).cloned()
    }

    /// Makes the connection the link. False: it was overtaken by another one meanwhile.
    pub(crate) fn confirm(&mut self, peer: &NodeId, dialled: Dialled) -> bool {
        let confirmed = !self.linked.contains(peer) && self.stands(peer, dialled);
        if confirmed {
            self.linked.insert(peer.clone());
        }
        confirmed
    }

    /// Makes the connection that of the link. False: it was overtaken, or the link is gone.
    pub(crate) fn confirm_again(&mut self, peer: &NodeId, dialled: Dialled) -> bool {
        self.linked.contains(peer) && self.stands(peer, dialled)
    }

    /// Takes the reservation out, if it is still this one.
    fn stands(&mut self, peer: &NodeId, dialled: Dialled) -> bool {
        let stands = self.reserved.get(peer) == Some(&dialled);
        if stands {
            self.reserved.remove(peer);
        }
        stands
    }

    /// The greeting failed.
    pub(crate) fn release(&mut self, peer: &NodeId, dialled: Dialled) {
        if self.reserved.get(peer) == Some(&dialled) {
            self.reserved.remove(peer);
        }
    }

    /// The link is gone.
    pub(crate) fn unlink(&mut self, peer: &NodeId) {
        self.linked.remove(peer);
    }

    #[cfg(feature = "testing")]
    pub(crate) fn greetings(&self) -> usize {
        self.reserved.len()
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

    #[test]
    fn a_lone_connection_becomes_the_link_whoever_dialled() {
        let (a, b) = nodes();
        for dialled in [Dialled::ByUs, Dialled::ByPeer] {
            let mut at_a = Election::new(a.clone());
            assert!(at_a.reserve(&b, dialled) && at_a.confirm(&b, dialled));
            assert!(!at_a.reserve(&b, Dialled::ByUs), "one link a pair");
        }
    }

    #[test]
    fn of_two_connections_at_once_both_ends_keep_the_one_of_the_smaller() {
        let (a, b) = nodes();
        let (mut at_a, mut at_b) = (Election::new(a.clone()), Election::new(b.clone()));
        // Both accept what the other has dialled, then hear the answer to what they dialled themselves.
        assert!(at_a.reserve(&b, Dialled::ByPeer));
        assert!(at_b.reserve(&a, Dialled::ByPeer));
        assert!(at_a.reserve(&b, Dialled::ByUs), "a is smaller: its own stays");
        assert!(!at_b.reserve(&a, Dialled::ByUs), "b yields");
        assert!(at_a.confirm(&b, Dialled::ByUs) && at_b.confirm(&a, Dialled::ByPeer));
        assert!(!at_a.confirm(&b, Dialled::ByPeer));
    }

    #[test]
    fn a_node_never_links_with_itself() {
        let (a, _) = nodes();
        assert!(!Election::new(a.clone()).reserve(&a, Dialled::ByUs));
    }

    #[test]
    fn a_link_goes_on_over_the_connection_of_the_smaller() {
        let (a, b) = nodes();
        let (mut at_a, mut at_b) = (Election::new(a.clone()), Election::new(b.clone()));
        assert!(!at_a.reserve_again(&b, Dialled::ByUs), "there is no link");
        assert!(at_a.reserve(&b, Dialled::ByUs) && at_a.confirm(&b, Dialled::ByUs));
        assert!(at_b.reserve(&a, Dialled::ByPeer) && at_b.confirm(&a, Dialled::ByPeer));
        assert!(at_b.reserve_again(&a, Dialled::ByUs) && at_a.reserve_again(&b, Dialled::ByPeer));
        assert!(at_a.reserve_again(&b, Dialled::ByUs), "a is smaller: its own stays");
        assert!(at_b.reserve_again(&a, Dialled::ByPeer) && !at_b.confirm_again(&a, Dialled::ByUs));
        assert!(at_a.confirm_again(&b, Dialled::ByUs) && at_b.confirm_again(&a, Dialled::ByPeer));
        assert!(at_a.is_linked(&b) && !at_a.confirm_again(&b, Dialled::ByUs));
        at_a.unlink(&b);
        assert!(!at_a.reserve_again(&b, Dialled::ByPeer));
    }

    #[test]
    fn a_name_is_held_by_who_has_it_and_by_who_is_about_to() {
        let (a, b) = nodes();
        let (again, own) = (NodeId::new("b", 2), NodeId::new("a", 2));
        let mut at_a = Election::new(a.clone());
        assert_eq!(at_a.namesake(&b), None);
        assert_eq!(at_a.namesake(&own), Some(a));
        assert!(at_a.reserve(&b, Dialled::ByUs));
        assert_eq!(at_a.namesake(&again), Some(b.clone()));
        assert!(at_a.confirm(&b, Dialled::ByUs));
        assert_eq!(at_a.namesake(&again), Some(b.clone()));
        assert_eq!(at_a.namesake(&b), None, "itself is no other");
        at_a.unlink(&b);
        assert_eq!(at_a.namesake(&again), None);
    }

    #[test]
    fn a_failed_greeting_leaves_the_way_free() {
        let (a, b) = nodes();
        let mut at_a = Election::new(a);
        assert!(at_a.reserve(&b, Dialled::ByUs));
        at_a.release(&b, Dialled::ByUs);
        assert!(at_a.reserve(&b, Dialled::ByPeer));
    }
}
