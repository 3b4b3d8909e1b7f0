//! Where a story takes place: on hosts with a network between them, or on loopback.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    net::Net,
    programs::{Running, example},
};

/// 32 random bytes.
const SECRET: &str = "8d2f0b6e93c147aa5e10d87bf264c9031f7a58e4b09d36c2e5718af4236bd90c";

/// Some hosts, and the files that a person would have put there.
pub(crate) struct Site {
    net: Option<Net>,
    folder: TempDir,
}

impl Site {
    pub(crate) fn loopback() -> Self {
        Self::new(None)
    }

    /// Hosts with cables, if this machine has such; if not it is said aloud, also where the output of tests is kept back.
    pub(crate) fn hosts(count: usize) -> Option<Self> {
        match Net::new(count) {
            Ok(net) => Some(Self::new(Some(net))),
            Err(why) => {
                let test = std::thread::current().name().unwrap_or("a test").to_owned();
                let told = format!("\n*** SKIPPED: {test}: this machine makes no network namespaces: {why}\n\n");
                std::io::stderr().write_all(told.as_bytes()).unwrap();
                None
            }
        }
    }

    fn new(net: Option<Net>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut secret = OpenOptions::new();
        let mut secret = secret.write(true).create_new(true).mode(0o600).open(folder.path().join("secret")).unwrap();
        secret.write_all(SECRET.as_bytes()).unwrap();
        Self { net, folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn net(&self) -> &Net {
        self.net.as_ref().unwrap()
    }

    /// An example on a host, configured by a file of its own. A worker listens at the host's address.
    pub(crate) fn command(&self, host: usize, example_name: &str, name: &str, seeds: &[&str]) -> Command {
        let listen = match self.net {
            Some(_) => format!("{}:4711", Net::address(host)),
            None => "127.0.0.1:0".to_owned(),
        };
        let config = self.folder().join(format!("{name}.toml"));
        let secret = self.folder().join("secret");
        let text = format!(
            "[node]\nname = {name:?}\nexecutors = 1\n\n\
             [cluster]\nlisten = [{listen:?}]\nseeds = {seeds:?}\nsecret_file = {secret:?}\n"
        );
        fs::write(&config, text).unwrap();
        let program = example(example_name);
        let mut command = match &self.net {
            Some(net) => net.command(host, &program),
            None => Command::new(program),
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"ATASKS_")) {
            command.env_remove(name);
        }
        command.env("ATASKS_CONFIG", config).stdin(Stdio::null());
        command
    }

    /// A worker of an example on a host, and where it is reached. It says so in a line that ends with its address.
    pub(crate) fn worker(&self, host: usize, example_name: &str, seeds: &[&str], says: &str) -> (Running, String) {
        let name = format!("host-{host}");
        let mut worker = Running::start(self.command(host, example_name, &name, seeds).arg("worker"));
        let address = worker.line(says).rsplit_once(' ').unwrap().1.to_owned();
        (worker, address)
    }
}
