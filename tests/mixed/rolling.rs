//! An upgrade under load: the workers are drained and replaced by the new build one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use atasks::{Node, TaskError, Unplaced};
use futures_util::future::join_all;
use rustix::process::Signal;
use tokio::task::JoinHandle;

use super::{Done, Ended, Over, Place, client, client_of, is_up, run, unplaced};
use crate::shared::{below, call, carry, unchanged};

/// Between two calls of a loop: the machine has other work, too.
const PAUSE: Duration = Duration::from_millis(3);

/// Calls that never stop, of tasks that the upgrade leaves as they are.
struct Load {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    loops: Vec<JoinHandle<Done<()>>>,
}

impl Load {
    fn new(node: &Node) -> Self {
        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let one = |kind: usize| {
            let (node, stop, calls) = (node.clone(), stop.clone(), calls.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let call = async {
                        match kind % 5 {
                            0 => unchanged().await,
                            1 => carry(vec![7; 200_000], 5).await,
                            2 => call("body_changed", atasks::Placement::Spread).await,
                            // Of a changed task, by the build that makes the call.
                            3 => below("version_changed".to_owned(), None).await,
                            _ => carry(vec![7; 100], 30).await,
                        }
                    };
                    node.scope(call).await?;
                    calls.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(())
            })
        };
        let loops = (0..15).map(one).collect();
        Self { stop, calls, loops }
    }

    /// Ends it; gives how many calls there were, none of which has failed.
    async fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        for ended in join_all(self.loops).await {
            ended.unwrap().unwrap();
        }
        self.calls.load(Ordering::Relaxed)
    }
}

/// A client of the new build, as soon as there is a worker of that: what it has needs no old worker.
fn new_client(all: &[&Place]) -> std::thread::JoinHandle<()> {
    let orders: Vec<_> = ["unchanged", "field_added", "added", "body_changed"].into_iter().cycle().take(400).collect();
    let mut command = client_of("new", all);
    command.args(&orders);
    std::thread::spawn(move || {
        let Ended { code, said, .. } = run(&mut command);
        assert!(code == Some(0) && !said.contains("refused"), "{said}");
        assert_eq!(said.lines().filter(|line| line.contains(" on ")).count(), orders.len(), "{said}");
    })
}

/// Calls a changed task until it is refused; gives how often it has run.
async fn until_refused(node: Node) -> (usize, TaskError) {
    let mut ran = 0;
    loop {
        match node.scope(call("field_added", atasks::Placement::Auto)).await {
            Ok(text) => assert!(text.contains("old on"), "{text}"),
            Err(error) => return (ran, error),
        }
        ran += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

// The load goes on while this waits for processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_not_changed_fails_no_call_and_what_has_works_until_no_old_worker_is_left() {
    for over in [Over::Unix, Over::Tls] {
        let places = [0, 1, 2].map(|number| Place::new(over, "rolling", number));
        let all: Vec<_> = places.iter().collect();
        let mut workers: Vec<_> = places.iter().map(|place| place.start("old", &all)).collect();
        let node = client(&all).await;
        let load = Load::new(&node);
        let changed = tokio::spawn(until_refused(node.clone()));
        let mut newer = None;
        for (number, place) in places.iter().enumerate() {
            assert!(!changed.is_finished(), "refused with old workers there: {:?}", changed.await);
            let before = load.calls.load(Ordering::Relaxed);
            let old = workers.remove(0);
            old.signal(Signal::TERM);
            let ended = old.end();
            assert_eq!(ended.code, Some(0), "{ended:?}");
            workers.push(place.start("new", &all));
            is_up(&node, place, 3).await;
            node.scope(unchanged().place(atasks::Placement::Node(place.name.clone()))).await.unwrap();
            if number == 0 {
                newer = Some(new_client(&all));
            }
            println!("worker {number} upgraded over {over:?}, {} calls", load.calls.load(Ordering::Relaxed) - before);
        }
        let (ran, error) = tokio::time::timeout(crate::programs::PATIENCE, changed).await.unwrap().unwrap();
        println!("a changed task ran {ran} times, then: {error}");
        assert!(ran > 10, "{ran}");
        // Refused for good, and with the fix.
        let (reason, text) = unplaced(node.scope(call("field_added", atasks::Placement::Auto)).await);
        let Unplaced::VersionMismatch { there, .. } = reason else { panic!("{text}") };
        assert!(there.len() == 3 && text.contains("same source"), "{text}");
        assert!(matches!(error, TaskError::Unplaced { .. }), "{error}");
        let count = load.end().await;
        assert!(count > 100, "{count}");
        tokio::task::spawn_blocking(move || newer.unwrap().join().unwrap()).await.unwrap();
    }
}
