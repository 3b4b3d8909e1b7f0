//! What happens to bytes on the way from one endpoint to another.

use std::time::Duration;

/// One direction between two endpoints; by default nothing is wrong with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// Nothing arrives.
    pub(super) silent: bool,
    /// Connections are refused.
    pub(super) refused: bool,
    /// What everything takes longer.
    pub(super) delay: Duration,
    /// Bytes that arrive in a millisecond; 0: all that are sent.
    pub(super) bytes_a_milli: usize,
}

impl Way {
    /// How long a number of bytes occupies the way.
    pub(super) fn takes(&self, bytes: usize) -> Duration {
        let micros = (bytes * 1000).checked_div(self.bytes_a_milli).unwrap_or(0);
        Duration::from_micros(micros as u64)
    }
}
