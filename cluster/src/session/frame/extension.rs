//! The extension area: entries of kind, length and bytes, of which a reader skips what it does not know.

use super::super::cursor::{Cursor, Malformed};
use super::super::limits::EXTENSION_MAX;

/// Entry kind: the caller's baggage.
pub const BAGGAGE: u8 = 1;
/// Entry kind: limits held by the invocation's ancestors.
pub const HELD_LIMITS: u8 = 2;
/// Entry kind: the label of the call.
pub const LABEL: u8 = 3;
/// Entry kind: trace context; reserved.
pub const TRACE_CONTEXT: u8 = 4;
/// Entry kind, of no bytes: the arguments are JSON, and so is the result to be.
pub const JSON: u8 = 5;
/// Entry kind, of no bytes: the call is meant for the receiver, which is not to hand it back for want of a free executor.
pub const PINNED: u8 = 6;
/// Entry kind: nodes that were lost with calls of the same root; only when there are any.
pub const LOST_NODES: u8 = 7;

/// The extension area would exceed [`EXTENSION_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("extension area of {bytes} bytes, at most {EXTENSION_MAX} are allowed")]
pub struct AreaFull {
    /// What the area would measure.
    pub bytes: usize,
}

/// Appends an entry to an area.
///
/// # Errors
/// The area would grow above [`EXTENSION_MAX`]; it is left as it was.
pub fn put(area: &mut Vec<u8>, kind: u8, bytes: &[u8]) -> Result<(), AreaFull> {
    let grown = area.len() + 3 + bytes.len();
    let (true, Ok(len)) = (grown <= EXTENSION_MAX, u16::try_from(bytes.len())) else {
        return Err(AreaFull { bytes: grown });
    };
    area.push(kind);
    area.extend_from_slice(&len.to_le_bytes());
    area.extend_from_slice(bytes);
    Ok(())
}

/// Returns the bytes of the first entry of this kind.
pub fn find(area: &[u8], kind: u8) -> Option<&[u8]> {
    entries(area).find_map(|(k, bytes)| (k == kind).then_some(bytes))
}

/// Walks over the entries of an area as kind and bytes; ends at the first that is malformed.
pub fn entries(area: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut cursor = Cursor::new(area);
    std::iter::from_fn(move || entry(&mut cursor).ok())
}

/// Refuses an area that is not a sequence of whole entries.
pub(in super::super) fn check(area: &[u8]) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(area);
    while !cursor.is_empty() {
        entry(&mut cursor)?;
    }
    Ok(())
}

fn entry<'a>(cursor: &mut Cursor<'a>) -> Result<(u8, &'a [u8]), Malformed> {
    let kind = cursor.u8()?;
    let len = cursor.u16()?;
    Ok((kind, cursor.take(len.into())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_entries_are_skipped() {
        let mut area = Vec::new();
        put(&mut area, 200, b"from the future").unwrap();
        put(&mut area, LABEL, b"resize").unwrap();
        assert_eq!(find(&area, LABEL), Some(&b"resize"[..]));
        assert_eq!(find(&area, BAGGAGE), None);
        assert_eq!(entries(&area).count(), 2);
        assert_eq!(check(&area), Ok(()));
    }

    #[test]
    fn a_cut_entry_is_refused_at_every_length() {
        let mut area = Vec::new();
        put(&mut area, LABEL, b"resize").unwrap();
        for len in 1..area.len() {
            assert_eq!(check(&area[..len]), Err("ends early"));
        }
    }

    #[test]
    fn a_full_area_takes_no_entry_and_stays_as_it_was() {
        let mut area = Vec::new();
        put(&mut area, BAGGAGE, &[0; EXTENSION_MAX - 3]).unwrap();
        assert_eq!(put(&mut area, LABEL, b""), Err(AreaFull { bytes: EXTENSION_MAX + 3 }));
        assert_eq!(put(&mut area, LABEL, &[0; 70_000]), Err(AreaFull { bytes: EXTENSION_MAX + 70_003 }));
        assert_eq!(area.len(), EXTENSION_MAX);
    }
}
