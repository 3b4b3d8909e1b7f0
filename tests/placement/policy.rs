//! Placement by the user's own rule.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use atasks::{
    Candidate, Event, Node, Placement, Policy, Snapshot, Unplaced,
    testing::{simulate_cluster, targets},
};
use tokio::time::Instant;

use crate::{placed, reason, whereabouts, workers};

/// The first that can.
pub(crate) struct First;

impl Policy for First {
    fn choose<'a>(&self, snapshot: &'a Snapshot<'a>) -> Option<&'a Candidate<'a>> {
        snapshot.candidates().first()
    }
}

/// Notes what it is asked, and chooses the last one that is cheap enough for the call.
struct Budget(Arc<AtomicUsize>);

impl Policy for Budget {
    fn choose<'a>(&self, snapshot: &'a Snapshot<'a>) -> Option<&'a Candidate<'a>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        assert_eq!((snapshot.task(), snapshot.attempt()), ("atasks::whereabouts", 1));
        let budget = snapshot.baggage("budget")?;
        snapshot.candidates().iter().rev().find(|node| node.has_label(budget))
    }
}

struct Panics;

impl Policy for Panics {
    fn choose<'a>(&self, _snapshot: &'a Snapshot<'a>) -> Option<&'a Candidate<'a>> {
        panic!("no idea")
    }
}

fn priced() -> [atasks::NodeBuilder; 3] {
    [Node::builder().label("low"), Node::builder().label("low").executors(4), Node::builder().label("high")]
}

#[test]
fn it_chooses_among_all_that_can_at_the_callers_poll() {
    simulate_cluster(priced(), 1, async |cluster| {
        let asked = Arc::new(AtomicUsize::new(0));
        let policy = Placement::policy(Budget(asked.clone()));
        for (budget, name) in [("low", "w1"), ("high", "w2")] {
            let call = whereabouts().place(policy.clone()).baggage("budget", budget);
            assert_eq!(call.await.unwrap().name(), name);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert_eq!(cluster.workers()[1].scope(async { placed(Placement::policy(First)).await }).await, "w0");
    });
}

struct Looks;

impl Policy for Looks {
    fn choose<'a>(&self, snapshot: &'a Snapshot<'a>) -> Option<&'a Candidate<'a>> {
        let seen = snapshot.candidates().iter();
        let seen: Vec<_> = seen.map(|node| (node.id.name(), node.executors, node.is_here, node.score)).collect();
        let expected = [("w0", 1, false, 0.0), ("w1", 4, true, 0.0), ("w2", 1, false, 0.0)];
        (seen == expected).then(|| &snapshot.candidates()[2])
    }
}

#[test]
fn it_sees_what_is_known_of_each() {
    simulate_cluster(priced(), 1, async |cluster| {
        let node = &cluster.workers()[1];
        assert_eq!(node.scope(async { placed(Placement::policy(Looks)).await }).await, "w2");
    });
}

#[test]
fn when_it_wants_none_the_call_waits_for_another_and_then_says_so() {
    simulate_cluster(priced(), 1, async |_| {
        let asked = Arc::new(AtomicUsize::new(0));
        let since = Instant::now();
        let error = whereabouts().place(Placement::policy(Budget(asked.clone()))).await.unwrap_err();
        assert_eq!(reason(&error), &Unplaced::NoneSuits);
        assert!(since.elapsed() >= Duration::from_secs(10), "{:?}", since.elapsed());
        assert!(asked.load(Ordering::Relaxed) >= 2, "it is asked again before the call is given up");
    });
}

#[test]
fn a_panic_in_it_is_an_event_and_the_call_is_placed_as_by_auto() {
    simulate_cluster(workers(2), 1, async |cluster| {
        let mut events = cluster.client().events();
        whereabouts().place(Placement::policy(Panics)).await.unwrap();
        let Some(Event::PolicyPanicked(subject, message)) = events.next().await else { panic!() };
        assert_eq!((subject.task, &message[..]), ("atasks::whereabouts", "no idea"));
    });
}

#[test]
fn where_calls_would_go_is_told_without_making_them() {
    simulate_cluster(priced(), 1, async |cluster| {
        let low = whereabouts().place(Placement::Label("low".into()));
        let went: Vec<_> = targets(cluster.client(), &low, 100).iter().map(|node| node.name().to_owned()).collect();
        assert_eq!(went.len(), 100);
        assert!(["w0", "w1"].iter().all(|name| went.iter().any(|went| went == name)), "{went:?}");
        assert!(!went.contains(&"w2".to_owned()));
        let nobody = whereabouts().place(Placement::Label("free".into()));
        assert_eq!(targets(cluster.client(), &nobody, 100), []);
        for worker in cluster.workers() {
            let counts = cluster.counts(worker).await;
            assert_eq!((counts.serving, counts.running), (0, 0));
        }
    });
}
