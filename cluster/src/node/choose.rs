//! Which node runs a call: the table of `Placement`, over the peers that are up.

use std::sync::{Arc, atomic::Ordering};

use atasks_actors::{
    event::Event,
    executor::Pool,
    invocation::{Invocation, InvocationId},
    node_id::NodeId,
    policy::{Candidate, Choice, SharedPolicy},
    router::Placement,
    task::TaskEntry,
};

use super::NodeCore;
use crate::{
    link::Link,
    placement::{Score, best, choose, mix, prefers_here, wants},
};

/// Where a call goes.
pub(super) enum Chosen {
    Here,
    /// To this peer, which has the task under this number.
    Peer(Arc<Link>, u32),
}

/// Who can run a task now: has it, is up, takes calls.
struct Capable<'a> {
    node: &'a NodeCore,
    peers: &'a [Arc<Link>],
    task: &'a TaskEntry,
    /// A call of no other: it waits where it goes until there is room.
    is_root: bool,
    /// This node's executors, if it is one of them.
    here: Option<&'a Arc<Pool>>,
}

/// One of them.
#[derive(Clone, Copy)]
enum One<'a> {
    Here(&'a Arc<Pool>),
    Peer(&'a Arc<Link>, u32),
}

impl NodeCore {
    /// Chooses who runs a call; none, if nobody that `placement` allows can. Takes no lock, and for `Auto` it looks at two
    /// peers at most while they can.
    pub(super) fn choose(&self, invocation: &Invocation, placement: &Placement) -> Option<Chosen> {
        let task = invocation.task;
        let pool = self.agent.pool().filter(|_| task.has_body());
        // What runs here goes on to its end, with the calls that it makes.
        let goes_on = invocation.parent.is_some();
        let drains = self.is_draining();
        if self.is_meant_by(placement) {
            return pool.filter(|_| goes_on || !drains).map(|_| Chosen::Here);
        }
        let view = self.view.load();
        let here = pool.filter(|_| !drains);
        let capable = Capable { node: self, peers: view.as_workers(), task, is_root: !goes_on, here };
        let again = invocation.attempt > 1;
        if again && let Some(chosen) = self.choose_warily(invocation, placement, &capable) {
            return Some(chosen);
        }
        let chosen = match placement {
            Placement::Node(name) => return capable.only(view.named(|id| id.name() == name)),
            Placement::On(node) => return capable.only(view.named(|id| id == node)),
            Placement::Spread => capable.in_turn(),
            Placement::Label(label) => capable.least(invocation.id, again, |labels| labels.contains(label)),
            Placement::Key(key) => capable.that_wants(*key),
            Placement::Policy(policy) => capable.chosen_by(policy, invocation),
            _ => capable.least(invocation.id, again, |_| true),
        };
        let allows_here = match placement {
            Placement::Label(label) => self.config.node.labels.contains(label),
            _ => true,
        };
        chosen.or_else(|| pool.filter(|_| drains && goes_on && allows_here).map(|_| Chosen::Here))
    }

    /// Chooses who repeats a call of a root that has cost a node: nobody whose loss would end the call's own ancestors and
    /// what they know of it, as far as that is known here. None: there is no other, or the call means a certain node.
    fn choose_warily(&self, invocation: &Invocation, placement: &Placement, capable: &Capable<'_>) -> Option<Chosen> {
        if self.losses.of(invocation.root).is_empty() {
            return None;
        }
        // Whoever has made a call ran the task that made it.
        let above = [invocation.root.origin, invocation.parent.map_or(0, |parent| parent.origin)];
        let is_safe = |link: &&Arc<Link>| !link.is_suspect() && !above.contains(&link.id().incarnation());
        let peers: Vec<_> = capable.peers.iter().filter(is_safe).cloned().collect();
        let safe = Capable { peers: &peers, here: None, ..*capable };
        match placement {
            Placement::Auto => safe.least(invocation.id, true, |_| true),
            Placement::Label(label) => safe.least(invocation.id, true, |labels| labels.contains(label)),
            Placement::Spread => safe.in_turn(),
            _ => None,
        }
    }

    /// The one node that a call goes to, whatever there is to do there.
    pub fn target(&self, invocation: &Invocation, placement: &Placement) -> Option<NodeId> {
        match self.choose(invocation, placement)? {
            Chosen::Here => Some(self.me.clone()),
            Chosen::Peer(link, _) => Some(link.id().clone()),
        }
    }

    /// All that can run `task` and that `placement` allows, ordered by id.
    pub(super) fn all_capable(&self, task: &TaskEntry, placement: &Placement) -> Vec<NodeId> {
        let view = self.view.load();
        let here = self.agent.pool().filter(|_| task.has_body() && !self.is_draining());
        let capable = Capable { node: self, peers: view.as_workers(), task, is_root: true, here };
        let allowed = |one: &One<'_>| match placement {
            Placement::Label(label) => one.labels(self).contains(label),
            Placement::Local => *one.id(self) == self.me,
            Placement::Node(name) => one.id(self).name() == name,
            Placement::On(id) => one.id(self) == id,
            _ => true,
        };
        let mut ids: Vec<_> = capable.all().filter(allowed).map(|one| one.id(self).clone()).collect();
        ids.sort_unstable();
        ids
    }

    /// Whether this node, and no other, is where a call is to run.
    pub(super) fn is_meant_by(&self, placement: &Placement) -> bool {
        match placement {
            Placement::Local => true,
            Placement::Node(name) => name == self.me.name(),
            Placement::On(id) => *id == self.me,
            _ => false,
        }
    }
}

