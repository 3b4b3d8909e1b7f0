//! What must hold after every run, whatever happened in it.

use std::collections::BTreeMap;
use std::time::Duration;

use atasks::{Canceller, Event, Loss, NodeId, Ran, Rejection, TaskError};

use crate::ledger::{Await, Body, End, Entries, Key, Ledger};
use crate::plan::Plan;
use crate::run::Ends;

const LOST_AFTER: Duration = Duration::from_secs(3);
const CANCEL_GRACE: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_millis(500);
/// A node that was stopped for longer knows it: half of `LOST_AFTER`.
const FENCED_AFTER: Duration = Duration::from_millis(1500);
/// Clocks drift between two readings, and a reading takes its time.
const DEADLINE_OFF: Duration = Duration::from_millis(50);
/// A deadline is the caller's own.
const DEADLINE_TOLD: Duration = Duration::from_millis(5);
/// Cancelling what a body has left behind takes no longer.
const AFTER_ITS_BODY: Duration = Duration::from_millis(5);
/// The same where a link may have been slow since its beginning.
const DEADLINE_LATE: Duration = Duration::from_millis(2500);

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
        judge.awaited(*key, awaited, plan);
    }
    judge.orphans();
    judge.left_alone();
    judge.crowds(plan);
    judge.wakings();
    judge.deadlines(plan);
    judge.breaches.extend(ends.crowded.iter().map(|crowded| format!("too much is kept on {crowded}")));
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
    fn awaited(&mut self, key: Key, awaited: &Await, plan: &Plan) {
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
                if !may_fail_so(error, awaited, plan) {
                    self.breach(format!("call {key} failed at {at:?}: {error:?}, {awaited:?}"));
                }
            }
            _ => {}
        }
        if let Some(deadline) = awaited.deadline
            && self.entries.awake(&awaited.caller, deadline.max(awaited.began), *at) > DEADLINE_TOLD
        {
            self.breach(format!("call {key} was to end at {deadline:?}, and did at {at:?}: {awaited:?}"));
        }
        // Its node was killed: that is known in time. What is repeated waits for room after that, as any call does.
        let is_repeated = awaited.idempotent && awaited.retries > 0;
        if let [body] = &bodies[..]
            && let Some(killed) = self.entries.killed.get(&body.node)
            && body.ended == Some(*killed)
            && !is_repeated
            && self.entries.awake(&awaited.caller, *killed, *at) > LOST_AFTER + SLACK
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
            let bound = LOST_AFTER + CANCEL_GRACE + SLACK;
            match body.ended {
                Some(ended) if self.entries.awake(&body.node, *unwanted, ended) <= bound => {}
                ended => orphans.push(format!("an orphan, unwanted since {unwanted:?}, ended {ended:?}: {body:?}")),
            }
        }
        self.breaches.append(&mut orphans);
    }

    /// What a body has begun ends with it, whether it waits for that or not.
    fn left_alone(&mut self) {
        let mut late = Vec::new();
        for (key, awaited) in &self.entries.awaits {
            let Some(parent) = awaited.parent else { continue };
            let bodies = self.bodies.get(&parent).into_iter().flatten().filter(|body| body.node == awaited.caller);
            let ended = bodies.map(|body| body.ended).max_by_key(|ended| ended.unwrap_or(Duration::MAX));
            if let (Some(Some(body)), Some((at, _))) = (ended, &awaited.ended)
                && self.entries.awake(&awaited.caller, body, *at) > AFTER_ITS_BODY
            {
                late.push(format!("call {key} ended at {at:?}, and who made it at {body:?}: {awaited:?}"));
            }
        }
        self.breaches.append(&mut late);
    }

    /// No more roots run on a node at once than may.
    fn crowds(&mut self, plan: &Plan) {
        let Some(most) = plan.running else { return };
        let is_root = |body: &&Body| self.entries.awaits.get(&body.key).is_some_and(|call| call.parent.is_none());
        let roots: Vec<_> = self.entries.bodies.iter().filter(is_root).collect();
        for body in &roots {
            let runs = |other: &&&Body| {
                other.node == body.node && other.began <= body.began && other.ended.is_none_or(|end| end > body.began)
            };
            let count = roots.iter().filter(runs).count();
            if count > most {
                self.breaches.push(format!("{count} roots run, of {most} that may: {body:?}"));
            }
        }
    }

    /// A node that goes on after a stop starts nothing of what was lost with it.
    fn wakings(&mut self) {
        let mut late = Vec::new();
        for (node, since, on) in &self.entries.stops {
            let Some(on) = on.filter(|on| *on > *since + FENCED_AFTER) else { continue };
            let begun = self.entries.bodies.iter().filter(|body| body.node == *node && body.began >= on);
            for body in begun {
                if self.lost_with(node, body.key, on) {
                    late.push(format!("stopped from {since:?} to {on:?}, and started for nobody: {body:?}"));
                }
            }
        }
        self.breaches.append(&mut late);
    }

    /// Whether a call, or one that it is for, was told as lost with that node by then.
    fn lost_with(&self, node: &NodeId, key: Key, by: Duration) -> bool {
        let Some(awaited) = self.entries.awaits.get(&key) else { return false };
        let is_lost = matches!(&awaited.ended, Some((at, End::Failed(TaskError::NodeLost { node: lost, .. })))
            if lost == node && *at < by);
        is_lost || awaited.parent.is_some_and(|parent| self.lost_with(node, parent, by))
    }

    /// The deadline of a body is that of its call, whatever the clocks of hosts show, but for what lies between them.
    fn deadlines(&mut self, plan: &Plan) {
        let late = if plan.calm { DEADLINE_OFF + plan.lingers() } else { DEADLINE_LATE };
        let mut wrong = Vec::new();
        for body in &self.entries.bodies {
            let Some(call) = self.entries.awaits.get(&body.key) else { continue };
            let right = match (call.deadline, body.deadline) {
                (None, None) => true,
                (Some(call), Some(body)) => body + DEADLINE_OFF >= call && call + late >= body,
                _ => false,
            };
            if !right {
                wrong.push(format!("the deadline is {:?} there: {call:?}, {body:?}", body.deadline));
            }
        }
        self.breaches.append(&mut wrong);
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
fn may_fail_so(error: &TaskError, awaited: &Await, plan: &Plan) -> bool {
    let calm = plan.calm;
    match error {
        TaskError::Crashed(_) | TaskError::DeadlineExceeded { .. } => true,
        TaskError::Cancelled { by, .. } => !calm || matches!(by, Canceller::Caller | Canceller::Parent),
        TaskError::NodeLost { reason, .. } => !calm && !matches!(reason, Loss::Exited(_)),
        TaskError::Unplaced { .. } | TaskError::NotJoined => !calm,
        TaskError::Rejected { reason: Rejection::TreeTooLarge { .. }, .. } => {
            plan.memory.is_some() && awaited.parent.is_some()
        }
        TaskError::Rejected { .. } => !calm && awaited.bound,
        _ => false,
    }
}
