//! Frames: what two nodes say to each other once they have greeted.
//!
//! A frame is its kind (u8), the length of its body (u32) and the body; numbers are little-endian and of fixed width.
//! Decoding borrows from the buffer, encoding appends to one: neither allocates. A body above the limit of its kind is
//! an error as soon as the header is there. Kinds are described in [`Frame`]; nothing here knows of order, numbers or
//! what a call is.

mod codec;
pub mod extension;
mod invoke;
mod kind;

pub use invoke::{Deadline, Head, Id, Invoke, Lineage};
pub use kind::{CHUNK_HEAD, HEADER_BYTES, Header, Kind};

use super::credit::Credit;

/// One frame; variable parts borrow from the buffer that it was read from or is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A sign of life with the node's load.
    Heartbeat(Heartbeat),
    /// Tells that all numbered frames up to this number were processed.
    Ack {
        /// Numbered frames processed so far.
        processed: u64,
    },
    /// The sender leaves; its going is not a loss.
    Goodbye {
        /// Why, as the link's two ends understand it.
        reason: u8,
        /// The highest number of a call that the sender has got from the receiver; it starts none above it.
        last_call: u64,
    },
    /// Tells how much of what the receiver has sent has left the sender's queue.
    Credit(Credit),
    /// Asks for a call.
    Invoke(Invoke<'a>),
    /// Tells how a call ended.
    Outcome {
        /// Number of the call, given by the receiver of this frame.
        call: u64,
        /// How it ended.
        status: Status,
        /// The encoded result, or failure.
        body: Body<'a>,
    },
    /// The caller no longer wants a call. Arguments that are still coming end here: no chunk follows.
    Cancel {
        /// Number of the call, given by the sender of this frame.
        call: u64,
        /// On whose behalf, as the link's two ends understand it.
        by: u8,
    },
    /// A piece of a payload that was announced by a header with [`Body::Chunked`].
    Chunk {
        /// Call of the payload, given by the caller.
        call: u64,
        /// Whether arguments go to the called, or a result to the caller.
        of: Direction,
        /// 1 to [`CHUNK_BYTES`](super::limits::CHUNK_BYTES) bytes.
        bytes: &'a [u8],
    },
    /// The task table that the sender advertises.
    Tasks(&'a [u8]),
    /// Gossip about nodes.
    Peers(&'a [u8]),
    /// A piece of the stream of ractor_cluster.
    Ractor(&'a [u8]),
    /// A fact about the sender, or something that it asks for.
    Notice(&'a [u8]),
}

/// What a heartbeat tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Numbered frames processed so far, as in an Ack.
    pub processed: u64,
    /// Invocations admitted and not started.
    pub unstarted: u32,
    /// Invocations that occupy an executor.
    pub running: u32,
    /// Invocations that wait for something.
    pub suspended: u32,
    /// Mean time of an invocation on an executor, in microseconds.
    pub mean_us: u32,
    /// Executors that one invocation keeps for long without yielding.
    pub stalled: u32,
    /// Counts the sender's heartbeats.
    pub beat: u32,
    /// The last of the receiver's that the sender has heard.
    pub echo: u32,
    /// The sender's clock of the link, in microseconds.
    pub clock_us: u64,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The task returned; the bytes are its encoded return value, an `Err` of its own included.
    Returned = 0,
    /// The call failed; the bytes are the encoded failure.
    Failed = 1,
    /// The call was not started and will not be.
    HandedBack = 2,
}

/// Which payload of a call a chunk belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the caller to the called.
    Arguments = 0,
    /// From the called to the caller.
    Result = 1,
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Arguments => "arguments",
            Self::Result => "result bytes",
        })
    }
}

/// The payload of an Invoke or Outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// All of it, at most [`CHUNK_BYTES`](super::limits::CHUNK_BYTES).
    Whole(&'a [u8]),
    /// Its size in bytes; it follows in chunks.
    Chunked(u32),
}

#[cfg(test)]
mod tests;
