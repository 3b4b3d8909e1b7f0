//! The table that is printed at the end.

use std::fmt;
use std::time::Duration;

use crate::totals::Totals;

/// How many of the most frequent words are shown.
const FREQUENT: usize = 20;
/// Longest word that is shown whole, in characters.
const SHOWN: usize = 40;

/// All that is told about a job that ended.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    /// What was counted.
    pub(crate) totals: &'a Totals,
    /// From the first byte read to the last count added.
    pub(crate) took: Duration,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>16}  words", grouped(self.totals.words()))?;
        writeln!(f, "{:>16}  distinct words", grouped(self.totals.distinct() as u64))?;
        self.frequent(f)?;
        self.nodes(f)?;
        let mebibytes = self.totals.bytes() as f64 / (1 << 20) as f64;
        let seconds = self.took.as_secs_f64();
        writeln!(f, "\n{seconds:>16.3}  seconds")?;
        writeln!(f, "{:>16.1}  MiB/s ({mebibytes:.1} MiB)", mebibytes / seconds.max(1e-6))
    }
}

impl Table<'_> {
    fn frequent(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frequent = self.totals.most_frequent(FREQUENT);
        if frequent.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{:>16}   share  most frequent", "times")?;
        for (word, times) in frequent {
            let (times, share) = (grouped(times), share(times, self.totals.words()));
            writeln!(f, "{times:>16}  {share}  {}", shown(word))?;
        }
        Ok(())
    }

    fn nodes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chunks = self.totals.chunks();
        if chunks.is_empty() {
            return Ok(());
        }
        let all = chunks.values().sum();
        writeln!(f, "\n{:>16}   share  counted by node", "chunks")?;
        for (node, chunks) in chunks {
            writeln!(f, "{:>16}  {}  {node}", grouped(*chunks), share(*chunks, all))?;
        }
        Ok(())
    }
}

/// `part` of `whole` in percent, six characters wide.
fn share(part: u64, whole: u64) -> String {
    format!("{:>5.1}%", 100.0 * part as f64 / whole as f64)
}

/// The number with a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A word as a person may see it: bytes that are no UTF-8, and characters that would steer a terminal, become `\u{fffd}`,
/// and of a long word the middle is left out.
fn shown(word: &[u8]) -> String {
    // Four bytes hold any character, so this much of each end is enough, and a word of megabytes costs nothing.
    let ends = SHOWN * 4;
    let readable = |bytes: &[u8]| -> Vec<char> {
        let steers = |c: char| {
            c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        String::from_utf8_lossy(bytes).chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
    };
    if word.len() <= ends {
        let whole = readable(word);
        if whole.len() <= SHOWN {
            return whole.into_iter().collect();
        }
    }
    let head = readable(&word[..word.len().min(ends)]);
    let tail = readable(&word[word.len().saturating_sub(ends)..]);
    let half = SHOWN / 2;
    let (head, tail) = (&head[..half], &tail[tail.len() - half + 1..]);
    head.iter().chain(&['…']).chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::Counts;

    fn printed(text: &[u8]) -> String {
        let mut totals = Totals::default();
        totals.add(&Counts::of(text, "host-1".to_owned()), text.len() as u64);
        Table { totals: &totals, took: Duration::from_millis(500) }.to_string()
    }

    #[test]
    fn the_table_of_a_sentence() {
        let expected = "               6  words
               4  distinct words

           times   share  most frequent
               2   33.3%  be
               2   33.3%  to
               1   16.7%  not
               1   16.7%  or

          chunks   share  counted by node
               1  100.0%  host-1

           0.500  seconds
             0.0  MiB/s (0.0 MiB)
";
        assert_eq!(printed(b"to be or not to be"), expected);
    }

    #[test]
    fn nothing_counted_has_no_lists() {
        let nothing = Table { totals: &Totals::default(), took: Duration::ZERO }.to_string();
        assert!(nothing.starts_with("               0  words\n"), "{nothing}");
        assert!(!nothing.contains("share") && !nothing.contains("NaN"), "{nothing}");
    }

    #[test]
    fn only_twenty_words_are_listed() {
        let text: String = (0..100).map(|n| format!("w{n} ")).collect();
        assert_eq!(printed(text.as_bytes()).matches("  w").count(), 20 + 1);
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn a_word_cannot_steer_the_terminal() {
        assert_eq!(shown(b"\x1b[2J"), "\u{fffd}[2J");
        assert_eq!(shown("a\u{202e}b".as_bytes()), "a\u{fffd}b");
        assert_eq!(shown(b"caf\xe9"), "caf\u{fffd}");
    }

    #[test]
    fn a_long_word_loses_its_middle() {
        for word in ["x".repeat(3 << 20), "é".repeat(41), "𝄞".repeat(100_000)] {
            let shown = shown(word.as_bytes());
            assert_eq!(shown.chars().count(), SHOWN);
            assert!(shown.contains('…') && word.starts_with(&shown[..8]), "{shown}");
        }
        assert_eq!(shown("é".repeat(40).as_bytes()), "é".repeat(40));
    }
}
