//! The main job as a person runs it: the built example, its table, its exit codes, and the loss of its workers.
//!
//! The parts of the example that need no process bring their own tests along.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../examples/wordcount/chunks.rs"]
mod chunks;
#[path = "../examples/wordcount/count.rs"]
mod count;
#[path = "../examples/wordcount/files.rs"]
mod files;
#[path = "../examples/wordcount/loss.rs"]
mod loss;
#[path = "../examples/wordcount/table.rs"]
mod table;
#[path = "../examples/wordcount/totals.rs"]
mod totals;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// The example, ready for arguments; built by `cargo test` beside the folder of the test executables.
fn wordcount() -> Command {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples/wordcount");
    assert!(example.exists(), "{} is missing: run `cargo build --example wordcount`", example.display());
    let mut command = Command::new(example);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"ATASKS_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What one run of the example left behind.
struct Ran {
    code: Option<i32>,
    table: String,
    complaints: String,
}

impl Ran {
    fn new(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), table: text(output.stdout), complaints: text(output.stderr) }
    }

    /// The number that the table gives to `what`.
    #[track_caller]
    fn number(&self, what: &str) -> usize {
        let named = self.table.lines().filter_map(|line| line.trim().split_once("  "));
        let number = named.filter(|(_, name)| *name == what).map(|(number, _)| number.replace(',', "")).next();
        let number = number.unwrap_or_else(|| panic!("no {what} in:\n{}\n{}", self.table, self.complaints));
        number.parse().unwrap()
    }

    #[track_caller]
    fn assert_counted(&self, words: usize, distinct: usize) {
        assert_eq!(self.code, Some(0), "{}", self.complaints);
        assert_eq!((self.number("words"), self.number("distinct words")), (words, distinct));
    }
}

fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
    Ran::new(wordcount().args(["--workers", "2"]).args(arguments).output().unwrap())
}

/// A folder with these files in it.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// All words and the distinct ones, found byte by byte: the independent count.
fn expected(text: &[u8]) -> (usize, usize) {
    let mut words = Vec::new();
    let mut word = Vec::new();
    for byte in text.iter().chain(b" ") {
        if b" \t\n\x0b\x0c\r".contains(byte) {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        } else {
            word.push(*byte);
        }
    }
    (words.len(), words.iter().collect::<HashSet<_>>().len())
}

/// Counts a file with this text by the example and by hand.
#[track_caller]
fn check(text: &[u8]) {
    let folder = folder(&[("text", text)]);
    let (words, distinct) = expected(text);
    run([folder.path().join("text")]).assert_counted(words, distinct);
}

/// Words of a few lengths with white space of all kinds between them, `bytes` bytes and a little more.
fn prose(bytes: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes + 16);
    for n in 0_usize.. {
        if text.len() >= bytes {
            break;
        }
        text.extend(format!("w{}", n * n % 9973).bytes());
        text.push(b" \t\n\x0b\x0c\r"[n % 6]);
    }
    text
}

#[test]
fn several_chunks_are_counted_as_one_text() {
    check(&prose(5 << 20));
}

#[test]
fn one_thread_alone_counts_the_same() {
    let text = prose(3 << 20);
    let folder = folder(&[("text", &text[..])]);
    let ran = Ran::new(wordcount().arg("--alone").arg(folder.path()).output().unwrap());
    let (words, distinct) = expected(&text);
    ran.assert_counted(words, distinct);
    assert!(ran.table.contains("this thread"), "{}", ran.table);
}

#[test]
fn bytes_that_are_no_text_are_counted() {
    check(b"caf\xe9 \xff\xfe \0\x01 caf\xe9\xc2\xa0x \xf0\x9f");
}

#[test]
fn the_last_word_needs_no_end_of_line() {
    check(b"one two\nthree");
}

#[test]
fn an_empty_file_has_no_words() {
    check(b"");
}

#[test]
fn white_space_has_no_words() {
    check(b" \t\n\x0b\x0c\r\n\n ");
}

#[test]
fn a_word_of_three_mebibytes_is_one_word() {
    check(&[b"before ", &[b'x'; 3 << 20][..], b" after"].concat());
}

#[test]
fn every_file_below_a_folder_is_counted() {
    let folder = folder(&[("a", b"one two"), ("deep/er/b", b"two three"), ("deep/empty", b"")]);
    run([folder.path()]).assert_counted(4, 3);
}

#[test]
fn without_arguments_the_project_itself_is_counted() {
    let ran = run(std::iter::empty::<PathBuf>());
    assert_eq!(ran.code, Some(0), "{}", ran.complaints);
    assert!(ran.number("words") > 1000);
}

#[test]
fn a_missing_file_is_named_and_the_rest_is_counted() {
    let folder = folder(&[("here", b"one two")]);
    let ran = run([folder.path().join("gone"), folder.path().join("here")]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.complaints.contains("gone: No such file"), "{}", ran.complaints);
    assert_eq!(ran.number("words"), 2);
}

#[test]
fn only_a_missing_file_gives_no_table() {
    let folder = folder(&[]);
    let ran = run([folder.path().join("gone")]);
    assert_eq!((ran.code, ran.table.as_str()), (Some(1), ""));
}

#[test]
fn what_cannot_be_read_is_named() {
    // The memory of a process can be opened, but nothing is mapped at its beginning: reading fails, even for root.
    let unreadable = PathBuf::from("/proc/self/mem");
    if unreadable.exists() {
        let ran = run([unreadable]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.complaints.contains("/proc/self/mem: "), "{}", ran.complaints);
    }
}

