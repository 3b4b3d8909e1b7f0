//! Threads for tasks that block: a bounded number of them runs at once, and one that waits for a call lets another run.

use std::{
    cell::RefCell,
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    thread,
    time::Duration,
};

use tokio::{runtime::Handle, sync::oneshot};

use super::{
    body::Body,
    fence::Fence,
    memory::{Charge, Memory},
};
use crate::{host::STACK_BYTES, invocation::InvocationId, outcome::Outcome, park};

/// How long a thread without work is kept.
const IDLE: Duration = Duration::from_secs(10);

/// Runs blocking bodies: at most `places` at once.
pub(crate) struct BlockingPool {
    state: Mutex<State>,
    changed: Condvar,
    fence: Arc<Fence>,
    memory: Arc<Memory>,
}

struct State {
    places: usize,
    idle: usize,
    jobs: VecDeque<Job>,
    closed: bool,
}

struct Job {
    body: Body,
    handle: Handle,
    done: oneshot::Sender<Outcome>,
}

thread_local! {
    /// The pool whose place this thread holds, and the root of what it runs.
    static POOL: RefCell<Option<(Arc<BlockingPool>, InvocationId)>> = const { RefCell::new(None) };
}

impl BlockingPool {
    pub(crate) fn new(places: usize, fence: Arc<Fence>, memory: Arc<Memory>) -> Arc<Self> {
        let state = State { places, idle: 0, jobs: VecDeque::new(), closed: false };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new(), fence, memory })
    }

    /// Runs `body` on a thread as soon as a place is free. Timers and sockets of its async code are those of `handle`.
    pub(crate) fn run(self: &Arc<Self>, body: Body, handle: Handle) -> oneshot::Receiver<Outcome> {
        let (done, outcome) = oneshot::channel();
        let mut state = self.lock();
        state.jobs.push_back(Job { body, handle, done });
        self.staff(state);
        outcome
    }

    /// Has threads that sleep look for jobs again.
    pub(crate) fn look_again(self: &Arc<Self>) {
        self.staff(self.lock());
    }

    /// Hands back what has not started.
    pub(crate) fn hand_back(&self) {
        let jobs = std::mem::take(&mut self.lock().jobs);
        for Job { mut body, done, .. } in jobs {
            // Its arguments, which never became a future.
            let _ = body.drop_future();
            let _ = done.send(Outcome::HandedBack);
        }
    }

    /// Lets go of what waits; threads end when their bodies do.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        self.changed.notify_all();
        drop(jobs);
    }

    /// Sees to it that a thread takes the next job, if there is a place for it.
    fn staff(self: &Arc<Self>, state: MutexGuard<'_, State>) {
        let short = state.places > 0 && !state.jobs.is_empty() && state.idle == 0;
        drop(state);
        // All of them: threads that wait for a job and threads that wait for their place wait in one line.
        self.changed.notify_all();
        if !short {
            return;
        }
        let pool = self.clone();
        let spawned = thread::Builder::new()
            .name("atasks-blocking".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || pool.work());
        if let Err(error) = spawned {
            // The job waits for the next thread that gets free.
            tracing::error!(%error, "no thread for a blocking task");
        }
    }

    fn work(self: Arc<Self>) {
        while let Some(job) = self.next_job() {
            // What came while this thread still counted as idle needs another one.
            self.staff(self.lock());
            let Job { mut body, handle, done } = job;
            POOL.set(Some((self.clone(), body.context().root())));
            let outcome = self.run_here(&mut body, &handle);
            drop(body);
            let _ = done.send(outcome);
            let mut state = self.lock();
            state.places += 1;
            self.staff(state);
        }
    }

    fn next_job(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if state.places > 0
                && self.fence.lets_pass()
                && let Some(job) = state.jobs.pop_front()
            {
                state.places -= 1;
                return Some(job);
            }
            state.idle += 1;
            let (next, waited) = self.changed.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = next;
            state.idle -= 1;
            if waited.timed_out() && (state.jobs.is_empty() || state.places == 0) {
                return None;
            }
        }
    }

    fn run_here(self: &Arc<Self>, body: &mut Body, handle: &Handle) -> Outcome {
        let _runtime = handle.enter();
        block(|cx| body.poll(None, cx))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives this thread's place to others while `wait` blocks. So there may be a thread for each level of a recursion.
    fn without_place(self: &Arc<Self>, root: InvocationId, wait: impl FnOnce()) {
        let thread = Charge::thread(&self.memory, root);
        let mut state = self.lock();
        state.places += 1;
        self.staff(state);
        wait();
        drop(thread);
        let mut state = self.lock();
        while state.places == 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.places -= 1;
    }
}

/// Blocks this thread until `poll` is ready. A thread for blocking tasks gives its place away while it waits.
pub(crate) fn block<T>(poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    park::block(poll, |unpark| match POOL.with_borrow(Clone::clone) {
        Some((pool, root)) => pool.without_place(root, || unpark.park()),
        None => unpark.park(),
    })
}
