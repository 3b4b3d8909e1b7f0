//! A database pool that all tasks of a worker share, and that goes on while one of them hogs its executor:
//! `cargo run -p state`.
//!
//! ```text
//! alone         100 visits in 0.03 s, the slowest 3.1 ms, in 2 processes
//! beside a hog  100 visits in 0.03 s, the slowest 2.2 ms, in the hog's process
//! the hog       held an executor for 2.0 s, and had used the pool just before
//! the database  has all 201 visits
//! ```
//!
//! The pool is made in the worker's `setup`: on the runtime of the node's own thread, before the worker joins. So what
//! the pool does by itself (closing idle connections, opening new ones) is on no executor. What a task does with a
//! connection is on the task's executor, its return to the pool included: an executor that is hogged keeps what its tasks
//! hold at that moment. So a pool wants more connections than one executor's tasks use at a time, and work that
//! takes the processor for long wants `#[atasks::task(blocking)]`, where it hogs nobody.

use std::{
    collections::BTreeSet,
    fs, hint,
    path::{Path, PathBuf},
    process, thread,
    time::Duration,
};

use atasks::{LocalCluster, NodeBuilder, Placement, Role};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::{Instant, sleep};

/// Visits of each part, so many of them at a time.
const VISITS: usize = 100;
const AT_A_TIME: usize = 4;
/// How long the hog holds its executor: far longer than the visits beside it take.
const HOGS: Duration = Duration::from_secs(2);

/// Runs in every process before it joins. If it fails, a worker says so and ends.
async fn setup(builder: &mut NodeBuilder) -> atasks::Result<()> {
    if builder.role() == Role::Worker {
        builder.put_state(open(&folder_of(std::os::unix::process::parent_id())).await?);
    }
    Ok(())
}

/// Opens the database in this folder, or makes it.
async fn open(folder: &Path) -> atasks::Result<SqlitePool> {
    let database = SqliteConnectOptions::new()
        .filename(folder.join("visits.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(10));
    Ok(SqlitePoolOptions::new().max_connections(8).connect_with(database).await?)
}

/// Where the workers of the process with this number have their database.
fn folder_of(pid: u32) -> PathBuf {
    std::env::temp_dir().join(folder_name(pid))
}

fn folder_name(pid: u32) -> String {
    format!("atasks-state-{pid}")
}

/// Where a task has run.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Whereabouts {
    process: u32,
    executor: String,
}

fn here() -> Whereabouts {
    let executor = thread::current().name().unwrap_or("unnamed").to_owned();
    Whereabouts { process: process::id(), executor }
}

/// Pays a visit: one row in the database.
#[atasks::task]
async fn visit(visitor: String) -> atasks::Result<Whereabouts> {
    let pool = atasks::state::<SqlitePool>();
    sqlx::query("INSERT INTO visits VALUES (?)").bind(visitor).execute(&*pool).await?;
    Ok(here())
}

/// Counts all visits.
#[atasks::task]
async fn visits() -> atasks::Result<usize> {
    let pool = atasks::state::<SqlitePool>();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM visits").fetch_one(&*pool).await?;
    Ok(count.try_into()?)
}

/// Pays a visit, and then does what no async function should: it does not let its executor go. `begun` is a file that
/// tells when.
#[atasks::task]
async fn hog(begun: PathBuf) -> atasks::Result<Whereabouts> {
    let pool = atasks::state::<SqlitePool>();
    sqlx::query("INSERT INTO visits VALUES ('hog')").execute(&*pool).await?;
    fs::write(begun, "")?;
    let until = Instant::now() + HOGS;
    while Instant::now() < until {
        hint::spin_loop();
    }
    Ok(here())
}

#[atasks::main(setup = setup)]
async fn main() -> atasks::Result<()> {
    // Only this process comes here: a worker becomes one before, after its setup.
    let folder = tempfile::Builder::new().prefix(&folder_name(process::id())).rand_bytes(0).tempdir()?;
    let database = open(folder.path()).await?;
    sqlx::query("CREATE TABLE visits (visitor TEXT NOT NULL)").execute(&database).await?;
    database.close().await;

    let cluster = LocalCluster::builder().workers(2).executors(2).start().await?;
    let first = Placement::Node(cluster.workers()[0].node.name().to_owned());
    let shown = cluster.node().scope(show(&first, folder.path())).await;
    cluster.shutdown().await;
    shown
}

async fn show(first: &Placement, folder: &Path) -> atasks::Result<()> {
    let alone = Visits::pay("anybody", &Placement::Auto).await?;
    println!("alone         {alone}, in {} processes", alone.processes().len());

    let hogging = async {
        let hog = hog(folder.join("begun")).place(first.clone()).await?;
        Ok((hog, Instant::now()))
    };
    let beside = async {
        while !folder.join("begun").exists() {
            sleep(Duration::from_millis(1)).await;
        }
        let begun = Instant::now();
        let beside = Visits::pay("neighbour", first).await?;
        Ok::<_, atasks::Error>((begun, beside, Instant::now()))
    };
    let ((hog, let_go), (begun, beside, paid)) = tokio::try_join!(hogging, beside)?;
    let held = (let_go - begun).as_secs_f64();
    println!("beside a hog  {beside}, in the hog's process");
    println!("the hog       held an executor for {held:.1} s, and had used the pool just before");

    let all = visits().await?;
    println!("the database  has all {all} visits");

    if paid >= let_go || beside.slowest() > HOGS / 2 {
        return Err(atasks::Error::msg("the pool stalled with the executor"));
    }
    if beside.processes() != BTreeSet::from([hog.process]) || beside.at.contains(&hog) {
        return Err(atasks::Error::msg(format!("the hog was at {hog:?}, the visits at {:?}", beside.at)));
    }
    if all != 2 * VISITS + 1 {
        return Err(atasks::Error::msg("visits were lost"));
    }
    Ok(())
}

/// Visits that were paid.
struct Visits {
    took: Duration,
    each: Vec<Duration>,
    at: BTreeSet<Whereabouts>,
}

impl Visits {
    async fn pay(visitor: &str, there: &Placement) -> atasks::Result<Self> {
        let begun = Instant::now();
        let one = |_| async {
            let begun = Instant::now();
            let at = visit(visitor.to_owned()).place(there.clone()).await?;
            Ok::<_, atasks::Error>((at, begun.elapsed()))
        };
        let paid: Vec<_> = stream::iter(0..VISITS).map(one).buffer_unordered(AT_A_TIME).try_collect().await?;
        let (at, each): (_, Vec<_>) = paid.into_iter().unzip();
        Ok(Self { took: begun.elapsed(), each, at })
    }

    fn slowest(&self) -> Duration {
        self.each.iter().max().copied().unwrap_or_default()
    }

    fn processes(&self) -> BTreeSet<u32> {
        self.at.iter().map(|at| at.process).collect()
    }
}

impl std::fmt::Display for Visits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (took, slowest) = (self.took.as_secs_f64(), self.slowest().as_secs_f64() * 1e3);
        write!(f, "{} visits in {took:.2} s, the slowest {slowest:.1} ms", self.each.len())
    }
}
