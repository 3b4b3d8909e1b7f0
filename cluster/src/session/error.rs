//! Breaches of the protocol by a peer.

use super::credit::Amount;
use super::frame::{Direction, Kind};

/// A peer broke the protocol. The link closes: after this nothing that it sends can be trusted to be in step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A frame claims more bytes than its kind may have.
    #[error("{} frame of {bytes} bytes, at most {limit} are allowed", Kind::name(*.kind))]
    FrameTooLong {
        /// The kind as it stands on the wire.
        kind: u8,
        /// Length of the body that the header claims.
        bytes: usize,
        /// The most that this kind may have.
        limit: usize,
    },
    /// The body of a frame does not have the shape of its kind.
    #[error("malformed {} frame: it {what}", Kind::name(*.kind))]
    Malformed {
        /// The kind as it stands on the wire.
        kind: u8,
        /// What is wrong, as a clause.
        what: &'static str,
    },
    /// An invocation's call number is not above the one before.
    #[error("invoke of call {call} after call {last}: call numbers only grow")]
    CallNotNew {
        /// The number that came.
        call: u64,
        /// The highest number so far.
        last: u64,
    },
    /// A cancel names a call that was never made.
    #[error("cancel of call {call}, but the highest call so far is {last}")]
    CancelOfNoCall {
        /// The number that came.
        call: u64,
        /// The highest number so far.
        last: u64,
    },
    /// An outcome for a call that was never made, or had its outcome.
    #[error("an outcome for call {call}, which was never made or is over")]
    OutcomeOfNoCall {
        /// The number that came.
        call: u64,
    },
    /// An outcome was announced in chunks while the previous one for this call is still coming.
    #[error("a second outcome for call {call} while its first is still coming")]
    SecondOutcome {
        /// The call of which it should be the only outcome.
        call: u64,
    },
    /// A chunk belongs to no payload that is being received.
    #[error("chunk for the {of} of call {call}, which are not being received")]
    ChunkOfNothing {
        /// Direction that the chunk names.
        of: Direction,
        /// Call that the chunk names.
        call: u64,
    },
    /// A chunk goes beyond the size that its header announced.
    #[error("chunks for the {of} of call {call} exceed the announced {total} bytes")]
    ChunkBeyondTotal {
        /// Direction of the payload.
        of: Direction,
        /// Call of the payload.
        call: u64,
        /// The announced size.
        total: u32,
    },
    /// A payload is announced with a size that is not allowed.
    #[error("{of} of call {call} announced with {total} bytes, allowed in chunks are {min} to {max}")]
    PayloadSize {
        /// Direction of the payload.
        of: Direction,
        /// Call of the payload.
        call: u64,
        /// The announced size.
        total: u32,
        /// Smaller ones travel whole.
        min: u32,
        /// `payload_max` of the receiver.
        max: u32,
    },
    /// More payloads are being received at once than allowed.
    #[error("more than {limit} unfinished payloads")]
    TooManyPayloads {
        /// Most that may be unfinished at once.
        limit: usize,
    },
    /// All unfinished payloads together hold more bytes than allowed.
    #[error("unfinished payloads hold more than {limit} bytes")]
    PayloadBudget {
        /// Most bytes of all unfinished payloads.
        limit: u64,
    },
    /// The peer claims to have processed what was not sent, or less than it said before.
    #[error("peer says it processed {processed} frames, it was {acknowledged} before and {written} are written")]
    Acknowledgement {
        /// What it says now.
        processed: u64,
        /// What it said before.
        acknowledged: u64,
        /// What was written to it.
        written: u64,
    },
    /// The peer claims that more calls have left its queue than were sent, or fewer than it said before.
    #[error(
        "peer says that {left:?} of class {class} have left its queue, it was {told:?} before and {sent:?} were sent"
    )]
    Credit {
        /// The class that it names.
        class: u32,
        /// What it says now.
        left: Amount,
        /// What it said before.
        told: Amount,
        /// What was sent to it.
        sent: Amount,
    },
    /// The peer tells of more windows than allowed.
    #[error("more than {limit} classes of calls")]
    TooManyClasses {
        /// Most that there may be.
        limit: usize,
    },
}
