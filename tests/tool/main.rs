//! The tool `atasks` as a shell runs it, on workers that are processes of their own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../programs/mod.rs"]
mod programs;

mod alone;
mod calls;
mod clusters;
mod draining;
mod listings;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use programs::{Running, program};

/// The cluster of one test: its own runtime folder, so that it finds no other.
struct Cluster {
    folder: TempDir,
    workers: Vec<Running>,
}

/// What the tool has done.
#[derive(Debug)]
struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Cluster {
    /// One without workers.
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), workers: Vec::new() }
    }

    /// One of workers of these names, which know of each other.
    fn of(names: &[&str]) -> Self {
        let mut cluster = Self::new();
        names.iter().for_each(|name| cluster.add(name, &[]));
        cluster
    }

    fn add(&mut self, name: &str, variables: &[(&str, &str)]) {
        self.add_program("launched", "worker", name, variables);
    }

    fn add_program(&mut self, path: &str, word: &str, name: &str, variables: &[(&str, &str)]) {
        let mut command = self.program(path);
        command.args([word, "--name", name]).env("ATASKS__NODE__EXECUTORS", "1").envs(variables.iter().copied());
        if !self.workers.is_empty() {
            command.args(["--seed", "unix:w1"]);
        }
        self.workers.push(Running::worker(&mut command).0);
    }

    fn program(&self, name: &str) -> Command {
        let mut command = program(name);
        command.env("XDG_RUNTIME_DIR", self.path()).env_remove("RUST_BACKTRACE").current_dir(self.path());
        command
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The tool, with these arguments and without anything that names a cluster.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_atasks"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"ATASKS_")) {
            command.env_remove(name);
        }
        command.args(arguments).env("XDG_RUNTIME_DIR", self.path()).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    /// Runs the tool on this cluster.
    fn tool(&self, arguments: &[&str]) -> Done {
        done(self.command(arguments).args(["--seed", "unix:w1"]))
    }
}

fn done(command: &mut Command) -> Done {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let [out, err] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    Done { code: status.code(), out, err }
}

impl Done {
    /// What it has written, which was its only success.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out
    }

    /// What it has written, as JSON.
    #[track_caller]
    fn json(self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What it has complained about, and nothing else it has said.
    #[track_caller]
    fn fails(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        self.err
    }
}
