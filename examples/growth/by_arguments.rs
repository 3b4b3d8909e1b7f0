//! What grows with the size of arguments, and of what is returned.

use atasks::Result;

use crate::{
    Plan,
    cluster::Cluster,
    draw::{Axis, Figure, Line, Scale},
    load::cost_of_each,
    nodes::Over,
    raw::Raw,
    table::Table,
    work::echo,
};

/// The last is 64 MiB less what the codec adds.
const POINTS: &[u64] = &[8, 64, 512, 4 << 10, 32 << 10, 256 << 10, 2 << 20, 16 << 20, (64 << 20) - 1024];

#[rustfmt::skip]
pub(crate) const FIGURES: &[Figure] = &[Figure {
    name: "arguments",
    title: "A call that returns its arguments, one after another",
    x: Axis { label: "bytes each way", scale: Scale::Bytes },
    y: Axis { label: "µs of CPU", scale: Scale::Logarithmic },
    lines: &[
        Line("arguments", "unix_cpu_us", "Unix"), Line("arguments", "tls_cpu_us", "TLS"),
        Line("arguments", "raw_unix_cpu_us", "raw Unix"), Line("arguments", "raw_tcp_cpu_us", "raw TCP"),
    ],
}];

pub(crate) async fn measure(plan: &Plan) -> Result<Vec<Table>> {
    let columns = &["bytes", "unix_cpu_us", "raw_unix_cpu_us", "tls_cpu_us", "raw_tcp_cpu_us"];
    let mut table = Table::new("arguments", columns);
    for bytes in plan.points(POINTS) {
        let mut costs = Vec::new();
        for over in [Over::Unix, Over::Tls] {
            let cluster = Cluster::start(over, 1).await?;
            costs.push(cost_of_each(&|| cluster.spent(), plan.window, || called(bytes as usize)).await?);
            cluster.end().await;
            costs.push(raw(over, bytes as usize, plan).await?);
        }
        table.push(bytes, costs);
    }
    Ok(vec![table])
}

async fn called(bytes: usize) -> Result<()> {
    let came = echo(vec![7; bytes]).await?;
    if came.len() == bytes { Ok(()) } else { Err(atasks::Error::msg("the echo is short")) }
}
async fn raw(over: Over, bytes: usize, plan: &Plan) -> Result<f64> {
    let raw = Raw::start(over, 1).await?;
    cost_of_each(&|| raw.spent(), plan.window, || raw.call(0, bytes)).await
}
