//! A node of a later version, made by hand: it speaks the session and says things that today's nodes do not know.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use atasks_actors::{codec, fingerprint::Fingerprint};
use atasks_cluster::session::frame::{Frame, HEADER_BYTES, Header, Heartbeat};
use atasks_cluster::session::greeting::{Greeting, Hello, Refusal, Role, Versions, Welcome};
use bytes::BytesMut;
use tokio::time::Instant;

use crate::programs::PATIENCE;

/// The range of a version that still speaks ours, and of one that does not.
pub(crate) const LATER: Versions = Versions { min: 1, max: 9 };
pub(crate) const OTHER: Versions = Versions { min: 2, max: 6 };

const BEAT: Duration = Duration::from_millis(100);

/// Who it says that it is.
pub(crate) fn hello(name: &str, role: Role, versions: Versions, addresses: Vec<String>) -> Hello {
    Hello {
        versions,
        name: name.to_owned(),
        incarnation: u64::from(std::process::id()),
        role,
        session: 1 << 77,
        resumes: false,
        table_digest: [0; 16],
        payload_max: 64 << 20,
        addresses,
        cluster_size: None,
    }
}

/// The hello, with an entry that only later versions know.
fn with_a_later_field(hello: &Hello) -> Vec<u8> {
    let mut bytes = encoded(&Greeting::Hello(hello.clone()));
    bytes.extend_from_slice(&[200, 2, 0, 1, 2]);
    let body = (bytes.len() - 7) as u16;
    bytes[5..7].copy_from_slice(&body.to_le_bytes());
    bytes
}

fn encoded(greeting: &Greeting) -> Vec<u8> {
    let mut bytes = Vec::new();
    greeting.encode(&mut bytes).unwrap();
    bytes
}

/// The task table of a node: its tasks with their fingerprints, its executors, its labels.
pub(crate) type Introduction = (Vec<(String, Fingerprint)>, u32, Vec<String>);

pub(crate) struct Peer {
    stream: UnixStream,
    buffer: BytesMut,
    /// All numbered frames that it has said.
    pub(crate) said: Vec<Vec<u8>>,
    /// How many the other end has said to have processed.
    pub(crate) processed: u64,
    heard: u64,
    beats: u32,
    /// The last of the other end's heartbeats: without its echo the link would be taken for half open, and dialled anew.
    echo: u32,
}

/// A frame as it came.
pub(crate) struct Heard {
    kind: u8,
    body: Vec<u8>,
}

impl Heard {
    pub(crate) fn frame(&self) -> Frame<'_> {
        Frame::decode(self.kind, &self.body).unwrap().unwrap()
    }
}

