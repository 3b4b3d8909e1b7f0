//! What grows with the calls that are in flight from one client to one worker.

use atasks::Result;

use crate::{
    Plan,
    cluster::Cluster,
    draw::{Axis, Figure, Line, Scale},
    load::Load,
    nodes::Over,
    table::Table,
    work::add,
};

const POINTS: &[u64] = &[1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

pub(crate) const FIGURES: &[Figure] = &[Figure {
    name: "pending",
    title: "A call of add, by the calls in flight",
    x: Axis { label: "calls in flight", scale: Scale::Logarithmic },
    y: Axis { label: "µs of CPU", scale: Scale::Linear },
    lines: &[Line("pending", "call_cpu_us", "Unix")],
}];

pub(crate) async fn measure(plan: &Plan) -> Result<Vec<Table>> {
    let mut table = Table::new("pending", &["in_flight", "call_cpu_us"]);
    let cluster = Cluster::start(Over::Unix, 1).await?;
    for in_flight in plan.points(POINTS) {
        let mut load = Load::of_calls(in_flight, |at| async move { add(at as i64, 1).await.map(drop) });
        let cost = load.cost(&|| cluster.spent(), plan.window).await?;
        load.end().await?;
        table.push(in_flight, vec![cost.cpu_us]);
    }
    cluster.end().await;
    Ok(vec![table])
}
