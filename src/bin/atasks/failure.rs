//! Why a command did not do what it was to, for people and for scripts.

use std::{io, process::ExitCode};

use atasks::{Ran, StartError, TaskError, Unplaced};
use serde_json::json;

use crate::output;

/// What a script learns from the exit code; `--help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    TaskFailed = 1,
    WrongUse = 2,
    NoCluster = 3,
    NotFound = 4,
    NotDone = 5,
    Interrupted = 130,
}

/// Why a command did not do what it was to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// What happened, and what to do about it; for people.
    message: String,
    /// What `--json` writes.
    json: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, word: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let json = json!({ "error": { "kind": word, "message": message } });
        Self { kind, message, json: json.to_string() }
    }

    pub(crate) fn wrong_use(message: impl Into<String>) -> Self {
        Self::new(Kind::WrongUse, "wrong_use", message)
    }

    pub(crate) fn no_cluster(message: impl Into<String>) -> Self {
        Self::new(Kind::NoCluster, "no_cluster", message)
    }

    /// Nothing in the cluster has this name; `known` are those that there are.
    pub(crate) fn not_found<'a>(
        word: &str,
        message: &str,
        name: &str,
        known: impl Iterator<Item = &'a str>,
        list: &str,
    ) -> Self {
        let near = atasks_actors::table::nearest(name, known);
        let hint = match &near[..] {
            [] => format!("`atasks {list}` lists what there is"),
            near => format!("did you mean {}?", quoted(near)),
        };
        Self::new(Kind::NotFound, word, format!("{message}; {hint}"))
    }

    /// The task's own error: for people, and as JSON.
    pub(crate) fn of_task(message: String, error: &str) -> Self {
        let json = format!("{{\"err\":{error},\"text\":{}}}", json!(message));
        Self { kind: Kind::TaskFailed, message, json }
    }

    /// The call that did not come back.
    pub(crate) fn of_call(error: &TaskError) -> Self {
        let (kind, word) = match error {
            TaskError::Crashed(_) => (Kind::TaskFailed, "crashed"),
            TaskError::Codec { .. } if error.ran() == Ran::Yes => (Kind::TaskFailed, "codec"),
            TaskError::Codec { .. } => (Kind::WrongUse, "codec"),
            TaskError::TooLarge { .. } if error.ran() == Ran::Yes => (Kind::TaskFailed, "too_large"),
            TaskError::TooLarge { .. } => (Kind::WrongUse, "too_large"),
            TaskError::Unplaced { reason: Unplaced::NotRegistered { .. } | Unplaced::NoSuchNode(_), .. } => {
                (Kind::NotFound, "unplaced")
            }
            TaskError::Unplaced { .. } => (Kind::NotDone, "unplaced"),
            TaskError::Rejected { .. } => (Kind::NotDone, "rejected"),
            TaskError::NodeLost { .. } => (Kind::NotDone, "node_lost"),
            TaskError::DeadlineExceeded { .. } => (Kind::NotDone, "deadline_exceeded"),
            TaskError::Cancelled { .. } => (Kind::NotDone, "cancelled"),
            _ => (Kind::NotDone, "other"),
        };
        let ran = match error.ran() {
            Ran::No => "no",
            Ran::Maybe => "maybe",
            Ran::Yes => "yes",
        };
        let message = match error {
            TaskError::Crashed(crash) => {
                crash.backtrace().map_or(error.to_string(), |trace| format!("{error}\n{trace}"))
            }
            _ => error.to_string(),
        };
        let json = json!({ "error": { "kind": word, "message": message, "ran": ran } });
        Self { kind, message, json: json.to_string() }
    }

    /// Says it, and gives the exit code.
    pub(crate) fn tell(self, json: bool) -> ExitCode {
        if json {
            // Whoever reads it has gone: the exit code says the same.
            let _ = output::json_text(&self.json);
        } else {
            output::note(&self.message);
        }
        ExitCode::from(self.kind as u8)
    }
}

/// The node did not start, or found no cluster.
impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match &error {
            StartError::NoSeed(answers) => {
                let mut message = "no worker of the cluster answers:".to_owned();
                for (address, answer) in answers {
                    message += &match answer.contains(address.as_str()) {
                        true => format!("\n  {answer}"),
                        false => format!("\n  {address}: {answer}"),
                    };
                }
                Self::no_cluster(message)
            }
            StartError::Config(_) | StartError::Secret(_) => Self::wrong_use(format!("{error:?}")),
            _ => Self::no_cluster(format!("{error:?}")),
        }
    }
}

/// The output could not be written.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(Kind::NotDone, "output", format!("the output cannot be written: {error}"))
    }
}

/// Names as a sentence has them.
pub(crate) fn quoted(names: &[String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
