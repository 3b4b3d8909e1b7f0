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

use bytes::{Buf as _, BufMut, Bytes};
use rand::Rng as _;
use rand::rngs::StdRng;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::network::{latency, never, sent_again};
use super::way::Way;

/// Bytes under way and unread.
const BYTES_MAX: usize = 256 * 1024;
/// Of so many writes one arrives in two parts.
const SPLITS_ONE_IN: u32 = 4;
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
    way: Way,
    /// Since when nothing arrives, while it does not.
    silent_since: Option<Instant>,
    /// What everything on this connection takes longer.
    lingers: Duration,
    /// No answer comes back to the writer.
    unanswered: bool,
    /// The reader hears nothing any more, not even an end.
    unheard: bool,
    /// The writer learns nothing any more, and what it writes is lost.
    unknowing: bool,
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
    /// The way may change, as may the way back, on which the writer learns what became of its bytes.
    pub(super) fn new(rng: StdRng, way: Way, back: Way) -> Self {
        let now = Instant::now();
        let state = State {
            chunks: VecDeque::new(),
            bytes: 0,
            rng,
            last_due: now,
            end: None,
            left: None,
            way,
            silent_since: way.silent.then_some(now),
            lingers: Duration::ZERO,
            unanswered: back.silent,
            unheard: false,
            unknowing: false,
        };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    pub(super) fn try_read(&self, buf: &mut impl BufMut, now: Instant) -> io::Result<usize> {
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
            // Nobody sends a reset again that was lost.
            let due = if state.way.silent { never(now) } else { state.arrival(now) };
            state.end = Some(End { due, reset: true });
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

    /// Both ends learn at once that the connection is broken. Of what is under way any part has arrived by then, down to
    /// the middle of a frame.
    pub(super) fn cut(&self, now: Instant) {
        self.change(|state| {
            state.lose_the_rest(now);
            // An end learns that from its own host, whatever arrives.
            (state.silent_since, state.unanswered) = (None, false);
            state.end = Some(End { due: now, reset: true });
        });
    }

    /// The way is another one from now on.
    pub(super) fn change_way(&self, way: Way, now: Instant) {
        self.change(|state| state.change_way(way, now));
    }

    pub(super) fn change_way_back(&self, back: Way) {
        self.change(|state| state.unanswered = back.silent);
    }

    /// All takes longer from now on, what is under way as well.
    pub(super) fn linger(&self, delay: Duration) {
        self.change(|state| {
            let due =
                state.chunks.iter_mut().map(|chunk| &mut chunk.due).chain(state.end.iter_mut().map(|end| &mut end.due));
            due.for_each(|due| *due += delay);
            state.last_due += delay;
            state.lingers = delay;
        });
    }

    /// Nothing arrives at the reader any more, for ever.
    pub(super) fn lose_reader(&self) {
        self.change(|state| state.unheard = true);
    }

    /// The writer writes on, for nobody.
    pub(super) fn lose_writer(&self) {
        self.change(|state| {
            state.unknowing = true;
            state.lose_all();
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
    fn take(&mut self, buf: &mut impl BufMut, now: Instant) -> io::Result<usize> {
        if self.unheard {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let arrived = self.arrived(now);
        let mut taken = 0;
        while let Some(chunk) = self.chunks.front_mut().filter(|chunk| chunk.due <= arrived) {
            let count = chunk.bytes.len().min(READ_BYTES_MAX - taken).min(buf.remaining_mut());
            buf.put_slice(&chunk.bytes[..count]);
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
            Some(end) if end.due <= arrived && self.chunks.is_empty() => match end.reset {
                true => Err(io::ErrorKind::ConnectionReset.into()),
                false => Ok(0),
            },
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn put(&mut self, bytes: &[u8], now: Instant) -> io::Result<usize> {
        if self.unknowing {
            return Ok(bytes.len());
        }
        if self.end.is_some() || self.left.is_some_and(|learned| learned <= now && !self.way.silent && !self.unanswered)
        {
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
        // In segments, as TCP does: a connection that breaks may have brought a part.
        let whole = Bytes::copy_from_slice(&bytes[..count]);
        let cut = if self.rng.random_ratio(1, SPLITS_ONE_IN) { self.rng.random_range(0..count) } else { 0 };
        for segment in [whole.slice(..cut), whole.slice(cut..)].into_iter().filter(|segment| !segment.is_empty()) {
            let due = self.arrival(now) + self.way.takes(segment.len());
            self.last_due = due;
            self.chunks.push_back(Chunk { due, bytes: segment });
        }
        self.bytes += count;
        Ok(count)
    }

    /// When what is sent now arrives: never before what was sent earlier.
    fn arrival(&mut self, now: Instant) -> Instant {
        self.last_due = self.last_due.max(now + latency(&mut self.rng) + self.way.delay + self.lingers);
        self.last_due
    }

    /// Until when what is due has arrived.
    fn arrived(&self, now: Instant) -> Instant {
        self.silent_since.map_or(now, |since| since.min(now))
    }

    fn change_way(&mut self, way: Way, now: Instant) {
        self.way = way;
        match self.silent_since {
            None => self.silent_since = way.silent.then_some(now),
            Some(_) if way.silent => {}
            Some(since) => {
                self.silent_since = None;
                let again = now + sent_again(&mut self.rng, now - since);
                let lost = self.chunks.iter_mut().map(|chunk| &mut chunk.due);
                let lost = lost.chain(self.end.iter_mut().map(|end| &mut end.due)).filter(|due| **due > since);
                lost.for_each(|due| *due = again.max(*due));
                self.last_due = self.last_due.max(again);
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        if self.left.is_some() {
            // The reader was aborted while it waits.
            return Some(Instant::now());
        }
        if self.unheard {
            return None;
        }
        let due = self.chunks.front().map(|chunk| chunk.due).or_else(|| self.end.map(|end| end.due));
        due.filter(|due| self.silent_since.is_none_or(|since| *due <= since))
    }

    fn is_writable(&self) -> bool {
        self.bytes < BYTES_MAX || self.end.is_some() || self.left.is_some() || self.unknowing
    }

    fn lose(&mut self, now: Instant) {
        let arrived = self.arrived(now);
        self.chunks.retain(|chunk| chunk.due <= arrived);
        self.bytes = self.chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        self.last_due = now;
    }

    /// Has some of what is under way arrive now, and none of what is lost in a silence.
    fn lose_the_rest(&mut self, now: Instant) {
        if self.silent_since.is_some() {
            return self.lose(now);
        }
        let mut left = self.rng.random_range(0..=self.bytes);
        self.bytes = left;
        self.chunks.retain_mut(|chunk| {
            chunk.due = chunk.due.min(now);
            chunk.bytes.truncate(left);
            left -= chunk.bytes.len();
            !chunk.bytes.is_empty()
        });
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
