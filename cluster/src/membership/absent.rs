//! What stands for letting peers in, in a program without the feature `worker`: nobody is.

use std::sync::Weak;

use ractor::ActorRef;

use super::MembershipMsg;
use crate::{node::NodeCore, transport::Listener};

pub(crate) async fn listen(listener: Listener, _node: Weak<NodeCore>, _membership: ActorRef<MembershipMsg>) {
    match listener {}
}
