//! Cuts a stream of bytes into chunks, and never through a word.
//!
//! The reader holds one chunk and the word that it ends in, however large the stream is.

use std::io::{self, Read};

use crate::count::is_space;

/// Size at which a chunk is cut, in bytes: a few milliseconds of counting.
const CHUNK: usize = 1 << 20;
/// Bytes that are read at a time while the end of a long word is looked for.
const STEP: usize = 64 << 10;
/// Longest word, in bytes. A stream without white space (`/dev/zero`) is refused here before it fills the memory;
/// a chunk with such a word still fits into one call, whose arguments may have 64 MiB.
const WORD_MAX: usize = 32 << 20;

/// A part of a stream that begins and ends between words.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Where the chunk begins in its stream, in bytes.
    pub(crate) offset: u64,
    /// At most [`CHUNK`] bytes, or a little more than one long word; never empty.
    pub(crate) bytes: Vec<u8>,
}

/// The chunks of a stream, in order. Ends after the first error.
#[derive(Debug)]
pub(crate) struct Chunks<R> {
    source: R,
    /// The word that the last chunk would have cut: read already, without white space.
    started: Vec<u8>,
    offset: u64,
    chunk: usize,
    word_max: usize,
    ended: bool,
}

impl<R: Read> Chunks<R> {
    /// Cuts `source` into chunks of about 1 MiB.
    pub(crate) fn new(source: R) -> Self {
        Self { source, started: Vec::new(), offset: 0, chunk: CHUNK, word_max: WORD_MAX, ended: false }
    }

    /// Reads on until `bytes` can be cut at white space or the stream ends.
    fn fill(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let searched = bytes.len();
            let wanted = self.chunk.saturating_sub(searched).max(STEP.min(self.chunk)) as u64;
            let read = self.source.by_ref().take(wanted).read_to_end(bytes)? as u64;
            if read < wanted {
                self.ended = true;
                return Ok(());
            }
            if let Some(space) = bytes[searched..].iter().rposition(|byte| is_space(*byte)) {
                self.started = bytes.split_off(searched + space + 1);
                return Ok(());
            }
            if bytes.len() > self.word_max {
                let problem = format!("the word at byte {} is longer than {} bytes", self.offset, self.word_max);
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
        }
    }
}

impl<R: Read> Iterator for Chunks<R> {
    type Item = io::Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let mut bytes = std::mem::take(&mut self.started);
        if let Err(error) = self.fill(&mut bytes) {
            self.ended = true;
            return Some(Err(error));
        }
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        (!bytes.is_empty()).then_some(Ok(Chunk { offset, bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &[u8], chunk: usize) -> Vec<String> {
        let chunks = Chunks { chunk, ..Chunks::new(text) };
        chunks.map(|chunk| String::from_utf8(chunk.unwrap().bytes).unwrap()).collect()
    }

    /// Gives the same eight bytes again and again, and stores nothing.
    struct Endless {
        given: u64,
        end: u64,
    }

    impl Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let line = b"word on\n";
            let length = into.len().min((self.end - self.given) as usize);
            for (at, byte) in into[..length].iter_mut().enumerate() {
                *byte = line[(self.given as usize + at) % line.len()];
            }
            self.given += length as u64;
            Ok(length)
        }
    }

    #[test]
    fn chunks_are_cut_after_white_space() {
        assert_eq!(cut(b"one two three", 5), ["one ", "two ", "three"]);
        assert_eq!(cut(b"one\ntwo\n", 8), ["one\ntwo\n"]);
    }

    #[test]
    fn nothing_gives_no_chunk() {
        assert!(cut(b"", 4).is_empty());
    }

    #[test]
    fn a_word_longer_than_a_chunk_stays_whole() {
        assert_eq!(cut(b"a longestword b", 4), ["a ", "longestword b"]);
        assert_eq!(cut(b"longestword", 4), ["longestword"]);
    }

    #[test]
    fn a_word_of_three_mebibytes_is_one_chunk() {
        let word = vec![b'x'; 3 << 20];
        let text = [&word[..], b" tail"].concat();
        let chunks: Vec<_> = Chunks::new(&text[..]).map(Result::unwrap).collect();
        assert!(chunks[0].bytes.starts_with(&word));
        assert_eq!(chunks.iter().map(|chunk| chunk.bytes.len()).sum::<usize>(), text.len());
    }

    #[test]
    fn every_byte_comes_once_and_in_order() {
        let text: Vec<u8> = (0..5000_u32).flat_map(|n| format!("{n}\t").into_bytes()).collect();
        for size in [1, 2, 7, 64, 4096] {
            let mut seen = Vec::new();
            for chunk in (Chunks { chunk: size, ..Chunks::new(&text[..]) }) {
                let chunk = chunk.unwrap();
                assert_eq!(chunk.offset, seen.len() as u64, "chunks of {size}");
                seen.extend(chunk.bytes);
            }
            assert_eq!(seen, text, "chunks of {size}");
        }
    }

    #[test]
    fn a_large_stream_is_never_held() {
        let end = 300 << 20;
        let mut seen = 0;
        for chunk in Chunks::new(Endless { given: 0, end }) {
            let bytes = chunk.unwrap().bytes;
            assert!(bytes.len() <= CHUNK, "a chunk of {} bytes", bytes.len());
            assert!(bytes.capacity() <= 2 * CHUNK, "room for {} bytes", bytes.capacity());
            assert!(is_space(bytes[bytes.len() - 1]));
            seen += bytes.len() as u64;
        }
        assert_eq!(seen, end);
    }

    #[test]
    fn a_stream_without_white_space_is_refused_in_time() {
        let mut chunks = Chunks { word_max: 1000, chunk: 100, ..Chunks::new(io::repeat(0)) };
        let error = chunks.next().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the word at byte 0 is longer than 1000 bytes");
        assert!(chunks.next().is_none());
    }

    #[test]
    fn a_failing_reader_ends_the_chunks() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("unplugged"))
            }
        }
        let mut chunks = Chunks::new(Broken);
        assert_eq!(chunks.next().unwrap().unwrap_err().to_string(), "unplugged");
        assert!(chunks.next().is_none());
    }
}
