//! Which of two connections between the same nodes stays.

/// Which end dialled a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialled {
    /// This node did.
    ByUs,
    /// The peer did.
    ByPeer,
}

/// A node as compared by the rule: its name, then its incarnation.
pub type Identity<'a> = (&'a str, u64);

/// Returns which of two connections between the same nodes stays: the one dialled by the smaller identity.
///
/// Both ends decide alike without asking. `None`: the peer is this node, which has dialled itself; neither stays.
pub fn stays(us: Identity<'_>, peer: Identity<'_>) -> Option<Dialled> {
    match us.cmp(&peer) {
        std::cmp::Ordering::Less => Some(Dialled::ByUs),
        std::cmp::Ordering::Greater => Some(Dialled::ByPeer),
        std::cmp::Ordering::Equal => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_keep_the_connection_dialled_by_the_smaller() {
        let nodes = [("a", 9), ("b", 1), ("b", 2), ("ba", 0)];
        for (i, smaller) in nodes.iter().enumerate() {
            for larger in &nodes[i + 1..] {
                assert_eq!(stays(*smaller, *larger), Some(Dialled::ByUs));
                assert_eq!(stays(*larger, *smaller), Some(Dialled::ByPeer));
            }
            assert_eq!(stays(*smaller, *smaller), None);
        }
    }
}
