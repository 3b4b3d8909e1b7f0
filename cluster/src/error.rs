//! Why a node did not start.

use std::{fmt, io};

use atasks_actors::table::TableError;

/// Why a node did not start, or did not find its cluster.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Two tasks have one name, or a type cannot be sent.
    #[error(transparent)]
    Tasks(#[from] TableError),
    /// A worker that could run nothing.
    #[error(
        "this program has no tasks, so a worker of it could run nothing: if they stand in a library, name it in the \
         program, as in `use my_tasks as _;`"
    )]
    NoTasks,
    /// A worker in a program that is built to be a client.
    #[error(
        "this program is built without the feature `worker` of atasks, so it can only be a client of workers elsewhere: to \
         run tasks in it, remove `default-features = false` or name the feature in Cargo.toml"
    )]
    NotAWorker,
    /// A panic would end the process.
    #[error(
        "this program is built with panic = \"abort\": one crashing task would end the whole node; remove that line from \
         the profile in Cargo.toml"
    )]
    PanicAbort,
    /// A setting is wrong.
    #[error("the configuration is wrong: {0}")]
    Config(String),
    /// No seed answered in time.
    #[error("no seed answered: {}", Tried(.0))]
    NoSeed(Vec<(String, String)>),
    /// An address cannot be listened at.
    #[error("cannot listen at {address}: {reason}")]
    Listen {
        /// The address.
        address: String,
        /// What stands in the way.
        reason: String,
    },
    /// The secret cannot be used.
    #[error("the cluster's secret cannot be used: {0}")]
    Secret(String),
    /// The user's `setup` failed.
    #[error("the program's setup failed: {0:?}")]
    Setup(atasks_actors::error::Error),
    /// Workers of a `LocalCluster` did not start.
    #[error("{0}")]
    LocalCluster(String),
    /// The system refused a thread, a socket or a process.
    #[error("the system refused a resource that a node needs")]
    System(#[from] io::Error),
}

/// For people, as it is what `main` prints: the text and its causes.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, "\n  caused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

struct Tried<'a>(&'a [(String, String)]);

impl fmt::Display for Tried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none is configured (cluster.seeds is empty)");
        }
        for (i, (address, answer)) in self.0.iter().enumerate() {
            let comma = if i > 0 { "; " } else { "" };
            // Most answers name the address themselves.
            match answer.contains(address.as_str()) {
                true => write!(f, "{comma}{answer}")?,
                false => write!(f, "{comma}{address}: {answer}")?,
            }
        }
        Ok(())
    }
}

/// An error and its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
