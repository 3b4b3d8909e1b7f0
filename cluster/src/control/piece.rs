//! What the two ends of a link say about ractor_cluster's stream, one piece in each Ractor frame.
//!
//! A piece is a byte that tells its kind, the number of the stream (u32), and what belongs to it; numbers are
//! little-endian.

use crate::session::limits::CHUNK_BYTES;

/// Bytes before the data of a piece.
const HEAD_BYTES: usize = 5;

/// Most data of one piece, so that the session does not split it.
pub(super) const DATA_MAX: usize = CHUNK_BYTES - HEAD_BYTES;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A new stream, which replaces the one before.
    Opened,
    /// Bytes of the stream.
    Data(&'a [u8]),
    /// The receiver has read so many bytes: so many more may be sent.
    Granted(u32),
    /// The sender's session over the stream is over.
    Closed,
    /// The sender takes no part in ractor's cluster.
    Absent,
}

impl<'a> Piece<'a> {
    pub(super) fn encode(self, stream: u32) -> Vec<u8> {
        let granted;
        let (kind, body): (u8, &[u8]) = match self {
            Self::Opened => (1, &[]),
            Self::Data(bytes) => (2, bytes),
            Self::Granted(bytes) => {
                granted = bytes.to_le_bytes();
                (3, &granted)
            }
            Self::Closed => (4, &[]),
            Self::Absent => (5, &[]),
        };
        [&[kind], &stream.to_le_bytes()[..], body].concat()
    }

    /// None: it comes from a later version, or means nothing.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<(u32, Self)> {
        let (head, body) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let [kind, stream @ ..] = *head;
        let piece = match kind {
            1 => Self::Opened,
            2 => Self::Data(body),
            3 => Self::Granted(u32::from_le_bytes(body.try_into().ok()?)),
            4 => Self::Closed,
            5 => Self::Absent,
            _ => return None,
        };
        Some((u32::from_le_bytes(stream), piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_comes_as_it_went() {
        for piece in [Piece::Opened, Piece::Data(b"x"), Piece::Granted(7_000_000), Piece::Closed, Piece::Absent] {
            assert_eq!(Piece::decode(&piece.encode(70_000)), Some((70_000, piece)));
        }
    }

    #[test]
    fn what_is_no_piece_means_nothing() {
        for bytes in [&b""[..], b"\x01", b"\x02\0\0\0", b"\x00\0\0\0\0", b"\x09\0\0\0\0x", b"\x03\0\0\0\0\x01\x02"] {
            assert_eq!(Piece::decode(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn the_largest_piece_fits_into_a_frame() {
        assert_eq!(Piece::Data(&[0; DATA_MAX]).encode(1).len(), CHUNK_BYTES);
    }
}
