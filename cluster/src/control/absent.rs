//! What stands for a node's part in ractor's cluster in a program without the feature `worker`: it takes none, and says
//! so to peers that ask.

mod piece;

use std::sync::Arc;

use ractor::{ActorCell, ActorId};

use self::gateway::Caller;
use crate::{link::Link, node::NodeCore};

/// A node's hold on nothing.
pub(crate) struct Control;

impl Control {
    pub(crate) fn new(_nobody: Option<Caller>) -> Self {
        Self
    }

    pub(crate) fn link_up(&self, _link: &Arc<Link>) {}

    pub(crate) fn is(&self, _who: ActorId) -> bool {
        false
    }
}

pub(crate) async fn start(_node: &Arc<NodeCore>, _root: ActorCell) {}

pub(crate) fn failed(_node: &Arc<NodeCore>, _root: ActorCell, _reason: String) {}

/// The Gateway, which only workers have.
pub mod gateway {
    /// Makes the Gateway's calls; there is none.
    #[derive(Clone, Copy, Debug)]
    pub enum Caller {}
}

pub(crate) mod streams {
    //! ractor_cluster's streams over a link, of which none is taken.

    use std::sync::Arc;

    use super::piece::Piece;
    use crate::{link::Link, node::NodeCore};

    /// The streams of one link.
    #[derive(Default)]
    pub(crate) struct Streams(());

    impl Streams {
        /// Takes a piece from the peer.
        pub(crate) fn heard(&self, link: &Arc<Link>, _node: &NodeCore, bytes: &[u8]) {
            if let Some((number, Piece::Opened)) = Piece::decode(bytes) {
                link.say_ractor(&Piece::Absent.encode(number));
            }
        }

        pub(crate) fn end(&self) {}
    }
}
