//! One stream of ractor_cluster over a link: a reading and a writing half with room for a window each way.
//!
//! ractor_cluster writes at most [`WINDOW`] bytes that the peer has not read, so that much at most waits in this link's
//! queue and in the peer's inbox: a slow reader stops the writer, and never the link. What ractor_cluster itself queues
//! before it writes is not bounded by it.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::{Buf, BytesMut};
use ractor_cluster::{BoxRead, BoxWrite, ClusterBidiStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::piece::{DATA_MAX, Piece};

/// Most bytes of a stream that are under way in one direction: sent, and not read.
pub(super) const WINDOW: usize = 1 << 20;

/// Bytes read after which the writer is told that it may send as many more.
const GRANT_BYTES: usize = WINDOW / 4;

/// Where a pipe's pieces go, and who is told of its end.
pub(super) trait Carrier: Send + Sync + 'static {
    /// Sends a piece to the peer; lost if the link is.
    fn carry(&self, piece: &[u8]);
    /// A session over the stream of this number is over.
    fn over(&self, stream: u32);
}

/// What both halves of a stream, and the link that feeds it, share.
pub(super) struct Pipe {
    number: u32,
    carrier: Box<dyn Carrier>,
    state: Mutex<State>,
}

struct State {
    inbox: BytesMut,
    /// Read, and not granted again.
    taken: usize,
    /// May be written.
    credit: usize,
    over: bool,
    told: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The peer sent more than it was granted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overrun;

impl Pipe {
    pub(super) fn new(number: u32, carrier: Box<dyn Carrier>) -> Arc<Self> {
        let state = State {
            inbox: BytesMut::new(),
            taken: 0,
            credit: WINDOW,
            over: false,
            told: false,
            reader: None,
            writer: None,
        };
        Arc::new(Self { number, carrier, state: Mutex::new(state) })
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Takes what the peer has written.
    pub(super) fn push(&self, bytes: &[u8]) -> Result<(), Overrun> {
        let mut state = self.state();
        if state.over {
            return Ok(());
        }
        if state.inbox.len() + state.taken + bytes.len() > WINDOW {
            return Err(Overrun);
        }
        state.inbox.extend_from_slice(bytes);
        wake(state.reader.take());
        Ok(())
    }

    /// Lets so many more bytes be written.
    pub(super) fn grant(&self, bytes: u32) {
        let mut state = self.state();
        state.credit = state.credit.saturating_add(bytes as usize).min(WINDOW);
        wake(state.writer.take());
    }

    /// Ends it here: what has come is still read. Returns whether it was not over before.
    pub(super) fn end(&self) -> bool {
        let mut state = self.state();
        let was_over = std::mem::replace(&mut state.over, true);
        wake(state.reader.take());
        wake(state.writer.take());
        !was_over
    }

    /// The session has let go of a half.
    fn dropped(&self) {
        if self.end() {
            self.carrier.carry(&Piece::Closed.encode(self.number));
        }
        let told = std::mem::replace(&mut self.state().told, true);
        if !told {
            self.carrier.over(self.number);
        }
    }

    fn poll_read(&self, cx: &Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.inbox.is_empty() {
            if state.over {
                return Poll::Ready(Ok(()));
            }
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let length = state.inbox.len().min(buffer.remaining());
        buffer.put_slice(&state.inbox[..length]);
        state.inbox.advance(length);
        state.taken += length;
        if state.inbox.is_empty() && state.inbox.capacity() > GRANT_BYTES {
            // An idle stream holds little.
            state.inbox = BytesMut::new();
        }
        if state.taken < GRANT_BYTES || state.over {
            return Poll::Ready(Ok(()));
        }
        let granted = std::mem::take(&mut state.taken);
        drop(state);
        self.carrier.carry(&Piece::Granted(granted as u32).encode(self.number));
        Poll::Ready(Ok(()))
    }

    fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        if state.over {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let length = bytes.len().min(state.credit).min(DATA_MAX);
        if length == 0 && !bytes.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.credit -= length;
        drop(state);
        self.carrier.carry(&Piece::Data(&bytes[..length]).encode(self.number));
        Poll::Ready(Ok(length))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// A stream that ractor_cluster has not taken yet.
pub(super) struct Stream {
    pipe: Option<Arc<Pipe>>,
    peer: String,
}

impl Drop for Stream {
    /// Nobody has taken it.
    fn drop(&mut self) {
        if let Some(pipe) = self.pipe.take() {
            pipe.dropped();
        }
    }
}

impl Stream {
    pub(super) fn new(pipe: Arc<Pipe>, peer: String) -> Self {
        Self { pipe: Some(pipe), peer }
    }
}

impl ClusterBidiStream for Stream {
    fn split(mut self: Box<Self>) -> (BoxRead, BoxWrite) {
        match self.pipe.take() {
            Some(pipe) => (Box::new(Reading(pipe.clone())), Box::new(Writing(pipe))),
            // It is split once.
            None => (Box::new(tokio::io::empty()), Box::new(tokio::io::sink())),
        }
    }

    fn peer_label(&self) -> Option<String> {
        Some(self.peer.clone())
    }
}

struct Reading(Arc<Pipe>);

impl AsyncRead for Reading {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read(cx, buffer)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.dropped();
    }
}

struct Writing(Arc<Pipe>);

impl AsyncWrite for Writing {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.dropped();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.dropped();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Carries to the pipe at the other end.
    #[derive(Clone, Default)]
    struct Wire(Arc<Mutex<Ends>>);

    #[derive(Default)]
    struct Ends {
        peer: Option<Arc<Pipe>>,
        over: Vec<u32>,
        most: usize,
    }

    impl Carrier for Wire {
        fn carry(&self, piece: &[u8]) {
            let peer = self.0.lock().unwrap().peer.clone();
            let Some(peer) = peer else { return };
            match Piece::decode(piece).unwrap() {
                (_, Piece::Data(bytes)) => {
                    peer.push(bytes).unwrap();
                    let waits = peer.state().inbox.len();
                    let mut ends = self.0.lock().unwrap();
                    ends.most = ends.most.max(waits);
                }
                (_, Piece::Granted(bytes)) => peer.grant(bytes),
                (_, Piece::Closed) => drop(peer.end()),
                other => panic!("{other:?}"),
            }
        }

        fn over(&self, stream: u32) {
            self.0.lock().unwrap().over.push(stream);
        }
    }

    fn ends() -> ((BoxRead, BoxWrite), (BoxRead, BoxWrite), [Wire; 2]) {
        let wires = [Wire::default(), Wire::default()];
        let pipes = wires.clone().map(|wire| Pipe::new(4, Box::new(wire)));
        wires[0].0.lock().unwrap().peer = Some(pipes[1].clone());
        wires[1].0.lock().unwrap().peer = Some(pipes[0].clone());
        let [one, other] = pipes.map(|pipe| Box::new(Stream::new(pipe, String::new())).split());
        (one, other, wires)
    }

    #[tokio::test]
    async fn many_windows_of_bytes_arrive_in_order_and_one_window_at_most_waits() {
        let ((_read, mut write), (mut read, _write), [wire, _]) = ends();
        let bytes: Vec<_> = (0..10 * WINDOW + 17).map(|n| (n % 251) as u8).collect();
        let sent = bytes.clone();
        let writes = tokio::spawn(async move {
            write.write_all(&sent).await.unwrap();
            write
        });
        let mut come = vec![0; bytes.len()];
        read.read_exact(&mut come).await.unwrap();
        assert!(come == bytes);
        drop(writes.await.unwrap());
        assert_eq!(read.read(&mut come).await.unwrap(), 0, "the end comes after the last byte");
        assert!(wire.0.lock().unwrap().most <= WINDOW);
    }

    #[tokio::test]
    async fn nothing_more_is_written_than_was_granted() {
        let ((_read, mut write), (mut read, _write), _wires) = ends();
        let writes = tokio::spawn(async move { write.write_all(&vec![1; WINDOW + 1]).await });
        let mut come = vec![0; WINDOW];
        while !writes.is_finished() && read.read_exact(&mut come[..GRANT_BYTES]).await.is_ok() {
            tokio::task::yield_now().await;
        }
        writes.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_writer_without_credit_waits() {
        let ((_read, mut write), (mut read, _write), _wires) = ends();
        write.write_all(&vec![1; WINDOW]).await.unwrap();
        let mut late = std::pin::pin!(write.write(b"x"));
        assert!(futures_util::poll!(&mut late).is_pending());
        read.read_exact(&mut vec![0; GRANT_BYTES]).await.unwrap();
        assert_eq!(late.await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_peer_that_sends_more_than_it_was_granted_is_found_out() {
        let pipe = Pipe::new(1, Box::new(Wire::default()));
        assert_eq!(pipe.push(&vec![0; WINDOW]), Ok(()));
        assert_eq!(pipe.push(&[0]), Err(Overrun));
    }

    #[tokio::test]
    async fn the_end_of_one_half_ends_both_ends_and_is_told_once() {
        let ((mut read, write), (mut far, mut far_write), [wire, far_wire]) = ends();
        drop(write);
        assert_eq!(read.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
        assert!(far_write.write(b"x").await.is_err());
        drop((read, far, far_write));
        for wire in [wire, far_wire] {
            assert_eq!(wire.0.lock().unwrap().over, [4]);
        }
    }
}
