//! Numbers of frames: both ends count the numbered frames in the order of the wire, none carries its number.
//!
//! Heartbeats, acks and goodbyes are not numbered. Once links resume, the cumulative `processed` of one end tells the
//! other what it need not keep.

use super::error::ProtocolError;
use super::limits::{ACK_BYTES, ACK_FRAMES};

/// Counts the numbered frames that were written, and how many of them the peer has processed.
#[derive(Debug, Default)]
pub(super) struct Written {
    frames: u64,
    acknowledged: u64,
}

impl Written {
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    pub(super) fn count(&mut self, frames: u64) {
        self.frames += frames;
    }

    /// Takes the peer's word for what it processed. What is kept for a replay will be let go here.
    pub(super) fn acknowledge(&mut self, processed: u64) -> Result<(), ProtocolError> {
        let Self { frames: written, acknowledged } = *self;
        if processed < acknowledged || processed > written {
            return Err(ProtocolError::Acknowledgement { processed, acknowledged, written });
        }
        self.acknowledged = processed;
        Ok(())
    }
}

/// Counts the numbered frames that were processed, and what of that the peer was told.
#[derive(Debug, Default)]
pub(super) struct Processed {
    frames: u64,
    told: u64,
    bytes_untold: u64,
}

impl Processed {
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    pub(super) fn count(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes_untold += bytes as u64;
    }

    pub(super) fn ack_due(&self) -> bool {
        self.frames - self.told >= ACK_FRAMES || self.bytes_untold >= ACK_BYTES
    }

    /// Returns the number to tell the peer now, and takes it for told.
    pub(super) fn tell(&mut self) -> u64 {
        self.told = self.frames;
        self.bytes_untold = 0;
        self.frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ack_is_due_after_frames_or_bytes() {
        let mut few_large = Processed::default();
        few_large.count(ACK_BYTES as usize - 1);
        assert!(!few_large.ack_due());
        few_large.count(1);
        assert!(few_large.ack_due());
        assert_eq!(few_large.tell(), 2);
        assert!(!few_large.ack_due());

        let mut many_small = Processed::default();
        (1..ACK_FRAMES).for_each(|_| many_small.count(9));
        assert!(!many_small.ack_due());
        many_small.count(9);
        assert!(many_small.ack_due());
    }

    #[test]
    fn a_peer_cannot_have_processed_what_was_not_written_nor_take_it_back() {
        let mut written = Written::default();
        written.count(10);
        assert_eq!(written.acknowledge(7), Ok(()));
        assert_eq!(written.acknowledge(7), Ok(()));
        for processed in [6, 11, u64::MAX] {
            let refused = ProtocolError::Acknowledgement { processed, acknowledged: 7, written: 10 };
            assert_eq!(written.acknowledge(processed), Err(refused));
        }
        assert_eq!(written.acknowledged(), 7);
    }
}
