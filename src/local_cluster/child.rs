//! The child's side: how a process knows that it is a worker of a `LocalCluster`, and how it becomes one.

use std::{
    fs::File,
    io::{self, Read},
    thread,
};

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};

use super::orders::Orders;
use crate::NodeBuilder;

/// Names the process whose worker this is. A program that a task starts inherits the variable, but has another parent.
pub(super) const WORKER_OF: &str = "ATASKS_WORKER_OF";

/// Whether this process was started as a worker by the `LocalCluster` of its parent.
pub(crate) fn is_child() -> bool {
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    let Some(named) = std::env::var(WORKER_OF).ok().and_then(|pid| pid.parse::<i32>().ok()) else { return false };
    if parent == Some(named) {
        return true;
    }
    if Pid::from_raw(named).is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH)) {
        // Its parent has died while it was starting: it must not go on as if it were the program itself.
        std::process::exit(0);
    }
    false
}

/// Runs this process as a worker until its parent ends it, or ends itself.
pub(crate) fn become_worker(builder: NodeBuilder) -> ! {
    let mut life_line = match take_stdin() {
        Ok(life_line) => life_line,
        Err(error) => fail(&error),
    };
    let Ok(orders) = Orders::read(&mut life_line) else {
        // The parent is gone already.
        std::process::exit(0)
    };
    let Orders { name, incarnation, listen, seeds, executors } = orders;
    let builder = builder.worker().name(name).configure(move |config| {
        // A configured cluster is not this one.
        config.cluster.seeds.clear();
        config.node.executors = Some(executors);
    });
    let builder = seeds.into_iter().fold(builder, NodeBuilder::seed);
    let builder = builder.incarnation(incarnation).listen(listen);
    let started = atasks_actors::wait::wait(builder.start_as_default());
    let node = match started {
        Ok(Ok(node)) => node,
        Ok(Err(error)) => fail(&error),
        Err(error) => fail(&error),
    };
    // The life line: it ends with the parent, whatever ends that.
    let mut rest = [0; 64];
    while !matches!(life_line.read(&mut rest), Ok(0) | Err(_)) {}
    let _ = node;
    std::process::exit(0)
}

/// Takes the standard input for our own: what tasks read there, or programs that they start, is empty.
fn take_stdin() -> io::Result<File> {
    let life_line = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(File::from(life_line))
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