impl Peer {
    pub(crate) fn connected(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(BEAT)).unwrap();
        Self { stream, buffer: BytesMut::new(), said: Vec::new(), processed: 0, heard: 0, beats: 0, echo: 0 }
    }

    pub(crate) fn connect(address: &str) -> Self {
        Self::connected(UnixStream::connect(address.strip_prefix("unix:").unwrap()).unwrap())
    }

    /// Dials a node and becomes its link; gives the version that it has chosen.
    pub(crate) fn dial(address: &str, hello: &Hello) -> (Self, u16) {
        let mut peer = Self::connect(address);
        peer.greet(hello);
        let version = peer.welcome(None).version;
        (peer, version)
    }

    /// Goes on with the session over a new connection, and says again what was not processed.
    pub(crate) fn resume(&mut self, address: &str, hello: &Hello) {
        let mut again = Self::connect(address);
        again.greet(&Hello { resumes: true, ..hello.clone() });
        let welcome = again.welcome(Some(self.heard));
        (self.stream, self.buffer) = (again.stream, again.buffer);
        self.processed = welcome.resumed.unwrap();
        for frame in &self.said[self.processed as usize..] {
            self.stream.write_all(frame).unwrap();
        }
    }

    fn welcome(&mut self, resumed: Option<u64>) -> Welcome {
        let Greeting::Hello(theirs) = self.greeting() else { panic!("no hello") };
        println!("greeted by {}, which speaks {}", theirs.name, theirs.versions);
        let Greeting::Welcome(welcome) = self.greeting() else { panic!("no welcome") };
        self.stream.write_all(&encoded(&Greeting::Welcome(Welcome { version: 1, resumed }))).unwrap();
        welcome
    }

    /// Takes whoever dials; none when it turns out to want another connection, or goes.
    pub(crate) fn accept(listener: &UnixListener, hello: &Hello) -> Option<Self> {
        let mut peer = Self::connected(listener.accept().unwrap().0);
        peer.hears_greeting()?;
        let welcome = Greeting::Welcome(Welcome { version: 1, resumed: None });
        peer.stream.write_all(&[with_a_later_field(hello), encoded(&welcome)].concat()).ok()?;
        matches!(peer.hears_greeting()?, Greeting::Welcome(_)).then_some(peer)
    }

    pub(crate) fn greet(&mut self, hello: &Hello) {
        self.stream.write_all(&with_a_later_field(hello)).unwrap();
    }

    pub(crate) fn greeting(&mut self) -> Greeting {
        self.hears_greeting().expect("hung up on during the greeting")
    }

    /// None: the other end has hung up.
    fn hears_greeting(&mut self) -> Option<Greeting> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some((greeting, length)) = Greeting::decode(&self.buffer).unwrap() {
                let _ = self.buffer.split_to(length);
                return Some(greeting);
            }
            assert!(Instant::now() < end, "no greeting came");
            if !self.read() {
                return None;
            }
        }
    }

    pub(crate) fn refusal(&mut self) -> Refusal {
        match self.greeting() {
            Greeting::Refuse(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn until_hung_up_on(&mut self) {
        while self.read() {}
    }

    /// False: the other end has hung up.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 64 << 10];
        match self.stream.read(&mut bytes) {
            Ok(0) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    pub(crate) fn say(&mut self, frame: Frame<'_>) {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        self.say_bytes(bytes);
    }

    /// Says a frame of any kind.
    pub(crate) fn say_kind(&mut self, kind: u8, body: &[u8]) {
        self.say_bytes([&[kind][..], &(body.len() as u32).to_le_bytes(), body].concat());
    }

    fn say_bytes(&mut self, bytes: Vec<u8>) {
        self.stream.write_all(&bytes).unwrap();
        if bytes[0] < 0x80 {
            self.said.push(bytes);
        }
    }

    pub(crate) fn introduce(&mut self, tasks: &[(String, Fingerprint)]) {
        let introduction: Introduction = (tasks.to_vec(), 1, Vec::new());
        self.say(Frame::Tasks(&codec::encode(&introduction, 1 << 20).unwrap()));
    }

    /// The next frame that is no sign of life, for which it keeps giving signs of life; none: the other end has hung up.
    pub(crate) fn hear(&mut self) -> Option<Heard> {
        loop {
            if let Some(header) = Header::peek(&self.buffer).unwrap()
                && self.buffer.len() >= HEADER_BYTES + header.body
            {
                let body = self.buffer.split_to(HEADER_BYTES + header.body)[HEADER_BYTES..].to_vec();
                self.heard += u64::from(header.is_numbered());
                let heard = Heard { kind: header.kind, body };
                match heard.frame() {
                    Frame::Heartbeat(Heartbeat { processed, beat, .. }) => {
                        self.processed = self.processed.max(processed);
                        self.echo = beat;
                    }
                    Frame::Ack { processed } => self.processed = self.processed.max(processed),
                    _ => {}
                }
                return Some(heard);
            }
            self.beats += 1;
            let beat = Heartbeat {
                processed: self.heard,
                unstarted: 0,
                running: 0,
                suspended: 0,
                mean_us: 0,
                stalled: 0,
                beat: self.beats,
                echo: self.echo,
                clock_us: u64::from(self.beats) * 100_000,
            };
            let mut bytes = Vec::new();
            Frame::Heartbeat(beat).encode(&mut bytes);
            if self.stream.write_all(&bytes).is_err() || !self.read() {
                return None;
            }
        }
    }

    /// Hears until `wanted` finds something.
    #[track_caller]
    pub(crate) fn wait_for<T>(&mut self, what: &str, mut wanted: impl FnMut(&Self, Frame<'_>) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            let heard = self.hear().unwrap_or_else(|| panic!("hung up on while waiting for {what}"));
            if let Some(found) = wanted(self, heard.frame()) {
                return found;
            }
            assert!(Instant::now() < end, "{what} has not come");
        }
    }
}
