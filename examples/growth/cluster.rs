//! A cluster of processes, and this process as its client.

use std::time::Duration;

use atasks::{Node, Result};
use tokio::time::{sleep, timeout};

use crate::{
    load::own_processor_time,
    nodes::{Nodes, Over, Seeds},
};

/// Longest that a cluster may take to come together.
const PATIENCE: Duration = Duration::from_secs(60);

/// For so long it is looked what the nodes do.
const SETTLES_EACH: Duration = Duration::from_millis(500);
/// So often.
const SETTLES_MAX: usize = 60;

pub(crate) struct Cluster {
    nodes: Nodes,
    client: Node,
}

impl Cluster {
    /// As many workers, with one executor each, all linked with each other and with this process, whose calls go there.
    pub(crate) async fn start(over: Over, workers: usize) -> Result<Self> {
        let mut nodes = Nodes::start(over, Seeds::All, workers)?;
        let meshed = timeout(PATIENCE, nodes.meshed()).await;
        meshed.map_err(|_late| atasks::Error::msg(format!("no full mesh within {PATIENCE:?}")))??;
        let builder = Node::builder().client().secret(nodes.secret()).min_workers(workers);
        let client = (0..workers).fold(builder, |builder, node| builder.seed(nodes.address(node))).join().await?;
        let cluster = Self { nodes, client };
        cluster.settles().await?;
        Ok(cluster)
    }

    /// Waits until the nodes no longer do less and less: linked, they still have things to do for each other.
    async fn settles(&self) -> Result<()> {
        let mut last = Duration::from_secs(3600);
        for _ in 0..SETTLES_MAX {
            let before = self.spent()?;
            sleep(SETTLES_EACH).await;
            let spent = self.spent()?.saturating_sub(before);
            if spent >= last.mul_f64(0.9) {
                break;
            }
            last = spent;
        }
        Ok(())
    }

    pub(crate) fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    pub(crate) fn client(&self) -> &Node {
        &self.client
    }

    /// How long the workers and this process have used a processor.
    pub(crate) fn spent(&self) -> Result<Duration> {
        Ok(self.nodes.processor_times()?.into_iter().sum::<Duration>() + own_processor_time())
    }

    pub(crate) async fn end(self) {
        self.client.leave().await;
    }
}
