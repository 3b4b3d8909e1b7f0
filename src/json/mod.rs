//! Calls in JSON: a task called by its name, by whoever has no code of it. The task's own types read the arguments and
//! write the result, where the task runs.

mod foreign;

use std::{
    any::Any,
    error::Error as StdError,
    fmt::{self, Display},
    future::Future,
    io,
    panic::Location,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use atasks_actors::{
    codec,
    shape::{self, Trace},
    task::{Form, TaskEntry},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Error, Node, Payload, Placement, Role, TaskError,
    driver::{Arguments, Driver},
    program,
};

/// What a task has returned to a caller that has no code of it. Compact JSON in both cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JsonReturn {
    /// Its `Ok`.
    Ok(String),
    /// Its own `Err`.
    Err {
        /// The error.
        value: String,
        /// The error for people: what its `Display` writes, and its causes; none for an error that has no `Display`.
        text: Option<String>,
    },
}

/// A call of a task by its name; made by [`Node::call_json`]. As lazy as a [`TaskCall`](crate::TaskCall), and like that
/// cancelled when it is dropped.
#[must_use = "a call does nothing unless it is awaited"]
pub struct JsonCall {
    driver: Driver,
    arguments: Text,
}

struct Text {
    task: &'static TaskEntry,
    json: String,
}

impl Node {
    /// Calls the task named `name` with `arguments` in JSON: an object of the arguments by name, or an array of them in
    /// order. It goes to a worker that has a task of this name, with whatever fingerprint; from a worker that has it
    /// itself, to those with the same.
    ///
    /// A `Vec<u8>` argument is an array of numbers, or a string, of which it takes the bytes; as a result it is an array.
    /// `NaN` and infinities come back as `null`, which is all that JSON has for them.
    ///
    /// The name of a task that is not this program's is kept for the life of the process: once, and up to a bound, beyond
    /// which only names that a node has are kept. A call by another one is of a task that nobody has.
    ///
    /// # Errors
    /// Those of any call. What the task's types do not read is [`TaskError::Codec`], which names the place.
    #[track_caller]
    pub fn call_json(&self, name: &str, arguments: impl Into<String>) -> JsonCall {
        let task = entry(self, name);
        let mut driver = Driver::new(task.name(), *task.options(), Location::caller());
        driver.start_at(self.core().clone());
        JsonCall { driver, arguments: Text { task, json: arguments.into() } }
    }
}

/// The task of this program, if this node runs it; else one of which only the name is known.
fn entry(node: &Node, name: &str) -> &'static TaskEntry {
    let own = program::find(name).filter(|entry| entry.has_body() && node.core().role() == Role::Worker);
    own.unwrap_or_else(|| foreign::keep(name, || node.tasks().iter().any(|task| task.name == name)))
}

impl JsonCall {
    /// Gives the call at most `timeout`, counted from its first poll.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.driver.limit_timeout(timeout);
        self
    }

    /// Runs it where `placement` says.
    pub fn place(mut self, placement: Placement) -> Self {
        self.driver.placement = placement;
        self
    }
}

impl Future for JsonCall {
    type Output = Result<JsonReturn, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Self { driver, arguments } = self.get_mut();
        driver.poll(cx, arguments).map(|returned| {
            let bytes = returned?;
            codec::decode(&bytes).map_err(|error| TaskError::from_codec(error, Payload::Result, bytes.len()))
        })
    }
}

impl Arguments for Text {
    fn entry(&self) -> Option<&'static TaskEntry> {
        Some(self.task)
    }

    fn form(&self) -> Form {
        Form::Json
    }

    fn encode(&mut self, limit: usize) -> Result<Bytes, codec::Error> {
        let json = std::mem::take(&mut self.json).into_bytes();
        if json.len() > limit { Err(codec::Error::TooLarge { size: json.len() }) } else { Ok(json.into()) }
    }
}

impl fmt::Debug for JsonCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonCall").field("task", &self.driver.task).field("id", &self.driver.id()).finish()
    }
}

