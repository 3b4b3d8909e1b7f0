//! A task as the executors know it: a table entry with its types erased.

use std::{fmt, future::Future, pin::Pin, sync::OnceLock, time::Duration};

use crate::codec;

/// The running body of a task; it ends with the encoded return value.
pub type TaskFuture = Pin<Box<dyn Future<Output = Result<Vec<u8>, codec::Error>> + Send>>;

/// In which form a call has its arguments, and wants its return value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As the [codec] writes them: caller and task have the same types.
    #[default]
    Codec,
    /// As JSON, which the task's own types read: the caller has no code of the task.
    Json,
}

/// Decodes encoded arguments and makes the body's future.
pub type Start = fn(&[u8]) -> Result<TaskFuture, codec::Error>;

/// What `#[task(..)]` says of a task beside its signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskOptions {
    /// Longest that a call may take, counted from its first poll.
    pub timeout: Option<Duration>,
    /// Running the body twice does no harm: a call may be repeated when it may have run.
    pub idempotent: bool,
    /// How often a failed call is repeated; after the loss of a node only until its root has cost two.
    pub retry: u32,
    /// Most invocations that run at once on a node.
    pub max: Option<u32>,
    /// The body blocks its thread: it runs on threads of its own.
    pub blocking: bool,
    /// Stands for the shape of the types in the fingerprint.
    pub version: Option<&'static str>,
}

impl TaskOptions {
    /// Has no option set.
    #[must_use]
    pub const fn new() -> Self {
        Self { timeout: None, idempotent: false, retry: 0, max: None, blocking: false, version: None }
    }

    /// Sets the longest that a call may take.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Allows to repeat a call that may have run.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Sets how often a failed call is repeated.
    #[must_use]
    pub const fn retry(mut self, times: u32) -> Self {
        self.retry = times;
        self
    }

    /// Sets how many invocations run at once on a node.
    #[must_use]
    pub const fn max(mut self, running: u32) -> Self {
        self.max = Some(running);
        self
    }

    /// Runs the body on threads of its own.
    #[must_use]
    pub const fn blocking(mut self) -> Self {
        self.blocking = true;
        self
    }

    /// Sets what stands for the shape of the types in the fingerprint.
    #[must_use]
    pub const fn version(mut self, version: &'static str) -> Self {
        self.version = Some(version);
        self
    }

    /// Whether its invocations hold a place that others wait for.
    #[must_use]
    pub const fn limited(&self) -> bool {
        self.max.is_some() || self.blocking
    }
}

/// Where a task is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The package, as Cargo names it.
    pub package: &'static str,
    /// The package's folder on the machine that compiled it.
    pub manifest_dir: &'static str,
    /// The source file, as `file!()` gives it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// Whether the task's name was given by hand.
    pub named: bool,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The shapes of a task's types as they cross the wire, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shapes {
    /// Both could be traced.
    Known {
        /// The shape of the arguments.
        arguments: String,
        /// The shape of the return type.
        result: String,
    },
    /// A type refused all values that were tried, so its shape is not known; it can still be sent.
    Opaque(String),
    /// The codec cannot carry a type.
    Unsupported(String),
}

/// One task of this program, its types erased.
pub struct TaskEntry {
    name: &'static str,
    origin: Origin,
    options: TaskOptions,
    start: Option<Start>,
    start_json: Option<Start>,
    shapes: fn() -> Shapes,
    key: OnceLock<u64>,
    index: OnceLock<u32>,
}

impl TaskEntry {
    /// Makes the entry of a task whose body is part of this program.
    #[must_use]
    pub const fn new(
        name: &'static str,
        origin: Origin,
        options: TaskOptions,
        start: Start,
        shapes: fn() -> Shapes,
    ) -> Self {
        let (start, start_json) = (Some(start), None);
        Self { name, origin, options, start, start_json, shapes, key: OnceLock::new(), index: OnceLock::new() }
    }

    /// Has calls in [JSON](Form::Json) start by `start`.
    #[must_use]
    pub const fn json(mut self, start: Start) -> Self {
        self.start_json = Some(start);
        self
    }

    /// Makes the entry of a task that other nodes run: its body is not part of this program.
    #[must_use]
    pub const fn declared(name: &'static str, origin: Origin, options: TaskOptions, shapes: fn() -> Shapes) -> Self {
        let (start, start_json) = (None, None);
        Self { name, origin, options, start, start_json, shapes, key: OnceLock::new(), index: OnceLock::new() }
    }

    /// Makes the entry of a task of which nothing but its name is known here: it is in no table, and is called in
    /// [JSON](Form::Json).
    #[must_use]
    pub const fn foreign(name: &'static str) -> Self {
        let origin = Origin { package: "", manifest_dir: "", file: "", line: 0, named: true };
        Self::declared(name, origin, TaskOptions::new(), || Shapes::Opaque(String::new()))
    }

    /// The name on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where it is written down.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> &TaskOptions {
        &self.options
    }

    /// Whether its body is part of this program.
    #[must_use]
    pub fn has_body(&self) -> bool {
        self.start.is_some()
    }

    /// Decodes the arguments and makes the body's future.
    ///
    /// # Errors
    /// The arguments do not decode, or there is no body.
    pub fn start(&self, form: Form, arguments: &[u8]) -> Result<TaskFuture, codec::Error> {
        let invalid = |why: &str| Err(codec::Error::Invalid(format!("`{}` {why}", self.name)));
        match (form, self.start, self.start_json) {
            (Form::Codec, Some(start), _) | (Form::Json, Some(_), Some(start)) => start(arguments),
            (Form::Json, Some(_), None) => invalid("cannot be called in JSON"),
            (_, None, _) => invalid("has no body in this program"),
        }
    }

    /// Traces the shapes of its types.
    #[must_use]
    pub fn shapes(&self) -> Shapes {
        (self.shapes)()
    }

    /// A number that stands for the name, the same in every program.
    #[must_use]
    pub fn key(&self) -> u64 {
        *self.key.get_or_init(|| crate::fingerprint::key(self.name))
    }

    /// Its place in the program's [`TaskTable`](crate::table::TaskTable), once that is made.
    #[must_use]
    pub fn index(&self) -> Option<u32> {
        self.index.get().copied()
    }

    pub(crate) fn set_index(&self, index: u32) {
        // Made once: the table is the same for the life of the process.
        let _ = self.index.set(index);
    }
}

impl fmt::Debug for TaskEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskEntry").field("name", &self.name).field("origin", &self.origin).finish_non_exhaustive()
    }
}
