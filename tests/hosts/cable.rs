//! A host whose cable is cut: nobody is told, nothing gets through.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    one_at_a_time,
    programs::{Running, eventually, run},
    site::Site,
};

/// What `launched` says when it listens.
const LISTENS: &str = " serves at ";
/// `liveness.lost_after`, by default.
const LOST_AFTER: Duration = Duration::from_secs(3);
/// What may come on top of it, and what a busy machine takes.
const ON_TOP: Duration = Duration::from_millis(500);
const SLACK: Duration = Duration::from_secs(1);

#[test]
fn a_caller_is_told_of_a_cut_cable_in_time_and_the_host_comes_back_with_it() {
    let _alone = one_at_a_time();
    let Some(site) = Site::hosts(3) else { return };
    let (_first, first) = site.worker(0, "program-launched", &[], LISTENS);
    let (_second, second) = site.worker(1, "program-launched", &[&first], LISTENS);
    let seeds = [first.as_str(), second.as_str()];
    let client = |arguments: &[&str]| {
        let mut command = site.command(2, "program-launched", "client", &seeds);
        command.args(arguments);
        command
    };

    let folder = site.folder().to_str().unwrap();
    let mut caller = Running::start(&mut client(&["hold-at", "host-1", folder]));
    appears(&site, "started");
    site.net().cut(1);
    let cut = Instant::now();
    let told = caller.line("NodeLost");
    let after = cut.elapsed();
    println!("{after:?} after the cable was cut: {told}");
    assert!(told.contains("node: host-1#") && told.contains("reason: Silent, ran: Maybe"), "{told}");
    assert!(after < LOST_AFTER + ON_TOP + SLACK, "{after:?}");
    // Silence is only told from what a blip would have mended.
    assert!(after > LOST_AFTER / 2, "{after:?}");
    // The task ends there as well: its caller is as silent for it.
    appears(&site, "dropped");

    // The other one works on, and is enough to join.
    let elsewhere = run(&mut client(&["states"]));
    assert!(elsewhere.said.contains("host-0: set up") && !elsewhere.said.contains("host-1: set up"), "{elsewhere:?}");

    site.net().mend(1);
    // Both are linked with each other again: a call goes over the one to the other.
    eventually("a call over both hosts", || {
        let (via, to) = ("host-0", "host-1");
        let ended = run(&mut client(&["via", via, to]));
        if ended.code == Some(0) && ended.said.contains("in host-1") { Ok(()) } else { Err(ended.said) }
    });
}

/// Waits for a file that a task writes: hosts have their networks for themselves, not the files.
fn appears(site: &Site, file: &str) {
    eventually(file, || if site.folder().join(file).exists() { Ok(()) } else { Err("not there".to_owned()) });
}