/// Reads the arguments of a task.
pub(crate) fn read<T: Serialize + DeserializeOwned>(json: &[u8]) -> Result<T, codec::Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = serde_path_to_error::deserialize(&mut reader);
    let value = read.map_err(|error| {
        let path = error.path().to_string();
        complaint(&path, error.inner(), example::<T>())
    })?;
    match reader.end() {
        Ok(()) => Ok(value),
        Err(error) => Err(complaint(".", &error, None)),
    }
}

/// What is wrong, where, and what would be right.
fn complaint(path: &str, error: &serde_json::Error, example: Option<String>) -> codec::Error {
    let (line, column) = (error.line(), error.column());
    let what = error.to_string();
    let place = format!(" at line {line} column {column}");
    let what = what.strip_suffix(&place).unwrap_or(&what);
    let mut text = match path {
        // Nothing inside of it is to blame.
        "." | "?" => format!("line {line}, column {column}: {what}"),
        path => format!("`{path}`, line {line}, column {column}: {what}"),
    };
    if let Some(example) = example {
        text += &format!("; what it takes looks like {example}");
    }
    codec::Error::Invalid(text)
}

/// Longest example that is worth reading.
const EXAMPLE_MAX: usize = 400;

/// Some value of the type, as JSON.
fn example<T: Serialize + DeserializeOwned>() -> Option<String> {
    match shape::trace::<T>() {
        Trace::Traced { samples, .. } => {
            samples.iter().find_map(|sample| serde_json::to_string(sample).ok()).filter(|text| text.len() < EXAMPLE_MAX)
        }
        Trace::Opaque { .. } | Trace::Unsupported { .. } => None,
    }
}

/// Writes a value of a task's.
pub(crate) fn write<T: Serialize>(value: &T, limit: usize) -> Result<String, codec::Error> {
    let mut out = Bounded { bytes: Vec::new(), size: 0, limit };
    match serde_json::to_writer(&mut out, value) {
        Err(error) => Err(codec::Error::Invalid(format!("it cannot be written as JSON: {error}"))),
        Ok(()) if out.size > limit => Err(codec::Error::TooLarge { size: out.size }),
        Ok(()) => String::from_utf8(out.bytes).map_err(|error| codec::Error::Invalid(error.to_string())),
    }
}

/// Keeps so many bytes, and counts all.
struct Bounded {
    bytes: Vec<u8>,
    size: usize,
    limit: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.size = self.size.saturating_add(bytes.len());
        if self.size <= self.limit {
            self.bytes.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a task has returned, its own error to be told to people. Which of the traits below is taken is decided where the
/// type is known, by how many references it takes to reach it: so `#[task]` needs no bound for it.
#[derive(Debug)]
pub struct Told<'a, R>(pub &'a R);

/// Tells what can be told.
pub trait ToldAsError {
    /// The error and its causes.
    fn tell(&self) -> Option<String>;
}

/// Tells what its `Display` writes.
pub trait ToldAsText {
    /// The text.
    fn tell(&self) -> Option<String>;
}

/// Has nothing to tell.
pub trait ToldAsValue {
    /// None.
    fn tell(&self) -> Option<String>;
}

impl<T, E: StdError + 'static> ToldAsError for &&Told<'_, Result<T, E>> {
    fn tell(&self) -> Option<String> {
        let error = self.0.as_ref().err()?;
        let mut text = error.to_string();
        let mut last = text.clone();
        for cause in std::iter::successors(error.source(), |error| (*error).source()) {
            // An error that only passes its source on says the same twice.
            let cause = cause.to_string();
            if cause != last {
                text += &format!("\n  caused by: {cause}");
                last = cause;
            }
        }
        Some(text)
    }
}

impl<T, E: Display + 'static> ToldAsText for &Told<'_, Result<T, E>> {
    fn tell(&self) -> Option<String> {
        let error = self.0.as_ref().err()?;
        // No standard error, and yet one with causes.
        let erased = (error as &dyn Any).downcast_ref::<Error>().map(|error| format!("{error:?}"));
        Some(erased.unwrap_or_else(|| error.to_string()))
    }
}

impl<R> ToldAsValue for Told<'_, R> {
    fn tell(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests;
