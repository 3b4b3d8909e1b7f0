//! Why nobody runs a call.

use std::sync::Arc;

use atasks_actors::{
    invocation::Invocation,
    node_id::NodeId,
    router::Placement,
    table::nearest,
    task::TaskEntry,
    task_error::{Loss, Ran, Rejection, TaskError, Unplaced},
};

use super::NodeCore;
use crate::{
    config::Role,
    link::{Link, unplaced},
};

impl NodeCore {
    /// What is wrong with a placement that no waiting would mend.
    pub(crate) fn hopeless(&self, invocation: &Invocation, placement: &Placement) -> Option<TaskError> {
        if let Some(node) = self.named_that_drains(invocation, placement) {
            return Some(TaskError::Rejected { node, reason: Rejection::Draining });
        }
        match placement {
            // What it runs is fixed at its start.
            _ if self.is_meant_by(placement) => {
                let (task, reason) = (invocation.task.name().to_owned(), self.lack(invocation.task, placement));
                Some(TaskError::Unplaced { task, reason })
            }
            Placement::On(id) if !self.election().is_linked(id) => {
                Some(TaskError::NodeLost { node: id.clone(), reason: Loss::Closed, ran: Ran::No, before: Vec::new() })
            }
            _ => {
                let what = self.forsaken.get().filter(|_| self.view.load().as_workers().is_empty())?;
                let (task, reason) = (invocation.task.name().to_owned(), Unplaced::WorkersDown(what.clone()));
                Some(TaskError::Unplaced { task, reason })
            }
        }
    }

    /// The one node that a call may run on, if it takes no more.
    fn named_that_drains(&self, invocation: &Invocation, placement: &Placement) -> Option<NodeId> {
        if self.is_meant_by(placement) {
            let drains = self.is_draining() && invocation.parent.is_none() && self.role == Role::Worker;
            return drains.then(|| self.me.clone());
        }
        let view = self.view.load();
        let named = view.named(|id| is_named(id, placement));
        named.filter(|link| link.is_draining()).map(|link| link.id().clone())
    }

    /// Why nobody that `placement` allows can run a task.
    pub(crate) fn lack(&self, task: &TaskEntry, placement: &Placement) -> Unplaced {
        let view = self.view.load();
        let is_alone = self.role == Role::Worker && view.as_workers().is_empty();
        match placement {
            _ if self.is_meant_by(placement) && self.role != Role::Worker => return Unplaced::NotAWorker,
            _ if self.is_meant_by(placement) => return self.lacks(task),
            Placement::Node(name) => return self.lack_at(task, placement, name),
            Placement::On(id) => return self.lack_at(task, placement, id.name()),
            _ => {}
        }
        let able = |link: &&Arc<Link>| link.abilities().is_some_and(|abilities| abilities.number(task).is_some());
        let here = (self.agent.pool().is_some() && task.has_body()).then_some(&self.config.node.labels[..]);
        let peers = view.workers().filter(able);
        let mut labels = here.into_iter().chain(peers.filter_map(|link| Some(link.abilities()?.labels())));
        let is_able = labels.clone().next().is_some();
        match placement {
            _ if !is_able && is_alone => self.lacks(task),
            _ if !is_able => self.missing(task, view.as_workers()),
            Placement::Label(label) if !labels.any(|labels| labels.contains(label)) => Unplaced::Labels,
            Placement::Policy(_) if self.takes_any(task) => Unplaced::NoneSuits,
            _ => Unplaced::Draining,
        }
    }

    /// The same of the one node that `placement` names.
    fn lack_at(&self, task: &TaskEntry, placement: &Placement, name: &str) -> Unplaced {
        match self.view.load().named(|id| is_named(id, placement)) {
            None => Unplaced::NoSuchNode(name.to_owned()),
            Some(link) if !link.is_worker() => Unplaced::NotAWorker,
            Some(link) => self.missing(task, std::slice::from_ref(link)),
        }
    }

    /// Whether anybody that can run the task takes calls.
    fn takes_any(&self, task: &TaskEntry) -> bool {
        !self.all_capable(task, &Placement::Auto).is_empty()
    }

    /// What this worker has instead of the task.
    fn lacks(&self, task: &TaskEntry) -> Unplaced {
        let bodies = self.table.iter().map(|task| task.entry).filter(|entry| entry.has_body());
        Unplaced::NotRegistered { nearest: nearest(task.name(), bodies.map(TaskEntry::name)) }
    }

    /// What these workers have instead of the task.
    fn missing(&self, task: &TaskEntry, workers: &[Arc<Link>]) -> Unplaced {
        let here = self.table.find(task.name()).and_then(|index| self.table.get(index));
        let here = here.map(|task| task.fingerprint.to_string()).unwrap_or_default();
        unplaced(task.name(), &here, workers.iter().filter_map(|link| Some((link.id(), link.abilities()?))))
    }
}

/// Whether `placement` names this node.
fn is_named(id: &NodeId, placement: &Placement) -> bool {
    match placement {
        Placement::Node(name) => id.name() == name,
        Placement::On(named) => id == named,
        _ => false,
    }
}
