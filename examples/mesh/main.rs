//! Measures clusters of processes on this machine: how fast they come together, and what they cost when nothing happens.
//!
//! ```text
//! $ cargo run --release --example mesh                # 16 nodes, 200 joins of a client, idle for 5 s
//! $ cargo run --release --example mesh -- 64 50 10    # NODES JOINS IDLE_SECONDS
//! ```
//! Each cluster is made twice: of nodes that are all seeds of each other and start at the same moment, and of nodes that
//! know one seed, which starts last. Prints one JSON line a measurement and a table; ends with an error if a
//! cluster is no full mesh of one connection a pair.

mod nodes;
mod system;

use std::{env, fmt::Write, time::Duration};

use atasks::{Node, Result};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::nodes::{Nodes, Over, Seeds};

/// Longest that a cluster may take to come together.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker has to have a task.
#[atasks::task]
async fn nothing() -> Result<()> {
    Ok(())
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("node") => runtime.block_on(nodes::serve(&arguments[1..])),
        _ => runtime.block_on(measure(&arguments)),
    }
}

async fn measure(arguments: &[String]) -> Result<()> {
    let number = |at: usize, default: usize| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (nodes, joins, idle) = (number(0, 16)?.max(2), number(1, 200)?.max(1), number(2, 5)?.max(1));
    let mut report = Report { nodes, table: String::new() };
    for over in [Over::Unix, Over::Tls] {
        let cluster = report.mesh(over, Seeds::StartedLast).await?;
        drop(cluster);
        let cluster = report.mesh(over, Seeds::All).await?;
        report.idle(over, &cluster, Duration::from_secs(idle as u64)).await?;
        report.joins(over, &cluster, joins).await?;
    }
    println!("\n{nodes} nodes, one executor each\n{}", report.table);
    Ok(())
}

/// What was measured.
struct Report {
    nodes: usize,
    table: String,
}

impl Report {
    /// From the first start to the last node that is linked with all others.
    async fn mesh(&mut self, over: Over, seeds: Seeds) -> Result<Nodes> {
        let begun = Instant::now();
        let mut cluster = Nodes::start(over, seeds, self.nodes)?;
        let meshed = timeout(PATIENCE, cluster.meshed()).await;
        let took = begun.elapsed();
        let links = meshed.map_err(|_late| atasks::Error::msg(format!("no full mesh within {PATIENCE:?}")))??;
        if links.iter().any(|links| *links != self.nodes - 1) {
            return Err(atasks::Error::msg(format!("links a node: {links:?}")));
        }
        let what = match seeds {
            Seeds::All => "mesh, all are seeds",
            Seeds::StartedLast => "mesh, the seed starts last",
        };
        self.tell(over, what, took.as_secs_f64() * 1e3, "ms", Some(2000.0));
        self.tell(over, "links a node", links[0] as f64, "", None);
        if let Some(connections) = cluster.connections_when(self.nodes * (self.nodes - 1) / 2).await? {
            self.tell(over, "connections in all", connections as f64, "", None);
        }
        Ok(cluster)
    }

    /// What the nodes use while nothing happens.
    async fn idle(&mut self, over: Over, cluster: &Nodes, during: Duration) -> Result<()> {
        // What the start has left to do is over then.
        sleep(Duration::from_secs(1)).await;
        let before = cluster.processor_times()?;
        sleep(during).await;
        let used = cluster.processor_times()?.into_iter().zip(before).map(|(after, before)| after - before);
        let shares: Vec<_> = used.map(|used| 100.0 * used.as_secs_f64() / during.as_secs_f64()).collect();
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        self.tell(over, "idle, mean of the nodes", mean, "% of a core", Some(1.0));
        self.tell(over, "idle, the busiest", shares.into_iter().fold(0.0, f64::max), "% of a core", Some(1.0));
        let (resident, own) = cluster.memory()?;
        self.tell(over, "resident, a node", resident as f64 / 1024.0, "KiB", None);
        self.tell(over, "of it not shared", own as f64 / 1024.0, "KiB", None);
        Ok(())
    }

    /// How long a client takes to join, and to be linked with all.
    async fn joins(&mut self, over: Over, cluster: &Nodes, joins: usize) -> Result<()> {
        let (mut joined, mut linked) = (Vec::new(), Vec::new());
        for join in 0..joins {
            let builder = Node::builder().client().secret(cluster.secret());
            let begun = Instant::now();
            let node = builder.seed(cluster.address(join % self.nodes)).join().await?;
            joined.push(begun.elapsed().as_secs_f64() * 1e3);
            node.wait_for(self.nodes).await;
            linked.push(begun.elapsed().as_secs_f64() * 1e3);
            node.leave().await;
        }
        for (what, mut took) in [("join of a client", joined), ("linked with all", linked)] {
            took.sort_by(f64::total_cmp);
            let goal = (what == "join of a client").then_some(50.0);
            self.tell(over, &format!("{what}, p50"), took[took.len() / 2], "ms", goal);
            self.tell(over, &format!("{what}, p99"), took[took.len() * 99 / 100], "ms", goal);
        }
        Ok(())
    }

    fn tell(&mut self, over: Over, what: &str, value: f64, unit: &str, goal: Option<f64>) {
        let value = (value * 100.0).round() / 100.0;
        println!("{}", json!({"over": over.name(), "what": what, "value": value, "unit": unit, "n": self.nodes}));
        let judged = match goal {
            Some(goal) if value <= goal => format!("  at most {goal}: met"),
            Some(goal) => format!("  at most {goal}: MISSED"),
            None => String::new(),
        };
        // Writing into a text does not fail.
        let _ = writeln!(self.table, "  {:4}  {what:28} {value:>9.2} {unit:11}{judged}", over.name());
    }
}
