//! What grows with the number of nodes.

use std::time::Duration;

use atasks::{Placement, Result, testing};
use tokio::time::{Instant, sleep};

use crate::{
    Plan,
    cluster::Cluster,
    draw::{Axis, Figure, Line, Scale},
    load::{Load, time_of_each},
    nodes::Over,
    raw::{Raw, SMALL},
    table::Table,
    work::{add, births},
};

const POINTS: &[u64] = &[1, 2, 4, 8, 16, 32, 64];

const COLUMNS: &[&str] = &[
    "nodes",
    "call_cpu_us",
    "call_beyond_idle_cpu_us",
    "raw_cpu_us",
    "one_by_one_us",
    "raw_one_by_one_us",
    "idle_percent",
    "resident_mib",
    "unshared_mib",
    "choice_ns",
    "birth_us",
];

/// Calls in flight for each link.
const IN_FLIGHT: usize = 16;

const ONE_BY_ONE: u64 = 500;
const CHOICES: usize = 100_000;
const BIRTHS: u64 = 2_000;

/// Until what a start, or births, have left to do is over.
const SETTLES: Duration = Duration::from_millis(500);

const NODES: Axis = Axis { label: "nodes", scale: Scale::Logarithmic };

#[rustfmt::skip]
pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        name: "nodes-call",
        title: "A call of add, 16 in flight for each node, beyond what idle nodes take",
        x: NODES,
        y: Axis { label: "µs of CPU", scale: Scale::Linear },
        lines: &[
            Line("nodes-unix", "call_beyond_idle_cpu_us", "Unix"), Line("nodes-tls", "call_beyond_idle_cpu_us", "TLS"),
            Line("nodes-unix", "raw_cpu_us", "raw Unix"), Line("nodes-tls", "raw_cpu_us", "raw TCP"),
        ],
    },
    Figure {
        name: "nodes-one-by-one",
        title: "A call of add, one after another",
        x: NODES,
        y: Axis { label: "µs, median", scale: Scale::Linear },
        lines: &[
            Line("nodes-unix", "one_by_one_us", "Unix"), Line("nodes-tls", "one_by_one_us", "TLS"),
            Line("nodes-unix", "raw_one_by_one_us", "raw Unix"), Line("nodes-tls", "raw_one_by_one_us", "raw TCP"),
        ],
    },
    Figure {
        name: "nodes-memory",
        title: "A node's memory",
        x: NODES,
        y: Axis { label: "MiB", scale: Scale::Linear },
        lines: &[
            Line("nodes-unix", "resident_mib", "resident, Unix"), Line("nodes-tls", "resident_mib", "resident, TLS"),
            Line("nodes-unix", "unshared_mib", "not shared, Unix"), Line("nodes-tls", "unshared_mib", "not shared, TLS"),
        ],
    },
    Figure {
        name: "nodes-idle",
        title: "A node that has nothing to do",
        x: NODES,
        y: Axis { label: "% of a core", scale: Scale::Linear },
        lines: &[Line("nodes-unix", "idle_percent", "Unix"), Line("nodes-tls", "idle_percent", "TLS")],
    },
    Figure {
        name: "nodes-choice",
        title: "Choosing a node for a call",
        x: NODES,
        y: Axis { label: "ns", scale: Scale::Linear },
        lines: &[Line("nodes-unix", "choice_ns", "Unix"), Line("nodes-tls", "choice_ns", "TLS")],
    },
    Figure {
        name: "nodes-birth",
        title: "Birth and end of an actor on a node",
        x: NODES,
        y: Axis { label: "µs of CPU", scale: Scale::Linear },
        lines: &[Line("nodes-unix", "birth_us", "Unix"), Line("nodes-tls", "birth_us", "TLS")],
    },
];

