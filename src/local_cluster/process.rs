//! The worker processes: started, listened to, started again, ended.

use std::{
    collections::{HashMap, VecDeque},
    ffi::OsString,
    io::{self, BufRead, BufReader, PipeWriter, Read},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use atasks_cluster::{
    address::Address,
    node::{ExitOf, NodeCore},
};
use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid},
};
use tokio::{
    sync::{Notify, oneshot, watch},
    time::Instant,
};

use super::{
    LocalWorker,
    child::{WORKER_OF, mark},
    orders::Orders,
    run_file::RunFile,
};
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
    /// Whose workers they are.
    node: Weak<NodeCore>,
    state: Mutex<State>,
    failed: Notify,
    gone: Condvar,
    run_file: Mutex<Option<RunFile>>,
}

#[derive(Default)]
struct State {
    running: HashMap<usize, Running>,
    exits: HashMap<NodeId, watch::Receiver<Option<Loss>>>,
    output: VecDeque<String>,
    failure: Option<String>,
    /// Workers that stay down.
    down: usize,
    ended: bool,
}

/// A process that has not been waited for, so that its number is its own.
struct Running {
    worker: LocalWorker,
    /// Its standard input; none once the child is to end.
    life: Option<PipeWriter>,
}

impl Children {
    pub(super) fn new(workers: usize, executors: usize, test: Option<String>, node: Weak<NodeCore>) -> Arc<Self> {
        static CLUSTERS: AtomicUsize = AtomicUsize::new(0);
        let cluster = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let socket = |worker| format!("local-{}-{cluster}-{worker}", std::process::id());
        let addresses = (0..workers).map(|worker| Address::Unix(socket(worker).into())).collect();
        Arc::new(Self {
            executors,
            test,
            addresses,
            node,
            state: Mutex::default(),
            failed: Notify::new(),
            gone: Condvar::new(),
            run_file: Mutex::default(),
        })
    }

    pub(super) fn count(&self) -> usize {
        self.addresses.len()
    }

    pub(super) fn addresses(&self) -> Vec<Address> {
        self.addresses.clone()
    }

    pub(super) fn running(&self) -> Vec<LocalWorker> {
        let state = self.state();
        let running = state.running.values().filter(|running| running.life.is_some());
        let mut running: Vec<_> = running.map(|running| running.worker.clone()).collect();
        running.sort_by(|one, other| one.node.cmp(&other.node));
        running
    }

    /// Starts all, each under a thread of its own that waits for its end.
    pub(super) fn start(self: &Arc<Self>) -> Result<(), StartError> {
        match RunFile::write(&self.addresses) {
            Ok(file) => *self.run_file() = Some(file),
            Err(error) => tracing::warn!(%error, "the tool will not find this cluster by itself"),
        }
        for worker in 0..self.count() {
            let child = self.spawn(worker)?;
            let children = self.clone();
            thread::Builder::new()
                .name(format!("atasks-child-{worker}"))
                .spawn(move || children.keep_running(worker, child))?;
        }
        Ok(())
    }

    /// Ends all: their life lines are cut, and what still runs after `patience` is killed. Tells when none is left.
    pub(super) fn end(self: &Arc<Self>, patience: Duration) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        *self.run_file() = None;
        let mut state = self.state();
        state.ended = true;
        state.running.values_mut().for_each(|running| running.life = None);
        if !state.running.is_empty() {
            let children = self.clone();
            let kills = move || {
                children.kill_after(patience);
                let _ = tell.send(());
            };
            // Without the thread none is killed: a child that reads its life line ends all the same.
            let _ = thread::Builder::new().name("atasks-end".to_owned()).spawn(kills);
        }
        told
    }

    fn kill_after(&self, patience: Duration) {
        let some = |state: &mut State| !state.running.is_empty();
        let waited = self.gone.wait_timeout_while(self.state(), patience, some);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        for pid in state.running.values().filter_map(|running| Pid::from_raw(running.worker.pid.cast_signed())) {
            // It may have ended by itself, and its number is still taken.
            let _ = kill_process(pid, Signal::KILL);
        }
        drop(self.gone.wait_while(state, some));
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
        let (input, mut life) = io::pipe()?;
        // Ours of its input is closed with the command: the child alone reads it.
        let mut child = Command::new(std::env::current_exe()?)
            .args(self.arguments())
            .env(WORKER_OF, mark(&input)?)
            .process_group(0)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (told, exit) = watch::channel(None);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
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
        let life = (!state.ended).then_some(life);
        state.running.insert(worker, Running { worker: LocalWorker { node, pid: child.id() }, life });
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
            workers: self.count(),
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
            has_ended(process);
            let mut state = self.state();
            state.running.remove(&worker);
            let status = process.wait();
            told.send_replace(status.as_ref().ok().map(|status| loss_of(*status)));
            self.gone.notify_all();
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
        tracing::error!(what, "a local worker stays down");
        // For whoever awaits a call of a cluster that has started: fewer workers are left for it.
        eprintln!("atasks: {what}");
        let told = format!("{what}; {}", self.last_output());
        let mut state = self.state();
        state.failure.get_or_insert(told);
        state.down += 1;
        let all_are_down = state.down == self.count();
        drop(state);
        self.failed.notify_waiters();
        if all_are_down {
            self.none_comes(what);
        }
    }

    /// Has calls end at once if no worker runs, and none will: they would wait for nothing.
    pub(super) fn none_comes(&self, what: &str) {
        if self.state().running.is_empty()
            && let Some(node) = self.node.upgrade()
        {
            node.forsake(what.to_owned());
        }
    }

    fn last_output(&self) -> String {
        let state = self.state();
        if state.output.is_empty() {
            return "they wrote nothing".to_owned();
        }
        let lines: Vec<_> = state.output.iter().map(String::as_str).collect();
        format!("their last output:\n{}", lines.join("\n"))
    }

    fn run_file(&self) -> MutexGuard<'_, Option<RunFile>> {
        self.run_file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the process has ended, and leaves its number taken.
fn has_ended(process: &Child) {
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(Pid::from_child(process)), ended), Err(Errno::INTR)) {}
}

fn loss_of(status: ExitStatus) -> Loss {
    match (status.signal(), status.code()) {
        (Some(signal), _) => Loss::Killed(signal),
        (None, Some(code)) => Loss::Exited(code),
        (None, None) => Loss::Closed,
    }
}