impl<'a> Capable<'a> {
    fn peer(&self, link: &'a Arc<Link>) -> Option<One<'a>> {
        if link.is_draining() {
            return None;
        }
        Some(One::Peer(link, link.abilities()?.number(self.task)?))
    }

    /// All of them, this node first.
    fn all(&self) -> impl Iterator<Item = One<'a>> + '_ {
        self.here.map(One::Here).into_iter().chain(self.peers.iter().filter_map(|link| self.peer(link)))
    }

    fn only(&self, named: Option<&'a Arc<Link>>) -> Option<Chosen> {
        self.peer(named.filter(|link| link.is_worker())?).map(One::into)
    }

    /// The one with least to do. A call that is placed `again` has been where there was too much: it is for the best of all.
    fn least(&self, id: InvocationId, again: bool, has: impl Fn(&[String]) -> bool) -> Option<Chosen> {
        let here = self.here.filter(|_| has(&self.node.config.node.labels));
        // Nearly all calls of a task come to no more than this.
        if here.is_some_and(|pool| self.peers.is_empty() || pool.has_room()) {
            return Some(Chosen::Here);
        }
        let best_of = |suits: fn(&Link) -> bool, with_room: bool| {
            let score = |at: usize| {
                let link: &Arc<Link> = &self.peers[at];
                self.peer(link).filter(|one| suits(link) && (!with_room || self.has_room(*one)))?;
                has(link.abilities()?.labels()).then(|| link.score())
            };
            let count = self.peers.len();
            if again { best(count, dice(id), score) } else { choose(count, dice(id), score) }
        };
        let better = |here: Option<&Arc<Pool>>, best: Option<(usize, Score)>| match (here, best) {
            (Some(here), best) if prefers_here(score_of(here), best.map(|(_, score)| score)) => Some(Chosen::Here),
            (_, Some((at, _))) => self.peer(&self.peers[at]).map(One::into),
            _ => None,
        };
        let lives = here.filter(|pool| !pool.is_stalled());
        let well = |link: &Link| !link.is_suspect() && !link.is_stalled();
        // One that is stalled is avoided while there is another, this node included; more so one that says nothing; and first
        // of all, one where a root would wait for room.
        better(lives.filter(|pool| self.has_room(One::Here(pool))), best_of(well, true))
            .or_else(|| better(lives, best_of(well, false)))
            .or_else(|| better(here, best_of(|link| !link.is_suspect(), false)))
            .or_else(|| better(here, best_of(|_| true, false)))
    }

    /// Whether one of them lets the call in now.
    fn has_room(&self, one: One<'_>) -> bool {
        !self.is_root
            || match one {
                One::Here(_) => self.node.lets_in(self.task),
                One::Peer(link, number) => !link.is_full(number),
            }
    }

    fn in_turn(&self) -> Option<Chosen> {
        let turn = self.node.turns.fetch_add(1, Ordering::Relaxed) as usize;
        let count = self.all().count().max(1);
        let turn = turn % count;
        let mut in_circle = self.all().skip(turn).chain(self.all().take(turn));
        in_circle.find(|one| self.has_room(*one)).or_else(|| self.all().nth(turn)).map(One::into)
    }

    fn that_wants(&self, key: u64) -> Option<Chosen> {
        let wish = |one: &One<'_>| {
            let id = one.id(self.node);
            (wants(id.name(), key), id.incarnation())
        };
        self.all().max_by_key(wish).map(One::into)
    }

