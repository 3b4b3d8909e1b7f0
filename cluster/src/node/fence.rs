//! After a stop, or a sleep of its machine, a node may be lost to its peers: it starts nothing before each of them has
//! answered, or is gone itself.

use std::sync::Arc;

use super::NodeCore;

impl NodeCore {
    /// The node's clock comes by: sees whether it was stopped.
    pub(crate) fn look_at_the_clock(&self) {
        let Some(pool) = self.agent.pool() else { return };
        if !pool.fence().stamp() {
            tracing::warn!(node = %self.me, "was stopped for a while; nothing starts before its peers have answered");
            for link in self.view.load().links() {
                link.ask_for_an_answer();
            }
        }
        self.open_if_all_have_answered();
    }

    /// Opens the fence when no answer is missing.
    pub(crate) fn open_if_all_have_answered(&self) {
        let Some(pool) = self.agent.pool() else { return };
        if pool.fence().is_closed() && self.view.load().links().all(|link| link.has_answered()) {
            pool.fence().open();
        }
        pool.start_what_was_kept();
    }

    /// Comes by for as long as the node lives.
    pub(crate) async fn keep_time(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(self.config.liveness.heartbeat);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let node = Arc::downgrade(&self);
        drop(self);
        loop {
            ticks.tick().await;
            let Some(node) = node.upgrade().filter(|node| !node.is_closed()) else { return };
            node.look_at_the_clock();
        }
    }
}
