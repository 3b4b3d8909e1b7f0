//! Frames to bytes and back.

use super::super::credit::{Amount, Credit};
use super::super::cursor::{Cursor, Malformed};
use super::super::error::ProtocolError;
use super::super::limits::CHUNK_BYTES;
use super::{Body, Direction, Frame, HEADER_BYTES, Heartbeat, Invoke, Kind, Status};

impl<'a> Frame<'a> {
    fn kind(&self) -> Kind {
        match self {
            Self::Heartbeat(_) => Kind::Heartbeat,
            Self::Ack { .. } => Kind::Ack,
            Self::Goodbye { .. } => Kind::Goodbye,
            Self::Credit(_) => Kind::Credit,
            Self::Invoke(_) => Kind::Invoke,
            Self::Outcome { .. } => Kind::Outcome,
            Self::Cancel { .. } => Kind::Cancel,
            Self::Chunk { .. } => Kind::Chunk,
            Self::Tasks(_) => Kind::Tasks,
            Self::Peers(_) => Kind::Peers,
            Self::Ractor(_) => Kind::Ractor,
            Self::Notice(_) => Kind::Notice,
        }
    }

    /// Appends the frame with its header. The caller keeps the limits; a peer refuses what exceeds them.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let kind = self.kind() as u8;
        out.extend_from_slice(&[kind, 0, 0, 0, 0]);
        self.encode_body(out);
        let body = out.len() - start - HEADER_BYTES;
        debug_assert!(body <= Kind::body_max(kind), "a frame above its limit");
        out[start + 1..start + HEADER_BYTES].copy_from_slice(&(body as u32).to_le_bytes());
    }

    /// Appends what stands before the `bytes` bytes of a chunk, which follow from elsewhere.
    pub fn announce_chunk(call: u64, of: Direction, bytes: usize, out: &mut Vec<u8>) {
        let start = out.len();
        Self::Chunk { call, of, bytes: &[] }.encode(out);
        let body = out.len() - start - HEADER_BYTES + bytes;
        out[start + 1..start + HEADER_BYTES].copy_from_slice(&(body as u32).to_le_bytes());
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Heartbeat(Heartbeat {
                processed,
                unstarted,
                running,
                suspended,
                mean_us,
                stalled,
                beat,
                echo,
                clock_us,
            }) => {
                out.extend_from_slice(&processed.to_le_bytes());
                for number in [unstarted, running, suspended, mean_us, stalled, beat, echo] {
                    out.extend_from_slice(&number.to_le_bytes());
                }
                out.extend_from_slice(&clock_us.to_le_bytes());
            }
            Self::Ack { processed } => out.extend_from_slice(&processed.to_le_bytes()),
            Self::Goodbye { reason, last_call } => {
                out.push(reason);
                out.extend_from_slice(&last_call.to_le_bytes());
            }
            Self::Credit(Credit { class, left, window }) => {
                out.extend_from_slice(&class.to_le_bytes());
                for number in [left.calls, left.bytes, window.calls, window.bytes] {
                    out.extend_from_slice(&number.to_le_bytes());
                }
            }
            Self::Invoke(invoke) => invoke.encode(out),
            Self::Outcome { call, status, body } => {
                out.extend_from_slice(&call.to_le_bytes());
                out.extend_from_slice(&[status as u8, u8::from(body.is_chunked())]);
                body.encode(out);
            }
            Self::Cancel { call, by } => {
                out.extend_from_slice(&call.to_le_bytes());
                out.push(by);
            }
            Self::Chunk { call, of, bytes } => {
                out.extend_from_slice(&call.to_le_bytes());
                out.push(of as u8);
                out.extend_from_slice(bytes);
            }
            Self::Tasks(bytes) | Self::Peers(bytes) | Self::Ractor(bytes) | Self::Notice(bytes) => {
                out.extend_from_slice(bytes)
            }
        }
    }

    /// Decodes the body of a frame; `None` when its kind is unknown.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`]: the body does not have the shape of its kind.
    #[inline]
    pub fn decode(kind: u8, body: &'a [u8]) -> Result<Option<Self>, ProtocolError> {
        let Some(known) = Kind::of(kind) else { return Ok(None) };
        Self::decode_body(known, Cursor::new(body)).map(Some).map_err(|what| ProtocolError::Malformed { kind, what })
    }

    fn decode_body(kind: Kind, mut from: Cursor<'a>) -> Result<Self, Malformed> {
        let frame = match kind {
            // These two take all that is left, which is theirs to judge.
            Kind::Invoke => return Invoke::decode(from).map(Self::Invoke),
            Kind::Outcome => return decode_outcome(from),
            Kind::Heartbeat => Self::Heartbeat(Heartbeat {
                processed: from.u64()?,
                unstarted: from.u32()?,
                running: from.u32()?,
                suspended: from.u32()?,
                mean_us: from.u32()?,
                stalled: from.u32()?,
                beat: from.u32()?,
                echo: from.u32()?,
                clock_us: from.u64()?,
            }),
            Kind::Ack => Self::Ack { processed: from.u64()? },
            Kind::Goodbye => Self::Goodbye { reason: from.u8()?, last_call: from.u64()? },
            Kind::Credit => Self::Credit(Credit {
                class: from.u32()?,
                left: Amount { calls: from.u64()?, bytes: from.u64()? },
                window: Amount { calls: from.u64()?, bytes: from.u64()? },
            }),
            Kind::Cancel => Self::Cancel { call: from.u64()?, by: from.u8()? },
            Kind::Chunk => decode_chunk(&mut from)?,
            Kind::Tasks => Self::Tasks(from.rest()),
            Kind::Peers => Self::Peers(from.rest()),
            Kind::Ractor => Self::Ractor(from.rest()),
            Kind::Notice => Self::Notice(from.rest()),
        };
        from.end()?;
        Ok(frame)
    }
}

impl<'a> Body<'a> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Whole(bytes) => out.extend_from_slice(bytes),
            Self::Chunked(total) => out.extend_from_slice(&total.to_le_bytes()),
        }
    }

    pub(super) fn decode(mut from: Cursor<'a>, chunked: bool) -> Result<Self, Malformed> {
        if chunked {
            let total = from.u32()?;
            from.end()?;
            return Ok(Self::Chunked(total));
        }
        match from.rest() {
            bytes if bytes.len() > CHUNK_BYTES => Err("has a payload above the limit for one frame"),
            bytes => Ok(Self::Whole(bytes)),
        }
    }

    fn is_chunked(&self) -> bool {
        matches!(self, Self::Chunked(_))
    }
}

fn decode_outcome(mut from: Cursor<'_>) -> Result<Frame<'_>, Malformed> {
    let call = from.u64()?;
    let status = match from.u8()? {
        0 => Status::Returned,
        1 => Status::Failed,
        2 => Status::HandedBack,
        _ => return Err("has an unknown status"),
    };
    let chunked = match from.u8()? {
        0 => false,
        1 => true,
        _ => return Err("has unknown flags"),
    };
    Ok(Frame::Outcome { call, status, body: Body::decode(from, chunked)? })
}

fn decode_chunk<'a>(from: &mut Cursor<'a>) -> Result<Frame<'a>, Malformed> {
    let call = from.u64()?;
    let of = match from.u8()? {
        0 => Direction::Arguments,
        1 => Direction::Result,
        _ => return Err("has an unknown direction"),
    };
    match from.rest() {
        [] => Err("is empty"),
        bytes => Ok(Frame::Chunk { call, of, bytes }),
    }
}
