//! What the tool does without a cluster.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;

use super::{Cluster, done};

#[test]
fn a_secret_is_64_hex_digits_and_each_is_new() {
    let cluster = Cluster::new();
    let [one, other] = [0, 1].map(|_| done(&mut cluster.command(&["secret"])).ok());
    assert_ne!(one, other);
    assert!(one.len() == 65 && one.trim_end().chars().all(|c| c.is_ascii_hexdigit()), "{one}");
    let json = done(&mut cluster.command(&["secret", "--json"])).json();
    assert_eq!(json["secret"].as_str().unwrap().len(), 64);
}

#[test]
fn a_secret_goes_into_a_new_private_file_and_never_over_another() {
    let cluster = Cluster::new();
    let file = cluster.path().join("secret");
    let told = done(&mut cluster.command(&["secret", "--file", "secret"]));
    assert_eq!((told.code, told.out.as_str()), (Some(0), ""), "{told:?}");
    assert!(told.err.contains("cluster.secret_file"), "{told:?}");
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    let secret = fs::read_to_string(&file).unwrap();
    assert_eq!(secret.trim_end().len(), 64);

    let told = done(&mut cluster.command(&["secret", "--file", "secret"])).fails(2);
    assert!(told.contains("secret is there already"), "{told}");
    assert_eq!(fs::read_to_string(&file).unwrap(), secret);
    let told = done(&mut cluster.command(&["secret", "--file", "no/such/folder"])).fails(2);
    assert!(told.contains("no/such/folder cannot be written"), "{told}");
}

#[test]
fn there_are_completions_for_the_usual_shells() {
    let cluster = Cluster::new();
    for (shell, part) in [("bash", "complete -F _atasks"), ("zsh", "#compdef atasks"), ("fish", "complete -c atasks")] {
        let script = done(&mut cluster.command(&["completions", shell])).ok();
        assert!(script.contains(part) && script.contains("drain"), "{shell}: {script}");
    }
    let told = done(&mut cluster.command(&["completions", "csh"])).fails(2);
    assert!(told.contains("bash") && told.contains("zsh"), "{told}");
}

#[test]
fn a_configuration_is_printed_that_can_be_read_and_the_keys_as_json() {
    let cluster = Cluster::new();
    let example = done(&mut cluster.command(&["config"])).ok();
    assert!(example.contains("\n[cluster]\n") && example.contains("ATASKS__CLUSTER__SEEDS"), "{example}");
    fs::write(cluster.path().join("atasks.toml"), example).unwrap();
    // Wrong only in that no cluster is there.
    let told = done(&mut cluster.command(&["nodes"])).fails(3);
    assert!(told.contains("no cluster is configured"), "{told}");
    let keys = done(&mut cluster.command(&["config", "--json"])).json();
    let seeds = keys.as_array().unwrap().iter().find(|key| key["name"] == "seeds").unwrap();
    assert_eq!(seeds["variable"], "ATASKS__CLUSTER__SEEDS");
}

#[test]
fn wrong_use_is_told_with_what_is_right() {
    let cluster = Cluster::new();
    for (arguments, part) in [
        (&["noeds"][..], "nodes"),
        (&["nodes", "--seed", "nowhere"], "HOST:PORT"),
        (&["nodes", "--timeout", "3"], "30s"),
        (&["call"], "<NAME>"),
        (&["drain"], "<NODE>"),
        (&["call", "a", "{}", "--on", "b", "--label", "c"], "cannot be used with"),
        (&["call", "a", "{1}"], "the arguments are no JSON: key must be a string at line 1 column 2"),
        (&["nodes", "--config", "none.toml"], "none.toml"),
    ] {
        let told = done(&mut cluster.command(arguments)).fails(2);
        assert!(told.contains(part), "{arguments:?}: {told}");
    }
    fs::write(cluster.path().join("atasks.toml"), "[cluster]\nseds = []").unwrap();
    let told = done(&mut cluster.command(&["nodes"])).fails(2);
    assert!(told.contains("seds"), "{told}");
}

#[test]
fn help_tells_the_exit_codes_and_how_bytes_are_written() {
    let cluster = Cluster::new();
    let help = done(&mut cluster.command(&["--help"])).ok();
    assert!(
        ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "130 "].iter().all(|code| help.contains(&format!("\n  {code}"))),
        "{help}"
    );
    let help = done(&mut cluster.command(&["call", "--help"])).ok();
    assert!(help.contains("Vec<u8>") && help.contains("payload_max"), "{help}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let cluster = Cluster::new();
    let mut tool =
        cluster.command(&["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(tool.stdout.take());
    let output = tool.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]));
}
