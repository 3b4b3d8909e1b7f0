//! The receiving half of a session: from bytes to events.

use bytes::{BufMut as _, Bytes, BytesMut, buf::Limit};

use super::assembly::{Assemblies, Opening};
use super::error::ProtocolError;
use super::event::Event;
use super::frame::{Body, CHUNK_HEAD, Direction, Frame, HEADER_BYTES, Header, Kind};
use super::numbers::Processed;

/// What is missing of a chunk for its rest to be read to where it belongs: less is read with what follows.
const REST_MIN: usize = 16 * 1024;

/// Most bytes to be read between two chunks: about a header, so that what follows can be read to where it belongs.
const BETWEEN_CHUNKS: usize = 4 * 1024;

/// Splits what a peer sends into frames, puts large payloads together and tells what was said.
///
/// It holds the link to the protocol as far as it needs no other part of the session: whether an outcome belongs to a
/// call of ours is for [`Pending`](super::Pending) to say.
#[derive(Debug)]
pub struct Incoming {
    assemblies: Assemblies,
    chunk: Option<PartOfChunk>,
    /// Highest call number of the peer.
    last_call: u64,
    processed: Processed,
    skipped: u64,
}

/// A chunk that has come in part, and lies where it belongs.
#[derive(Debug)]
struct PartOfChunk {
    of: Direction,
    call: u64,
    /// Its size.
    bytes: usize,
    /// What its payload has when it is whole.
    whole_at: usize,
}

impl Incoming {
    /// Creates the receiving half. `payload_max` is the largest payload that this node accepts, as its hello tells.
    pub fn new(payload_max: u32) -> Self {
        let assemblies = Assemblies::new(payload_max);
        Self { assemblies, chunk: None, last_call: 0, processed: Processed::default(), skipped: 0 }
    }

    /// Where the bytes that come next may be read to without being copied again: behind what has come of a chunk.
    pub fn rest_of_chunk(&mut self) -> Option<Limit<&mut BytesMut>> {
        let PartOfChunk { of, call, whole_at, .. } = *self.chunk.as_ref()?;
        let payload = self.assemblies.get_mut(of, call)?;
        let missing = whole_at - payload.len();
        Some(payload.limit(missing))
    }

    /// How many bytes are best read at most, where `buffer` was received from last: while chunks come, the next header and
    /// not much of what is behind it.
    pub fn reads_at_most(&self, buffer: &BytesMut) -> usize {
        if !self.assemblies.any_begun() {
            return usize::MAX;
        }
        let frame = Header::peek(buffer).ok().flatten().map_or(0, |header| HEADER_BYTES + header.body);
        frame.saturating_sub(buffer.len()) + BETWEEN_CHUNKS
    }

    /// Another connection brings what follows, from the first frame that was not processed: a part of one is not.
    pub fn goes_on_elsewhere(&mut self) {
        if let Some(PartOfChunk { of, call, bytes, whole_at }) = self.chunk.take()
            && let Some(payload) = self.assemblies.get_mut(of, call)
        {
            payload.truncate(whole_at - bytes);
        }
    }

    /// Takes all whole frames off the front of `buffer` and passes what they say to `sink`; what remains is the
    /// beginning of a frame, bounded by the largest kind. What has come of a large chunk is taken, too: the rest may be
    /// read to [where it belongs](Self::rest_of_chunk) before the next call, or into `buffer`.
    ///
    /// Events hold on to the memory of the buffer; what is to be kept long is better copied.
    ///
    /// # Errors
    /// The peer broke the protocol; what it said before that has reached the sink. Close the link.
    pub fn receive(&mut self, buffer: &mut BytesMut, sink: &mut impl FnMut(Event)) -> Result<(), ProtocolError> {
        if !self.go_on_with_chunk(buffer, sink) {
            return Ok(());
        }
        let (whole, broken) = whole_frames(buffer);
        if whole > 0 {
            let batch = buffer.split_to(whole).freeze();
            let mut rest = &batch[..];
            while let Some(header) = Header::peek(rest)? {
                let (frame, after) = rest.split_at(HEADER_BYTES + header.body);
                self.frame(header, frame, &batch, sink)?;
                rest = after;
            }
        }
        match broken {
            Some(broken) => Err(broken),
            None => self.begin_chunk(buffer),
        }
    }

    /// Takes what has come of the chunk at the front of `buffer`, if much of it has not.
    fn begin_chunk(&mut self, buffer: &mut BytesMut) -> Result<(), ProtocolError> {
        let Some(header) = Header::peek(buffer)?.filter(|header| header.kind == Kind::Chunk as u8) else {
            return Ok(());
        };
        let frame = HEADER_BYTES + header.body;
        // Its first byte is there as well: a chunk of none is refused as a whole.
        if buffer.len() <= CHUNK_HEAD || frame - buffer.len() < REST_MIN {
            return Ok(());
        }
        let Some(Frame::Chunk { call, of, .. }) = Frame::decode(header.kind, &buffer[HEADER_BYTES..])? else {
            return Ok(());
        };
        let bytes = frame - CHUNK_HEAD;
        let payload = self.assemblies.expect(of, call, bytes)?;
        self.chunk = Some(PartOfChunk { of, call, bytes, whole_at: payload.len() + bytes });
        payload.extend_from_slice(&buffer[CHUNK_HEAD..]);
        buffer.clear();
        Ok(())
    }

