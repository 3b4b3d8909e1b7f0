//! The worker processes: started, listened to, started again, ended.

use std::{
    collections::{HashMap, VecDeque},
    ffi::OsString,
    io::{self, BufRead, BufReader, Read},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use atasks_cluster::{address::Address, node::ExitOf};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::{LocalWorker, child::WORKER_OF, orders::Orders};
use crate::{Loss, NodeId, StartError};

/// A worker is started again this often within [`RESTARTS_WITHIN`]; once more and it stays down.
const RESTARTS_MAX: usize = 5;
const RESTARTS_WITHIN: Duration = Duration::from_secs(30);
/// Ends of former workers that are kept for links that ask.
const EXITS_KEPT: usize = 256;
/// Lines and bytes of a worker's last output that are kept for the person who has to find out.
const LINES_KEPT: usize = 40;
const LINE_MAX: u64 = 64 * 1024;

pub(super) struct Children {
    executors: usize,
    test: Option<String>,
    addresses: Vec<Address>,
    state: Mutex<State>,
    failed: Notify,
}

#[derive(Default)]
struct State {
    running: HashMap<usize, Running>,
    exits: HashMap<NodeId, watch::Receiver<Option<Loss>>>,
    output: VecDeque<String>,
    failure: Option<String>,
    ended: bool,
}

/// Its standard input is the child's life line.
struct Running {
    worker: LocalWorker,
    _life: ChildStdin,
}

impl Children {
    pub(super) fn new(workers: usize, executors: usize, test: Option<String>) -> Arc<Self> {
        static CLUSTERS: AtomicUsize = AtomicUsize::new(0);
        let cluster = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let socket = |worker| format!("local-{}-{cluster}-{worker}", std::process::id());
        let addresses = (0..workers).map(|worker| Address::Unix(socket(worker).into())).collect();
        Arc::new(Self { executors, test, addresses, state: Mutex::default(), failed: Notify::new() })
    }

    pub(super) fn count(&self) -> usize {
        self.addresses.len()
    }

    pub(super) fn addresses(&self) -> Vec<Address> {
        self.addresses.clone()
    }

    pub(super) fn running(&self) -> Vec<LocalWorker> {
        let mut running: Vec<_> = self.state().running.values().map(|running| running.worker.clone()).collect();
        running.sort_by(|one, other| one.node.cmp(&other.node));
        running
    }

    /// Starts all, each under a thread of its own that waits for its end.
    pub(super) fn start(self: &Arc<Self>) -> Result<(), StartError> {
        for worker in 0..self.count() {
            let child = self.spawn(worker)?;
            let children = self.clone();
            thread::Builder::new()
                .name(format!("atasks-child-{worker}"))
                .spawn(move || children.keep_running(worker, child))?;
        }
        Ok(())
    }

    /// Ends all: their life lines are cut, and a worker that cannot hear that (it is stopped, or stuck before it reads)
    /// is killed.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        for running in std::mem::take(&mut state.running).into_values() {
            let pid = i32::try_from(running.worker.pid).ok().and_then(Pid::from_raw);
            if let Some(pid) = pid {
                // It is there: whoever waits for its end takes it out of this table first.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }

    /// Answers how the process of a node has ended, for links that have.
    pub(super) fn exit_of(self: &Arc<Self>) -> ExitOf {
        let children = self.clone();
        Box::new(move |node| {
            let mut exit = children.state().exits.get(node)?.clone();
            Some(Box::pin(async move {
                match exit.wait_for(Option::is_some).await {
                    Ok(exit) => exit.unwrap_or(Loss::Closed),
                    Err(_gone) => Loss::Closed,
                }
            }))
        })
    }

    /// Waits until a worker could not be kept running.
    pub(super) async fn failed(&self) -> String {
        loop {
            let failed = self.failed.notified();
            if let Some(failure) = self.state().failure.clone() {
                return failure;
            }
            failed.await;
        }
    }

    pub(super) fn not_ready(&self, within: Duration) -> String {
        format!("the local workers were not ready within {within:?}; {}", self.last_output())
    }

    fn spawn(self: &Arc<Self>, worker: usize) -> io::Result<(Child, watch::Sender<Option<Loss>>)> {
        let node = NodeId::new(&format!("local-{worker}"), rand::random());
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(self.arguments())
            .env(WORKER_OF, std::process::id().to_string())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (told, exit) = watch::channel(None);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let Some(mut life) = stdin else { return Err(io::Error::other("the worker has no standard input")) };
        // A child that is gone already does not read: its exit is told by the thread that waits for it.
        let _ = self.orders(worker, &node).write(&mut life);
        if let Some(stdout) = stdout {
            self.listen(worker, stdout, self.test.is_none());
        }
        if let Some(stderr) = stderr {
            self.listen(worker, stderr, true);
        }
        let mut state = self.state();
        // How a worker ended is asked soon after, or never.
        if state.exits.len() >= EXITS_KEPT {
            state.exits.retain(|_, exit| exit.borrow().is_none());
        }
        state.exits.insert(node.clone(), exit);
        if !state.ended {
            let running = Running { worker: LocalWorker { node, pid: child.id() }, _life: life };
            state.running.insert(worker, running);
        }
        Ok((child, told))
    }

    /// A worker of a test runs that test up to its first line; another one follows the arguments of this process.
    fn arguments(&self) -> Vec<OsString> {
        match &self.test {
            Some(test) => ["--exact", test, "--nocapture", "--include-ignored"].map(OsString::from).to_vec(),
            None => std::env::args_os().skip(1).collect(),
        }
    }

    fn orders(&self, worker: usize, node: &NodeId) -> Orders {
        let others = self.addresses.iter().enumerate().filter(|(other, _)| *other != worker);
        Orders {
            name: node.name().to_owned(),
            incarnation: node.incarnation(),
            listen: self.addresses[worker].to_string(),
            seeds: others.map(|(_, address)| address.to_string()).collect(),
            executors: self.executors,
        }
    }

    /// Passes a worker's output on to our standard error, marked, and keeps the last of it.
    fn listen(self: &Arc<Self>, worker: usize, output: impl Read + Send + 'static, pass_on: bool) {
        let children = self.clone();
        let listens = move || {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while let Ok(1..) = output.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
                let text = String::from_utf8_lossy(&line);
                let text = format!("[local-{worker}] {}", text.trim_end_matches('\n'));
                if pass_on {
                    eprintln!("{text}");
                }
                children.keep_line(text);
                line.clear();
            }
        };
        // Without the thread the output is lost, and nothing else.
        let _ = thread::Builder::new().name(format!("atasks-output-{worker}")).spawn(listens);
    }

    fn keep_line(&self, text: String) {
        let mut state = self.state();
        if state.output.len() >= LINES_KEPT {
            state.output.pop_front();
        }
        state.output.push_back(text);
    }

    /// Waits for the end of a worker, again and again.
    fn keep_running(self: Arc<Self>, worker: usize, mut child: (Child, watch::Sender<Option<Loss>>)) {
        let mut starts = VecDeque::from([Instant::now()]);
        loop {
            let (process, told) = &mut child;
            let status = process.wait();
            told.send_replace(status.as_ref().ok().map(|status| loss_of(*status)));
            let mut state = self.state();
            state.running.remove(&worker);
            if state.ended {
                return;
            }
            drop(state);
            let now = Instant::now();
            starts.retain(|start| now.duration_since(*start) < RESTARTS_WITHIN);
            let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            if starts.len() > RESTARTS_MAX {
                return self.fail(&format!(
                    "local-{worker} ended {} times within {RESTARTS_WITHIN:?}, lastly by {how}",
                    starts.len()
                ));
            }
            starts.push_back(now);
            match self.spawn(worker) {
                Ok(next) => child = next,
                Err(error) => {
                    return self
                        .fail(&format!("local-{worker} ended by {how} and could not be started again: {error}"));
                }
            }
        }
    }

    fn fail(&self, what: &str) {
        let what = format!("{what}; {}", self.last_output());
        eprintln!("atasks: {what}");
        self.state().failure.get_or_insert(what);
        self.failed.notify_waiters();
    }

    fn last_output(&self) -> String {
        let state = self.state();
        if state.output.is_empty() {
            return "they wrote nothing".to_owned();
        }
        let lines: Vec<_> = state.output.iter().map(String::as_str).collect();
        format!("their last output:\n{}", lines.join("\n"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn loss_of(status: ExitStatus) -> Loss {
    match (status.signal(), status.code()) {
        (Some(signal), _) => Loss::Killed(signal),
        (None, Some(code)) => Loss::Exited(code),
        (None, None) => Loss::Closed,
    }
}
