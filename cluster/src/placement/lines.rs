//! Calls that wait for room, in one line for each kind of wish: only the first of a line is tried, as whoever stands behind
//! wishes the same.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use atasks_actors::{node_id::NodeId, router::Placement};

use super::{
    held::{For, Held},
    kept::Unplaceable,
    row::Row,
};
use crate::node::{Kept, NodeCore};

/// Most calls of one line that go before it is another's turn.
const TURN: usize = 64;

/// What calls of one line have in common: where there is room for one of them there is for all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    /// Nested calls need no credit, so they do not stand behind roots.
    is_root: bool,
    wish: Wish,
    /// By its key: windows and who can run it are those of the task.
    task: u64,
}

/// Where calls may go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    Anywhere,
    InTurn,
    Label(String),
    /// To one node, whatever has led to it.
    To(NodeId),
}

#[derive(Default)]
struct Line {
    row: Row<Unplaceable>,
    swept: u64,
}

/// The lines. What is done to all of them goes on where it was interrupted.
#[derive(Default)]
pub(super) struct Lines {
    lines: BTreeMap<Kind, Line>,
    /// The line that was tried last.
    tried: Option<Kind>,
    /// Lines that are to be tried since the last call went.
    to_try: usize,
    swept: Option<Kind>,
    to_sweep: usize,
}

impl Kind {
    /// The kind of a call that found no room at `target`.
    fn at(call: &Unplaceable, target: &NodeId) -> Self {
        let wish = match &call.placement {
            Placement::Auto => Wish::Anywhere,
            Placement::Spread => Wish::InTurn,
            Placement::Label(label) => Wish::Label(label.clone()),
            _ => Wish::To(target.clone()),
        };
        Self { is_root: call.is_root(), wish, task: call.invocation.task.key() }
    }

    /// The kind of a call that was not tried, if that is known without.
    fn of(call: &Unplaceable, node: &NodeCore) -> Option<Self> {
        let nowhere = || NodeId::new("", 0);
        match &call.placement {
            Placement::Auto | Placement::Spread | Placement::Label(_) => Some(Self::at(call, &nowhere())),
            Placement::Policy(_) => None,
            _ => node.target(&call.invocation, &call.placement).map(|target| Self::at(call, &target)),
        }
    }
}

impl Lines {
    /// Puts a call behind those of its kind; gives it back if there are none.
    pub(super) fn join(
        &mut self,
        node: &NodeCore,
        held: &Arc<Held>,
        call: Box<Unplaceable>,
    ) -> Option<Box<Unplaceable>> {
        if self.lines.is_empty() {
            return Some(call);
        }
        let Some(kind) = Kind::of(&call, node) else { return Some(call) };
        match self.lines.get_mut(&kind) {
            Some(line) => {
                let target = if let Wish::To(target) = &kind.wish { Some(target) } else { None };
                line.push(node, held, call, target);
                None
            }
            None => Some(call),
        }
    }

    /// Puts a call into the line of those that find no room at `target`.
    pub(super) fn push(&mut self, node: &NodeCore, held: &Arc<Held>, call: Box<Unplaceable>, target: &NodeId) {
        let kind = Kind::at(&call, target);
        self.lines.entry(kind).or_default().push(node, held, call, Some(target));
    }

    /// Has the first of all lines tried.
    pub(super) fn try_all(&mut self) {
        self.to_try = self.lines.len();
    }

    pub(super) fn is_trying(&self) -> bool {
        self.to_try > 0
    }

    /// Tries the first of each line in turn, and who stands behind while they go. Gives those that nobody can run.
    pub(super) fn try_fronts(&mut self, node: &Arc<NodeCore>, held: &Arc<Held>, left: &mut usize) -> Row<Unplaceable> {
        let mut homeless = Row::default();
        while *left > 0 && self.to_try > 0 {
            let Some(kind) = next_after(&self.lines, self.tried.as_ref()) else {
                self.to_try = 0;
                break;
            };
            self.tried = Some(kind.clone());
            if self.try_line(&kind, node, held, left, &mut homeless) {
                self.to_try = self.lines.len();
            } else {
                self.to_try -= 1;
            }
        }
        homeless
    }

    /// True: something has gone to where it can run, or to those that nobody can.
    fn try_line(
        &mut self,
        kind: &Kind,
        node: &Arc<NodeCore>,
        held: &Arc<Held>,
        left: &mut usize,
        homeless: &mut Row<Unplaceable>,
    ) -> bool {
        let mut went = false;
        for _ in 0..TURN.min(*left) {
            let Some(call) = self.lines.get_mut(kind).and_then(|line| line.row.pop()) else { break };
            *left -= 1;
            match call.place(node) {
                None => went = true,
                Some((Kept::Nobody, call)) => {
                    went = true;
                    homeless.push(call);
                }
                Some((Kept::Full(target), call)) => {
                    if Kind::at(&call, &target) == *kind {
                        self.lines.entry(kind.clone()).or_default().row.put_back(call);
                        break;
                    }
                    // Nodes have come or gone, or a policy has thought better of it. There is no room either, so this is no
                    // reason to try others again: a policy that changes its mind each time would have it go on for ever.
                    self.push(node, held, call, &target);
                }
            }
        }
        if self.lines.get(kind).is_some_and(|line| line.row.len() == 0) {
            self.lines.remove(kind);
        }
        went
    }

    /// Has all lines swept.
    pub(super) fn sweep_all(&mut self) {
        self.to_sweep = self.lines.len();
        self.lines.values_mut().for_each(|line| line.swept = 0);
    }

    /// Lets go of what was given up.
    pub(super) fn sweep(&mut self, left: &mut usize) {
        while *left > 0 && self.to_sweep > 0 {
            let Some(kind) = next_after(&self.lines, self.swept.as_ref()) else {
                self.to_sweep = 0;
                break;
            };
            let Some(line) = self.lines.get_mut(&kind) else { break };
            let most = *left;
            let seen = line.row.walk(&mut line.swept, most, |call| (!call.slot.is_over()).then_some(call));
            *left -= seen;
            if seen == most {
                break;
            }
            line.row.close_up();
            if line.row.len() == 0 {
                self.lines.remove(&kind);
            }
            self.swept = Some(kind);
            self.to_sweep -= 1;
        }
    }

    #[cfg(feature = "testing")]
    pub(super) fn len(&self) -> usize {
        self.lines.values().map(|line| line.row.len()).sum()
    }

    pub(super) fn clear(&mut self) {
        self.lines.clear();
    }
}

impl Line {
    fn push(&mut self, node: &NodeCore, held: &Arc<Held>, mut call: Box<Unplaceable>, target: Option<&NodeId>) {
        let what = if target.is_some_and(|target| target == node.me()) { For::Queue } else { For::Link };
        if call.wait(held, what, None) {
            self.row.push(call);
        }
    }
}

/// The line after that one, in a circle.
fn next_after(lines: &BTreeMap<Kind, Line>, last: Option<&Kind>) -> Option<Kind> {
    let after = last.and_then(|last| lines.range((Bound::Excluded(last), Bound::Unbounded)).next());
    after.or_else(|| lines.first_key_value()).map(|(kind, _)| kind.clone())
}
