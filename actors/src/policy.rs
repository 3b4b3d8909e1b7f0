//! Placement by a rule of the user's own: what it is asked, and over which snapshot of the cluster it decides.

use std::{fmt, sync::Arc};

use crate::{
    crash,
    executor::LoadReport,
    invocation::{Invocation, InvocationId},
    node_id::NodeId,
};

/// Chooses which of the workers that can run a call gets it: a rule of your own, given to a call by
/// [`Placement::policy`](crate::router::Placement::policy).
///
/// It is asked when the call is placed, at its caller's poll and on its caller's thread, and again if the call has to be
/// placed again. That is also done for calls that wait for room, on the node's own thread, which keeps its links alive: a
/// policy must be quick, and never wait for anything. The candidates are the workers that have the task, are up and take
/// calls, as the caller's node knows them: a policy can therefore choose nobody who could not run the call. If the one it
/// chooses is lost before the call reaches it, the policy is asked again.
///
/// `None` says that none of them suits: the call waits, and the policy is asked again when a node comes or goes; after
/// `placement.place_timeout` the call fails as `Unplaced` (`NoneSuits`). Without a candidate it is not asked at all.
///
/// If it panics, the call is placed as by `Auto`, and the node tells `Event::PolicyPanicked`.
///
/// `TaskCall::place` has an example.
pub trait Policy: Send + Sync + 'static {
    /// Chooses one of the snapshot's candidates.
    fn choose<'a>(&self, snapshot: &'a Snapshot<'a>) -> Option<&'a Candidate<'a>>;
}

/// What a [`Policy`] decides over: the call, and the workers that can run it.
#[derive(Debug)]
pub struct Snapshot<'a> {
    call: &'a Invocation,
    candidates: &'a [Candidate<'a>],
}

impl<'a> Snapshot<'a> {
    /// Which call it is.
    #[must_use]
    pub fn id(&self) -> InvocationId {
        self.call.id
    }

    /// The task's name.
    #[must_use]
    pub fn task(&self) -> &'static str {
        self.call.task.name()
    }

    /// What the caller has named the call.
    #[must_use]
    pub fn label(&self) -> Option<&'a str> {
        self.call.label.as_deref()
    }

    /// The value that follows the call under `key`.
    #[must_use]
    pub fn baggage(&self, key: &str) -> Option<&'a str> {
        self.call.baggage.as_ref()?.get(key).map(String::as_str)
    }

    /// Which attempt at the call this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.call.attempt
    }

    /// Bytes of the encoded arguments.
    #[must_use]
    pub fn arguments_bytes(&self) -> usize {
        self.call.arguments.len()
    }

    /// The workers that can run it, ordered by id; at least one.
    #[must_use]
    pub fn candidates(&self) -> &'a [Candidate<'a>] {
        self.candidates
    }
}

/// A worker that can run a call.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Who it is.
    pub id: &'a NodeId,
    /// What it says that it is good for.
    pub labels: &'a [String],
    /// Threads that run tasks there; at least 1.
    pub executors: usize,
    /// What it had to do when it last said so.
    pub load: LoadReport,
    /// What is there to do for each executor, in calls: `load`, of which waiting calls count a sixteenth, and what this
    /// node has placed there since. It is what `Auto` compares.
    pub score: f64,
    /// Whether it is the caller's own node.
    pub is_here: bool,
}

impl Candidate<'_> {
    /// Whether it has this label.
    #[must_use]
    pub fn has_label(&self, label: &str) -> bool {
        self.labels.iter().any(|own| own == label)
    }
}

/// A shared [`Policy`]; two are equal if they are one and the same.
#[derive(Clone)]
pub struct SharedPolicy(Arc<dyn Policy>);

/// What a policy said.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    /// The candidate of this index.
    Candidate(usize),
    /// None of them.
    Nobody,
    /// It panicked, with this message.
    Panicked(String),
}

impl SharedPolicy {
    /// Asks the policy.
    #[must_use]
    pub fn choose(&self, call: &Invocation, candidates: &[Candidate<'_>]) -> Choice {
        let snapshot = Snapshot { call, candidates };
        let chosen = crash::catch(|| {
            let chosen = self.0.choose(&snapshot)?;
            candidates.iter().position(|candidate| candidate.id == chosen.id)
        });
        match chosen {
            Ok(chosen) => chosen.map_or(Choice::Nobody, Choice::Candidate),
            Err(panic) => Choice::Panicked(panic.message().to_owned()),
        }
    }
}

impl<P: Policy> From<P> for SharedPolicy {
    fn from(policy: P) -> Self {
        Self(Arc::new(policy))
    }
}

impl PartialEq for SharedPolicy {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SharedPolicy {}

impl fmt::Debug for SharedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedPolicy")
    }
}
