//! `atasks drain NODE`.

use std::time::Duration;

use atasks::{Event, EventStream, Loss, Node, NodeId};
use tokio::time::{interval, timeout};

use crate::{
    arguments::{Drain, Options},
    cluster::{self, Interrupt},
    failure::{Failure, Kind},
    nodes, output,
};

/// How often the load of the draining node is looked at.
const LOOK: Duration = Duration::from_millis(250);

pub(crate) async fn run(options: &Options, interrupt: Interrupt, drain: &Drain) -> Result<(), Failure> {
    let node = cluster::join(options, &interrupt).await?;
    let name = &drain.node;
    let mut events = node.events();
    let nodes = node.nodes();
    let others = || nodes.iter().filter(|info| info.id != *node.id());
    let Some(found) = others().find(|info| info.id.name() == name) else {
        let known = others().map(|info| info.id.name());
        node.leave().await;
        return Err(Failure::not_found("no_such_node", &format!("no node is named `{name}`"), name, known, "nodes"));
    };
    let id = found.id.clone();
    if !node.ask_to_drain(name) {
        return Err(Failure::new(Kind::NotDone, "node_lost", format!("`{name}` was lost just now")));
    }
    let drained = async {
        tokio::select! {
            // One that drains already says so no second time.
            drained = until(&mut events, &id, drain.no_wait), if !(found.draining && drain.no_wait) => drained,
            () = std::future::ready(()), if found.draining && drain.no_wait => Ok("draining"),
            never = report(&node, &id), if !drain.no_wait && !options.json => never,
            interrupted = interrupt.wait() => Err(interrupted),
        }
    };
    let drained = match options.timeout {
        None => drained.await,
        Some(within) => timeout(within, drained).await.unwrap_or_else(|_elapsed| Err(late(&node, &id, within))),
    };
    node.leave().await;
    let state = drained?;
    if options.json {
        return Ok(output::json(&serde_json::json!({ "name": name, "state": state }))?);
    }
    Ok(output::print(&match state {
        "left" => format!("`{name}` has left\n"),
        _ => format!("`{name}` drains\n"),
    })?)
}

/// Waits until the node has left, or, for one that does not want to wait, has begun to drain.
async fn until(events: &mut EventStream, id: &NodeId, no_wait: bool) -> Result<&'static str, Failure> {
    loop {
        match events.next().await {
            Some(Event::NodeDraining(drains)) if drains == *id && no_wait => return Ok("draining"),
            Some(Event::NodeLost(lost, Loss::Left)) if lost == *id => return Ok("left"),
            Some(Event::NodeLost(lost, loss)) if lost == *id => {
                let message = format!("`{}` was lost before it had drained: {loss}", id.name());
                return Err(Failure::new(Kind::NotDone, "node_lost", message));
            }
            Some(_) => {}
            None => return Err(Failure::new(Kind::NotDone, "not_joined", "the tool's own node has ended")),
        }
    }
}

/// Says what the node still has to do, whenever that changes.
async fn report(node: &Node, id: &NodeId) -> Result<&'static str, Failure> {
    let mut looks = interval(LOOK);
    let mut said = String::new();
    loop {
        looks.tick().await;
        let Some(info) = node.nodes().into_iter().find(|info| info.id == *id && info.draining) else { continue };
        let load = nodes::load(&info);
        if load != said && load != "idle" {
            output::note(&format!("`{}` drains: {load}", id.name()));
            said = load;
        }
    }
}

fn late(node: &Node, id: &NodeId, within: Duration) -> Failure {
    let left = node.nodes().into_iter().find(|info| info.id == *id).map_or_else(String::new, |info| nodes::load(&info));
    let message = format!("`{}` has not left within {within:?}, and drains on: {left}", id.name());
    Failure::new(Kind::NotDone, "deadline_exceeded", message)
}
