//! The main job over three hosts: one more comes while it runs, and one goes.

use std::{
    collections::HashSet,
    io::{self, PipeWriter, Write},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::process::Signal;
use tokio::time::Instant;

use crate::{
    one_at_a_time,
    programs::{Running, eventually, is_running},
    site::Site,
};

/// What a worker says when it listens.
const LISTENS: &str = " counts for: wordcount --seed ";
/// Work that is surely some of the job's, and not the worker's own idling.
const SOME_WORK: Duration = Duration::from_millis(300);
/// How long a job is fed at most: it ends then, whatever has not happened.
const FED_MAX: Duration = Duration::from_secs(60);

#[test]
fn a_host_that_is_added_takes_work_on_loopback() {
    let _alone = one_at_a_time();
    one_host_comes(&Site::loopback());
}

#[test]
fn a_host_that_is_added_takes_work_over_a_network() {
    let _alone = one_at_a_time();
    if let Some(site) = Site::hosts(5) {
        one_host_comes(&site);
    }
}

#[test]
fn a_host_that_is_drained_loses_nothing_on_loopback() {
    let _alone = one_at_a_time();
    one_host_goes(&Site::loopback());
}

#[test]
fn a_host_that_is_drained_loses_nothing_over_a_network() {
    let _alone = one_at_a_time();
    if let Some(site) = Site::hosts(4) {
        one_host_goes(&site);
    }
}

fn one_host_comes(site: &Site) {
    let (workers, seeds) = three_workers(site);
    let job = Job::start(site, 3, &seeds[..1]);
    job.runs_on(&workers);
    let seeds: Vec<_> = seeds.iter().map(String::as_str).collect();
    let (added, _) = site.worker(4, "wordcount", &seeds[1..], LISTENS);
    let added = [added];
    job.runs_on(&added);
    job.ends_with_counts_of(&["host-0", "host-1", "host-2", "host-4"]);
}

fn one_host_goes(site: &Site) {
    let (mut workers, seeds) = three_workers(site);
    let job = Job::start(site, 3, &seeds[..1]);
    job.runs_on(&workers);
    let drained = workers.remove(1);
    drained.signal(Signal::TERM);
    let ended = drained.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // The others go on without it.
    job.runs_on(&workers);
    job.ends_with_counts_of(&["host-0", "host-1", "host-2"]);
}

/// Workers on the first three hosts. Each knows those before it by their addresses.
fn three_workers(site: &Site) -> (Vec<Running>, Vec<String>) {
    let (mut workers, mut seeds) = (Vec::new(), Vec::<String>::new());
    for host in 0..3 {
        let known: Vec<_> = seeds.iter().map(String::as_str).collect();
        let (worker, address) = site.worker(host, "wordcount", &known, LISTENS);
        workers.push(worker);
        seeds.push(address);
    }
    (workers, seeds)
}

/// Words are counted for as long as the pipe is open; no call is repeated, so one that fails ends the job.
struct Job {
    client: Running,
    feeder: JoinHandle<usize>,
    enough: Arc<AtomicBool>,
}

impl Job {
    fn start(site: &Site, host: usize, seeds: &[String]) -> Self {
        let seeds: Vec<_> = seeds.iter().map(String::as_str).collect();
        let (text, feed) = io::pipe().unwrap();
        let mut command: Command = site.command(host, "wordcount", "client", &seeds);
        let client = Running::start(command.arg("/dev/stdin").stdin(text));
        // The command has a reader of the pipe as well: a dead client has to leave none.
        drop(command);
        let enough = Arc::new(AtomicBool::new(false));
        let told = enough.clone();
        let feeder = thread::spawn(move || feed_until(&told, feed));
        Self { client, feeder, enough }
    }

    /// Waits until each of the workers has worked for a while from now on. A job that has ended needs no waiting: how it
    /// has is looked at in the end.
    #[track_caller]
    fn runs_on(&self, workers: &[Running]) {
        for worker in workers {
            let before = worker.processor_time();
            eventually("work of a worker", || {
                let worked = worker.processor_time() - before;
                let over = worked >= SOME_WORK || !is_running(self.client.pid());
                if over { Ok(()) } else { Err(format!("{worked:?} of processor time")) }
            });
        }
    }

    #[track_caller]
    fn ends_with_counts_of(self, nodes: &[&str]) {
        let Self { client, feeder, enough } = self;
        enough.store(true, Ordering::SeqCst);
        let ended = client.end();
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        let blocks = feeder.join().unwrap();
        println!("{blocks} MiB:\n{}", ended.said);
        let block = block();
        let words = block.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let (all, distinct) = (words.clone().count() * blocks, words.collect::<HashSet<_>>().len());
        assert_eq!((number(&ended.said, "words"), number(&ended.said, "distinct words")), (all, distinct));
        let counted: Vec<_> = nodes.iter().filter(|node| ended.said.contains(&format!("  {node}#"))).collect();
        assert_eq!(counted.len(), nodes.len(), "of {nodes:?} only {counted:?} have counted:\n{}", ended.said);
    }
}

/// Writes block after block, as fast as they are taken, until it is enough; tells how many.
fn feed_until(enough: &AtomicBool, mut feed: PipeWriter) -> usize {
    let block = block();
    let until = Instant::now() + FED_MAX;
    let goes_on = || !enough.load(Ordering::SeqCst) && Instant::now() < until;
    // A job that has ended takes no more; its own words tell why.
    std::iter::repeat_with(|| goes_on() && feed.write_all(&block).is_ok()).take_while(|fed| *fed).count()
}

/// 1 MiB of words, with a space at its end.
fn block() -> Vec<u8> {
    let mut block = Vec::with_capacity(1 << 20);
    for n in 0_usize.. {
        let word = format!("w{} ", n * n % 9973);
        if block.len() + word.len() > 1 << 20 {
            break;
        }
        block.extend(word.bytes());
    }
    block.resize(1 << 20, b' ');
    block
}

/// The number that the table gives to `what`.
#[track_caller]
fn number(table: &str, what: &str) -> usize {
    let named = table.lines().filter_map(|line| line.trim().split_once("  "));
    let number = named.filter(|(_, name)| *name == what).map(|(number, _)| number.replace(',', "")).next();
    number.unwrap_or_else(|| panic!("no {what} in:\n{table}")).parse().unwrap()
}
