//! Measures how the costs of ATasks grow: with nodes, with calls in flight, with tasks, depth and sizes. Each curve
//! becomes a CSV file and figures (SVG), which `docs/growth.md` shows and explains.
//!
//! ```text
//! $ cargo run --release --example growth                                        # all: minutes on 2 cores
//! $ cargo run --release --example growth -- nodes depth                         # these curves
//! $ cargo run --example growth -- --points 1,2 --window 20 --into /tmp/growth   # only shows that it runs
//! ```
//! Costs are times on a processor, user and system, of all processes that take part, which are started here and end with
//! this one. Beside nodes and arguments stands what plain sockets take for the same bytes.

mod by_arguments;
mod by_depth;
mod by_nodes;
mod by_pending;
mod by_tasks;
mod cluster;
mod draw;
mod load;
mod raw;
mod table;
mod work;

#[path = "../mesh/nodes.rs"]
#[expect(dead_code, reason = "what the example `mesh` asks of them beyond this")]
mod nodes;
#[path = "../mesh/system.rs"]
mod system;

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use atasks::Result;
use clap::{Parser, ValueEnum};

use crate::{draw::Figure, table::Table};

/// Measures how costs grow, and draws it.
#[derive(Parser)]
struct Arguments {
    /// What is to grow; all of it, if nothing is named.
    curves: Vec<Curve>,
    /// Measures at these points instead of a curve's own.
    #[arg(long, value_delimiter = ',')]
    points: Vec<u64>,
    /// How long costs are summed up for one figure, in milliseconds.
    #[arg(long, default_value_t = 500)]
    window: u64,
    /// The folder for the files.
    #[arg(long, default_value = "docs/growth")]
    into: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Curve {
    /// Processes in the cluster.
    Nodes,
    /// Calls in flight.
    Pending,
    /// Tasks in the program's table.
    Tasks,
    /// Calls below each other.
    Depth,
    /// Bytes of arguments, and of what is returned.
    Arguments,
}

/// Where and for how long is measured.
struct Plan {
    points: Vec<u64>,
    window: Duration,
}

impl Plan {
    /// The points that were asked for, else these.
    fn points(&self, own: &[u64]) -> Vec<u64> {
        if self.points.is_empty() { own.to_vec() } else { self.points.clone() }
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("node") => single_threaded()?.block_on(nodes::serve(&arguments[1..])),
        Some("raw") => single_threaded()?.block_on(raw::serve(&arguments[1..])),
        _ => tokio::runtime::Runtime::new()?.block_on(measure(Arguments::parse())),
    }
}

fn single_threaded() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

async fn measure(arguments: Arguments) -> Result<()> {
    let Arguments { curves, points, window, into } = arguments;
    let plan = Plan { points, window: Duration::from_millis(window.max(1)) };
    fs::create_dir_all(&into)?;
    let all = Curve::value_variants();
    for curve in if curves.is_empty() { all } else { &curves } {
        let (tables, figures) = match curve {
            Curve::Nodes => (by_nodes::measure(&plan).await?, by_nodes::FIGURES),
            Curve::Pending => (by_pending::measure(&plan).await?, by_pending::FIGURES),
            Curve::Tasks => (by_tasks::measure(&plan).await?, by_tasks::FIGURES),
            Curve::Depth => (by_depth::measure(&plan).await?, by_depth::FIGURES),
            Curve::Arguments => (by_arguments::measure(&plan).await?, by_arguments::FIGURES),
        };
        write(&into, &tables, figures)?;
    }
    Ok(())
}

fn write(into: &Path, tables: &[Table], figures: &[Figure]) -> Result<()> {
    for table in tables {
        fs::write(into.join(format!("{}.csv", table.name())), table.csv())?;
    }
    for figure in figures {
        fs::write(into.join(format!("{}.svg", figure.name)), figure.draw(tables))?;
    }
    println!("{} tables and {} figures are in {}", tables.len(), figures.len(), into.display());
    Ok(())
}
