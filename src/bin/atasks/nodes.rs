//! `atasks nodes`.

use atasks::{NodeInfo, Role};
use serde_json::{Value, json};

use crate::{
    arguments::Options,
    cluster::{self, Interrupt},
    failure::Failure,
    output,
    table::{Look, Table},
};

pub(crate) async fn run(options: &Options, interrupt: Interrupt) -> Result<(), Failure> {
    let node = cluster::join(options, &interrupt).await?;
    let mut nodes = node.nodes();
    // The tool is no part of what it shows, and is linked to workers alone.
    nodes.retain(|info| info.id != *node.id());
    node.leave().await;
    nodes.sort_by(|one, other| one.id.cmp(&other.id));
    if options.json {
        return Ok(output::json(&nodes.iter().map(value).collect::<Vec<_>>())?);
    }
    let mut table = Table::new(["WORKER", "STATE", "LOAD", "TASKS", "EXECUTORS", "LABELS", "ADDRESSES"]);
    for info in &nodes {
        let NodeInfo { id, tasks, executors, labels, addresses, .. } = info;
        table.add([
            id.name().to_owned(),
            state(info).to_owned(),
            load(info),
            tasks.to_string(),
            executors.to_string(),
            labels.join(","),
            addresses.join(","),
        ]);
    }
    Ok(output::print(&table.text(Look { width: output::width(), bold: output::is_colored() }))?)
}

fn value(info: &NodeInfo) -> Value {
    let NodeInfo { id, tasks, executors, labels, addresses, load, .. } = info;
    json!({
        "name": id.name(),
        "incarnation": format!("{:016x}", id.incarnation()),
        "role": role(info.role),
        "state": state(info),
        "load": { "unstarted": load.unstarted, "running": load.running, "suspended": load.suspended },
        "tasks": tasks,
        "executors": executors,
        "labels": labels,
        "addresses": addresses,
    })
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Worker => "worker",
        Role::Client => "client",
        Role::Operator => "operator",
    }
}

fn state(info: &NodeInfo) -> &'static str {
    match info {
        // Whatever it was when it was last heard, it may not be any more.
        NodeInfo { suspect: true, .. } => "suspect",
        NodeInfo { draining: true, .. } => "draining",
        _ => "up",
    }
}

/// What a node has to do, in words.
pub(crate) fn load(info: &NodeInfo) -> String {
    let load = &info.load;
    let parts = [(load.unstarted, "unstarted"), (load.running, "running"), (load.suspended, "suspended")];
    let parts: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if parts.is_empty() { "idle".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use atasks::{LoadReport, NodeId};

    use super::*;

    #[test]
    fn one_that_is_not_heard_is_suspect_whatever_else_it_was() {
        let state_of = |draining, suspect| {
            let (id, load) = (NodeId::new("w1", 1), LoadReport::default());
            let (addresses, labels) = (Vec::new(), Vec::new());
            let (role, tasks, executors) = (Role::Worker, 1, 1);
            state(&NodeInfo { id, role, addresses, tasks, executors, labels, draining, suspect, load })
        };
        assert_eq!([state_of(false, false), state_of(true, false)], ["up", "draining"]);
        assert_eq!([state_of(false, true), state_of(true, true)], ["suspect"; 2]);
    }
}
