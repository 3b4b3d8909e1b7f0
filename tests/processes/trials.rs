//! `#[atasks::test(cluster = n)]`: each test has worker processes of its own, and they begin at its first line.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use crate::programs::{Ended, run};
use crate::tasks::{carry, whereabouts};

/// Every call takes long enough for the others to go elsewhere.
async fn pids(calls: usize) -> BTreeSet<u32> {
    let found = join_all((0..calls).map(|_| carry(Vec::new(), 20))).await;
    found.into_iter().map(|found| found.unwrap().pid).collect()
}

macro_rules! several_at_once {
    ($($name:ident)*) => {$(
        #[atasks::test(cluster = 2)]
        async fn $name() {
            let pids = pids(8).await;
            assert_eq!(pids.len(), 2, "{pids:?}");
            assert!(!pids.contains(&std::process::id()));
            assert!(std::env::var_os("ATASKS_WORKER_OF").is_none(), "a worker runs the body of its test");
        }
    )*};
}

several_at_once!(one two three four);

mod inner {
    #[atasks::test(cluster = 2)]
    fn plain_tests_have_a_cluster_too() {
        let found = crate::tasks::whereabouts().wait().unwrap();
        assert_ne!(found.pid, std::process::id());
    }
}

#[atasks::test]
async fn without_a_cluster_a_task_runs_in_the_test() {
    assert_eq!(whereabouts().await.unwrap().pid, std::process::id());
}

#[tokio::test]
async fn a_cluster_that_a_test_starts_is_not_the_default() {
    let cluster = atasks::LocalCluster::builder().workers(1).start().await.unwrap();
    assert!(matches!(whereabouts().await, Err(atasks::TaskError::NotJoined)));
    cluster.node().scope(whereabouts()).await.unwrap();
    cluster.shutdown().await;
}

#[atasks::test(cluster = 1)]
#[ignore = "run by another test"]
async fn ignored() {
    assert_ne!(whereabouts().await.unwrap().pid, std::process::id());
}

/// This very test binary, again.
#[track_caller]
fn check_run(arguments: &[&str], passed: usize) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let Ended { code, said, .. } = run(command.args(arguments));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("{passed} passed; 0 failed")), "{said}");
}

#[test]
fn one_thread_is_enough_for_all_of_them() {
    let tests = ["trials::one", "trials::two", "trials::inner::plain_tests_have_a_cluster_too"];
    let own = ["trials::a_cluster_that_a_test_starts_is_not_the_default"];
    check_run(&[&["--test-threads=1", "--exact"], &tests[..], &own].concat(), 4);
}

#[test]
fn an_ignored_test_has_workers_as_well() {
    check_run(&["--exact", "trials::ignored", "--ignored"], 1);
}
