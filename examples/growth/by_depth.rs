//! What grows with the depth of a tree of calls.

use atasks::Result;

use crate::{
    Plan,
    cluster::Cluster,
    draw::{Axis, Figure, Line, Scale},
    load::cost_of_each,
    nodes::Over,
    table::Table,
    work::descend,
};

const POINTS: &[u64] = &[1, 10, 100, 1_000, 10_000, 100_000];

pub(crate) const FIGURES: &[Figure] = &[Figure {
    name: "depth",
    title: "Each call of those below each other",
    x: Axis { label: "calls below each other", scale: Scale::Logarithmic },
    y: Axis { label: "µs of CPU", scale: Scale::Linear },
    lines: &[Line("depth", "call_cpu_us", "Unix")],
}];

pub(crate) async fn measure(plan: &Plan) -> Result<Vec<Table>> {
    let mut table = Table::new("depth", &["depth", "call_cpu_us"]);
    let cluster = Cluster::start(Over::Unix, 1).await?;
    for depth in plan.points(POINTS) {
        let call = || async move {
            let came = descend(depth).await?;
            if came == depth { Ok(()) } else { Err(atasks::Error::msg(format!("{came} calls, not {depth}"))) }
        };
        let cost = cost_of_each(&|| cluster.spent(), plan.window, call).await?;
        table.push(depth, vec![cost / depth as f64]);
    }
    cluster.end().await;
    Ok(vec![table])
}
