//! One direction of a connection: bytes under way, each due at a moment of virtual time.
//!
//! Like a socket, it takes bytes until a bound, keeps their order, and tells neither end at once what the other did:
//! an end, a reset or a reader that has left takes its time as bytes do. Its state is behind a std mutex because a
//! socket may be written from any thread; a simulation has but one, for outside of its runtime the clock is the real one.

use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::io;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Buf as _, Bytes, BytesMut};
use rand::rngs::StdRng;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::network::latency;

/// Bytes under way and unread.
const BYTES_MAX: usize = 256 * 1024;
/// Bytes for one read, as sockets give them.
const READ_BYTES_MAX: usize = 64 * 1024;

pub(super) struct Pipe {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    rng: StdRng,
    /// When the last of what is under way arrives; nothing overtakes it.
    last_due: Instant,
    end: Option<End>,
    /// When the writer learns that nobody reads any more.
    left: Option<Instant>,
}

struct Chunk {
    due: Instant,
    bytes: Bytes,
}

#[derive(Clone, Copy)]
struct End {
    due: Instant,
    reset: bool,
}

impl Pipe {
    pub(super) fn new(rng: StdRng) -> Self {
        let state = State { chunks: VecDeque::new(), bytes: 0, rng, last_due: Instant::now(), end: None, left: None };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    pub(super) fn try_read(&self, buf: &mut BytesMut, now: Instant) -> io::Result<usize> {
        let taken = self.lock().take(buf, now)?;
        if taken > 0 {
            self.changed.notify_waiters();
        }
        Ok(taken)
    }

    pub(super) fn try_write(&self, bytes: &[u8], now: Instant) -> io::Result<usize> {
        let taken = self.lock().put(bytes, now)?;
        self.changed.notify_waiters();
        Ok(taken)
    }

    /// Waits until the next bytes, or the end, have arrived.
    pub(super) async fn readable(&self) {
        self.wait(State::next_due).await;
    }

    /// Waits until there is room, or nobody to make any.
    pub(super) async fn writable(&self) {
        self.wait(|state| state.is_writable().then(Instant::now)).await;
    }

    /// Nothing more will be written; what is under way still arrives.
    pub(super) fn finish(&self, now: Instant) {
        self.change(|state| {
            if state.end.is_none() {
                state.end = Some(End { due: state.arrival(now), reset: false });
            }
        });
    }

    /// The writer breaks off: what has not arrived never does.
    pub(super) fn reset(&self, now: Instant) {
        self.change(|state| {
            state.lose(now);
            state.end = Some(End { due: state.arrival(now), reset: true });
        });
    }

    /// The reader goes: nothing is kept for it.
    pub(super) fn leave(&self, now: Instant) {
        self.change(|state| {
            state.lose_all();
            let learned = now + latency(&mut state.rng);
            state.left.get_or_insert(learned);
        });
    }

    /// Both ends learn at once that the connection is broken.
    pub(super) fn cut(&self, now: Instant) {
        self.change(|state| {
            state.lose_all();
            state.end = Some(End { due: now, reset: true });
            state.left = Some(now);
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_waiters();
    }

    /// Waits for the moment that `due` names, which any change may move.
    async fn wait(&self, due: impl Fn(&State) -> Option<Instant>) {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Before looking, so that no change slips in between.
            changed.as_mut().enable();
            let due = due(&self.lock());
            tokio::select! {
                biased;
                () = until(due) => return,
                () = changed => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipe({} bytes)", self.lock().bytes)
    }
}

impl State {
    fn take(&mut self, buf: &mut BytesMut, now: Instant) -> io::Result<usize> {
        let mut taken = 0;
        while let Some(chunk) = self.chunks.front_mut().filter(|chunk| chunk.due <= now) {
            let count = chunk.bytes.len().min(READ_BYTES_MAX - taken);
            buf.extend_from_slice(&chunk.bytes[..count]);
            chunk.bytes.advance(count);
            taken += count;
            if !chunk.bytes.is_empty() {
                break;
            }
            self.chunks.pop_front();
        }
        self.bytes -= taken;
        match self.end {
            _ if taken > 0 => Ok(taken),
            Some(end) if end.due <= now && self.chunks.is_empty() => match end.reset {
                true => Err(io::ErrorKind::ConnectionReset.into()),
                false => Ok(0),
            },
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn put(&mut self, bytes: &[u8], now: Instant) -> io::Result<usize> {
        if self.end.is_some() || self.left.is_some_and(|learned| learned <= now) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.left.is_some() || bytes.is_empty() {
            // Sent to nobody, which the writer cannot know yet.
            return Ok(bytes.len());
        }
        let count = bytes.len().min(BYTES_MAX - self.bytes);
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let due = self.arrival(now);
        self.chunks.push_back(Chunk { due, bytes: Bytes::copy_from_slice(&bytes[..count]) });
        self.bytes += count;
        Ok(count)
    }

    /// When what is sent now arrives: never before what was sent earlier.
    fn arrival(&mut self, now: Instant) -> Instant {
        self.last_due = self.last_due.max(now + latency(&mut self.rng));
        self.last_due
    }

    fn next_due(&self) -> Option<Instant> {
        if self.left.is_some() {
            // The reader was aborted while it waits.
            return Some(Instant::now());
        }
        self.chunks.front().map(|chunk| chunk.due).or_else(|| self.end.map(|end| end.due))
    }

    fn is_writable(&self) -> bool {
        self.bytes < BYTES_MAX || self.end.is_some() || self.left.is_some()
    }

    fn lose(&mut self, now: Instant) {
        self.chunks.retain(|chunk| chunk.due <= now);
        self.bytes = self.chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        self.last_due = now;
    }

    fn lose_all(&mut self) {
        self.chunks.clear();
        self.bytes = 0;
    }
}

async fn until(due: Option<Instant>) {
    match due {
        // The timer rounds up to its next tick even what is due already.
        Some(due) if due <= Instant::now() => {}
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
