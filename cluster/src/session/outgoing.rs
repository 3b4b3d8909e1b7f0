//! The sending half of a session: what waits to be written, in which order it leaves, and what is kept of it until the
//! peer has it.

use std::collections::BTreeMap;

use super::batch::{Batch, Draft};
use super::bulk::Bulks;
use super::credit::{Account, Cost, Credit};
use super::error::ProtocolError;
use super::frame::{Body, Frame, Head, Heartbeat, Invoke, Status};
use super::lane::Lane;
use super::limits::{BATCH_BYTES, CHUNK_BYTES, EXTENSION_MAX, NOTICE_MAX, TABLE_MAX, assembling_max};
use super::numbers::Written;
use super::payload::Payload;
use super::refused::{Refused, fits};
use super::retained::Retained;

/// Room for a heartbeat, an ack and a goodbye.
const PREFIX_BYTES: usize = 64;

/// Frames that wait to be written to a peer.
///
/// Classes, most urgent first: heartbeat, ack, credits, goodbye and cancels; invokes, outcomes and tables in their order;
/// pieces of ractor's stream; chunks of large payloads. A batch takes from all of them, see [`next_batch`].
///
/// [`next_batch`]: Self::next_batch
#[derive(Debug)]
pub struct Outgoing {
    backlog_max: usize,
    payload_max: u32,
    /// Last number that `next_call` gave.
    call: u64,
    /// Last call whose Invoke was accepted.
    accepted: u64,
    /// Last call whose Invoke was handed out in a batch.
    invoked: u64,
    // Only the latest of these says anything, so they need no queue.
    heartbeat: Option<Heartbeat>,
    ack: Option<u64>,
    goodbye: Option<(u8, u64)>,
    /// Of each class.
    credits: BTreeMap<u32, Credit>,
    account: Account,
    cancels: Lane,
    calls: Lane,
    ractor: Lane,
    bulks: Bulks,
    written: Written,
    retained: Retained,
}

impl Outgoing {
    /// Creates the sending half.
    ///
    /// `backlog_max` is the number of waiting bytes at which Invokes are refused. `payload_max` is the largest payload
    /// that the *peer* accepts, as its hello told.
    pub fn new(backlog_max: usize, payload_max: u32) -> Self {
        Self {
            backlog_max,
            payload_max,
            call: 0,
            accepted: 0,
            invoked: 0,
            heartbeat: None,
            ack: None,
            goodbye: None,
            credits: BTreeMap::new(),
            account: Account::default(),
            cancels: Lane::default(),
            calls: Lane::default(),
            ractor: Lane::default(),
            bulks: Bulks::new(assembling_max(payload_max)),
            written: Written::default(),
            retained: Retained::default(),
        }
    }

    /// Returns the next call number, from 1; never the same twice. A number need not be used.
    pub fn next_call(&mut self) -> u64 {
        self.call += 1;
        self.call
    }

