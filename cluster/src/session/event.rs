//! What a peer said, as the link hears it.

use bytes::Bytes;

use super::credit::Credit;
use super::frame::{Head, Heartbeat, Status};

/// One thing that the peer said. Large payloads are whole; bytes are owned and, where they came whole, not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A sign of life; its `processed` is for [`Outgoing::acknowledge`](super::Outgoing::acknowledge).
    Heartbeat(Heartbeat),
    /// For [`Outgoing::acknowledge`](super::Outgoing::acknowledge).
    Ack {
        /// Numbered frames that the peer has processed.
        processed: u64,
    },
    /// The peer leaves.
    Goodbye {
        /// Why.
        reason: u8,
        /// Our highest call that it has got; it starts none above it.
        last_call: u64,
    },
    /// How much of what we have sent waits no more there; for [`Account::hear`](super::credit::Account::hear).
    Credit(Credit),
    /// The peer asks for a call; it is owed exactly one outcome.
    Invoke {
        /// What is said about the call.
        head: Head,
        /// Entries of [`extension`](super::frame::extension), well-formed; empty when there are none.
        extension: Bytes,
        /// The encoded arguments.
        arguments: Bytes,
    },
    /// The peer cancels a call that was heard as an Invoke, whose outcome is still owed, or was sent.
    Cancel {
        /// The call.
        call: u64,
        /// On whose behalf.
        by: u8,
    },
    /// The peer cancels a call before its arguments were complete. It was never heard as an Invoke, yet it is owed its
    /// outcome: handed back.
    Abandoned {
        /// What was said about the call.
        head: Head,
        /// Bytes of its extension area, and of the arguments that were announced.
        bytes: usize,
        /// On whose behalf.
        by: u8,
    },
    /// A call of ours ended; for [`Pending::take`](super::Pending::take), which tells whether we made it.
    Outcome {
        /// The call.
        call: u64,
        /// How it ended.
        status: Status,
        /// The encoded result, or failure.
        result: Bytes,
    },
    /// The peer advertises a task table.
    Tasks(Bytes),
    /// The peer passes on gossip.
    Peers(Bytes),
    /// Bytes of ractor's stream.
    Ractor(Bytes),
    /// A fact about the peer, or something that it asks for.
    Notice(Bytes),
}
