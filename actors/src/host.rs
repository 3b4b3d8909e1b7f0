//! Where a node's loops run: threads of their own in production, one paused runtime in tests.

use std::{cell::Cell, future::Future, io, sync::mpsc, thread};

use crate::gate::Gate;
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    task::JoinHandle,
};

/// Stack of a thread that runs tasks. Only what is touched takes memory.
pub const STACK_BYTES: usize = 16 << 20;

/// Chooses what a [`Place`] is.
#[derive(Clone, Debug)]
pub enum Host {
    /// Each place is a thread with a runtime of its own.
    Threads,
    /// All places are one runtime: many nodes run in one thread, on one clock that a test may pause.
    Shared(Shared),
}

/// A node that is one of many on a runtime.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The runtime of all of them.
    pub handle: Handle,
    /// What runs of this node is behind it.
    pub gate: Gate,
    /// How many microseconds its clock is fast in a second.
    pub drift_ppm: i32,
}

impl Host {
    /// Opens a place.
    ///
    /// # Errors
    /// The system gives no thread or no poller.
    pub fn place(&self, name: &str) -> io::Result<Place> {
        match self {
            Self::Threads => Place::thread(name),
            Self::Shared(Shared { handle, gate, .. }) => {
                Ok(Place { handle: handle.clone(), gate: Some(gate.clone()), _stop: None })
            }
        }
    }

    /// Whether all nodes of this host share one thread, so that no task may block it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Shared(_))
    }

    /// How many microseconds the clock of a test is fast in a second; the clock of a machine is as it is.
    #[must_use]
    pub fn drift_ppm(&self) -> i32 {
        match self {
            Self::Threads => 0,
            Self::Shared(shared) => shared.drift_ppm,
        }
    }
}

/// One loop of a node. Dropping it ends a thread of its own; what runs there is dropped.
#[derive(Debug)]
pub struct Place {
    handle: Handle,
    gate: Option<Gate>,
    _stop: Option<oneshot::Sender<()>>,
}

thread_local! {
    static OF_A_NODE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread belongs to a node, so that blocking it would stop the node.
#[must_use]
pub fn is_node_thread() -> bool {
    OF_A_NODE.get()
}

/// Marks this thread as one that a node needs, so that `wait()` refuses to block it, until the guard is dropped.
#[must_use]
pub fn mark_node_thread() -> NodeThread {
    NodeThread(OF_A_NODE.replace(true))
}

/// While it lives its thread belongs to a node.
#[derive(Debug)]
pub struct NodeThread(bool);

impl Drop for NodeThread {
    fn drop(&mut self) {
        OF_A_NODE.set(self.0);
    }
}

impl Place {
    fn thread(name: &str) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::sync_channel(1);
        thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(move || {
            let _marked = mark_node_thread();
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = tell.send(Err(error));
                    return;
                }
            };
            let _ = tell.send(Ok(runtime.handle().clone()));
            // Ends when the place is dropped: a closed channel is the sign.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        let handle = told.recv().map_err(|_gone| io::Error::other("the thread ended at its start"))??;
        Ok(Self { handle, gate: None, _stop: Some(stop) })
    }

    /// Runs `future` here.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match &self.gate {
            None => self.handle.spawn(future),
            Some(gate) => self.handle.spawn(gate.behind(future)),
        }
    }

    /// What a test stops it by.
    #[must_use]
    pub fn gate(&self) -> Option<&Gate> {
        self.gate.as_ref()
    }

    /// The runtime.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}
