//! Tells peers how much there is to do here as soon as that has changed, but not too often.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use atasks_actors::executor::Pool;
use tokio::time::{sleep, timeout};

use crate::node::NodeCore;

/// Least time between two reports, to few peers. A frame of 29 bytes to each, fifty times a second at most.
const PAUSE: Duration = Duration::from_millis(20);

/// Peers from which on the pause grows with their number, so that no more frames leave in all: in a cluster of busy nodes
/// each tells each other, and else they would come to do little but that.
const FEW: usize = 8;

/// What is over so soon is not told: a report takes about as long to get anywhere, and of each short call all peers would
/// hear.
const SOON: Duration = Duration::from_micros(200);

/// Tells the load until the node has left. Heartbeats tell it as well, changed or not.
pub(super) async fn tell_load(pool: Arc<Pool>, node: Weak<NodeCore>) {
    let Some(heartbeat) = node.upgrade().map(|node| node.config().liveness.heartbeat) else { return };
    loop {
        let moved = timeout(heartbeat, pool.load_moved()).await;
        let Some(node) = node.upgrade().filter(|node| !node.is_closed()) else { return };
        match moved {
            Ok(true) if pool.load_is_worth_telling(SOON) => {
                pool.load_is_told();
                node.tell_load();
                node.agent().look_for_takers();
            }
            Ok(true) => {}
            Ok(false) => return,
            Err(_quiet) => {
                pool.load_is_told();
                continue;
            }
        }
        let pause = pause(node.links().len()).min(heartbeat.max(PAUSE));
        drop(node);
        sleep(pause).await;
    }
}

fn pause(peers: usize) -> Duration {
    PAUSE * u32::try_from(peers.div_ceil(FEW).max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_peers_hear_at_once_and_many_not_more_in_all() {
        for (peers, millis) in [(0, 20), (1, 20), (8, 20), (9, 40), (16, 40), (64, 160)] {
            assert_eq!(pause(peers), Duration::from_millis(millis), "{peers}");
        }
        let _ = pause(usize::MAX);
    }
}