    /// Adds what `buffer` has of the chunk that has come in part; false while some is missing.
    fn go_on_with_chunk(&mut self, buffer: &mut BytesMut, sink: &mut impl FnMut(Event)) -> bool {
        let Some(mut rest) = self.rest_of_chunk() else { return true };
        let here = rest.remaining_mut().min(buffer.len());
        rest.put(buffer.split_to(here));
        if rest.has_remaining_mut() {
            return false;
        }
        if let Some(PartOfChunk { of, call, bytes, .. }) = self.chunk.take() {
            self.processed.count(CHUNK_HEAD + bytes);
            self.assemblies.finish(of, call).into_iter().for_each(sink);
        }
        true
    }

    fn frame(
        &mut self,
        header: Header,
        frame: &[u8],
        batch: &Bytes,
        sink: &mut impl FnMut(Event),
    ) -> Result<(), ProtocolError> {
        match Frame::decode(header.kind, &frame[HEADER_BYTES..])? {
            Some(decoded) => {
                if let Some(event) = self.event(decoded, batch)? {
                    sink(event);
                }
            }
            None => self.skipped += 1,
        }
        if header.is_numbered() {
            self.processed.count(frame.len());
        }
        Ok(())
    }

    /// Returns what a frame says, unless more frames have to come before it says something.
    fn event(&mut self, frame: Frame<'_>, batch: &Bytes) -> Result<Option<Event>, ProtocolError> {
        Ok(Some(match frame {
            Frame::Invoke(invoke) => {
                let head = invoke.head;
                self.new_call(head.call)?;
                match invoke.arguments {
                    Body::Whole(arguments) => {
                        let extension = batch.slice_ref(invoke.extension);
                        Event::Invoke { head, extension, arguments: batch.slice_ref(arguments) }
                    }
                    Body::Chunked(total) => {
                        let extension = Bytes::copy_from_slice(invoke.extension);
                        self.assemblies.open(head.call, total, Opening::Invoke(head, extension))?;
                        return Ok(None);
                    }
                }
            }
            Frame::Outcome { call, status, body: Body::Whole(result) } => {
                self.assemblies.only_outcome(call)?;
                Event::Outcome { call, status, result: batch.slice_ref(result) }
            }
            Frame::Outcome { call, status, body: Body::Chunked(total) } => {
                self.assemblies.open(call, total, Opening::Outcome(status))?;
                return Ok(None);
            }
            Frame::Chunk { call, of, bytes } => return self.assemblies.add(of, call, bytes),
            Frame::Cancel { call, by } => self.cancel(call, by)?,
            Frame::Tasks(bytes) => Event::Tasks(batch.slice_ref(bytes)),
            Frame::Peers(bytes) => Event::Peers(batch.slice_ref(bytes)),
            Frame::Ractor(bytes) => Event::Ractor(batch.slice_ref(bytes)),
            Frame::Notice(bytes) => Event::Notice(batch.slice_ref(bytes)),
            Frame::Heartbeat(heartbeat) => Event::Heartbeat(heartbeat),
            Frame::Ack { processed } => Event::Ack { processed },
            Frame::Credit(credit) => Event::Credit(credit),
            Frame::Goodbye { reason, last_call } => Event::Goodbye { reason, last_call },
        }))
    }

    fn new_call(&mut self, call: u64) -> Result<(), ProtocolError> {
        let last = self.last_call;
        if call <= last {
            return Err(ProtocolError::CallNotNew { call, last });
        }
        self.last_call = call;
        Ok(())
    }

    fn cancel(&mut self, call: u64, by: u8) -> Result<Event, ProtocolError> {
        let last = self.last_call;
        if call > last {
            return Err(ProtocolError::CancelOfNoCall { call, last });
        }
        Ok(match self.assemblies.abandon(call) {
            Some((head, bytes)) => Event::Abandoned { head, bytes, by },
            None => Event::Cancel { call, by },
        })
    }

    /// Returns how many of the peer's calls have not come whole.
    pub fn arriving(&self) -> usize {
        self.assemblies.arguments()
    }

    /// Returns the highest number of a call whose Invoke has come, complete or not.
    pub fn last_call(&self) -> u64 {
        self.last_call
    }

    /// Returns how many numbered frames were processed: passed to the sink, or part of what will be.
    pub fn processed(&self) -> u64 {
        self.processed.frames()
    }

    /// Tells whether the peer should hear soon how much was processed, by an Ack if nothing else carries it.
    pub fn ack_due(&self) -> bool {
        self.processed.ack_due()
    }

    /// Returns the number for an Ack or Heartbeat that is about to be sent, and takes it for told.
    pub fn tell_processed(&mut self) -> u64 {
        self.processed.tell()
    }

    /// Returns how many frames of unknown kinds were skipped.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }
}

/// Returns the length of all whole frames at the front, and the error behind them if there is one.
fn whole_frames(buffer: &[u8]) -> (usize, Option<ProtocolError>) {
    let mut whole = 0;
    loop {
        match Header::peek(&buffer[whole..]) {
            Err(broken) => return (whole, Some(broken)),
            Ok(Some(header)) if buffer.len() - whole >= HEADER_BYTES + header.body => {
                whole += HEADER_BYTES + header.body
            }
            Ok(_) => return (whole, None),
        }
    }
}
