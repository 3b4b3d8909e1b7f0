//! What a person is told when a chunk was not counted.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use atasks::{Ran, TaskError};

/// A part of a file.
#[derive(Debug)]
pub(crate) struct Piece {
    /// The file.
    pub(crate) file: Arc<Path>,
    /// Where the part begins, in bytes.
    pub(crate) offset: u64,
    /// How long it is.
    pub(crate) bytes: u64,
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {} to {} of {}", self.offset, self.offset + self.bytes, self.file.display())
    }
}

/// Why the counts of a chunk did not come back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCounted {
    /// The node that had the chunk went away with it.
    #[error(
        "node {node} is gone ({reason}) while it had {piece}: that chunk {} counted there, {}",
        if *may_have_run { "may have been" } else { "was not" },
        Advice(*retries)
    )]
    Lost {
        /// The node, as the cluster names it.
        node: String,
        /// How it went.
        reason: String,
        /// Whether the task may have run there.
        may_have_run: bool,
        /// What it was to count.
        piece: Piece,
        /// How often the chunk was to be counted again.
        retries: u32,
    },
    /// Anything else: nobody to count, a chunk too large, a crash.
    #[error("{piece} could not be counted: {error}")]
    Failed {
        /// What was to be counted.
        piece: Piece,
        /// The error of the call, with its causes.
        error: String,
    },
}

impl NotCounted {
    /// Puts into words how the call for `piece` failed that might be repeated `retries` times.
    pub(crate) fn new(piece: Piece, retries: u32, error: &atasks::Error) -> Self {
        match error.task_error() {
            Some(TaskError::NodeLost { node, reason, ran, .. }) => Self::Lost {
                node: node.to_string(),
                reason: reason.to_string(),
                may_have_run: !matches!(ran, Ran::No),
                piece,
                retries,
            },
            _ => Self::Failed { piece, error: format!("{error:?}") },
        }
    }
}

/// What to do about a lost chunk, where so many repetitions were allowed.
struct Advice(u32);

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("and without its counts there is no total. With --retry 2 it is counted again elsewhere"),
            1 => f.write_str("and one repetition did not help"),
            more => write!(f, "and {more} repetitions did not help"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(may_have_run: bool, retries: u32) -> String {
        let piece = Piece { file: Path::new("big.txt").into(), offset: 100, bytes: 50 };
        let (node, reason) = ("host-1".to_owned(), "signal 9".to_owned());
        NotCounted::Lost { node, reason, may_have_run, piece, retries }.to_string()
    }

    #[test]
    fn a_lost_node_is_named_with_what_may_have_run_and_what_to_do() {
        assert_eq!(
            lost(true, 0),
            "node host-1 is gone (signal 9) while it had bytes 100 to 150 of big.txt: that chunk may have been counted there, \
             and without its counts there is no total. With --retry 2 it is counted again elsewhere"
        );
    }

    #[test]
    fn a_chunk_that_never_ran_is_told_apart() {
        assert!(lost(false, 1).ends_with("that chunk was not counted there, and one repetition did not help"));
        assert!(lost(false, 3).ends_with("and 3 repetitions did not help"));
    }

    #[test]
    fn any_other_error_is_told_with_its_place() {
        let piece = Piece { file: Path::new("big.txt").into(), offset: 0, bytes: 7 };
        let told = NotCounted::new(piece, 0, &TaskError::NotJoined.into()).to_string();
        assert!(told.starts_with("bytes 0 to 7 of big.txt could not be counted: "), "{told}");
    }
}
