//! The job: reads files, has each chunk counted somewhere, and adds up.
//!
//! A blocking thread reads, this task awaits at most [`IN_FLIGHT`] calls. So no more chunks exist at a time than those
//! calls hold, one that waits between the two, and one that is being read: a file may be larger than memory.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use atasks::Retry;
use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::chunks::{Chunk, Chunks};
use crate::count::{Counts, count};
use crate::files::{Source, Unreadable};
use crate::loss::{NotCounted, Piece};
use crate::totals::Totals;

/// Calls awaited at a time. Fewer leave workers idle, more only hold memory: 1 MiB each.
const IN_FLIGHT: usize = 32;

/// What to count, and how.
#[derive(Debug)]
pub(crate) struct Job {
    /// Read in this order.
    pub(crate) files: Vec<Source>,
    /// How often a chunk is counted again after its node was lost.
    pub(crate) retries: u32,
    /// Moves by the bytes that were counted.
    pub(crate) progress: ProgressBar,
}

/// How a job ended.
#[derive(Debug)]
pub(crate) struct Done {
    /// The sums over all that could be read.
    pub(crate) totals: Totals,
    /// From the first byte read to the last count added.
    pub(crate) took: Duration,
    /// Files that could not be read to their end; each was named on stderr.
    pub(crate) unreadable: usize,
}

impl Job {
    /// Counts all files on the nodes of the current scope.
    ///
    /// # Errors
    /// [`NotCounted`] for the first chunk whose counts did not come back.
    pub(crate) async fn run(self) -> atasks::Result<Done> {
        let Self { files, retries, progress } = self;
        let started = Instant::now();
        let (sender, mut chunks) = mpsc::channel(1);
        let reader = tokio::task::spawn_blocking({
            let progress = progress.clone();
            move || read(files, &progress, |piece, chunk| sender.blocking_send((piece, chunk)).is_ok())
        });
        let mut counted = stream::poll_fn(|context| chunks.poll_recv(context))
            .map(|(piece, chunk)| count_again(piece, chunk, retries))
            .buffer_unordered(IN_FLIGHT);
        let mut totals = Totals::default();
        while let Some(next) = counted.next().await {
            let (counts, bytes) = next?;
            totals.add(&counts, bytes);
            progress.inc(bytes);
        }
        Ok(Done { totals, took: started.elapsed(), unreadable: reader.await? })
    }

    /// Counts all files in this thread: what the job takes without a cluster.
    pub(crate) fn run_alone(self) -> Done {
        let started = Instant::now();
        let mut totals = Totals::default();
        let unreadable = read(self.files, &self.progress, |piece, chunk| {
            totals.add(&Counts::of(&chunk, "this thread".to_owned()), piece.bytes);
            self.progress.inc(piece.bytes);
            true
        });
        Done { totals, took: started.elapsed(), unreadable }
    }
}

/// Awaits the counts of one chunk; says, if they do not come, which part of which file that was.
async fn count_again(piece: Piece, chunk: Vec<u8>, retries: u32) -> Result<(Counts, u64), NotCounted> {
    let call = count(chunk);
    let call = if retries > 0 { call.idempotent().retry(Retry::times(retries)) } else { call };
    match call.await {
        Ok(counts) => Ok((counts, piece.bytes)),
        Err(error) => Err(NotCounted::new(piece, retries, &error)),
    }
}

/// Has the chunks of all files taken, until that gives false; names what cannot be read and tells how many that were.
fn read(files: Vec<Source>, progress: &ProgressBar, mut take: impl FnMut(Piece, Vec<u8>) -> bool) -> usize {
    let mut unreadable = 0;
    for Source { path, .. } in files {
        let file: Arc<Path> = path.into();
        let sent = File::open(&file).and_then(|open| {
            for chunk in Chunks::new(open) {
                let Chunk { offset, bytes } = chunk?;
                let piece = Piece { file: Arc::clone(&file), offset, bytes: bytes.len() as u64 };
                if !take(piece, bytes) {
                    break; // The job has ended, and every further file will find that out as soon.
                }
            }
            Ok(())
        });
        if let Err(source) = sent {
            let named = Unreadable { path: file.to_path_buf(), source };
            progress.suspend(|| eprintln!("wordcount: {named}"));
            unreadable += 1;
        }
    }
    unreadable
}
