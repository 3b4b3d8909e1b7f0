//! Counts the words of one chunk: the work that is spread over the cluster.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Whether `byte` stands between words: the white space of C, and nothing else.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// How often each word stands in one chunk, and where that was counted.
///
/// The words travel as one run of bytes: a map of byte strings would cost an allocation a word at both ends.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// The node that counted.
    node: String,
    /// The distinct words, in no order, each with a space behind it (no word holds one).
    #[serde(with = "serde_bytes")]
    words: Vec<u8>,
    /// How often each of `words` was seen, in their order.
    times: Vec<u64>,
}

impl Counts {
    /// Counts the words of `chunk` in the name of `node`.
    pub(crate) fn of(chunk: &[u8], node: String) -> Self {
        let mut seen = HashMap::<&[u8], u64>::new();
        for word in chunk.split(|byte| is_space(*byte)).filter(|word| !word.is_empty()) {
            *seen.entry(word).or_default() += 1;
        }
        let mut words = Vec::with_capacity(seen.keys().map(|word| word.len() + 1).sum());
        let mut times = Vec::with_capacity(seen.len());
        for (word, count) in seen {
            words.extend_from_slice(word);
            words.push(b' ');
            times.push(count);
        }
        Self { node, words, times }
    }

    /// The node that counted.
    pub(crate) fn node(&self) -> &str {
        &self.node
    }

    /// Each distinct word, and how often it was seen.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.words.split(|byte| *byte == b' ').zip(self.times.iter().copied())
    }
}

/// Counts the words of one chunk on the worker that the call is placed on.
///
/// Counting twice does no harm, so a caller may make the call idempotent.
#[atasks::task]
pub(crate) async fn count(chunk: Vec<u8>) -> atasks::Result<Counts> {
    Ok(Counts::of(&chunk, atasks::current().node().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &[u8], expected: &[(&[u8], u64)]) {
        let counts = Counts::of(text, "here".to_owned());
        let mut found: Vec<_> = counts.iter().collect();
        found.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(counts.node(), "here");
    }

    #[test]
    fn equal_words_are_counted_together() {
        check(b"to be or not to be", &[(b"be", 2), (b"not", 1), (b"or", 1), (b"to", 2)]);
    }

    #[test]
    fn white_space_alone_has_no_words() {
        check(b"", &[]);
        check(b" \t\n\x0b\x0c\r ", &[]);
    }

    #[test]
    fn all_six_kinds_of_white_space_part_words() {
        check(
            b"a b\tc\nd\x0be\x0cf\rg",
            &[(b"a", 1), (b"b", 1), (b"c", 1), (b"d", 1), (b"e", 1), (b"f", 1), (b"g", 1)],
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_words_too() {
        check(b"\xff\xfe \0 \xff\xfe \xc2\xa0", &[(b"\0", 1), (b"\xc2\xa0", 1), (b"\xff\xfe", 2)]);
    }
}
