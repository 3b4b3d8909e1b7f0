//! The frame that asks for a call.

use super::super::cursor::{Cursor, Malformed};
use super::super::limits::EXTENSION_MAX;
use super::{Body, extension};

/// Most bytes of an Invoke before its extension entries and its arguments.
pub(super) const HEAD_MAX: usize = 8 + 4 + 1 + 1 + 8 + 8 + 16 + 16 + 8 + 2;

const LINEAGE: u8 = 1;
const DEADLINE: u8 = 1 << 1;
const IDEMPOTENT: u8 = 1 << 2;
const DETACHED: u8 = 1 << 3;
const CHUNKED: u8 = 1 << 4;
const EXTENSION: u8 = 1 << 5;
const FOREIGN: u8 = 1 << 6;
const KNOWN: u8 = LINEAGE | DEADLINE | IDEMPOTENT | DETACHED | CHUNKED | EXTENSION | FOREIGN;

/// An invocation as named on the wire: the incarnation that made it, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id {
    /// Incarnation of the node that made the invocation.
    pub origin: u64,
    /// Its number among those of that incarnation.
    pub number: u64,
}

/// From whom an invocation descends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lineage {
    /// The invocation that awaits this one.
    pub parent: Id,
    /// The first of the tree.
    pub root: Id,
}

/// What is said about a call, apart from bytes of variable length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of the call in this session, from [`Outgoing::next_call`](crate::session::Outgoing::next_call).
    pub call: u64,
    /// Index of the task in the table that the *receiver* advertised.
    pub task: u32,
    /// May be run again after it may have run.
    pub idempotent: bool,
    /// Lives on when its parent ends.
    pub detached: bool,
    /// Which try this is, from 0.
    pub attempt: u8,
    /// Number of the invocation at its origin.
    pub id: u64,
    /// Incarnation that made the invocation; `None` is the sender, which saves its bytes in the common case.
    pub origin: Option<u64>,
    /// `None` for a root.
    pub lineage: Option<Lineage>,
    /// When the call ends, come what may.
    pub deadline: Option<Deadline>,
}

/// A time in microseconds on the sender's clock of the link, as clocks of hosts differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// The time that is meant.
    pub at_us: u64,
    /// What the clock showed when that was said: a reading for the receiver, so that no more is left there than was here.
    pub told_us: u64,
}

/// A call: its head, its extension area (see [`extension`]) and its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invoke<'a> {
    /// What is said about the call.
    pub head: Head,
    /// Entries of [`extension`]; empty when there are none.
    pub extension: &'a [u8],
    /// The encoded arguments.
    pub arguments: Body<'a>,
}

impl<'a> Invoke<'a> {
    fn flags(&self) -> u8 {
        let flag = |bit, set| if set { bit } else { 0 };
        flag(LINEAGE, self.head.lineage.is_some())
            | flag(DEADLINE, self.head.deadline.is_some())
            | flag(IDEMPOTENT, self.head.idempotent)
            | flag(DETACHED, self.head.detached)
            | flag(CHUNKED, matches!(self.arguments, Body::Chunked(_)))
            | flag(EXTENSION, !self.extension.is_empty())
            | flag(FOREIGN, self.head.origin.is_some())
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let head = &self.head;
        out.extend_from_slice(&head.call.to_le_bytes());
        out.extend_from_slice(&head.task.to_le_bytes());
        out.extend_from_slice(&[self.flags(), head.attempt]);
        out.extend_from_slice(&head.id.to_le_bytes());
        if let Some(origin) = head.origin {
            out.extend_from_slice(&origin.to_le_bytes());
        }
        if let Some(Lineage { parent, root }) = head.lineage {
            for number in [parent.origin, parent.number, root.origin, root.number] {
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
        if let Some(Deadline { at_us, told_us }) = head.deadline {
            out.extend_from_slice(&at_us.to_le_bytes());
            out.extend_from_slice(&told_us.to_le_bytes());
        }
        if !self.extension.is_empty() {
            // `Outgoing::invoke` has refused what does not fit.
            out.extend_from_slice(&(self.extension.len() as u16).to_le_bytes());
            out.extend_from_slice(self.extension);
        }
        self.arguments.encode(out);
    }

    pub(super) fn decode(mut from: Cursor<'a>) -> Result<Self, Malformed> {
        let call = from.u64()?;
        let task = from.u32()?;
        let flags = from.u8()?;
        if flags & !KNOWN != 0 {
            return Err("has unknown flags");
        }
        let has = |bit| flags & bit != 0;
        let head = Head {
            call,
            task,
            idempotent: has(IDEMPOTENT),
            detached: has(DETACHED),
            attempt: from.u8()?,
            id: from.u64()?,
            origin: if has(FOREIGN) { Some(from.u64()?) } else { None },
            lineage: if has(LINEAGE) { Some(lineage(&mut from)?) } else { None },
            deadline: if has(DEADLINE) { Some(Deadline { at_us: from.u64()?, told_us: from.u64()? }) } else { None },
        };
        let extension = if has(EXTENSION) { area(&mut from)? } else { &[] };
        Ok(Self { head, extension, arguments: Body::decode(from, has(CHUNKED))? })
    }
}

fn lineage(from: &mut Cursor<'_>) -> Result<Lineage, Malformed> {
    let parent = Id { origin: from.u64()?, number: from.u64()? };
    Ok(Lineage { parent, root: Id { origin: from.u64()?, number: from.u64()? } })
}

fn area<'a>(from: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    let len = usize::from(from.u16()?);
    if len > EXTENSION_MAX {
        return Err("has an extension area above the limit");
    }
    let area = from.take(len)?;
    extension::check(area)?;
    Ok(area)
}