    /// Asks for a call. Calls are accepted in the order of their numbers.
    ///
    /// Gives what it costs of the peer's window, for [`Account::ended`]: a root, if the peer has told of one.
    ///
    /// # Errors
    /// [`Refused::Full`] while there is no room (see [`has_room`](Self::has_room)), [`Refused::NoCredit`],
    /// [`Refused::TooLarge`].
    pub fn invoke<'a>(
        &mut self,
        head: Head,
        extension: &[u8],
        arguments: impl Into<Payload<'a>>,
    ) -> Result<Option<Cost>, Refused> {
        debug_assert!(self.accepted < head.call && head.call <= self.call, "calls are made in the order of numbers");
        if !self.has_room() {
            return Err(Refused::Full);
        }
        fits("extension area", extension.len(), EXTENSION_MAX)?;
        let arguments = arguments.into();
        let total = self.payload_size("arguments", arguments.as_slice())?;
        let bytes = extension.len() + arguments.as_slice().len();
        // What is nested needs no credit: it would wait for its ancestors.
        let cost = if head.lineage.is_none() { self.account.cost(head.task, bytes) } else { None };
        if let Some(cost) = cost {
            if !self.account.has_room(cost.class) {
                return Err(Refused::NoCredit { class: cost.class });
            }
            self.account.sent(cost);
        }
        self.accepted = head.call;
        if arguments.as_slice().len() <= CHUNK_BYTES {
            let arguments = Body::Whole(arguments.as_slice());
            self.calls.push(&Frame::Invoke(Invoke { head, extension, arguments }));
        } else {
            self.calls.push(&Frame::Invoke(Invoke { head, extension, arguments: Body::Chunked(total) }));
            self.bulks.push_arguments(head.call, total, arguments.into_bytes());
        }
        Ok(cost)
    }

    /// What of the calls waits at the peer.
    pub fn account(&mut self) -> &mut Account {
        &mut self.account
    }

    /// Tells how much of what the peer has sent waits here no more. Not before the peer has read so much of what was written
    /// that there is [room](Self::withholds_credit): outcomes always pass, and it would ask for more of them.
    pub fn credit(&mut self, credit: Credit) {
        self.credits.insert(credit.class, credit);
    }

    /// Whether credit waits until the peer has read. Not before anything was written: the first thing that it is told are its
    /// windows, to which all its calls are held.
    pub fn withholds_credit(&self) -> bool {
        self.written.frames() > 0 && self.waiting_bytes() >= self.backlog_max
    }

    /// Tells how one of the peer's calls ended. Always accepted, whatever the backlog: only Invokes wait.
    ///
    /// # Errors
    /// [`Refused::TooLarge`]: an outcome that fits must be sent instead.
    pub fn outcome<'a>(&mut self, call: u64, status: Status, result: impl Into<Payload<'a>>) -> Result<(), Refused> {
        let result = result.into();
        let total = self.payload_size("result", result.as_slice())?;
        if result.as_slice().len() <= CHUNK_BYTES {
            self.calls.push(&Frame::Outcome { call, status, body: Body::Whole(result.as_slice()) });
        } else {
            self.bulks.push_result(call, status, total, result.into_bytes());
        }
        Ok(())
    }

    /// Cancels an accepted call, once, and drops what has not left of its arguments. Its outcome still comes.
    ///
    /// Returns whether the call arrives all the same, so that the peer may start it: false only if its arguments were
    /// not complete, when the outcome will be that it was handed back. A small Invoke that waits here still leaves.
    pub fn cancel(&mut self, call: u64, by: u8) -> bool {
        if call > self.accepted {
            return false;
        }
        let arrives = !self.bulks.drop_arguments(call);
        // A cancel must not overtake the Invoke that it means.
        let lane = if call > self.invoked { &mut self.calls } else { &mut self.cancels };
        lane.push(&Frame::Cancel { call, by });
        arrives
    }

    /// Tells whether the peer may have started an accepted call. False only with proof: its Invoke, or the end of its arguments,
    /// was never handed out. True once a cancel has dropped them, so ask before, or use what `cancel` returns.
    pub fn reached_wire(&self, call: u64) -> bool {
        call <= self.invoked && !self.bulks.holds_arguments(call)
    }

    /// The peer has left, and has got no call above `last_call`: what is in flight above that it never starts.
    pub fn reached_only(&mut self, last_call: u64) {
        self.invoked = self.invoked.min(last_call);
    }

    /// Says a sign of life with the next batch; replaces one that has not left.
    pub fn heartbeat(&mut self, heartbeat: Heartbeat) {
        self.heartbeat = Some(heartbeat);
    }

    /// Tells with the next batch how much of what the peer sent is processed.
    pub fn ack(&mut self, processed: u64) {
        self.ack = Some(processed);
    }

    /// Says goodbye at the end of the next batch; what does not fit into that batch is overtaken. `last_call` is the
    /// highest call of the peer that has come: it knows by that which of its calls have not run.
    pub fn goodbye(&mut self, reason: u8, last_call: u64) {
        self.goodbye = Some((reason, last_call));
    }

    /// Advertises a task table.
    ///
    /// # Errors
    /// [`Refused::TooLarge`]: above [`TABLE_MAX`].
    pub fn tasks(&mut self, table: &[u8]) -> Result<(), Refused> {
        fits("task table", table.len(), TABLE_MAX)?;
        self.calls.push(&Frame::Tasks(table));
        Ok(())
    }

    /// Sends gossip.
    ///
    /// # Errors
    /// [`Refused::TooLarge`]: above [`TABLE_MAX`].
    pub fn peers(&mut self, gossip: &[u8]) -> Result<(), Refused> {
        fits("gossip", gossip.len(), TABLE_MAX)?;
        self.calls.push(&Frame::Peers(gossip));
        Ok(())
    }

    /// Tells a fact, or asks for something; between the calls that were made before and after it.
    ///
    /// # Errors
    /// [`Refused::TooLarge`]: above [`NOTICE_MAX`].
    pub fn notice(&mut self, notice: &[u8]) -> Result<(), Refused> {
        fits("notice", notice.len(), NOTICE_MAX)?;
        self.calls.push(&Frame::Notice(notice));
        Ok(())
    }

    /// Sends bytes of ractor's stream. The caller waits while [`ractor_bytes`](Self::ractor_bytes) is high.
    pub fn ractor(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(CHUNK_BYTES) {
            self.ractor.push(&Frame::Ractor(piece));
        }
    }

    /// Tells whether a further Invoke is accepted.
    pub fn has_room(&self) -> bool {
        self.waiting_bytes() < self.backlog_max && self.bulks.has_room()
    }

    /// Returns the bytes that wait, or are kept until the peer has them.
    pub fn waiting_bytes(&self) -> usize {
        let unsent = self.cancels.bytes() + self.calls.bytes() + self.ractor.bytes() + self.bulks.bytes();
        unsent + self.retained.bytes()
    }

    /// Returns the bytes of ractor's stream that wait.
    pub fn ractor_bytes(&self) -> usize {
        self.ractor.bytes()
    }

    /// Tells whether the next batch would be empty.
    pub fn is_empty(&self) -> bool {
        let said = self.heartbeat.is_none() && self.ack.is_none() && self.goodbye.is_none();
        let said = said && !self.retained.replays() && (self.credits.is_empty() || self.withholds_credit());
        said && self.cancels.is_empty() && self.calls.is_empty() && self.ractor.is_empty() && self.bulks.is_empty()
    }

    /// Takes the next batch, which is then to be written before any later batch; empty when nothing waits.
    ///
    /// It has everything urgent; then, in the order of classes, small frames up to about [`BATCH_BYTES`], at least a
    /// segment of each class that waits, so that none starves; then chunks of large payloads in turn, at least one, up to
    /// the same size: with a batch for each chunk both processes would wake for each.
    pub fn next_batch(&mut self) -> Batch {
        let small = self.cancels.bytes() + self.calls.bytes() + self.ractor.bytes();
        let mut draft = Draft::new(PREFIX_BYTES + small.min(BATCH_BYTES));
        let out = draft.small();
        self.say_processed(out);
        if !self.credits.is_empty() && !self.withholds_credit() {
            std::mem::take(&mut self.credits).into_values().for_each(|credit| Frame::Credit(credit).encode(out));
        }
        if let Some(replayed) = self.retained.replay() {
            let (mut batch, _) = draft.finish(0, 0);
            batch.append(&replayed);
            return batch;
        }
        let (numbered, frames) = (out.len(), self.written.frames());
        if !self.cancels.is_empty() {
            self.cancels.take(out, usize::MAX, &mut self.written);
        }
        if let Some(invoked) = self.calls.take(out, BATCH_BYTES, &mut self.written) {
            self.invoked = invoked;
        }
        if !self.ractor.is_empty() {
            self.ractor.take(out, BATCH_BYTES, &mut self.written);
        }
        while self.bulks.next_chunk(self.invoked, &mut draft, &mut self.written) && draft.len() < BATCH_BYTES {}
        let out = draft.small();
        let end = out.len();
        if let Some((reason, last_call)) = self.goodbye.take() {
            Frame::Goodbye { reason, last_call }.encode(out);
        }
        let (batch, kept) = draft.finish(numbered, end);
        self.retained.keep(kept, self.written.frames() - frames);
        batch
    }

    /// Goes on over another connection: what the peer has not processed is written again, before all else.
    ///
    /// # Errors
    /// The peer claims to have processed what cannot be.
    pub fn resume(&mut self, processed: u64) -> Result<(), ProtocolError> {
        self.acknowledge(processed)?;
        (self.heartbeat, self.ack, self.goodbye) = (None, None, None);
        self.retained.rewind(processed);
        Ok(())
    }

    /// A heartbeat says what an ack would.
    fn say_processed(&mut self, out: &mut Vec<u8>) {
        let ack = self.ack.take();
        match self.heartbeat.take() {
            Some(mut heartbeat) => {
                heartbeat.processed = heartbeat.processed.max(ack.unwrap_or(0));
                Frame::Heartbeat(heartbeat).encode(out);
            }
            None => {
                if let Some(processed) = ack {
                    Frame::Ack { processed }.encode(out);
                }
            }
        }
    }

    /// Returns how many numbered frames were handed out.
    pub fn written(&self) -> u64 {
        self.written.frames()
    }

    /// Returns how many of them the peer has said to have processed; while this moves, the peer hears us.
    pub fn acknowledged(&self) -> u64 {
        self.written.acknowledged()
    }

    /// Takes the peer's `processed` from a Heartbeat or an Ack.
    ///
    /// # Errors
    /// It goes backwards, or beyond what was written.
    pub fn acknowledge(&mut self, processed: u64) -> Result<(), ProtocolError> {
        self.written.acknowledge(processed)?;
        self.retained.acknowledge(processed);
        Ok(())
    }

    fn payload_size(&self, what: &'static str, bytes: &[u8]) -> Result<u32, Refused> {
        fits(what, bytes.len(), self.payload_max as usize)?;
        Ok(bytes.len() as u32)
    }
}
