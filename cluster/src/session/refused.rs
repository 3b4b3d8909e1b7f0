//! What the sending half does not accept.

/// Why a frame was not accepted; nothing of it will be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The backlog is at its bound. Try again when batches have left.
    #[error("the backlog towards the peer is full")]
    Full,
    /// As much waits unstarted at the peer as it lets in. Try again when it has told of credit, or of an outcome.
    #[error("the peer has told of no credit for class {class}")]
    NoCredit {
        /// The class of the call.
        class: u32,
    },
    /// Something is larger than the peer accepts.
    #[error("{what} of {bytes} bytes, the peer accepts {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The most that the peer accepts.
        limit: usize,
    },
}

/// Refuses what is above a limit of the peer.
pub(super) fn fits(what: &'static str, bytes: usize, limit: usize) -> Result<(), Refused> {
    if bytes <= limit { Ok(()) } else { Err(Refused::TooLarge { what, bytes, limit }) }
}