    fn chosen_by(&self, policy: &SharedPolicy, invocation: &Invocation) -> Option<Chosen> {
        let mut all: Vec<_> = self.all().collect();
        all.sort_by(|one, other| one.id(self.node).cmp(other.id(self.node)));
        if all.is_empty() {
            return None;
        }
        let candidates: Vec<_> = all.iter().map(|one| one.candidate(self.node)).collect();
        match policy.choose(invocation, &candidates) {
            Choice::Candidate(at) => all.get(at).copied().map(One::into),
            Choice::Nobody => None,
            Choice::Panicked(message) => {
                tracing::error!(
                    node = %self.node.me,
                    task = invocation.task.name(),
                    message,
                    "a placement policy panicked; the call is placed as by Auto"
                );
                self.node.events.tell(|| Event::PolicyPanicked(invocation.into(), message));
                self.least(invocation.id, invocation.attempt > 1, |_| true)
            }
        }
    }
}

impl<'a> One<'a> {
    fn id(self, node: &'a NodeCore) -> &'a NodeId {
        match self {
            Self::Here(_) => &node.me,
            Self::Peer(link, _) => link.id(),
        }
    }

    fn labels(self, node: &'a NodeCore) -> &'a [String] {
        match self {
            Self::Here(_) => &node.config.node.labels,
            Self::Peer(link, _) => link.abilities().map_or(&[], |abilities| abilities.labels()),
        }
    }

    fn candidate(self, node: &'a NodeCore) -> Candidate<'a> {
        let (executors, load, score) = match self {
            Self::Here(pool) => (pool.executor_count(), pool.load(), score_of(pool)),
            Self::Peer(link, _) => {
                let executors = link.abilities().map_or(1, |abilities| abilities.executors() as usize);
                (executors, link.load_report(), link.score())
            }
        };
        let (id, labels, is_here) = (self.id(node), self.labels(node), matches!(self, Self::Here(_)));
        Candidate { id, labels, executors, load, score: score.per_executor(), is_here }
    }
}

impl From<One<'_>> for Chosen {
    fn from(one: One<'_>) -> Self {
        match one {
            One::Here(_) => Self::Here,
            One::Peer(link, number) => Self::Peer(link.clone(), number),
        }
    }
}

fn score_of(pool: &Pool) -> Score {
    // All that was placed here is in the load. What has begun to wait a moment ago counts as what was sent elsewhere a
    // moment ago: else of many calls made at once those that only wait would stay here.
    Score::new(pool.load(), pool.fresh(), pool.executor_count())
}

/// A number that differs from call to call and is the same in every replay.
fn dice(id: InvocationId) -> u64 {
    mix(id.number.wrapping_add(id.origin))
}
