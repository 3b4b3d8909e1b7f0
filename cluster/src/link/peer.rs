//! What is known of a linked peer, and which of our tasks it can run.

use atasks_actors::{node_id::NodeId, table::TaskTable, task::TaskEntry, task_error::Unplaced};

use crate::{
    config::Role,
    wire::{Advert, Introduction},
};

/// Who is at the other end, from its hello.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) role: Role,
    pub(crate) addresses: Vec<String>,
    pub(crate) payload_max: u32,
}

/// What the peer has introduced itself with.
#[derive(Debug)]
pub(crate) struct Abilities {
    introduction: Introduction,
    /// For each of our tasks, by its number here: its number there, if the peer has it with the same fingerprint.
    numbers: Vec<Option<u32>>,
}

/// Why a peer cannot run a task.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    Unknown,
    Differs(String),
}

impl Abilities {
    pub(crate) fn new(introduction: Introduction, ours: &TaskTable) -> Self {
        let there: std::collections::HashMap<_, _> = (0u32..)
            .zip(&introduction.tasks)
            .map(|(number, task)| ((&task.name[..], task.fingerprint), number))
            .collect();
        let numbers = ours.iter().map(|task| there.get(&(task.entry.name(), task.fingerprint)).copied()).collect();
        Self { introduction, numbers }
    }

    /// The peer's number of a task: by its types if we have them, else by its name.
    pub(crate) fn number(&self, task: &TaskEntry) -> Option<u32> {
        match task.index() {
            Some(index) => self.numbers.get(index as usize).copied().flatten(),
            None => (0u32..).zip(self.names()).find_map(|(number, name)| (name == task.name()).then_some(number)),
        }
    }

    /// What it can run.
    pub(crate) fn tasks(&self) -> &[Advert] {
        &self.introduction.tasks
    }

    pub(crate) fn executors(&self) -> u32 {
        self.introduction.executors.max(1)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.introduction.tasks.iter().map(|task| &task.name[..])
    }

    pub(crate) fn labels(&self) -> &[String] {
        &self.introduction.labels
    }

    /// Why the peer cannot run the task named `name`; asked only if it cannot.
    pub(crate) fn lack(&self, name: &str) -> Lack {
        match self.introduction.tasks.iter().find(|task| task.name == name) {
            Some(task) => Lack::Differs(task.fingerprint.to_string()),
            None => Lack::Unknown,
        }
    }
}

/// Puts together why none of the workers can run a task.
pub(crate) fn unplaced<'a>(
    name: &str,
    here: &str,
    workers: impl Iterator<Item = (&'a NodeId, &'a Abilities)> + Clone,
) -> Unplaced {
    if workers.clone().next().is_none() {
        return Unplaced::NoWorkers;
    }
    let there: Vec<_> = workers
        .clone()
        .filter_map(|(node, abilities)| match abilities.lack(name) {
            Lack::Differs(print) => Some((node.clone(), print)),
            Lack::Unknown => None,
        })
        .take(8)
        .collect();
    if !there.is_empty() {
        return Unplaced::VersionMismatch { here: here.to_owned(), there };
    }
    let mut names: Vec<_> = workers.flat_map(|(_, abilities)| abilities.names()).collect();
    names.sort_unstable();
    names.dedup();
    Unplaced::NotRegistered { nearest: atasks_actors::table::nearest(name, names.into_iter()) }
}
