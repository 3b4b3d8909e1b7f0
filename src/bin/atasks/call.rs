//! `atasks call NAME JSON`.

use std::io::Read as _;

use atasks::{JsonReturn, Node, NodeInfo, Payload, Placement, TaskError, TaskInfo};
use serde::de::IgnoredAny;

use crate::{
    arguments::{Call, Options},
    cluster::{self, Interrupt},
    failure::{Failure, Kind},
    output,
    tasks::short,
};

/// Reads the arguments. Before there is a runtime: that takes Ctrl-C over, which ends this process here, as nothing has
/// begun that would have to be cancelled.
pub(crate) fn read(call: Call) -> Result<Call, Failure> {
    let arguments = if call.arguments == "-" { input()? } else { call.arguments };
    // Before anybody is asked; whether it fits the task is known where the task is.
    serde_json::from_str::<IgnoredAny>(&arguments)
        .map_err(|error| Failure::wrong_use(format!("the arguments are no JSON: {error}")))?;
    Ok(Call { arguments, ..call })
}

pub(crate) async fn run(options: &Options, interrupt: Interrupt, call: Call) -> Result<(), Failure> {
    let Call { name, arguments, on, label } = call;
    let node = cluster::join(options, &interrupt).await?;
    let returned = match place(&node, &name, on.as_deref(), label.as_deref()) {
        Ok(placement) => {
            let mut call = node.call_json(&name, arguments).place(placement);
            if let Some(timeout) = options.timeout {
                call = call.timeout(timeout);
            }
            tokio::select! {
                returned = call => returned.map_err(|error| told(&name, &error)),
                interrupted = interrupt.wait() => Err(interrupted),
            }
        }
        Err(failure) => Err(failure),
    };
    // Also when it was interrupted: so the call is cancelled before this process ends.
    node.leave().await;
    print(options, returned?)
}

fn input() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|error| Failure::wrong_use(format!("standard input cannot be read: {error}")))?;
    Ok(text)
}

/// Where the call is to run. What nobody has is told at once, and not after `place_timeout`.
fn place(node: &Node, name: &str, on: Option<&str>, label: Option<&str>) -> Result<Placement, Failure> {
    let tasks = node.tasks();
    let has = |info: &NodeInfo| tasks.iter().any(|task| task.name == name && task.nodes.contains(&info.id));
    let nodes = node.nodes();
    if !tasks.iter().any(|task| task.name == name) {
        let known = tasks.iter().map(|task| task.name.as_str());
        return Err(Failure::not_found("no_such_task", &format!("no node has a task `{name}`"), name, known, "tasks"));
    }
    if let Some(on) = on {
        return match nodes.iter().find(|info| info.id.name() == on) {
            None => {
                let known = nodes.iter().filter(|info| info.id != *node.id()).map(|info| info.id.name());
                Err(Failure::not_found("no_such_node", &format!("no node is named `{on}`"), on, known, "nodes"))
            }
            Some(info) if !has(info) => Err(elsewhere(name, &format!("`{on}` does not have"), &nodes, has)),
            Some(_) => Ok(Placement::Node(on.to_owned())),
        };
    }
    let is_labelled = |info: &NodeInfo| label.is_none_or(|label| info.labels.iter().any(|one| one == label));
    let able: Vec<_> = nodes.iter().filter(|info| has(info) && is_labelled(info)).collect();
    match label {
        Some(label) if able.is_empty() => {
            Err(elsewhere(name, &format!("no node with the label `{label}` has"), &nodes, has))
        }
        _ => match differs(name, &tasks, &able) {
            Some(failure) => Err(failure),
            None => Ok(label.map_or(Placement::Auto, |label| Placement::Label(label.to_owned()))),
        },
    }
}

/// What differs from node to node may read the same JSON as something else: somebody has to say which is meant.
fn differs(name: &str, tasks: &[TaskInfo], able: &[&NodeInfo]) -> Option<Failure> {
    let there = |task: &TaskInfo| {
        let nodes = able.iter().filter(|info| !info.draining && task.nodes.contains(&info.id));
        nodes.map(|info| info.id.name()).collect::<Vec<_>>().join(", ")
    };
    let variants: Vec<_> = tasks
        .iter()
        .filter(|task| task.name == name && !there(task).is_empty())
        .map(|task| format!("{} on {}", short(task), there(task)))
        .collect();
    let message = format!(
        "the task `{name}` is not the same on all nodes ({}): say which is meant with `--on NODE`",
        variants.join("; ")
    );
    (variants.len() > 1).then(|| Failure::new(Kind::WrongUse, "task_differs", message))
}

fn elsewhere(name: &str, who: &str, nodes: &[NodeInfo], has: impl Fn(&NodeInfo) -> bool) -> Failure {
    let have: Vec<_> = nodes.iter().filter(|info| has(info)).map(|info| info.id.name().to_owned()).collect();
    let message = format!("{who} the task `{name}`; it is on {}", have.join(", "));
    Failure::new(Kind::NotFound, "no_such_task", message)
}

fn told(name: &str, error: &TaskError) -> Failure {
    match error {
        TaskError::Codec { stage: Payload::Arguments, message } => {
            Failure::wrong_use(format!("the arguments do not fit `{name}`: {message}"))
        }
        error => Failure::of_call(error),
    }
}

fn print(options: &Options, returned: JsonReturn) -> Result<(), Failure> {
    match returned {
        JsonReturn::Ok(value) if options.json => Ok(output::json_text(&format!("{{\"ok\":{value}}}"))?),
        JsonReturn::Ok(value) => Ok(output::json_text(&value)?),
        JsonReturn::Err { value, text } => {
            let text = text.unwrap_or_else(|| value.clone());
            Err(Failure::of_task(text, &value))
        }
    }
}
