//! Kinds of frames and the header that every frame has.

use super::super::error::ProtocolError;
use super::super::limits::{CHUNK_BYTES, EXTENSION_MAX, NOTICE_MAX, TABLE_MAX};
use super::invoke;

/// Bytes before the body of a frame: its kind, then the body's length.
pub const HEADER_BYTES: usize = 5;

/// Bytes of a chunk before its piece of the payload: the header, the call, the direction.
pub const CHUNK_HEAD: usize = HEADER_BYTES + 9;

/// Kinds from here on are not numbered, known or not: both ends must count alike when only one knows a kind.
const UNNUMBERED: u8 = 0x80;

/// Most bytes of a frame of an unknown kind, which is skipped.
const UNKNOWN_MAX: usize = 2 * CHUNK_BYTES;

/// What a frame is; the first byte on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A call and its arguments.
    Invoke = 1,
    /// How a call ended.
    Outcome = 2,
    /// The caller no longer wants a call.
    Cancel = 3,
    /// A piece of a large payload.
    Chunk = 4,
    /// The advertised task table.
    Tasks = 5,
    /// Gossip about nodes.
    Peers = 6,
    /// A piece of the stream of ractor_cluster.
    Ractor = 7,
    /// A fact about the sender, or something that it asks for.
    Notice = 8,
    /// A sign of life with the node's load.
    Heartbeat = 0x81,
    /// How much was processed.
    Ack = 0x82,
    /// The sender leaves.
    Goodbye = 0x83,
    /// What has left the sender's queue.
    Credit = 0x84,
}

impl Kind {
    pub(super) fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Invoke,
            2 => Self::Outcome,
            3 => Self::Cancel,
            4 => Self::Chunk,
            5 => Self::Tasks,
            6 => Self::Peers,
            7 => Self::Ractor,
            8 => Self::Notice,
            0x81 => Self::Heartbeat,
            0x82 => Self::Ack,
            0x83 => Self::Goodbye,
            0x84 => Self::Credit,
            _ => return None,
        })
    }

    /// Returns the word for a kind in messages.
    pub(in super::super) fn name(byte: u8) -> &'static str {
        match Self::of(byte) {
            Some(Self::Invoke) => "invoke",
            Some(Self::Outcome) => "outcome",
            Some(Self::Cancel) => "cancel",
            Some(Self::Chunk) => "chunk",
            Some(Self::Tasks) => "tasks",
            Some(Self::Peers) => "peers",
            Some(Self::Ractor) => "ractor",
            Some(Self::Notice) => "notice",
            Some(Self::Heartbeat) => "heartbeat",
            Some(Self::Ack) => "ack",
            Some(Self::Goodbye) => "goodbye",
            Some(Self::Credit) => "credit",
            None => "unknown",
        }
    }

    pub(in super::super) fn body_max(byte: u8) -> usize {
        match Self::of(byte) {
            Some(Self::Invoke) => invoke::HEAD_MAX + EXTENSION_MAX + CHUNK_BYTES,
            Some(Self::Outcome) => 10 + CHUNK_BYTES,
            Some(Self::Cancel) => 9,
            Some(Self::Chunk) => 9 + CHUNK_BYTES,
            Some(Self::Tasks | Self::Peers) => TABLE_MAX,
            Some(Self::Ractor) => CHUNK_BYTES,
            Some(Self::Notice) => NOTICE_MAX,
            Some(Self::Heartbeat) => 44,
            Some(Self::Ack) => 8,
            Some(Self::Goodbye) => 9,
            Some(Self::Credit) => 36,
            None => UNKNOWN_MAX,
        }
    }
}

/// What stands before the body of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The kind as it stands on the wire, known or not.
    pub kind: u8,
    /// Length of the body in bytes.
    pub body: usize,
}

impl Header {
    /// Reads the header at the front of `buffer`; `None` while it is not whole.
    ///
    /// # Errors
    /// A length above the limit of the kind, before any of the body has arrived.
    #[inline]
    pub fn peek(buffer: &[u8]) -> Result<Option<Self>, ProtocolError> {
        let Some(&[kind, a, b, c, d]) = buffer.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let body = u32::from_le_bytes([a, b, c, d]) as usize;
        let limit = Kind::body_max(kind);
        if body > limit {
            return Err(ProtocolError::FrameTooLong { kind, bytes: body, limit });
        }
        Ok(Some(Self { kind, body }))
    }

    /// Tells whether the frame counts in the session's numbers.
    pub fn is_numbered(self) -> bool {
        self.kind < UNNUMBERED
    }
}
