//! What must hold after every run, whatever happened in it.

use std::collections::BTreeMap;
use std::time::Duration;

use atasks::{Canceller, Event, Loss, Ran, TaskError};

use crate::ledger::{Await, Body, End, Entries, Key, Ledger};
use crate::plan::Plan;
use crate::run::Ends;

const LOST_AFTER: Duration = Duration::from_secs(3);
const CANCEL_GRACE: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_millis(500);

/// What is wrong with a run.
pub(crate) fn judge(plan: &Plan, ledger: &Ledger, ends: &Ends) -> Vec<String> {
    let entries = ledger.entries();
    let mut judge = Judge { breaches: Vec::new(), bodies: BTreeMap::new(), entries: &entries };
    for body in &entries.bodies {
        judge.bodies.entry(body.key).or_default().push(body);
    }
    if ends.hung {
        judge.breach("not all awaits and nodes came to their end".to_owned());
    }
    for (key, awaited) in &entries.awaits {
        judge.awaited(*key, awaited, plan.calm);
    }
    judge.orphans();
    judge.leftovers(plan, ends);
    if plan.calm {
        judge.false_verdicts(ends);
    }
    judge.breaches
}

struct Judge<'a> {
    breaches: Vec<String>,
    bodies: BTreeMap<Key, Vec<&'a Body>>,
    entries: &'a Entries,
}

impl Judge<'_> {
    fn breach(&mut self, text: String) {
        self.breaches.push(text);
    }

    /// One outcome, true in what it says about the body.
    fn awaited(&mut self, key: Key, awaited: &Await, calm: bool) {
        let bodies = self.bodies.get(&key).cloned().unwrap_or_default();
        if !awaited.idempotent && bodies.len() > 1 {
            self.breach(format!("call {key} ran twice: {bodies:?}"));
        }
        if bodies.iter().any(|body| !body.right) {
            self.breach(format!("call {key} got arguments of another: {bodies:?}"));
        }
        let Some((at, end)) = &awaited.ended else {
            return self.breach(format!("call {key} is awaited still: {awaited:?}, {bodies:?}"));
        };
        match end {
            End::Returned { right: false } => self.breach(format!("call {key} got the result of another")),
            End::Returned { .. } if bodies.is_empty() => self.breach(format!("call {key} returned and never ran")),
            End::Failed(error) => {
                match error.ran() {
                    Ran::No if !bodies.is_empty() => {
                        self.breach(format!("call {key} is said not to have run: {error:?}, {bodies:?}"));
                    }
                    Ran::Yes if bodies.is_empty() => self.breach(format!("call {key} is said to have run: {error:?}")),
                    _ => {}
                }
                if !may_fail_so(error, awaited, calm) {
                    self.breach(format!("call {key} failed at {at:?}: {error:?}, {awaited:?}"));
                }
            }
            _ => {}
        }
        // Its node was killed: that is known in time.
        if let [body] = &bodies[..]
            && let Some(killed) = self.entries.killed.get(&body.node)
            && body.ended == Some(*killed)
            && *at > *killed + LOST_AFTER + SLACK
        {
            self.breach(format!("call {key} was told at {at:?} of {}, killed at {killed:?}", body.node));
        }
    }

    /// What nobody waits for any more ends.
    fn orphans(&mut self) {
        let mut orphans = Vec::new();
        for body in &self.entries.bodies {
            let Some((unwanted, _)) = self.entries.awaits.get(&body.key).and_then(|awaited| awaited.ended.as_ref())
            else {
                continue;
            };
            let until = *unwanted + LOST_AFTER + CANCEL_GRACE + SLACK;
            match body.ended {
                Some(ended) if ended <= until => {}
                ended => orphans.push(format!("an orphan, unwanted since {unwanted:?}, ended {ended:?}: {body:?}")),
            }
        }
        self.breaches.append(&mut orphans);
    }

    /// All tables are empty, all nodes linked.
    fn leftovers(&mut self, plan: &Plan, ends: &Ends) {
        for (node, counts) in &ends.counts {
            let links = match node.name().starts_with('w') {
                true => plan.workers - 1 + plan.clients,
                false => plan.workers,
            };
            if !counts.is_idle() || counts.links != links {
                self.breach(format!("left behind on {node}, which should have {links} links: {counts:?}"));
            }
        }
    }

    /// Nobody was lost where only connections were.
    fn false_verdicts(&mut self, ends: &Ends) {
        for (at, node, event) in &ends.events {
            if let Event::NodeLost(lost, loss) = event {
                self.breach(format!("{node} lost {lost} at {at:?} ({loss:?})"));
            }
        }
    }
}

/// Whether that may come of what the faults of a run do.
fn may_fail_so(error: &TaskError, awaited: &Await, calm: bool) -> bool {
    match error {
        TaskError::Crashed(_) | TaskError::DeadlineExceeded { .. } => true,
        TaskError::Cancelled { by, .. } => !calm || matches!(by, Canceller::Caller | Canceller::Parent),
        TaskError::NodeLost { reason, .. } => !calm && !matches!(reason, Loss::Exited(_)),
        TaskError::Unplaced { .. } | TaskError::NotJoined => !calm,
        TaskError::Rejected { .. } => !calm && awaited.bound,
        _ => false,
    }
}
