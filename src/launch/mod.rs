//! What `#[atasks::main]` does before and around the user's `main`.

#[cfg(feature = "worker")]
mod worker;
#[cfg(not(feature = "worker"))]
#[path = "absent.rs"]
mod worker;

use std::{ffi::OsStr, fmt, future::Future, io::Write, path::Path, process::exit};

use atasks_actors::host::Host;
use atasks_cluster::config::Config;
use tokio::runtime::Builder;

use self::worker::{Local, become_worker, is_child, local_cluster, serve};
use crate::{
    Node, NodeBuilder, StartError,
    worker_options::{Help, WorkerOptions},
};

/// Starts a program: as a worker, or as the user's `main`.
pub struct Launch<S> {
    worker: &'static str,
    setup: S,
}

/// Prepares a node before it joins.
pub trait Setup {
    /// Runs it, blocking this thread.
    fn run(self, builder: &mut NodeBuilder, runtime: &tokio::runtime::Handle) -> Result<(), crate::Error>;
}

/// No set-up.
#[derive(Debug)]
pub struct NoSetup;

impl Setup for NoSetup {
    fn run(self, _builder: &mut NodeBuilder, _runtime: &tokio::runtime::Handle) -> Result<(), crate::Error> {
        Ok(())
    }
}

impl<F, E> Setup for F
where
    F: AsyncFnOnce(&mut NodeBuilder) -> Result<(), E>,
    E: Into<crate::Error>,
{
    fn run(self, builder: &mut NodeBuilder, runtime: &tokio::runtime::Handle) -> Result<(), crate::Error> {
        runtime.block_on(self(builder)).map_err(Into::into)
    }
}

impl Launch<NoSetup> {
    /// Starts a program that is a worker when its first argument is `worker`.
    #[must_use]
    pub fn new(worker: &'static str) -> Self {
        Self { worker, setup: NoSetup }
    }

    /// Has `setup` run in every process before it joins.
    pub fn setup<S: Setup>(self, setup: S) -> Launch<S> {
        Launch { worker: self.worker, setup }
    }
}

impl<S: Setup> Launch<S> {
    /// Runs an async `main`.
    pub fn run_async<F: Future>(self, main: impl FnOnce() -> F) -> F::Output {
        self.run(|| match Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(main()),
            Err(error) => fail(&StartError::System(error)),
        })
    }

    /// Runs a plain `main`.
    pub fn run_sync<T>(self, main: impl FnOnce() -> T) -> T {
        self.run(main)
    }

    fn run<T>(self, main: impl FnOnce() -> T) -> T {
        let serves = std::env::args().nth(1).is_some_and(|first| first == self.worker);
        let child = is_child();
        // Before the set-up: whoever asks for help, or mistypes an option, has no need of a database.
        let options = serves.then(|| options(self.worker));
        let builder = NodeBuilder::default();
        let builder = if child || serves { builder.worker() } else { builder.client() };
        let builder = match prepare(self.setup, builder) {
            Ok(builder) => builder,
            Err(error) => fail(&error),
        };
        if child {
            become_worker(builder);
        }
        if let Some(options) = options {
            match serve(options.apply(builder)) {
                Ok(()) => exit(0),
                Err(error) => fail(&error),
            }
        }
        let _joined = match join(builder) {
            Ok(joined) => joined,
            Err(error) => fail(&error),
        };
        main()
    }
}

/// What stands behind the word that makes a worker. Help is printed and ends the process, as does a mistake.
fn options(word: &str) -> WorkerOptions {
    match WorkerOptions::read(std::env::args().skip(2)) {
        Ok(options) if options.help => {
            let path = std::env::args().next().unwrap_or_default();
            let program = Path::new(&path).file_name().and_then(OsStr::to_str).unwrap_or("PROGRAM");
            // Whoever does not read it needs no error about that.
            let _ = write!(std::io::stdout(), "{}", Help { program, word });
            exit(0)
        }
        Ok(options) => options,
        Err(error) => fail(&error),
    }
}

/// Runs the set-up on the thread that the node will have: what is made there does not live on an executor.
fn prepare<S: Setup>(setup: S, mut builder: NodeBuilder) -> Result<NodeBuilder, StartError> {
    let io = Host::Threads.place("atasks-io")?;
    setup.run(&mut builder, io.handle()).map_err(StartError::Setup)?;
    Ok(builder.io(io))
}

/// What keeps the node of `main` alive.
enum Joined {
    Cluster { _node: Node },
    Local { _cluster: Local },
}

fn join(builder: NodeBuilder) -> Result<Joined, StartError> {
    let configured = !Config::load()?.cluster.seeds.is_empty();
    if configured {
        return Ok(Joined::Cluster { _node: builder.join_wait()? });
    }
    Ok(Joined::Local { _cluster: local_cluster(builder)? })
}

fn fail(error: &StartError) -> ! {
    eprintln!("atasks: {}", Chain(error));
    exit(1)
}

/// An error with its causes, in one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        match self.0.source() {
            Some(source) => write!(f, ": {}", Chain(source)),
            None => Ok(()),
        }
    }
}

impl<S> fmt::Debug for Launch<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launch").field("worker", &self.worker).finish_non_exhaustive()
    }
}
