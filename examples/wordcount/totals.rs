//! Adds up what the workers counted.

use std::collections::{BTreeMap, HashMap};

use crate::count::Counts;

/// The sums over all chunks that came back so far. As large as the distinct words, whatever was read.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    counts: HashMap<Vec<u8>, u64>,
    words: u64,
    bytes: u64,
    /// By node: chunks that it counted.
    chunks: BTreeMap<String, u64>,
}

impl Totals {
    /// Adds the counts of a chunk of `bytes` bytes.
    pub(crate) fn add(&mut self, counts: &Counts, bytes: u64) {
        for (word, times) in counts.iter() {
            self.words += times;
            match self.counts.get_mut(word) {
                Some(sum) => *sum += times,
                None => drop(self.counts.insert(word.to_vec(), times)),
            }
        }
        self.bytes += bytes;
        match self.chunks.get_mut(counts.node()) {
            Some(chunks) => *chunks += 1,
            None => drop(self.chunks.insert(counts.node().to_owned(), 1)),
        }
    }

    /// All words, each as often as it was seen.
    pub(crate) fn words(&self) -> u64 {
        self.words
    }

    /// Words that differ in at least one byte.
    pub(crate) fn distinct(&self) -> usize {
        self.counts.len()
    }

    /// Bytes that were counted, white space included.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// By node: chunks that it counted.
    pub(crate) fn chunks(&self) -> &BTreeMap<String, u64> {
        &self.chunks
    }

    /// The `limit` most frequent words, the most frequent first, equals by their bytes.
    pub(crate) fn most_frequent(&self, limit: usize) -> Vec<(&[u8], u64)> {
        let by_rank = |a: &(&[u8], u64), b: &(&[u8], u64)| b.1.cmp(&a.1).then(a.0.cmp(b.0));
        let mut ranked: Vec<_> = self.counts.iter().map(|(word, times)| (word.as_slice(), *times)).collect();
        if ranked.len() > limit {
            ranked.select_nth_unstable_by(limit, by_rank);
            ranked.truncate(limit);
        }
        ranked.sort_unstable_by(by_rank);
        ranked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(chunks: &[(&str, &str)]) -> Totals {
        let mut totals = Totals::default();
        for (node, text) in chunks {
            totals.add(&Counts::of(text.as_bytes(), (*node).to_owned()), text.len() as u64);
        }
        totals
    }

    #[test]
    fn chunks_of_several_nodes_add_up() {
        let totals = totals(&[("one", "a b a"), ("two", "b c"), ("one", " ")]);
        assert_eq!((totals.words(), totals.distinct(), totals.bytes()), (5, 3, 9));
        assert_eq!(totals.chunks()["one"], 2);
        assert_eq!(totals.chunks()["two"], 1);
    }

    #[test]
    fn the_most_frequent_come_first_and_equals_by_name() {
        let totals = totals(&[("one", "d c c b b a a a")]);
        assert_eq!(totals.most_frequent(3), [(&b"a"[..], 3), (b"b", 2), (b"c", 2)]);
        assert_eq!(totals.most_frequent(9).len(), 4);
        assert!(totals.most_frequent(0).is_empty());
    }
}
