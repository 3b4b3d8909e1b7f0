//! What is there of nodes only in programs that can run tasks.

use atasks_cluster::control::gateway::Caller;

use super::{Node, NodeBuilder};
use crate::{StartError, gateway, serve};

/// Makes the calls of a node's Gateway.
pub(super) const CALLER: Option<Caller> = Some(gateway::make);

impl Node {
    /// A worker without a network, with exactly one executor thread of this process: for tests. It never becomes the
    /// default node: use [`scope`](Self::scope).
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn loopback() -> Result<Self, StartError> {
        Self::builder().loopback().await
    }

    /// Serves tasks until SIGTERM, SIGINT or an operator ends that, then [drains](Self::drain). A second signal ends the
    /// process at once.
    ///
    /// # Errors
    /// The system gives no signals.
    pub async fn serve(&self) -> Result<(), StartError> {
        let mut signals = serve::Signals::new()?;
        tokio::select! {
            () = signals.next() => {}
            // An operator has drained it.
            () = self.core.closed() => return Ok(()),
        }
        tokio::select! {
            () = self.drain() => Ok(()),
            () = signals.next() => std::process::exit(130),
        }
    }
}

impl NodeBuilder {
    /// Has a client take part in ractor's cluster as workers do: it reaches their remotable actors, and they reach its
    /// own. One node of a process can.
    pub fn ractor(mut self) -> Self {
        self.ractor = true;
        self
    }

    /// A worker without a network, with one executor; see [`Node::loopback`].
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn loopback(self) -> Result<Node, StartError> {
        let builder = self.worker().executors(1).set(|config| {
            config.cluster.listen.clear();
            config.cluster.seeds.clear();
        });
        builder.private().unconfigured().start().await
    }
}
