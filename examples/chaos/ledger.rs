//! The ledger: what each process has seen happen, appended to a file of its own, line by line, as it happens.
//!
//! A line is one write to a file that is only appended to, so it survives the process that wrote it. It knows nothing of
//! what ATasks says: the audit holds the two against each other.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::OnceLock,
    time::{SystemTime, UNIX_EPOCH},
};

use atasks::{Event, Node, NodeId, Ran, TaskError};
use serde::{Deserialize, Serialize};
use tokio::task::AbortHandle;

use crate::tasks::Failed;

static FILE: OnceLock<File> = OnceLock::new();

/// Names one call of the run: its root's number, its place below that root, and what may happen to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) u64);

impl Key {
    const IDEMPOTENT: u64 = 1 << 63;
    const QUICK: u64 = 1 << 62;
    const PLACE_BITS: u32 = 16;

    pub(crate) fn root(number: u64) -> Self {
        Self(number << Self::PLACE_BITS)
    }

    /// It, and all below it, may run more than once.
    pub(crate) fn idempotent(self) -> Self {
        Self(self.0 | Self::IDEMPOTENT)
    }

    /// It does nothing: how long it takes is measured.
    pub(crate) fn quick(self) -> Self {
        Self(self.0 | Self::QUICK)
    }

    /// The `n`th of `width` calls that it makes.
    pub(crate) fn child(self, n: u64, width: u64) -> Self {
        let place = self.0 & ((1 << Self::PLACE_BITS) - 1);
        Self(self.top().0 | (place * width + n + 1))
    }

    /// The root above it.
    pub(crate) fn top(self) -> Self {
        Self(self.0 >> Self::PLACE_BITS << Self::PLACE_BITS)
    }

    pub(crate) fn is_idempotent(self) -> bool {
        self.0 & Self::IDEMPOTENT != 0
    }

    pub(crate) fn is_quick(self) -> bool {
        self.0 & Self::QUICK != 0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = (self.0 & !(Self::IDEMPOTENT | Self::QUICK)) >> Self::PLACE_BITS;
        write!(f, "call {number}.{}", self.0 & ((1 << Self::PLACE_BITS) - 1))
    }
}

/// Microseconds of the one clock that all processes of the machine share.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// Opens this process's file.
pub(crate) fn open(folder: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(folder.join(std::process::id().to_string()))?;
    // Opened once a process.
    let _ = FILE.set(file);
    Ok(())
}

fn write(line: fmt::Arguments<'_>) {
    if let Some(mut file) = FILE.get() {
        // Without its lines the audit fails: nothing to be done about it here.
        let _ = file.write_all(format!("{line}\n").as_bytes());
    }
}

/// Which node this process is.
pub(crate) fn is_node(node: &NodeId) {
    write(format_args!("P {} {}", node.name(), node.incarnation()));
}

/// Notes what this node thinks of others, from now on and until that is aborted: whoever leaves loses all.
pub(crate) fn watches(node: &Node) -> AbortHandle {
    let mut events = node.events();
    let notes = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Event::NodeSuspect(peer) => sees(&peer, "suspect"),
                Event::NodeHeard(peer) => sees(&peer, "heard"),
                Event::NodeLost(peer, loss) => sees(&peer, &format!("lost {loss:?}")),
                _ => {}
            }
        }
    });
    notes.abort_handle()
}

fn sees(peer: &NodeId, what: &str) {
    write(format_args!("V {} {} {what}", peer.incarnation(), now()));
}

/// A body that runs. Its end is noted however it comes.
pub(crate) struct Body(Key);

impl Body {
    pub(crate) fn starts(key: Key) -> Self {
        write(format_args!("S {} {}", key.0, now()));
        Self(key)
    }

    /// It still runs.
    pub(crate) fn lives(&self) {
        write(format_args!("L {} {}", self.0.0, now()));
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        write(format_args!("E {} {}", self.0.0, now()));
    }
}

/// An await that has no outcome yet.
struct Await(Key);

impl Drop for Await {
    fn drop(&mut self) {
        write(format_args!("X {} {}", self.0.0, now()));
    }
}

/// Awaits a call, and notes that and what came of it: an outcome, or that it was let go of.
pub(crate) async fn awaited<T>(key: Key, call: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    write(format_args!("A {} {}", key.0, now()));
    let open = Await(key);
    let result = call.await;
    std::mem::forget(open);
    let (what, ran, node) = match &result {
        Ok(_) => ("Ok".to_owned(), "yes", 0),
        Err(Failed::Below(_)) => ("a failure below".to_owned(), "yes", 0),
        Err(Failed::Call(error)) => (variant(error), ran(error.ran()), lost(error)),
    };
    write(format_args!("O {} {} {ran} {node} {what}", key.0, now()));
    result
}

fn ran(ran: Ran) -> &'static str {
    match ran {
        Ran::No => "no",
        Ran::Maybe => "maybe",
        Ran::Yes => "yes",
    }
}

fn lost(error: &TaskError) -> u64 {
    match error {
        TaskError::NodeLost { node, .. } => node.incarnation(),
        _ => 0,
    }
}

fn variant(error: &TaskError) -> String {
    match error {
        TaskError::NodeLost { reason, .. } => format!("NodeLost {reason:?}"),
        TaskError::Rejected { reason, .. } => format!("Rejected {reason:?}"),
        TaskError::Unplaced { reason, .. } => format!("Unplaced {reason:?}"),
        TaskError::Cancelled { by, .. } => format!("Cancelled {by:?}"),
        TaskError::DeadlineExceeded { waited_for, .. } => format!("DeadlineExceeded {waited_for:?}"),
        TaskError::Crashed(_) => "Crashed".to_owned(),
        other => format!("{other:?}"),
    }
}
