//! The tasks of this program, as the linker has put them together.

use std::sync::OnceLock;

use atasks_actors::{
    fingerprint::Fingerprint,
    table::{TableError, TaskTable},
    task::TaskEntry,
};

use crate::StartError;

/// Every task of every crate that the program names. Filled by the linker.
#[linkme::distributed_slice]
pub static TASKS: [TaskEntry];

static TABLE: OnceLock<Result<TaskTable, TableError>> = OnceLock::new();

/// The program's tasks, checked and numbered once.
pub(crate) fn table() -> Result<&'static TaskTable, StartError> {
    let table = TABLE.get_or_init(|| TaskTable::new(TASKS.iter(), &build));
    table.as_ref().map_err(|error| error.clone().into())
}

/// The entry of a task that was registered under `name`.
pub(crate) fn find(name: &str) -> Option<&'static TaskEntry> {
    let table = table().ok()?;
    table.find(name).and_then(|index| table.get(index)).map(|task| task.entry)
}

/// What stands for the contract of a task of this program.
pub(crate) fn fingerprint(entry: &TaskEntry) -> Option<Fingerprint> {
    table().ok()?.get(entry.index()?).map(|task| task.fingerprint)
}

/// The entry of the task that `entry` declares.
pub(crate) fn registered(entry: &TaskEntry) -> Option<&'static TaskEntry> {
    table().ok()?.get(entry.index()?).map(|task| task.entry)
}

/// What tells this build from others: its executable. Read only if the shape of a task's types is not known. One that
/// cannot be read is like no other.
fn build() -> Vec<u8> {
    let executable = std::env::current_exe().and_then(std::fs::read);
    executable.unwrap_or_else(|_unreadable| rand::random::<[u8; 32]>().to_vec())
}
