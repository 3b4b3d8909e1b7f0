//! `atasks drain`.

use std::process::Stdio;

use serde_json::json;

use super::{Cluster, Done};
use crate::programs::eventually;

/// Starts a call that takes so long, and waits until it runs on `w2`.
fn busy(cluster: &Cluster, millis: u64) -> std::process::Child {
    let arguments = json!(["", millis]).to_string();
    let mut call = cluster.command(&["call", "atasks::tasks::carry", &arguments, "--on", "w2", "--seed", "unix:w1"]);
    let call = call.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("the call's start", || {
        let nodes = cluster.tool(&["nodes", "--json"]).json();
        if nodes[1]["load"]["suspended"] == 1 { Ok(()) } else { Err(nodes.to_string()) }
    });
    call
}

#[test]
fn a_node_is_drained_to_its_end_and_what_it_ran_ends_well() {
    let mut cluster = Cluster::of(&["w1", "w2"]);
    let call = busy(&cluster, 1500);
    let Done { code, out, err } = cluster.tool(&["drain", "w2"]);
    assert_eq!((code, out.as_str()), (Some(0), "`w2` has left\n"), "{err}");
    assert_eq!(err, "atasks: `w2` drains: 1 suspended\n");
    let call = call.wait_with_output().unwrap();
    assert_eq!(call.status.code(), Some(0), "{call:?}");
    assert_eq!(cluster.workers.pop().unwrap().end().code, Some(0));
    let nodes = cluster.tool(&["nodes", "--json"]).json();
    assert!(nodes[0]["name"] == "w1" && nodes[1].is_null(), "{nodes}");
}

#[test]
fn one_that_does_not_wait_returns_when_the_node_drains() {
    let cluster = Cluster::of(&["w1", "w2"]);
    let mut call = busy(&cluster, 60_000);
    assert_eq!(cluster.tool(&["drain", "w2", "--no-wait"]).ok(), "`w2` drains\n");
    let nodes = cluster.tool(&["nodes", "--json"]).json();
    assert_eq!(nodes[1]["state"], "draining", "{nodes}");
    // Nobody is told to wait for it a second time, and to wait is bounded.
    let told = cluster.tool(&["drain", "w2", "--no-wait", "--json"]).json();
    assert_eq!(told, json!({ "name": "w2", "state": "draining" }));
    let told = cluster.tool(&["drain", "w2", "--timeout", "500ms"]);
    assert_eq!((told.code, told.out.as_str()), (Some(5), ""), "{told:?}");
    assert!(told.err.contains("`w2` has not left within 500ms, and drains on: 1 suspended"), "{told:?}");
    call.kill().unwrap();
    call.wait().unwrap();
}

#[test]
fn a_node_that_there_is_not_is_told_with_what_there_is() {
    let cluster = Cluster::of(&["w1"]);
    let told = cluster.tool(&["drain", "w11"]).fails(4);
    assert_eq!(told, "atasks: no node is named `w11`; did you mean `w1`?\n");
    let told = cluster.tool(&["drain", "w11", "--json"]);
    assert_eq!((told.code, &told.json()["error"]["kind"]), (Some(4), &json!("no_such_node")));
}
