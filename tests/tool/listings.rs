//! `atasks nodes` and `atasks tasks`.

use serde_json::json;

use super::Cluster;

#[test]
fn nodes_are_listed_in_columns() {
    let mut cluster = Cluster::of(&["w1"]);
    cluster.add("w2", &[("ATASKS__NODE__LABELS", "gpu,big"), ("ATASKS__NODE__EXECUTORS", "3")]);
    let text = cluster.tool(&["nodes"]).ok();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["WORKER", "STATE", "LOAD", "TASKS", "EXECUTORS", "LABELS", "ADDRESSES"], "{text}");
    assert_eq!(lines[1][..3], ["w1", "up", "idle"], "{text}");
    assert_eq!(lines[2][4..6], ["3", "gpu,big"], "{text}");
    assert!(lines[2][6].ends_with("/w2") && lines.len() == 3, "{text}");
    // Piped, it is plain.
    assert!(!text.contains('\x1b') && !text.contains('…'), "{text}");
}

#[test]
fn nodes_are_listed_as_json() {
    let cluster = Cluster::of(&["w1", "w2"]);
    let nodes = cluster.tool(&["nodes", "--json"]).json();
    let names: Vec<_> = nodes.as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["w1", "w2"]);
    let node = &nodes[0];
    assert_eq!(node["load"], json!({ "unstarted": 0, "running": 0, "suspended": 0 }));
    assert_eq!((&node["role"], &node["state"], &node["executors"]), (&json!("worker"), &json!("up"), &json!(1)));
    assert!(node["addresses"][0].as_str().unwrap().starts_with("unix:"), "{node}");
}

#[test]
fn tasks_are_listed_with_the_nodes_that_have_them() {
    let cluster = Cluster::of(&["w1", "w2"]);
    let text = cluster.tool(&["tasks"]).ok();
    let shout: Vec<_> =
        text.lines().find(|line| line.starts_with("typed::shout ")).unwrap().split_whitespace().collect();
    assert!(shout[1].len() == 12 && shout[1].chars().all(|c| c.is_ascii_hexdigit()), "{text}");
    assert_eq!(shout[2], "w1,w2", "{text}");

    let tasks = cluster.tool(&["tasks", "--json"]).json();
    let shout = tasks.as_array().unwrap().iter().find(|task| task["name"] == "typed::shout").unwrap();
    assert_eq!((&shout["nodes"], &shout["differs"]), (&json!(["w1", "w2"]), &json!(false)));
    assert_eq!(shout["fingerprint"].as_str().unwrap().len(), 32);
}

#[test]
fn a_task_that_differs_from_node_to_node_is_pointed_out() {
    let mut cluster = Cluster::of(&["w1"]);
    cluster.add_program("plain", "serve", "w2", &[]);
    let told = cluster.tool(&["tasks"]);
    assert_eq!(told.code, Some(0));
    let rows: Vec<_> = told.out.lines().filter(|line| line.starts_with("typed::differs ")).collect();
    assert!(rows.len() == 2 && rows.iter().any(|row| row.ends_with("  w1")), "{told:?}");
    assert!(rows.iter().any(|row| row.ends_with("  w2")), "{told:?}");
    assert!(told.err.contains("not the same on all nodes: `typed::differs`;"), "{told:?}");

    let tasks = cluster.tool(&["tasks", "--json"]).json();
    let differing = tasks.as_array().unwrap().iter().filter(|task| task["differs"] == true);
    assert!(differing.map(|task| &task["name"]).eq([&json!("typed::differs"); 2]), "{tasks}");
    // Each reads what its own types are.
    assert_eq!(cluster.tool(&["call", "typed::differs", "[1]", "--on", "w1"]).ok(), "1\n");
    assert_eq!(cluster.tool(&["call", "typed::differs", r#"["a"]"#, "--on", "w2"]).ok(), "\"a\"\n");
}