#[test]
fn a_pipe_gets_no_progress_bar() {
    let folder = folder(&[("text", &prose(3 << 20))]);
    let ran = run([folder.path()]);
    assert!(!ran.table.contains(['\x1b', '\r']), "{:?}", ran.table);
    assert!(!ran.complaints.contains(['\x1b', '\r']), "{:?}", ran.complaints);
}

/// A worker in a process of its own, as in another terminal.
struct Worker {
    process: Child,
    /// What a client is to name.
    address: String,
}

impl Worker {
    fn new(listen: &str) -> Self {
        let mut process = wordcount().args(["worker", "--listen", listen]).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.as_mut().unwrap()).lines();
        let told = lines.find_map(|line| line.unwrap().rsplit_once("--seed ").map(|(_, address)| address.to_owned()));
        let Some(address) = told else {
            panic!("the worker ended with {:?} and told no address", process.wait());
        };
        Self { process, address }
    }

    /// Asks the worker to end; tells its exit code.
    fn end(mut self) -> Option<i32> {
        let kill = format!("kill -TERM {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ended_before = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Counts on two workers that listen there, each named by the client.
#[track_caller]
fn check_started_workers(listen: &str) {
    let workers = [Worker::new(listen), Worker::new(listen)];
    let folder = folder(&[("text", &prose(4 << 20))]);
    let mut client = wordcount();
    for worker in &workers {
        client.args(["--seed", &worker.address]);
    }
    let ran = Ran::new(client.arg(folder.path()).output().unwrap());
    let (words, distinct) = expected(&prose(4 << 20));
    ran.assert_counted(words, distinct);
    for worker in workers {
        assert_eq!(worker.end(), Some(0));
    }
}

#[test]
fn workers_of_other_terminals_count_over_sockets() {
    check_started_workers("unix");
}

#[test]
fn workers_of_other_terminals_count_over_tls() {
    check_started_workers("127.0.0.1:0");
}

/// Kills workers in the middle of the job. Linux, where the children of a process can be listed without a tool.
#[cfg(target_os = "linux")]
mod loss_of_workers {
    use super::*;
    use std::io::Write;

    /// The example, reading what a test feeds it.
    struct Fed {
        process: Child,
        fed: Vec<u8>,
    }

    impl Fed {
        fn new(arguments: &[&str]) -> Self {
            let mut command = wordcount();
            let process =
                command.args(["--workers", "2", "/dev/stdin"]).args(arguments).stdin(Stdio::piped()).spawn().unwrap();
            Self { process, fed: Vec::new() }
        }

        /// Returns when all but what the pipe and the reader hold has become calls. The job may have ended before.
        fn feed(&mut self, bytes: usize) {
            let text = prose(bytes);
            let _ended = self.process.stdin.as_mut().unwrap().write_all(&text);
            self.fed.extend(text);
        }

        /// Sends every worker a signal, by its name; tells how many there are.
        fn signal_workers(&self, signal: &str) -> usize {
            let own = self.process.id().to_string();
            let mut workers = 0;
            for entry in fs::read_dir("/proc").unwrap().flatten() {
                let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
                // The fields after the name in brackets: state, then parent.
                let Some((_, fields)) = stat.rsplit_once(')') else { continue };
                if fields.split_whitespace().nth(1) != Some(&own) {
                    continue;
                }
                let kill = format!("kill -{signal} {}", entry.file_name().display());
                // One that has ended meanwhile is none.
                workers += usize::from(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
            }
            workers
        }

        /// Stops both workers, lets calls pile up on them, and kills them with the calls.
        fn lose_workers_with_calls(&mut self) {
            // Input is taken only once the workers are there.
            self.feed(2 << 20);
            assert_eq!(self.signal_workers("STOP"), 2);
            self.feed(8 << 20);
            assert_eq!(self.signal_workers("KILL"), 2);
        }

        /// The same again until the job has ended by it: whether a chunk had arrived whole, or was counted already, is chance.
        fn lose_workers_until_it_ends(&mut self) {
            self.lose_workers_with_calls();
            for _ in 0..10 {
                if self.process.try_wait().unwrap().is_some() {
                    return;
                }
                self.feed(4 << 20);
                self.signal_workers("KILL");
            }
        }

        fn end(mut self) -> (Ran, Vec<u8>) {
            drop(self.process.stdin.take());
            (Ran::new(self.process.wait_with_output().unwrap()), self.fed)
        }
    }

    #[test]
    fn a_killed_worker_is_named_with_whether_its_work_may_have_run() {
        let mut job = Fed::new(&[]);
        job.lose_workers_until_it_ends();
        let (ran, _) = job.end();
        assert_eq!((ran.code, ran.table.as_str()), (Some(1), ""), "{}", ran.complaints);
        let told = ran.complaints.lines().find(|line| line.starts_with("wordcount: node ")).unwrap_or_default();
        for part in ["is gone (", "of /dev/stdin: that chunk ", " counted there", "--retry 2"] {
            assert!(told.contains(part), "{part:?} is missing in:\n{}", ran.complaints);
        }
    }

    #[test]
    fn with_retry_the_job_goes_on_and_its_total_is_right() {
        let mut job = Fed::new(&["--retry", "2"]);
        job.lose_workers_with_calls();
        job.feed(1 << 20);
        let (ran, fed) = job.end();
        let (words, distinct) = expected(&fed);
        ran.assert_counted(words, distinct);
    }
}
