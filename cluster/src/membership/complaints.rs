//! When a node says of a seed that it gives no link, as a pure table.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::address::Address;

/// Nodes that are started together need a moment to find each other: nothing is said of that.
const PATIENCE: Duration = Duration::from_secs(1);
/// Least time between two lines about one seed, whatever it answers.
const PAUSE: Duration = Duration::from_secs(10);
/// Time after which the same answer is told again.
const REMIND: Duration = Duration::from_secs(60);

/// The seeds that give no link.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    by_seed: BTreeMap<Address, Complaint>,
}

#[derive(Debug)]
struct Complaint {
    since: Instant,
    said: Option<(Instant, String)>,
}

impl Complaints {
    /// A seed has given this instead of a link, after a first try that began at the latest now. For how long it does so,
    /// if that is to be said; `urgent`: it stays so until a person does something.
    pub(super) fn answers(&mut self, seed: &Address, answer: &str, urgent: bool, now: Instant) -> Option<Duration> {
        let complaint = self.by_seed.entry(seed.clone()).or_insert_with(|| Complaint { since: now, said: None });
        let lasts = now.saturating_duration_since(complaint.since);
        let is_due = match &complaint.said {
            None => urgent || lasts >= PATIENCE,
            Some((at, before)) => now.saturating_duration_since(*at) >= if before == answer { REMIND } else { PAUSE },
        };
        is_due.then(|| {
            complaint.said = Some((now, answer.to_owned()));
            lasts
        })
    }

    /// It gives one.
    pub(super) fn is_linked(&mut self, seed: &Address) {
        self.by_seed.remove(seed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_complained_of_after_a_moment_and_then_at_bounded_intervals() {
        let (mut complaints, began) = (Complaints::default(), Instant::now());
        let seed: Address = "unix:a".parse().unwrap();
        let mut said = Vec::new();
        for tenth in 0..2_000 {
            let at = Duration::from_millis(100) * tenth;
            // From the hundredth second on it answers something else each time.
            let answer = if tenth < 1_000 { "silent".to_owned() } else { tenth.to_string() };
            if complaints.answers(&seed, &answer, false, began + at).is_some() {
                said.push(at.as_secs());
            }
        }
        assert_eq!(said, [1, 61, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190]);
        complaints.is_linked(&seed);
        assert_eq!(complaints.answers(&seed, "silent", false, began), None, "it begins anew");
    }

    #[test]
    fn what_needs_a_person_is_said_at_once() {
        let (mut complaints, now) = (Complaints::default(), Instant::now());
        let seed: Address = "unix:a".parse().unwrap();
        assert_eq!(complaints.answers(&seed, "the name is taken", true, now), Some(Duration::ZERO));
        assert_eq!(complaints.answers(&seed, "the name is taken", true, now + PAUSE), None);
    }
}
