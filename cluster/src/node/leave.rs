//! How a node leaves: at once, or drained.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use atasks_actors::{
    event::Event,
    node_id::NodeId,
    task_error::{Canceller, Loss},
};
use futures_util::future::join_all;
use tokio::time::timeout;

use super::NodeCore;
use crate::{link::Link, placement::PlacementMsg, wire::Notice};

/// How long a node that leaves waits for what it has said to be written.
const FAREWELL_MAX: Duration = Duration::from_millis(500);

impl NodeCore {
    /// Takes no more calls, hands back what has not started, waits until what runs is over and its results are written, and
    /// leaves: calls of others notice nothing. After `node.drain_timeout` what still runs is cancelled.
    pub async fn drain(&self) {
        if !self.begin_to_drain() {
            // Somebody else drains it.
            return self.closed().await;
        }
        let within = self.config.node.drain_timeout;
        if timeout(within, self.is_done()).await.is_err() {
            tracing::warn!(node = %self.me, ?within, "not all that runs here is over, with its result read, in time; it is cancelled");
            for link in self.view.load().links() {
                link.cancel_served(Canceller::Drain);
            }
            let _ = timeout(self.config.node.cancel_grace + FAREWELL_MAX, self.is_done()).await;
        }
        self.leave().await;
    }

    /// Does so for an operator.
    pub(crate) fn drain_on_request(&self, operator: &NodeId) {
        let Some(node) = self.myself.upgrade() else { return };
        tracing::warn!(node = %self.me, %operator, "drains, as it was asked to");
        self.io.spawn(async move { node.drain().await });
    }

    /// Asks the node of this name to drain. False: no such node is linked.
    pub fn ask_to_drain(&self, name: &str) -> bool {
        let view = self.view.load();
        let asked = view.workers().find(|link| link.id().name() == name);
        asked.inspect(|link| link.notice(&Notice::Drain)).is_some()
    }

    /// A peer takes no more calls.
    pub(crate) fn link_drains(&self, link: &Link) {
        self.events.tell(|| Event::NodeDraining(link.id().clone()));
        // Calls that waited for room there have to look elsewhere.
        self.nodes_changed();
    }

    /// False: it drains already.
    fn begin_to_drain(&self) -> bool {
        if self.draining.swap(true, Ordering::SeqCst) {
            return false;
        }
        self.events.tell(|| Event::NodeDraining(self.me.clone()));
        for link in self.view.load().links() {
            link.notice(&Notice::Draining);
        }
        if let Some(pool) = self.agent.pool() {
            pool.hand_back();
        }
        true
    }

    /// Waits until nothing runs here.
    async fn is_idle(&self) {
        let Some(pool) = self.agent.pool() else { return };
        while !pool.load().is_nothing() || self.view.load().links().any(|link| link.is_serving()) {
            pool.ended().await;
        }
    }

    /// The same, and until those who have asked for it were written what came of it: that may be large, and they slow.
    async fn is_done(&self) {
        self.is_idle().await;
        let view = self.view.load_full();
        join_all(view.links().map(|link| link.is_delivered())).await;
    }

    /// Leaves the cluster: says goodbye, and ends what waits here. What peers have asked for and has not started goes back
    /// to them; of what runs they learn by the goodbye.
    pub async fn leave(&self) {
        if self.left.swap(true, Ordering::SeqCst) {
            return;
        }
        if let Some(pool) = self.agent.pool() {
            pool.leave(|context| context.id().origin == self.me.incarnation());
        }
        let view = self.view.load_full();
        for link in view.links() {
            link.leave();
        }
        let farewell = async {
            // A peer that has heard the goodbye hears nothing more: outcomes go first.
            // One that does not read costs the others nothing.
            join_all(view.links().map(async |link| {
                link.is_quiet().await;
                link.goodbye();
                link.is_quiet().await;
                link.finish().await;
                // To close before it has read that could take back what is still on its way.
                link.is_gone().await;
            }))
            .await;
        };
        let _ = timeout(FAREWELL_MAX, farewell).await;
        self.stop_listening().await;
        self.close();
    }

    /// Lets nobody in any more, and waits until the sockets are gone, their files with them.
    pub async fn stop_listening(&self) {
        let listeners = std::mem::take(&mut *self.listeners.lock().unwrap_or_else(PoisonError::into_inner));
        for listener in listeners {
            listener.abort();
            // It ends by being aborted.
            let _ = listener.await;
        }
    }

    /// Ends the node at once.
    pub fn close(&self) {
        self.left.store(true, Ordering::SeqCst);
        if self.closed.send_replace(true) {
            return;
        }
        if let Some(placement) = self.placement.get() {
            let _ = placement.cast(PlacementMsg::Changed);
        }
        for listener in &*self.listeners.lock().unwrap_or_else(PoisonError::into_inner) {
            listener.abort();
        }
        for link in self.view.swap(Arc::default()).links() {
            link.leave();
            link.lose(Loss::Left);
        }
        if let Some(pool) = self.agent.pool() {
            pool.close();
        }
        if let Some(root) = self.root.get() {
            root.stop(None);
        }
        if let Some(timers) = self.timer_loop.get() {
            timers.abort();
        }
        self.timers.close();
    }
}
