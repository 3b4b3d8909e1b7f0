//! Recursion without a limit: every call awaits two more, and each of them may run on any node.
//!
//! ```text
//! $ cargo run --release --example fib -- 20
//! fib(20) = 6765: 21891 tasks on 2 nodes
//! ```

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What the calls below one call found, that call included.
#[derive(Serialize, Deserialize)]
struct Found {
    value: u64,
    tasks: u64,
    nodes: BTreeSet<String>,
}

#[atasks::task]
async fn fib(n: u64) -> atasks::Result<Found> {
    let here = atasks::current().node().to_string();
    if n < 2 {
        return Ok(Found { value: n, tasks: 1, nodes: BTreeSet::from([here]) });
    }
    let (mut a, b) = tokio::try_join!(fib(n - 1), fib(n - 2))?;
    a.nodes.extend(b.nodes);
    a.nodes.insert(here);
    Ok(Found { value: a.value + b.value, tasks: 1 + a.tasks + b.tasks, nodes: a.nodes })
}

#[atasks::main]
async fn main() -> atasks::Result<()> {
    let n = std::env::args().nth(1).map_or(Ok(20), |n| n.parse())?;
    let Found { value, tasks, nodes } = fib(n).await?;
    println!("fib({n}) = {value}: {tasks} tasks on {} nodes", nodes.len());
    Ok(())
}
