//! Holds what callers were told against what the ledgers have, and against what was done.

use std::collections::BTreeMap;

use crate::{
    books::{self, Await, Books, Entry, Outcome, Ran},
    faults::{Fault, Kind},
    lag::Lag,
    ledger::Key,
    load::Seen,
};

/// Of the default configuration, in microseconds.
const LOST_AFTER: u64 = 3_000_000;
const CANCEL_GRACE: u64 = 1_000_000;
/// From the death of a client to the end of what runs for it: two heartbeats and 100 ms.
const CLIENT_GONE: u64 = 600_000;
/// What the published bounds add for the machine.
pub(crate) const ALLOWANCE: u64 = 500_000;
/// From a fault to its verdict.
pub(crate) const VERDICT_MAX: u64 = LOST_AFTER + ALLOWANCE;
/// From the end of an await to the last sign of life below it, in time in which that node runs.
pub(crate) const ORPHAN_MAX: u64 = LOST_AFTER + CANCEL_GRACE + ALLOWANCE;

/// What has come out.
#[derive(Default)]
pub(crate) struct Audit {
    pub(crate) roots: u64,
    pub(crate) awaits: u64,
    pub(crate) bodies: u64,
    pub(crate) outcomes: BTreeMap<String, u64>,
    /// Awaits whose process ended before they had an outcome.
    pub(crate) cut_off: u64,
    /// Further starts of calls that may run twice.
    pub(crate) repeated: u64,
    pub(crate) doubled: u64,
    /// Bodies that started after their await was over.
    pub(crate) late_starts: u64,
    /// From a fault to each verdict by it.
    pub(crate) verdicts: BTreeMap<Kind, Vec<u64>>,
    /// Verdicts that took longer than is published.
    pub(crate) late: u64,
    /// From the end of an await to the last sign of each body below it.
    pub(crate) orphans: Vec<u64>,
    /// From the death of a client, and nothing else, to the last sign of each body that ran for it.
    pub(crate) bereft: Vec<u64>,
    /// How long the calls took that do nothing and came back.
    pub(crate) quick: Vec<u64>,
    /// Longest that the machine did not let a thread go on.
    pub(crate) longest_lag: u64,
    pub(crate) breaches: Vec<String>,
}

/// `over`: when the run ended; what is left ends in any way.
pub(crate) fn audit(books: &Books, faults: &[Fault], lag: &Lag, seen: Seen, over: u64) -> Audit {
    let longest_lag = lag.longest();
    let audit = Audit { roots: seen.roots, breaches: seen.breaches, longest_lag, ..Audit::default() };
    let mut auditor = Auditor { books, faults, lag, audit };
    for (key, entry) in &books.calls {
        auditor.runs(*key, entry);
        auditor.lives(*key, entry);
        for one in &entry.awaits {
            auditor.awaited(*key, entry, one);
        }
    }
    for seen in books.seen.iter().filter(|seen| seen.at < over && seen.what.starts_with("lost")) {
        auditor.seen(seen);
    }
    auditor.audit
}

struct Auditor<'a> {
    books: &'a Books,
    faults: &'a [Fault],
    lag: &'a Lag,
    audit: Audit,
}

