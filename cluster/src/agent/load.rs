//! Tells peers how much there is to do here as soon as that has changed, but not too often.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use atasks_actors::executor::Pool;
use tokio::time::{sleep, timeout};

use crate::node::NodeCore;

/// Least time between two reports. A frame of 29 bytes to each peer, fifty times a second at most.
const PAUSE: Duration = Duration::from_millis(20);

/// Tells the load until the node has left. Heartbeats tell it as well, changed or not.
pub(super) async fn tell_load(pool: Arc<Pool>, node: Weak<NodeCore>) {
    let Some(heartbeat) = node.upgrade().map(|node| node.config().liveness.heartbeat) else { return };
    loop {
        let moved = timeout(heartbeat, pool.load_moved()).await;
        let Some(node) = node.upgrade().filter(|node| !node.is_closed()) else { return };
        pool.load_is_told();
        match moved {
            Ok(true) => {
                node.tell_load();
                node.agent().look_for_takers();
            }
            Ok(false) => return,
            Err(_quiet) => continue,
        }
        drop(node);
        sleep(PAUSE).await;
    }
}
