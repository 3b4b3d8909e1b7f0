//! Where encoded bytes go: stored up to a limit, only counted above it.

use bincode::{
    config::{self, Configuration},
    enc::{EncoderImpl, write::Writer},
    error::EncodeError,
};

/// What most values fit into: those are allocated once, to their very size, which `Bytes` takes as it is.
const SMALL: usize = 64;

/// The bytes of one value.
pub(super) struct Output {
    /// All of them while they fit.
    small: [u8; SMALL],
    /// How many of those there are.
    used: usize,
    /// All of them once they do not, while they are not above the limit; then none.
    bytes: Vec<u8>,
    limit: usize,
    /// How many there would be, once they are above the limit.
    above: Option<usize>,
}

/// bincode's encoder of what cannot be taken apart.
pub(super) type Encoder<'a> = EncoderImpl<&'a mut Output, Configuration>;

impl Output {
    pub(super) fn new(limit: usize) -> Self {
        Self { small: [0; SMALL], used: 0, bytes: Vec::new(), limit, above: None }
    }

    pub(super) fn encoder(&mut self) -> Encoder<'_> {
        EncoderImpl::new(self, config::standard())
    }

    /// The bytes; above the limit, how many they would have been.
    pub(super) fn finish(self) -> Result<Vec<u8>, usize> {
        match self.above {
            Some(size) => Err(size),
            None if self.used > 0 => Ok(self.small[..self.used].to_vec()),
            None => Ok(self.bytes),
        }
    }

    fn len(&self) -> usize {
        self.used + self.bytes.len()
    }

    /// Moves what is small to where there is room for more.
    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        self.bytes.reserve((self.used + bytes.len()).max(4 * SMALL));
        self.bytes.extend_from_slice(&self.small[..self.used]);
        self.bytes.extend_from_slice(bytes);
        self.used = 0;
    }

    #[cold]
    fn count(&mut self, bytes: usize) {
        self.above = Some(self.above.unwrap_or(self.len()).saturating_add(bytes));
        (self.bytes, self.used) = (Vec::new(), 0);
        self.limit = 0;
    }
}

impl Writer for Output {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        if bytes.len() > self.limit - self.len() {
            self.count(bytes.len());
        } else if !self.bytes.is_empty() {
            self.bytes.extend_from_slice(bytes);
        } else if let Some(room) = self.small.get_mut(self.used..self.used + bytes.len()) {
            room.copy_from_slice(bytes);
            self.used += bytes.len();
        } else {
            self.spill(bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(parts: &[&[u8]], limit: usize) -> Result<Vec<u8>, usize> {
        let mut output = Output::new(limit);
        for part in parts {
            output.write(part).unwrap();
        }
        output.finish()
    }

    #[test]
    fn bytes_up_to_the_limit_are_kept_and_one_more_is_counted() {
        for size in [0, 1, SMALL, SMALL + 1, 5000] {
            let bytes = vec![7; size];
            for part in [1, 7, SMALL + 1, 5000] {
                let parts: Vec<&[u8]> = bytes.chunks(part).collect();
                assert_eq!(written(&parts, size).as_ref(), Ok(&bytes), "{size} bytes by {part}");
                if size > 0 {
                    assert_eq!(written(&parts, size - 1), Err(size), "{size} bytes by {part}");
                }
            }
        }
    }

    #[test]
    fn bytes_above_the_limit_take_no_memory() {
        let mut output = Output::new(1000);
        for _ in 0..200 {
            output.write(&[0; 10]).unwrap();
        }
        assert_eq!(output.bytes.capacity(), 0);
        assert_eq!(output.finish(), Err(2000));
    }

    #[test]
    fn nothing_is_stored_again_once_the_limit_was_passed() {
        assert_eq!(written(&[b"abc", b"defg", b"", b"h"], 5), Err(8));
    }
}
