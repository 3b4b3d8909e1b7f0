//! `atasks call`.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::json;

use super::{Cluster, done};
use crate::programs::{eventually, send};

#[test]
fn a_task_is_called_by_name_with_values_of_all_kinds() {
    let cluster = Cluster::of(&["w1", "w2"]);
    for (name, arguments, result) in [
        ("typed::shout", r#"{"text": "größer"}"#, r#""GRÖSSER""#),
        ("typed::shout", r#"["a"]"#, r#""A""#),
        (
            "typed::order",
            r#"{"orders": [{"item": "nut", "count": 2}, {"item": "bolt", "count": 1, "note": "long"}], "by": "Cash"}"#,
            r#"["Cash",{"bolt":1,"nut":2}]"#,
        ),
        ("typed::order", r#"[[], {"Card": {"number": "17"}}]"#, r#"[{"Card":{"number":"17"}},{}]"#),
        (
            "typed::order",
            r#"[[], {"Parts": [[18446744073709551615, "a"]]}]"#,
            r#"[{"Parts":[[18446744073709551615,"a"]]},{}]"#,
        ),
        ("typed::reverse", r#"{"bytes": [1, 2, 255]}"#, "[255,2,1]"),
        ("typed::reverse", r#"{"bytes": "ab"}"#, "[98,97]"),
        ("typed::nothing", "{}", "null"),
    ] {
        assert_eq!(cluster.tool(&["call", name, arguments]).ok(), format!("{result}\n"), "{name} {arguments}");
        let json = cluster.tool(&["call", name, arguments, "--json"]).ok();
        assert_eq!(json, format!("{{\"ok\":{result}}}\n"), "{name} {arguments}");
    }
    // Without arguments there are none.
    assert_eq!(cluster.tool(&["call", "typed::nothing"]).ok(), "null\n");
}

#[test]
fn arguments_may_come_on_standard_input_and_be_large() {
    let cluster = Cluster::of(&["w1"]);
    let mut tool = cluster.command(&["call", "typed::reverse", "-", "--seed", "unix:w1"]);
    let mut tool = tool.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let numbers: Vec<_> = (0..200_000).map(|n| (n % 251) as u8).collect();
    let json = serde_json::to_string(&json!({ "bytes": numbers })).unwrap();
    tool.stdin.take().unwrap().write_all(json.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let back: Vec<u8> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(back.iter().eq(numbers.iter().rev()));
}

#[test]
fn one_that_waits_for_its_input_is_interrupted() {
    let cluster = Cluster::new();
    let mut tool = cluster.command(&["call", "typed::reverse", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = tool.stdin.take().unwrap();
    input.write_all(b"[").unwrap();
    eventually("that it reads", || match rustix::io::ioctl_fionread(&input).unwrap() {
        0 => Ok(()),
        left => Err(format!("{left} bytes are not read")),
    });
    send(tool.id(), Signal::INT);
    let ended = eventually("its end", || tool.try_wait().unwrap().ok_or_else(String::new));
    assert_eq!(ended.signal(), Some(Signal::INT.as_raw()), "{ended:?}");
    drop(input);
}

#[test]
fn a_tasks_own_error_is_told_with_its_causes_and_code_1() {
    let cluster = Cluster::of(&["w1"]);
    let many = r#"[[{"item": "nuts", "count": 101}], "Cash"]"#;
    assert_eq!(cluster.tool(&["call", "typed::order", many]).fails(1), "atasks: there are no nuts left\n");
    let told = cluster.tool(&["call", "typed::order", many, "--json"]);
    assert_eq!((told.code, told.err.as_str()), (Some(1), ""));
    assert_eq!(told.json(), json!({ "err": { "SoldOut": "nuts" }, "text": "there are no nuts left" }));

    let told = cluster.tool(&["call", "typed::chain"]).fails(1);
    assert_eq!(told, "atasks: nothing was kept\n  caused by: the disk is full\n");
    assert_eq!(cluster.tool(&["call", "typed::mute"]).fails(1), "atasks: \"Empty\"\n");
}

#[test]
fn a_crash_is_told_with_its_place_and_code_1() {
    let cluster = Cluster::of(&["w1"]);
    let told = cluster.tool(&["call", "atasks::tasks::crash_after", "[[]]"]).fails(1);
    assert!(
        told.contains("crashed on w1") && told.contains("tasks.rs:") && told.contains("the end of the road"),
        "{told}"
    );
    let told = cluster.tool(&["call", "atasks::tasks::crash_after", "[[]]", "--json"]);
    assert_eq!((told.code, &told.json()["error"]["kind"]), (Some(1), &json!("crashed")));
}

#[test]
fn json_that_does_not_fit_is_told_by_place_with_what_would() {
    let cluster = Cluster::of(&["w1"]);
    for (arguments, parts) in [
        (r#"{"orders": [{"item": "a", "count": -1}]}"#, &["`orders[0].count`, line 1, column 37", "expected u32"][..]),
        (r#"{"orders": [], "by": "Cheque"}"#, &["`by`", "unknown variant `Cheque`", "`Cash`, `Card`, `Parts`"]),
        (
            r#"{"orders": []}"#,
            &["missing field `by`", r#"looks like {"orders":[{"item":"","count":0,"note":""}],"by":"Cash"}"#],
        ),
        (r#"{"orders": [], "by": "Cash", "at": 1}"#, &["unknown field `at`, expected `orders` or `by`"]),
        ("[[]]", &["invalid length 1"]),
        ("7", &["invalid type: integer `7`"]),
    ] {
        let told = cluster.tool(&["call", "typed::order", arguments]).fails(2);
        assert!(parts.iter().all(|part| told.contains(part)), "{arguments}: {told}");
        assert!(told.starts_with("atasks: the arguments do not fit `typed::order`: "), "{told}");
    }
    let told = cluster.tool(&["call", "typed::order", "{}", "--json"]);
    assert_eq!((told.code, &told.json()["error"]["kind"]), (Some(2), &json!("wrong_use")));
}

#[test]
fn what_there_is_not_is_told_at_once_with_what_there_is() {
    let mut cluster = Cluster::of(&["w1"]);
    cluster.add("w2", &[("ATASKS__NODE__LABELS", "gpu")]);
    let tell = |arguments: &[&str]| cluster.tool(arguments).fails(4);
    let told = tell(&["call", "typed::shuot"]);
    assert!(told.starts_with("atasks: no node has a task `typed::shuot`; did you mean `typed::shout`, "), "{told}");
    let told = tell(&["call", "qqqqqqqqqqqq"]);
    assert!(told.contains("`atasks tasks` lists what there is"), "{told}");
    let told = tell(&["call", "typed::nothing", "--on", "w3"]);
    assert!(told.contains("no node is named `w3`"), "{told}");
    let told = tell(&["call", "typed::nothing", "--label", "tpu"]);
    assert_eq!(told, "atasks: no node with the label `tpu` has the task `typed::nothing`; it is on w1, w2\n");
    let json = cluster.tool(&["call", "typed::shuot", "--json"]);
    assert_eq!((json.code, &json.json()["error"]["kind"]), (Some(4), &json!("no_such_task")));
}

#[test]
fn it_runs_where_it_is_told_to() {
    let mut cluster = Cluster::of(&["w1"]);
    cluster.add("w2", &[("ATASKS__NODE__LABELS", "gpu")]);
    for (arguments, node) in [(["--on", "w1"], "w1"), (["--on", "w2"], "w2"), (["--label", "gpu"], "w2")] {
        let arguments = [&["call", "atasks::tasks::whereabouts"][..], &arguments].concat();
        let told = cluster.tool(&arguments).json();
        assert_eq!(told["node"]["name"], node, "{arguments:?}");
    }
}

#[test]
fn a_deadline_that_passes_is_told_and_the_task_is_dropped() {
    let cluster = Cluster::of(&["w1"]);
    let folder = cluster.path().to_str().unwrap();
    let arguments = json!([folder]).to_string();
    let told = cluster.tool(&["call", "atasks::tasks::hold", &arguments, "--timeout", "300ms"]).fails(5);
    assert!(told.contains("the deadline passed after 3"), "{told}");
    dropped(&cluster);
    let told = cluster.tool(&["call", "atasks::tasks::hold", &arguments, "--timeout", "300ms", "--json"]).json();
    assert_eq!(told["error"]["kind"], "deadline_exceeded");
}

#[test]
fn an_interrupted_call_is_cancelled_with_all_below() {
    let cluster = Cluster::of(&["w1"]);
    let arguments = json!([cluster.path().to_str().unwrap()]).to_string();
    let mut tool = cluster.command(&["call", "typed::nested", &arguments, "--seed", "unix:w1"]);
    let tool = tool.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = cluster.path().join("started");
    eventually("the start", || started.exists().then_some(()).ok_or_else(String::new));
    send(tool.id(), Signal::INT);
    let output = tool.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(130), &b""[..]));
    dropped(&cluster);
}

fn dropped(cluster: &Cluster) {
    let dropped = cluster.path().join("dropped");
    eventually("the drop", || dropped.exists().then_some(()).ok_or_else(String::new));
}

#[test]
fn a_node_that_dies_under_a_call_is_told() {
    let cluster = Cluster::of(&["w1"]);
    let told = cluster.tool(&["call", "atasks::tasks::die", r#"[{"Exit": 3}]"#]).fails(5);
    assert!(told.contains("w1") && told.contains("was lost") && told.contains("may have run"), "{told}");
}

#[test]
fn arguments_above_the_limit_are_refused_before_they_are_sent() {
    let cluster = Cluster::of(&["w1"]);
    let mut tool =
        cluster.command(&["call", "typed::shout", r#"["aaaaaaaaaaaaaaaaaaaaaaaaaaaa"]"#, "--seed", "unix:w1"]);
    let told = done(tool.env("ATASKS__LIMITS__PAYLOAD_MAX", "20")).fails(2);
    assert!(told.contains("32 bytes of arguments are more than the 20"), "{told}");
}
