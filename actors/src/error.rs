//! `atasks::Error`: any error, in a form that crosses the wire.

use std::{any::Any, error::Error as StdError, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    crash::{Crash, Hop, awaiting, push_hop},
    task_error::TaskError,
};

/// `Result` with an [`Error`]: the return type of a task that does not want an error type of its own.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Most causes that an [`Error`] keeps.
const CAUSES_MAX: usize = 32;

/// Any error, erased to what can cross to another process: its text, its causes' texts, and the awaits that it passed.
///
/// `?` makes it of everything that implements [`std::error::Error`]; [`ResultExt::erase`] of what does not (`anyhow`).
/// A [`TaskError`] inside stays typed: [`task_error`](Self::task_error). `Debug` prints the chain for people.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "Details", into = "Details")]
pub struct Error(Box<Details>);

#[derive(Clone, Serialize, Deserialize)]
struct Details {
    message: String,
    causes: Vec<String>,
    task_error: Option<TaskError>,
    hops: Vec<Hop>,
}

impl Error {
    /// Makes an error of a text.
    #[must_use]
    pub fn msg(message: impl fmt::Display) -> Self {
        Self(Box::new(Details { message: message.to_string(), causes: Vec::new(), task_error: None, hops: Vec::new() }))
    }

    /// The infrastructure's failure that this error is, or was caused by.
    #[must_use]
    pub fn task_error(&self) -> Option<&TaskError> {
        self.0.task_error.as_ref()
    }

    /// The texts of its causes, the nearest first; at most 32.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        self.0.causes.iter().map(String::as_str)
    }

    /// The awaits that it has passed, the nearest first.
    #[must_use]
    pub fn hops(&self) -> &[Hop] {
        match &self.0.task_error {
            Some(TaskError::Crashed(crash)) => crash.hops(),
            _ => &self.0.hops,
        }
    }

    /// Puts `context` in front; what there was becomes its cause.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        let message = std::mem::replace(&mut self.0.message, context.to_string());
        self.0.causes.insert(0, message);
        self.0.causes.truncate(CAUSES_MAX);
        self
    }

    /// Notes the await that has given it, if one is about to. A crash knows that itself.
    fn passed(mut self) -> Self {
        if !matches!(self.0.task_error, Some(TaskError::Crashed(_)))
            && let Some(hop) = awaiting()
        {
            push_hop(&mut self.0.hops, hop);
        }
        self
    }

    fn erase(error: &(dyn StdError + 'static)) -> Self {
        let task_error = chain(error).find_map(task_error_of);
        let mut causes: Vec<String> = chain(error).skip(1).take(CAUSES_MAX).map(ToString::to_string).collect();
        causes.dedup();
        let message = error.to_string();
        // An error that only passes its source on says the same twice.
        if causes.first() == Some(&message) {
            causes.remove(0);
        }
        Self(Box::new(Details { message, causes, task_error, hops: Vec::new() }))
    }
}

/// The failure that this link of a chain is. An error that is transparent for a `TaskError` passes on to what is behind it:
/// of a crash that is all.
fn task_error_of(error: &(dyn StdError + 'static)) -> Option<TaskError> {
    let crash = || error.downcast_ref::<Crash>().cloned().map(TaskError::Crashed);
    error.downcast_ref::<TaskError>().cloned().or_else(crash)
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        match (&error as &dyn Any).downcast_ref::<Boxed>() {
            Some(boxed) => boxed.0.clone(),
            None => Self::erase(&error).passed(),
        }
    }
}

impl From<Details> for Error {
    /// Decodes an error, which thereby passes the await that decodes it.
    fn from(mut details: Details) -> Self {
        if let Some(hop) = awaiting() {
            push_hop(&mut details.hops, hop);
        }
        Self(Box::new(details))
    }
}

impl From<Error> for Details {
    fn from(error: Error) -> Self {
        *error.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        // The infrastructure does not know what a call is to its caller: here, that is.
        match (&self.0.task_error, self.0.hops.first()) {
            (Some(_), Some(hop)) if self.0.causes.is_empty() => write!(f, " ({hop})"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for cause in &self.0.causes {
            write!(f, "\n  caused by: {cause}")?;
        }
        for hop in self.hops() {
            write!(f, "\n  {hop}")?;
        }
        match &self.0.task_error {
            Some(TaskError::Crashed(crash)) => match crash.backtrace() {
                Some(backtrace) => write!(f, "\n{backtrace}"),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// `Error` as a standard error; `Error` itself cannot be one, or `?` could not make it of all others.
struct Boxed(Error);

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for Boxed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.task_error().map(|error| error as _)
    }
}

impl From<Error> for Box<dyn StdError + Send + Sync> {
    fn from(error: Error) -> Self {
        Box::new(Boxed(error))
    }
}

impl From<Error> for Box<dyn StdError> {
    fn from(error: Error) -> Self {
        Box::new(Boxed(error))
    }
}

/// Makes an [`Error`] of errors that `?` cannot convert: `anyhow::Error`, `Box<dyn Error + Send + Sync>`.
pub trait ResultExt<T> {
    /// Erases the error.
    ///
    /// # Errors
    /// The same as before, as an [`Error`].
    fn erase(self) -> Result<T>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> ResultExt<T> for std::result::Result<T, E> {
    fn erase(self) -> Result<T> {
        self.map_err(|error| {
            let error: Box<dyn StdError + Send + Sync> = error.into();
            match error.downcast_ref::<Boxed>() {
                Some(boxed) => boxed.0.clone(),
                None => Error::erase(&*error),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn it_keeps_the_chain_over_the_wire() {
        let error = Error::from(Outer(std::io::Error::other("inner")));
        let bytes = codec::encode(&error, 1 << 20).unwrap();
        let read: Error = codec::decode(&bytes).unwrap();
        assert_eq!(read.to_string(), "outer");
        assert_eq!(read.causes().collect::<Vec<_>>(), ["inner"]);
        assert_eq!(format!("{read:?}"), "outer\n  caused by: inner");
    }

    #[test]
    fn a_task_error_inside_stays_typed_through_boxes() {
        let error = Error::from(TaskError::NotJoined).context("while starting");
        let boxed: Box<dyn StdError + Send + Sync> = error.into();
        let again = Err::<(), _>(boxed).erase().unwrap_err();
        assert_eq!(again.task_error(), Some(&TaskError::NotJoined));
        assert_eq!(again.to_string(), "while starting");
    }
}
