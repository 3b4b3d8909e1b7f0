//! `atasks tasks`.

use std::collections::BTreeMap;

use atasks::TaskInfo;
use serde_json::{Value, json};

use crate::{
    arguments::Options,
    cluster::{self, Interrupt},
    failure::{Failure, quoted},
    output,
    table::{Look, Table},
};

/// Digits of a fingerprint that a table shows: enough to tell two apart.
const DIGITS: usize = 12;

pub(crate) async fn run(options: &Options, interrupt: Interrupt) -> Result<(), Failure> {
    let node = cluster::join(options, &interrupt).await?;
    let tasks = node.tasks();
    node.leave().await;
    let differing = differing(&tasks);
    if options.json {
        let values: Vec<_> = tasks.iter().map(|task| value(task, differing.contains(&task.name))).collect();
        return Ok(output::json(&values)?);
    }
    let mut table = Table::new(["NAME", "FINGERPRINT", "NODES"]);
    for task in &tasks {
        let nodes: Vec<_> = task.nodes.iter().map(atasks::NodeId::name).collect();
        table.add([task.name.clone(), short(task), nodes.join(",")]);
    }
    output::print(&table.text(Look { width: output::width(), bold: output::is_colored() }))?;
    if !differing.is_empty() {
        let names = quoted(&differing).replace(" or ", " and ");
        output::note(&format!(
            "not the same on all nodes: {names}; nodes run a task for each other only if its fingerprint, which stands \
             for its types, is the same: build them from the same source"
        ));
    }
    Ok(())
}

/// A fingerprint as people tell it from another one.
pub(crate) fn short(task: &TaskInfo) -> String {
    task.fingerprint.to_string()[..DIGITS].to_owned()
}

/// The names that are there with several fingerprints.
fn differing(tasks: &[TaskInfo]) -> Vec<String> {
    let mut versions = BTreeMap::<_, usize>::new();
    tasks.iter().for_each(|task| *versions.entry(&task.name).or_default() += 1);
    versions.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name.clone()).collect()
}

fn value(task: &TaskInfo, differs: bool) -> Value {
    let nodes: Vec<_> = task.nodes.iter().map(atasks::NodeId::name).collect();
    json!({
        "name": task.name,
        "fingerprint": task.fingerprint.to_string(),
        "nodes": nodes,
        "differs": differs,
    })
}
