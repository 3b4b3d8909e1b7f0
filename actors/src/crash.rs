//! A panic in a task, as data: caught where it happened, sent to whoever awaits the task.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    cell::{Cell, RefCell},
    fmt,
    panic::{self, AssertUnwindSafe, Location},
    sync::Once,
};

use serde::{Deserialize, Serialize};

use crate::{invocation::InvocationId, node_id::NodeId};

/// Most hops that an error carries; the nearest to the crash are kept.
pub const HOPS_MAX: usize = 16;

/// One await on the way of an error from where it happened to where it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// The task that was awaited.
    pub task: String,
    /// The node that awaited it; empty if there was none.
    pub node: String,
    /// Where the call stands in the source: file:line.
    pub site: String,
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` awaited at {}", self.task, self.site)?;
        if self.node.is_empty() { Ok(()) } else { write!(f, " on {}", self.node) }
    }
}

/// A task's body panicked: what it said, where, and who was waiting for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Details", into = "Details")]
pub struct Crash(Box<Details>);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Details {
    task: String,
    id: InvocationId,
    node: NodeId,
    message: String,
    location: Option<String>,
    backtrace: Option<String>,
    hops: Vec<Hop>,
}

impl Crash {
    pub(crate) fn new(task: &str, id: InvocationId, node: NodeId, panic: Panic) -> Self {
        let Panic { message, location, backtrace } = panic;
        Self(Box::new(Details { task: task.to_owned(), id, node, message, location, backtrace, hops: Vec::new() }))
    }

    /// The task that panicked.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.0.task
    }

    /// The invocation that panicked.
    #[must_use]
    pub fn id(&self) -> InvocationId {
        self.0.id
    }

    /// The node that it ran on.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.0.node
    }

    /// What the panic said; a payload that is no text is described as such.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it panicked: file:line, as compiled. None if the panic was raised without its hook (`resume_unwind`).
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.0.location.as_deref()
    }

    /// The stack, if that node runs with `RUST_BACKTRACE=1`.
    #[must_use]
    pub fn backtrace(&self) -> Option<&str> {
        self.0.backtrace.as_deref()
    }

    /// The awaits that the crash has passed, the nearest first; at most [`HOPS_MAX`].
    #[must_use]
    pub fn hops(&self) -> &[Hop] {
        &self.0.hops
    }

    /// Adds an await that the crash passes.
    #[doc(hidden)]
    pub fn passes(&mut self, hop: Hop) {
        push_hop(&mut self.0.hops, hop);
    }
}

impl From<Details> for Crash {
    /// Decodes a crash; one that is part of a return value passes the await that decodes it.
    fn from(details: Details) -> Self {
        let mut crash = Self(Box::new(details));
        if let Some(hop) = awaiting() {
            crash.passes(hop);
        }
        crash
    }
}

impl From<Crash> for Details {
    fn from(crash: Crash) -> Self {
        *crash.0
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task `{}` crashed on {}", self.task(), self.node())?;
        if let Some(location) = self.location() {
            write!(f, " at {location}")?;
        }
        write!(f, ": {}", self.message())
    }
}

impl fmt::Debug for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} (invocation {})", self.id())?;
        for hop in self.hops() {
            write!(f, "\n    {hop}")?;
        }
        match self.backtrace() {
            Some(backtrace) => write!(f, "\n{backtrace}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Crash {}

pub(crate) fn push_hop(hops: &mut Vec<Hop>, hop: Hop) {
    if hops.len() < HOPS_MAX {
        hops.push(hop);
    }
}

/// An await, before anybody needs it as text.
#[derive(Clone, Debug)]
pub struct Await {
    /// The task that is awaited.
    pub task: &'static str,
    /// The node that awaits it; none if the process has not joined.
    pub node: Option<NodeId>,
    /// Where the call stands in the source.
    pub site: &'static Location<'static>,
}

impl From<&Await> for Hop {
    fn from(Await { task, node, site }: &Await) -> Self {
        let site = format!("{}:{}", site.file(), site.line());
        Self { task: (*task).to_owned(), node: node.as_ref().map(NodeId::to_string).unwrap_or_default(), site }
    }
}

thread_local! {
    /// The await whose result is being decoded, or whose error is being made, on this thread.
    static AWAITING: RefCell<Option<Await>> = const { RefCell::new(None) };
    /// Whether this thread is inside [`catch`], and what the panic hook saw there.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static SEEN: RefCell<Option<Seen>> = const { RefCell::new(None) };
}

/// Decodes a result, or makes the error of a call without one, under the name of the await that reads it: errors inside gain
/// that hop.
pub fn passing<T>(hop: Await, decode: impl FnOnce() -> T) -> T {
    struct Reset(Option<Await>);
    impl Drop for Reset {
        fn drop(&mut self) {
            AWAITING.set(self.0.take());
        }
    }
    let _reset = Reset(AWAITING.replace(Some(hop)));
    decode()
}

/// The await whose result is being decoded here, or whose error is being made, if any.
pub(crate) fn awaiting() -> Option<Hop> {
    AWAITING.with_borrow(|hop| hop.as_ref().map(Hop::from))
}

/// What a panic left behind.
#[derive(Clone, Debug)]
pub(crate) struct Panic {
    message: String,
    location: Option<String>,
    backtrace: Option<String>,
}

impl Panic {
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    fn from_payload(payload: Box<dyn Any + Send>) -> Self {
        let message = match payload.downcast_ref::<&str>() {
            Some(text) => (*text).to_owned(),
            None => match payload.downcast_ref::<String>() {
                Some(text) => text.clone(),
                None => "a panic whose payload is not text".to_owned(),
            },
        };
        let seen = SEEN.take().map(Seen::into_parts);
        // The payload's own destructor may panic as well; that must not take the executor down.
        if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
        let (location, backtrace) = seen.unwrap_or_default();
        Self { message, location, backtrace }
    }
}

/// What the panic hook saw.
struct Seen {
    location: Option<String>,
    backtrace: Backtrace,
}

impl Seen {
    /// Finds the names of the frames, which takes a while the first time: not in the hook, since what the panic is to drop, the
    /// calls of the task among it, would wait for that.
    fn into_parts(self) -> (Option<String>, Option<String>) {
        let captured = self.backtrace.status() == BacktraceStatus::Captured;
        (self.location, captured.then(|| of_the_task(&self.backtrace.to_string())))
    }
}

/// Runs user code; a panic in it becomes a value, with the place and the stack where it happened.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, Panic> {
    install_hook();
    struct Reset(bool);
    impl Drop for Reset {
        fn drop(&mut self) {
            CATCHING.set(self.0);
        }
    }
    let _reset = Reset(CATCHING.replace(true));
    // What is left there is of a panic that somebody else has caught.
    if SEEN.with_borrow(Option::is_some) {
        SEEN.set(None);
    }
    panic::catch_unwind(AssertUnwindSafe(code)).map_err(Panic::from_payload)
}

/// Adds a panic hook, once, that notes where a task panicked. Panics outside of tasks go to the hook that was there.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !CATCHING.get() {
                return before(info);
            }
            let location = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
            SEEN.set(Some(Seen { location, backtrace: Backtrace::capture() }));
        }));
    });
}

/// The frames of a backtrace between the panic machinery and ours: those of the task. All of it, if that leaves nothing.
fn of_the_task(backtrace: &str) -> String {
    /// A frame begins with its number; the lines after it tell where it is.
    fn begins_frame(line: &str) -> bool {
        line.trim_start().split(':').next().is_some_and(|number| number.parse::<u32>().is_ok())
    }
    const MACHINERY: [&str; 7] = [
        "::panicking::",
        "rust_begin_unwind",
        "rust_panic",
        "crash::install_hook",
        "__rust_end_short_backtrace",
        "alloc::boxed::Box<",
        "<alloc::boxed",
    ];
    let mut frames: Vec<Vec<&str>> = Vec::new();
    for line in backtrace.lines() {
        match frames.last_mut() {
            Some(frame) if !begins_frame(line) => frame.push(line),
            _ => frames.push(vec![line]),
        }
    }
    let of_panic = |frame: &Vec<&str>| MACHINERY.iter().any(|name| frame[0].contains(name));
    // From the top: further down there is machinery as well, what catches the panic.
    let begin = frames.iter().position(|frame| !of_panic(frame)).unwrap_or(0);
    let ours =
        |frame: &&Vec<&str>| !["atasks_actors::", "atasks::task::start"].iter().any(|name| frame[0].contains(name));
    let task: Vec<_> = frames[begin..].iter().take_while(ours).flatten().copied().collect();
    if task.is_empty() { backtrace.to_owned() } else { task.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_is_cut_to_the_frames_of_the_task() {
        let whole = "   0: atasks_actors::crash::install_hook::{{closure}}\n             at ./crash.rs:1:1\n   1: \
                     std::panicking::panic_with_hook\n   2: core::panicking::panic_fmt\n   3: app::inner\n             at \
                     ./src/main.rs:7:5\n   4: app::task\n   5: atasks_actors::executor::body::Body::poll\n   6: std::panicking::catch_unwind\n   7: main";
        assert_eq!(of_the_task(whole), "   3: app::inner\n             at ./src/main.rs:7:5\n   4: app::task");
    }

    #[test]
    fn a_backtrace_without_names_stays_whole() {
        let bare = "   0: <unknown>\n   1: std::panicking::begin_panic";
        assert_eq!(of_the_task(bare), bare);
    }

    #[test]
    fn a_panic_is_caught_with_its_place_and_payloads_of_any_kind() {
        let caught = |code: fn()| catch(code).unwrap_err();
        assert_eq!(caught(|| panic!("static")).message, "static");
        assert_eq!(caught(|| panic!("number {}", 7)).message, "number 7");
        let other = caught(|| panic::panic_any(7u8));
        assert_eq!(other.message, "a panic whose payload is not text");
        assert!(other.location.unwrap().contains("crash.rs:"));
        let resumed = caught(|| panic::resume_unwind(Box::new("quiet")));
        assert_eq!((&resumed.message[..], resumed.location), ("quiet", None));
    }

    #[test]
    fn hops_have_an_end_and_the_nearest_stay() {
        let mut hops = Vec::new();
        for n in 0..100 {
            push_hop(&mut hops, Hop { task: n.to_string(), node: String::new(), site: String::new() });
        }
        assert_eq!((hops.len(), &hops[0].task[..]), (HOPS_MAX, "0"));
    }
}
