//! Workers that are processes, under a limit of their own for all the memory that they may ask the system for.

use std::{fs, process::Command, time::Duration};

use atasks::{Node, Placement};

use crate::{
    programs::{Running, eventually, example, processor_time},
    tasks::{endless, endless_wide, hold, whereabouts},
    too_large, within,
};

/// What the shell lets a worker have, in KiB of addresses: 2 GiB.
const ADDRESSES_KIB: u64 = 2 << 20;

struct Worker {
    process: Running,
    address: String,
}

impl Worker {
    /// A worker that the system gives no more than [`ADDRESSES_KIB`].
    fn start(name: &str, seeds: &[&str], limits: &[(&str, &str)]) -> Self {
        let program = example("program-launched");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -v {ADDRESSES_KIB}; exec \"$@\""), "sh"]).arg(program);
        command.args(["worker", "--listen", "unix", "--name", &format!("{name}-{}", std::process::id())]);
        command.args(seeds.iter().flat_map(|seed| ["--seed", *seed]));
        command.stdin(std::process::Stdio::null()).env("ATASKS__NODE__EXECUTORS", "1");
        // Each arena of the allocator takes 64 MiB of addresses.
        command.env("MALLOC_ARENA_MAX", "2");
        command.envs(limits.iter().map(|(key, value)| (format!("ATASKS__LIMITS__{key}"), value)));
        let (process, address) = Running::worker(&mut command);
        Self { process, address }
    }

    fn place(&self, node: &Node) -> Placement {
        let id = node.nodes().into_iter().find(|info| info.addresses.contains(&self.address)).unwrap().id;
        Placement::Node(id.name().to_owned())
    }

    fn peak_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }
}

async fn client(workers: &[&Worker]) -> Node {
    let builder = workers.iter().fold(Node::builder().client(), |builder, worker| builder.seed(&*worker.address));
    builder.min_workers(workers.len()).join().await.unwrap()
}

#[tokio::test]
async fn a_recursion_without_end_does_not_cost_the_worker_its_life() {
    let worker = Worker::start("endless", &[], &[("MEMORY", "256MiB")]);
    let node = client(&[&worker]).await;
    for wide in [false, true, false] {
        let call = if wide { endless_wide(0) } else { endless(0, false) };
        let refused = too_large(within(node.scope(call)).await);
        println!("{refused:?}, {} MiB at most", worker.peak_mib());
        assert!(refused.limit.abs_diff(128 << 20) < 16 << 20, "{refused:?}");
        assert_eq!(node.scope(whereabouts()).await.unwrap().pid, worker.process.pid());
    }
    // What is counted is what there is, more or less.
    assert!((100..500).contains(&worker.peak_mib()), "{} MiB", worker.peak_mib());
}

#[tokio::test]
async fn a_recursion_without_end_over_two_workers_leaves_both_alive() {
    let one = Worker::start("endless-one", &[], &[("MEMORY", "64MiB")]);
    let other = Worker::start("endless-other", &[&one.address], &[("MEMORY", "64MiB")]);
    let node = client(&[&one, &other]).await;
    let refused = too_large(within(node.scope(endless(0, true))).await);
    println!("{refused:?}, {} and {} MiB at most", one.peak_mib(), other.peak_mib());
    for worker in [&one, &other] {
        let found = node.scope(whereabouts().place(worker.place(&node))).await.unwrap();
        assert_eq!(found.pid, worker.process.pid());
    }
}

#[tokio::test]
async fn roots_that_wait_cost_no_processor() {
    let worker = Worker::start("waits", &[], &[("RUNNING", "1")]);
    let node = client(&[&worker]).await;
    let folder = tempfile::tempdir().unwrap();
    let mut held = Box::pin(node.scope(hold(folder.path().to_owned())));
    assert!(futures_util::poll!(&mut held).is_pending());
    eventually("the start", || folder.path().join("started").exists().then_some(()).ok_or_else(String::new));
    let mut waits = Box::pin(node.scope(async { futures_util::join!(whereabouts(), whereabouts()) }));
    assert!(futures_util::poll!(&mut waits).is_pending());
    let before = processor_time(worker.process.pid());
    // One that looks again and again would take all of it.
    let short = tokio::time::timeout(Duration::from_millis(800), &mut waits).await;
    assert!(short.is_err(), "{short:?} while another root runs");
    let used = processor_time(worker.process.pid()).saturating_sub(before);
    assert!(used < Duration::from_millis(300), "{used:?}");
    drop(held);
    let (one, other) = within(waits).await;
    assert!(one.is_ok() && other.is_ok());
}