pub(crate) async fn measure(plan: &Plan) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for (over, name) in [(Over::Unix, "nodes-unix"), (Over::Tls, "nodes-tls")] {
        let mut table = Table::new(name, COLUMNS);
        for nodes in plan.points(POINTS) {
            table.push(nodes, with(over, nodes as usize, plan.window).await?);
        }
        tables.push(table);
    }
    Ok(tables)
}

async fn with(over: Over, nodes: usize, window: Duration) -> Result<Vec<f64>> {
    // Before and after, as the machine may do other things meanwhile; not beside a cluster, which is never quite idle.
    let before = raw(over, nodes, window).await?;
    let cluster = Cluster::start(over, nodes).await?;
    let mut load = Load::of_calls((IN_FLIGHT * nodes) as u64, |at| async move { add(at as i64, 1).await.map(drop) });
    let call = load.cost(&|| cluster.spent(), window).await?;
    load.end().await?;
    let one_by_one = time_of_each(ONE_BY_ONE, |at| async move { add(at as i64, 1).await.map(drop) }).await?;
    let choice = choice(&cluster)?;

    sleep(SETTLES).await;
    let idle = idle(&cluster, 4 * window).await?;
    let birth = birth(&cluster, idle).await?;
    let (resident, unshared) = cluster.nodes().memory()?;
    cluster.end().await;

    let after = raw(over, nodes, window).await?;
    let (raw, raw_one_by_one) = ((before.0 + after.0) / 2.0, (before.1 + after.1) / 2.0);
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let (resident, unshared) = (mib(resident), mib(unshared));
    // What the same nodes would have done without calls, in the time of one.
    let beyond_idle = call.cpu_us - idle * nodes as f64 * call.wall_us;
    let idle = 100.0 * idle;
    Ok(vec![call.cpu_us, beyond_idle, raw, one_by_one, raw_one_by_one, idle, resident, unshared, choice, birth])
}

/// The cost of a frame there and back, and the time of one after another.
async fn raw(over: Over, processes: usize, window: Duration) -> Result<(f64, f64)> {
    let mut raw = Raw::start(over, processes).await?;
    let one_by_one = time_of_each(ONE_BY_ONE, |at| raw.call(at, SMALL)).await?;
    let mut load = raw.load(IN_FLIGHT);
    let cost = load.cost(&|| raw.spent(), window).await?;
    load.end().await?;
    Ok((cost.cpu_us, one_by_one))
}

/// Nanoseconds to choose a node.
fn choice(cluster: &Cluster) -> Result<f64> {
    let call = add(1, 2);
    let begun = Instant::now();
    let chosen = testing::targets(cluster.client(), &call, CHOICES);
    let took = begun.elapsed();
    if chosen.len() < CHOICES {
        return Err(atasks::Error::msg("there is nobody to choose"));
    }
    Ok(took.as_nanos() as f64 / CHOICES as f64)
}

/// How much of a core a node uses, on average.
async fn idle(cluster: &Cluster, during: Duration) -> Result<f64> {
    let sum = || Ok::<_, atasks::Error>(cluster.nodes().processor_times()?.into_iter().sum::<Duration>());
    let (begun, before) = (Instant::now(), sum()?);
    sleep(during).await;
    let spent = sum()?.saturating_sub(before).as_secs_f64() / begun.elapsed().as_secs_f64();
    Ok(spent / cluster.nodes().processor_times()?.len() as f64)
}

/// Microseconds of a processor that a birth takes on a node, beyond what it uses when it is idle.
async fn birth(cluster: &Cluster, idle: f64) -> Result<f64> {
    let spent = || Ok::<_, atasks::Error>(cluster.nodes().processor_times()?.first().copied().unwrap_or_default());
    let (begun, before) = (Instant::now(), spent()?);
    births(BIRTHS).place(Placement::Node("mesh-0".to_owned())).await?;
    // Others hear of it later.
    sleep(SETTLES).await;
    let spent = spent()?.saturating_sub(before).as_secs_f64() - idle * begun.elapsed().as_secs_f64();
    Ok(spent * 1e6 / BIRTHS as f64)
}
