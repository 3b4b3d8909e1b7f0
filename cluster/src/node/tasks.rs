//! Which tasks there are in the cluster, as a node sees it.

use std::collections::BTreeMap;

use atasks_actors::{fingerprint::Fingerprint, node_id::NodeId};

use super::NodeCore;
use crate::config::Role;

/// A task that some node can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskInfo {
    /// Its name.
    pub name: String,
    /// Stands for its name and types. Nodes that have a task of one name with different fingerprints do not run it for
    /// each other.
    pub fingerprint: Fingerprint,
    /// The nodes that have it so, sorted; at least one.
    pub nodes: Vec<NodeId>,
}

impl NodeCore {
    /// The tasks that the linked nodes and this one can run, sorted by name; one name may be there with several
    /// fingerprints.
    pub fn tasks(&self) -> Vec<TaskInfo> {
        let mut tasks: BTreeMap<(String, String), TaskInfo> = BTreeMap::new();
        let mut add = |name: &str, fingerprint: Fingerprint, node: &NodeId| {
            let key = (name.to_owned(), fingerprint.to_string());
            let task = tasks.entry(key);
            let task = task.or_insert_with(|| TaskInfo { name: name.to_owned(), fingerprint, nodes: Vec::new() });
            task.nodes.push(node.clone());
        };
        if self.role == Role::Worker {
            let own = self.table.iter().filter(|task| task.entry.has_body());
            own.for_each(|task| add(task.entry.name(), task.fingerprint, &self.me));
        }
        for link in self.view.load().links() {
            let advertised = link.abilities().map(|abilities| abilities.tasks()).unwrap_or_default();
            advertised.iter().for_each(|task| add(&task.name, task.fingerprint, link.id()));
        }
        let sorted = tasks.into_values().map(|mut task| {
            task.nodes.sort();
            task
        });
        sorted.collect()
    }
}
