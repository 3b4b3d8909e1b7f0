//! The programs of this folder, as a person starts, watches and kills them; and waiting for what processes do.

#![allow(dead_code, reason = "each test binary uses some of it")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

/// Longest that anything is waited for: far more than a loaded machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An example's executable; `cargo test` builds it beside the folder of the test binaries.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(example.exists(), "{} is missing: run `cargo build --examples`", example.display());
    example
}

/// One of the programs, ready for arguments.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(example(&format!("program-{name}")));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"ATASKS_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// A process that runs, and what it says.
pub(crate) struct Running {
    process: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

/// How a process has ended, and all that it has said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) said: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (says, lines) = channel();
        listen(process.stdout.take().unwrap(), says.clone());
        listen(process.stderr.take().unwrap(), says);
        Self { process, lines, heard: Vec::new() }
    }

    /// A worker; the second part is where it listens.
    pub(crate) fn worker(command: &mut Command) -> (Self, String) {
        let mut worker = Self::start(command);
        let told = worker.line(" serves at ");
        let address = told.split_once(" serves at ").unwrap().1.to_owned();
        (worker, address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits until a line is said that has `part` in it, or was before.
    #[track_caller]
    pub(crate) fn line(&mut self, part: &str) -> String {
        if let Some(line) = self.heard.iter().find(|line| line.contains(part)) {
            return line.clone();
        }
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.heard.push(line.clone());
                    if line.contains(part) {
                        return line;
                    }
                }
                Err(why) => panic!("{part:?} was not said ({why}); what was:\n{}", self.heard.join("\n")),
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.process.id(), signal);
    }

    /// How long it has used a processor.
    pub(crate) fn processor_time(&self) -> Duration {
        processor_time(self.process.id())
    }

    /// Waits until it ends; one that does not is killed.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        let status = eventually("the end of a process", || match self.process.try_wait().unwrap() {
            Some(status) => Ok(status),
            None => Err(format!("{} runs", self.process.id())),
        });
        // Output may be held open by processes that it has started: what matters was said before it ended.
        while let Ok(line) = self.lines.recv_timeout(Duration::from_millis(200)) {
            self.heard.push(line);
        }
        Ended { code: status.code(), signal: status.signal(), said: self.heard.join("\n") }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_before = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn listen(output: impl Read + Send + 'static, says: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if says.send(line).is_err() {
                return;
            }
        }
    });
}

/// Runs it to its end.
pub(crate) fn run(command: &mut Command) -> Ended {
    Running::start(command).end()
}

pub(crate) fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Whether the process runs. One that has ended and that nobody has waited for does not.
pub(crate) fn is_running(pid: u32) -> bool {
    status(pid).is_some_and(|(state, _)| !"ZX".contains(&state))
}

/// How long it has used a processor. One that has ended has used none any more.
pub(crate) fn processor_time(pid: u32) -> Duration {
    let seconds = match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // After the name in brackets, which may have spaces in it: user and system time, in hundredths of a second.
        Ok(stat) => {
            let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
            fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
        }
        Err(_) => {
            let output = Command::new("ps").args(["-o", "time=", "-p", &pid.to_string()]).output();
            let text =
                output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
            text.split(':').filter_map(|part| part.parse::<f64>().ok()).fold(0.0, |sum, part| sum * 60.0 + part)
        }
    };
    Duration::from_secs_f64(seconds)
}

/// Its state and its parent.
fn status(pid: u32) -> Option<(String, u32)> {
    let output = Command::new("ps").args(["-o", "stat=,ppid=", "-p", &pid.to_string()]).output();
    let text = match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // After the name in brackets, which may have spaces in it.
        Ok(stat) => stat.rsplit_once(')')?.1.to_owned(),
        Err(_) => String::from_utf8(output.ok()?.stdout).ok()?,
    };
    let mut fields = text.split_whitespace();
    Some((fields.next()?[..1].to_owned(), fields.next()?.parse().ok()?))
}

/// Waits until `done` gives something; shows what it gave instead if it never does.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut done: impl FnMut() -> Result<T, String>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        match done() {
            Ok(value) => return value,
            Err(last) if Instant::now() > until => panic!("{what}: not within {PATIENCE:?}; at last: {last}"),
            Err(_) => thread::park_timeout(Duration::from_millis(5)),
        }
    }
}

/// Waits until none of the processes runs.
#[track_caller]
pub(crate) fn all_end(pids: &[u32]) {
    eventually("the end of all processes", || {
        let left: Vec<_> = pids.iter().filter(|pid| is_running(**pid)).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?} run")) }
    });
}
