//! A link's end of ractor_cluster's stream: at most one at a time, numbered by the node that opens them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{
    ControlMsg,
    piece::Piece,
    pipe::{Carrier, Pipe, Stream},
};
use crate::{config::Role, link::Link, node::NodeCore};

/// The streams of one link.
#[derive(Default)]
pub(crate) struct Streams {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last that was opened.
    number: u32,
    pipe: Option<Arc<Pipe>>,
    /// The peer has opened it, and nobody here has taken it yet.
    asked: bool,
    /// The peer takes no part: nothing is opened any more.
    absent: bool,
}

impl Streams {
    /// Opens a stream instead of the one before; none if the peer takes no part.
    pub(super) fn open(&self, link: &Arc<Link>) -> Option<Stream> {
        let mut state = self.state();
        if state.absent {
            return None;
        }
        state.number = state.number.wrapping_add(1);
        let pipe = state.replace(link);
        drop(state);
        link.say_ractor(&Piece::Opened.encode(pipe.number()));
        Some(Stream::new(pipe, link.id().to_string()))
    }

    /// Takes the stream that the peer has opened.
    pub(super) fn accept(&self, link: &Arc<Link>) -> Option<Stream> {
        let mut state = self.state();
        if !std::mem::take(&mut state.asked) {
            return None;
        }
        let pipe = state.pipe.clone()?;
        Some(Stream::new(pipe, link.id().to_string()))
    }

    /// Whether no stream was opened after this one.
    pub(super) fn is_latest(&self, stream: u32) -> bool {
        let state = self.state();
        !state.absent && state.number == stream
    }

    /// Takes a piece from the peer. Called by the link's reader: it never waits.
    pub(crate) fn heard(&self, link: &Arc<Link>, node: &NodeCore, bytes: &[u8]) {
        let Some((number, piece)) = Piece::decode(bytes) else { return };
        let mut state = self.state();
        let current = state.pipe.clone().filter(|pipe| pipe.number() == number);
        match (piece, current) {
            (Piece::Opened, _) => {
                if let Some(answer) = state.opened(number, link, node) {
                    drop(state);
                    link.say_ractor(&answer.encode(number));
                }
            }
            (Piece::Data(bytes), Some(pipe)) => {
                drop(state);
                if pipe.push(bytes).is_err() {
                    tracing::warn!(peer = %link.id(), "the peer sent more of ractor's stream than it was granted; the stream is made anew");
                    pipe.end();
                    link.say_ractor(&Piece::Closed.encode(number));
                }
            }
            (Piece::Granted(bytes), Some(pipe)) => pipe.grant(bytes),
            (Piece::Closed, Some(pipe)) => drop(pipe.end()),
            (Piece::Absent, Some(pipe)) => {
                state.absent = true;
                pipe.end();
            }
            // It is of a stream before this one.
            (_, None) => {}
        }
    }

    /// The link is over, and its stream with it.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.absent = true;
        if let Some(pipe) = state.pipe.take() {
            pipe.end();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The peer has opened a stream. Gives what it is answered if there is none.
    fn opened(&mut self, number: u32, link: &Arc<Link>, node: &NodeCore) -> Option<Piece<'static>> {
        if !node.control().takes_part() {
            return Some(Piece::Absent);
        }
        self.number = number;
        self.replace(link);
        // One message at most waits for Control, however often the peer opens streams.
        let waits = std::mem::replace(&mut self.asked, true);
        if waits || node.control().tell(ControlMsg::Asked(link.clone())) {
            return None;
        }
        // Control is about to be started again: the peer tries again as well.
        self.asked = false;
        self.pipe = None;
        Some(Piece::Closed)
    }

    fn replace(&mut self, link: &Arc<Link>) -> Arc<Pipe> {
        let pipe = Pipe::new(self.number, Box::new(OverLink(Arc::downgrade(link))));
        if let Some(before) = self.pipe.replace(pipe.clone()) {
            before.end();
        }
        pipe
    }
}

/// Carries a pipe's pieces over a link.
struct OverLink(Weak<Link>);

impl Carrier for OverLink {
    fn carry(&self, piece: &[u8]) {
        if let Some(link) = self.0.upgrade() {
            link.say_ractor(piece);
        }
    }

    fn over(&self, stream: u32) {
        if let Some(link) = self.0.upgrade()
            && let Some(node) = link.node()
        {
            node.control().tell(ControlMsg::Over(link.id().clone(), stream));
        }
    }
}

/// Whether this node opens the stream of `link`: one end does, so that there is one session a pair.
pub(super) fn opens(node: &NodeCore, link: &Link) -> bool {
    match (node.role(), link.is_worker()) {
        (Role::Worker, true) => node.me() < link.id(),
        // Of those that are no workers only they themselves know whether they take part.
        (Role::Worker, false) => false,
        (_, worker) => worker,
    }
}
