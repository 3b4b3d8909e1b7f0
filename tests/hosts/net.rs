//! Hosts as network namespaces, with cables to one switch.
//!
//! The switch is a bridge in a namespace of its own: nothing is set in the network of the machine, and when the
//! namespaces go all else goes with them.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

/// What the names of all namespaces begin with; the number of the process that made them follows.
const PREFIX: &str = "atasks-hosts-";

/// Some hosts. They are removed with it; what runs on them has to end before.
pub(crate) struct Net {
    switch: String,
    hosts: Vec<String>,
}

impl Net {
    /// Makes `count` hosts; or says why this machine lets nobody do so.
    pub(crate) fn new(count: usize) -> Result<Self, String> {
        remove_abandoned();
        static NETS: AtomicUsize = AtomicUsize::new(0);
        let name = format!("{PREFIX}{}-{}", std::process::id(), NETS.fetch_add(1, Ordering::Relaxed));
        let hosts = (0..count).map(|host| format!("{name}-{host}")).collect();
        // It exists before what it removes: also when something fails halfway.
        let net = Self { switch: format!("{name}-switch"), hosts };
        ip(&["netns", "add", &net.switch])?;
        in_namespace(&net.switch, "link add br0 type bridge\nlink set br0 up")?;
        for (host, name) in net.hosts.iter().enumerate() {
            ip(&["netns", "add", name])?;
            let cable = format!("link add cable{host} type veth peer name eth0 netns {name}");
            let plug = format!("link set cable{host} master br0 up");
            in_namespace(&net.switch, &format!("{cable}\n{plug}"))?;
            let address = format!("addr add {}/24 dev eth0", Self::address(host));
            in_namespace(name, &format!("link set lo up\n{address}\nlink set eth0 up"))?;
        }
        Ok(net)
    }

    /// Where a host is reached by the others.
    pub(crate) fn address(host: usize) -> String {
        format!("10.77.0.{}", host + 1)
    }

    /// A program on a host.
    pub(crate) fn command(&self, host: usize, program: &Path) -> Command {
        let mut command = Command::new("ip");
        // It becomes the program: the process is the program's own.
        command.args(["netns", "exec", &self.hosts[host]]).arg(program);
        command
    }

    /// Pulls a host's cable out of the switch: nobody is told, and nothing gets through.
    pub(crate) fn cut(&self, host: usize) {
        in_namespace(&self.switch, &format!("link set cable{host} down")).unwrap();
    }

    /// Plugs it in again.
    pub(crate) fn mend(&self, host: usize) {
        in_namespace(&self.switch, &format!("link set cable{host} up")).unwrap();
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for name in self.hosts.iter().chain([&self.switch]) {
            // If it was never made there is nothing to remove.
            let _ = ip(&["netns", "del", name]);
        }
    }
}

/// Removes what runs left behind that were killed.
fn remove_abandoned() {
    let Ok(entries) = fs::read_dir("/run/netns") else { return };
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse().ok());
        if maker.is_some_and(|maker| !crate::programs::is_running(maker)) {
            let _ = ip(&["netns", "del", &name]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    run(Command::new("ip").args(arguments), "")
}

/// Has `ip` do this in a namespace, line by line.
fn in_namespace(name: &str, lines: &str) -> Result<(), String> {
    run(Command::new("ip").args(["-n", name, "-batch", "-"]), lines)
}

fn run(command: &mut Command, input: &str) -> Result<(), String> {
    let failed = |why: String| format!("`ip` (of iproute2): {why}");
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // If it ends before it has read all, its status tells.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
