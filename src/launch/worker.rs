//! What a program does that is, or starts, a worker.

use tokio::runtime::Builder;
use tracing::Level;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

pub(super) use crate::{
    LocalCluster as Local,
    local_cluster::{become_worker, is_child},
};
use crate::{NodeBuilder, StartError};

/// Starts worker processes when the first call is made.
pub(super) fn local_cluster(builder: NodeBuilder) -> Result<Local, StartError> {
    let cluster = atasks_actors::wait::wait(Local::builder().node(builder).start_lazily());
    cluster.map_err(std::io::Error::other)?
}

/// Runs as a worker, as the command line says.
pub(super) fn serve(builder: NodeBuilder) -> Result<(), StartError> {
    log_warnings();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let node = builder.join().await?;
        match node.address() {
            Some(address) => eprintln!("atasks: {} serves at {address}", node.id()),
            None => eprintln!("atasks: {} serves", node.id()),
        }
        node.serve().await
    })
}

/// Warnings go to standard error, unless the program's setup has chosen a subscriber: a worker that refuses a peer, or
/// whose tasks crash, says so to whoever looks after it. ractor_cluster warns of every peer that leaves: no warning.
fn log_warnings() {
    let said = Targets::new().with_default(Level::WARN).with_target("ractor_cluster", Level::ERROR);
    let written = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    // The one that is there stays.
    let _ = tracing_subscriber::registry().with(written).with(said).try_init();
}
