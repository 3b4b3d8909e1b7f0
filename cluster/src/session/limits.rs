//! Bounds that both ends of a session keep, so that neither has to ask the other.
//!
//! They belong to the protocol version: a sender that keeps them never makes its receiver close the link.

/// Most payload bytes in one frame. Larger arguments and results follow their header as chunks of this size.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Most bytes of an invocation's extension area.
pub const EXTENSION_MAX: usize = 16 * 1024;

/// Most bytes of an advertised task table, or of one piece of gossip.
pub const TABLE_MAX: usize = 1024 * 1024;

/// Most bytes of a notice.
pub const NOTICE_MAX: usize = 1024;

/// Most payloads that one peer may have announced and not completed, arguments and results together.
pub const ASSEMBLIES_MAX: usize = 1024;

/// Most payloads whose chunks are interleaved at one time.
pub const INTERLEAVED_MAX: usize = 64;

/// Most payloads of arguments that are announced and not completed: leaves room for the results among the assemblies.
pub(super) const ARGUMENTS_OPEN_MAX: usize = ASSEMBLIES_MAX - INTERLEAVED_MAX;

/// Bytes after which a batch takes no further small frames. Soft: the frame that crosses it is still taken.
pub const BATCH_BYTES: usize = 256 * 1024;

/// Numbered frames after which an acknowledgement is due.
pub const ACK_FRAMES: u64 = 256;

/// Bytes of numbered frames after which an acknowledgement is due.
pub const ACK_BYTES: u64 = 256 * 1024;

/// Returns the most bytes that a receiver holds in unfinished payloads of one peer.
///
/// Derived from the receiver's `payload_max`, which its hello tells, so that the sender can keep it: two payloads of
/// the largest size, or many smaller ones.
pub fn assembling_max(payload_max: u32) -> u64 {
    2 * u64::from(payload_max)
}
