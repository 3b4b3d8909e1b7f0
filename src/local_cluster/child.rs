//! The child's side: how a process knows that it is a worker of a `LocalCluster`, and how it becomes one.

use std::{
    fs::File,
    io::{self, PipeReader, Read},
    os::fd::AsFd,
    thread,
};

use rustix::{
    fs::fstat,
    process::{getpgrp, getpid, getppid},
};

use super::orders::Orders;
use crate::NodeBuilder;

/// Names the process whose worker this is, and the pipe that is its life line. A program that a task starts inherits the
/// variable, but has another parent and another input.
pub(super) const WORKER_OF: &str = "ATASKS_WORKER_OF";

/// The variable's value for a child of this process.
pub(super) fn mark(life: &PipeReader) -> io::Result<String> {
    Ok(format!("{}:{}", std::process::id(), fstat(life)?.st_ino))
}

/// Whether this process was started as a worker by the `LocalCluster` of its parent.
pub(crate) fn is_child() -> bool {
    let value = std::env::var(WORKER_OF).unwrap_or_default();
    let Some((parent, pipe)) = value.split_once(':') else { return false };
    if getppid().is_some_and(|pid| pid.as_raw_nonzero().to_string() == parent) {
        return true;
    }
    // A parent may be gone before its child comes here: the child must end then, and not run the program in its stead.
    let life = fstat(io::stdin()).is_ok_and(|input| input.st_ino.to_string() == pipe);
    life && getpgrp() == getpid()
}

/// Takes the standard input away from all else in this process: a program that a task starts finds an empty one.
fn take_input() -> io::Result<File> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(input.into())
}

/// Runs this process as a worker until its parent ends it, or ends itself.
pub(crate) fn become_worker(builder: NodeBuilder) -> ! {
    let mut life = take_input().unwrap_or_else(|error| fail(&error));
    let Ok(orders) = Orders::read(&mut life) else {
        // The parent is gone already.
        std::process::exit(0)
    };
    let Orders { name, incarnation, listen, seeds, executors, workers } = orders;
    let builder = builder.worker().name(name).configure(move |config| {
        // A configured cluster is not this one.
        config.cluster.seeds.clear();
        config.node.executors = Some(executors);
        config.limits.memory.get_or_insert_with(|| atasks_cluster::node::memory::default() / workers.max(1));
    });
    let builder = seeds.into_iter().fold(builder, NodeBuilder::seed);
    let builder = builder.incarnation(incarnation).listen(listen);
    let started = atasks_actors::wait::wait(builder.start_as_default());
    let node = match started {
        Ok(Ok(node)) => node,
        Ok(Err(error)) => fail(&error),
        Err(error) => fail(&error),
    };
    // One that an operator has drained, or that has failed, is started afresh by its parent.
    let core = node.core().clone();
    node.core().io().spawn(async move {
        core.closed().await;
        std::process::exit(0)
    });
    // The life line: it ends with the parent, whatever ends that.
    let mut rest = [0; 64];
    while !matches!(life.read(&mut rest), Ok(0) | Err(_)) {}
    // So that no socket's file is left behind.
    let _ = atasks_actors::wait::wait(node.core().stop_listening());
    std::process::exit(0)
}

fn fail(error: &dyn std::error::Error) -> ! {
    eprintln!("the worker could not start: {error}");
    std::process::exit(1)
}

/// The test that this thread runs, if this is a test binary. Cargo puts those into a folder named `deps`, and libtest
/// names a test's thread after the test.
pub(super) fn test_of_this_thread() -> Option<String> {
    let executable = std::env::current_exe().ok()?;
    let in_deps = executable.parent()?.file_name()? == "deps";
    let thread = thread::current();
    let name = thread.name().filter(|name| !["main", "tokio-rt-worker", "tokio-runtime-worker"].contains(name))?;
    in_deps.then(|| name.to_owned())
}
