//! A name lives once in a cluster.

use atasks_actors::task_error::Loss;

use super::NodeCore;
use crate::{link::Peer, session::greeting::Dialled};

impl NodeCore {
    /// Whether a peer may have its name: who starts anew at the same address takes the place of its former start, anybody
    /// else is refused.
    ///
    /// # Errors
    /// Who has it, for a person.
    pub(crate) fn may_be_named(&self, peer: &Peer, dialled: Dialled) -> Result<(), String> {
        let Some(holder) = self.election().namesake(&peer.id) else { return Ok(()) };
        let view = self.view.load();
        let link = view.links().find(|link| *link.id() == holder);
        if let Some(former) = link.filter(|link| same_place(link.addresses(), &peer.addresses)) {
            self.link_is_lost(former, Loss::Restarted);
            return Ok(());
        }
        // Whoever dials is the newcomer.
        let (holder, at) = match link {
            Some(link) => (holder, link.addresses().first().cloned()),
            None if holder == self.me && dialled == Dialled::ByUs => (peer.id.clone(), peer.addresses.first().cloned()),
            None if holder == self.me => (holder, self.advertised().next()),
            None => (holder, None),
        };
        let at = at.map(|at| format!(" at {at}")).unwrap_or_default();
        Err(format!("the name `{}` is taken by {holder}{at}: choose another node.name", peer.id.name()))
    }
}

/// Whether two nodes listen at the same place. A Unix socket of one name may be on two machines, so it counts only where
/// one of them has nothing else.
fn same_place(one: &[String], other: &[String]) -> bool {
    let beyond = |addresses: &[String]| addresses.iter().any(|address| !address.starts_with("unix"));
    let counts = |address: &&String| !beyond(one) || !beyond(other) || !address.starts_with("unix");
    one.iter().filter(counts).any(|address| other.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_address_that_two_machines_cannot_both_have() {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (one, other, same) in [
            ("10.0.0.1:7", "10.0.0.1:7", true),
            ("10.0.0.1:7", "10.0.0.2:7", false),
            ("unix:/run/w", "unix:/run/w", true),
            ("unix:/run/w 10.0.0.1:7", "unix:/run/w 10.0.0.2:7", false),
            ("unix:/run/w 10.0.0.1:7", "unix:/run/w 10.0.0.1:7", true),
            ("unix:/run/w 10.0.0.1:7", "unix:/run/w", true),
            ("", "", false),
        ] {
            assert_eq!(same_place(&list(one), &list(other)), same, "{one} / {other}");
        }
    }
}