impl Auditor<'_> {
    /// How often it ran.
    fn runs(&mut self, key: Key, entry: &Entry) {
        self.audit.bodies += entry.starts.len() as u64;
        let more = entry.starts.len().saturating_sub(1) as u64;
        if key.is_idempotent() {
            self.audit.repeated += more;
        } else if more > 0 {
            self.audit.doubled += more;
            self.breach(key, &format!("ran {} times: {:?}", more + 1, entry.starts));
        }
    }

    /// Whether it lived on after nobody awaited it, or what it belongs to, any more.
    fn lives(&mut self, key: Key, entry: &Entry) {
        let own = entry.awaits.iter().filter_map(|one| self.end(one)).max();
        let top = self.books.calls.get(&key.top()).and_then(|top| top.awaits.first()).and_then(|one| self.end(one));
        let Some(over) = own.into_iter().chain(top).min() else { return };
        self.audit.late_starts += entry.starts.iter().filter(|start| start.at > over).count() as u64;
        for sign in entry.signs.iter().filter(|sign| sign.at > over) {
            let stopped: u64 = self.of(sign.pid).map(|fault| fault.stopped_during(over, sign.at)).sum();
            let after = (sign.at - over).saturating_sub(stopped);
            self.audit.orphans.push(after);
            if let Some(death) = self.bereft(key, over, sign.at) {
                self.audit.bereft.push(sign.at - death.until);
                if sign.at - death.until > CLIENT_GONE + ALLOWANCE + self.lag.during(death.from, sign.at) {
                    let after = sign.at - death.until;
                    self.breach(key, &format!("lived in {} {after} µs after its client was killed", sign.pid));
                }
            }
            if after > ORPHAN_MAX + self.lag.during(over, sign.at) {
                self.breach(key, &format!("lived in {} {after} µs after its await was over", sign.pid));
            }
        }
    }

    /// The death of a client by which alone a call was over.
    fn bereft(&self, key: Key, over: u64, seen: u64) -> Option<Fault> {
        let client = self.books.calls.get(&key.top())?.awaits.first()?.pid;
        let death = self.of(client).find(|fault| fault.kind == Kind::Orphaned && fault.until == over).copied()?;
        // What keeps a cancellation from being heard.
        let near = |fault: &Fault| fault.from <= seen && fault.until.saturating_add(ALLOWANCE) >= death.from;
        let hinders = |fault: &Fault| !matches!(fault.kind, Kind::Killed | Kind::Drained | Kind::Orphaned);
        (!self.faults.iter().any(|fault| hinders(fault) && near(fault))).then_some(death)
    }

    /// A process has called a node lost, whether or not calls were there.
    fn seen(&mut self, seen: &books::Seen) {
        let Some((pid, name)) = self.books.nodes.get(&seen.node) else { return };
        let causes = |fault: &Fault| {
            let ends = matches!(fault.kind, Kind::Orphaned | Kind::Drained);
            let until = fault.until.saturating_add(VERDICT_MAX + self.lag.during(fault.from, seen.at));
            (ends || fault.may_lose()) && fault.from <= seen.at && seen.at <= until
        };
        let apart = || self.apart(*pid, seen.pid).iter().any(causes);
        if seen.what != "lost Left" && !self.of(*pid).chain(self.of(seen.pid)).any(causes) && !apart() {
            self.audit.breaches.push(format!("{name} ({pid}) was {} to {} for nothing", seen.what, seen.pid));
        }
    }

    /// When an await was over: with its outcome, or with its process.
    fn end(&self, one: &Await) -> Option<u64> {
        match &one.end {
            Some(end) => Some(end.at),
            None => self
                .of(one.pid)
                .find(|fault| matches!(fault.kind, Kind::Killed | Kind::Orphaned))
                .map(|fault| fault.until),
        }
    }

    fn awaited(&mut self, key: Key, entry: &Entry, one: &Await) {
        self.audit.awaits += 1;
        let Some(end) = &one.end else {
            self.audit.cut_off += 1;
            if !self.of(one.pid).any(|fault| matches!(fault.kind, Kind::Killed | Kind::Drained | Kind::Orphaned)) {
                self.breach(key, &format!("has no outcome in {}, which has not ended", one.pid));
            }
            return;
        };
        let Some(outcome) = &end.outcome else {
            *self.audit.outcomes.entry("let go of".to_owned()).or_default() += 1;
            return;
        };
        *self.audit.outcomes.entry(format!("{}, ran: {:?}", outcome.what, outcome.ran)).or_default() += 1;
        match outcome.ran {
            Ran::No if !key.is_idempotent() && !entry.starts.is_empty() => {
                self.breach(key, &format!("was said not to have run ({}): {:?}", outcome.what, entry.starts));
            }
            Ran::Yes if entry.starts.is_empty() => self.breach(key, &format!("never ran: {}", outcome.what)),
            _ => {}
        }
        if !expected(&outcome.what, self.books.clients.contains(&one.pid)) {
            self.breach(key, &format!("ended as nothing here can: {}", outcome.what));
        }
        if outcome.what == "Ok" && key.is_quick() {
            self.audit.quick.push(end.at - one.from);
        }
        if let Some(lost) = outcome.lost {
            self.verdict(key, one.pid, lost, end.at, outcome);
        }
    }

    /// A process was told that a node is lost: there is a cause, and it was told in time.
    fn verdict(&mut self, key: Key, by: u32, lost: u64, at: u64, outcome: &Outcome) {
        let Some((pid, name)) = self.books.nodes.get(&lost) else {
            return self.breach(key, "lost a node that nobody knows");
        };
        let causes = |fault: &&Fault| {
            let losable = fault.may_lose()
                || fault.kind == Kind::Drained && outcome.what == "NodeLost Left" && outcome.ran == Ran::No;
            losable
                && fault.from <= at
                && at <= fault.until.saturating_add(VERDICT_MAX + self.lag.during(fault.from, at))
        };
        let hit = |who: u32| self.of(who).filter(causes).max_by_key(|fault| fault.from).copied();
        match (hit(*pid), hit(by)) {
            (None, None) if !self.apart(*pid, by).iter().any(|fault| causes(&fault)) => {
                let near: Vec<_> = self.of(*pid).chain(self.of(by)).filter(|fault| fault.from <= at).collect();
                let last = near.iter().max_by_key(|fault| fault.from).map(|fault| (fault.kind, at - fault.from));
                let text = format!("{name} ({pid}) was lost to {by} for nothing: {outcome:?}, last {last:?} µs before");
                self.breach(key, &text);
            }
            (Some(fault), None) if fault.kind != Kind::Drained && !self.was_hit(by, fault.from, at) => {
                self.audit.verdicts.entry(fault.kind).or_default().push(at - fault.from);
                self.audit.late += u64::from(at - fault.from > VERDICT_MAX);
                if at - fault.from > VERDICT_MAX + self.lag.during(fault.from, at) {
                    let after = at - fault.from;
                    self.breach(key, &format!("{name} ({pid}), {:?}, told {after} µs later: {outcome:?}", fault.kind));
                }
            }
            // Whoever was hit itself may have heard late.
            _ => {}
        }
    }

    /// Whether something was done to that process meanwhile that may have kept news back.
    fn was_hit(&self, pid: u32, from: u64, until: u64) -> bool {
        self.of(pid).any(|fault| fault.from <= until && fault.until.saturating_add(ALLOWANCE) >= from)
    }

    /// What two nodes did not hear of each other by faults of both that overlap: each one's may be short, and both together long.
    fn apart(&self, one: u32, other: u32) -> Vec<Fault> {
        let mut silences: Vec<_> =
            self.of(one).chain(self.of(other)).filter(|fault| fault.kind.silences()).copied().collect();
        silences.sort_by_key(|fault| fault.from);
        let mut all: Vec<Fault> = Vec::new();
        for fault in silences {
            match all.last_mut() {
                Some(last) if fault.from <= last.until => {
                    let until = last.until.max(fault.until);
                    *last = Fault { kind: Kind::NearlySevered, until, ..*last };
                }
                _ => all.push(fault),
            }
        }
        all.retain(Fault::may_lose);
        all
    }

    fn of(&self, pid: u32) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(move |fault| fault.pid == pid)
    }

    fn breach(&mut self, key: Key, what: &str) {
        self.audit.breaches.push(format!("{key:?} {what}"));
    }
}

/// Whether a call may end so at all: the client's are cancelled by nobody.
fn expected(what: &str, by_client: bool) -> bool {
    match what.split_once(' ').map_or(what, |(variant, _)| variant) {
        "Ok" | "a" | "NodeLost" | "DeadlineExceeded" | "Crashed" => true,
        "Rejected" => what == "Rejected Draining",
        "Cancelled" => !by_client,
        _ => false,
    }
}
