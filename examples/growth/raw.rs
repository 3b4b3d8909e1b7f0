//! Plain sockets that move the same bytes without any tasks: the limit of what a call can cost.

use std::{
    env,
    io::{BufRead, BufReader, Read, stdin},
    process::{Child, Command, Stdio},
    time::Duration,
};

use atasks::Result;
use bytes::{Buf, BytesMut};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::Mutex,
    task::{JoinSet, spawn_blocking},
};

use crate::{
    load::{Counter, Load, own_processor_time},
    nodes::Over,
    system,
};

/// About what a call of `add` takes on the wire, and its outcome.
pub(crate) const SMALL: usize = 32;

/// A frame begins with its length, the rest of it.
const HEAD: usize = 4;

/// Least room for what is read at once.
const READ: usize = 64 * 1024;

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// Processes that send each frame back, and a connection to each. They end with it.
pub(crate) struct Raw {
    processes: Vec<Child>,
    connections: Vec<Mutex<Connection>>,
    _folder: TempDir,
}

impl Raw {
    pub(crate) async fn start(over: Over, count: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut raw = Self { processes: Vec::new(), connections: Vec::new(), _folder: folder };
        for n in 0..count {
            let address = match over {
                Over::Unix => raw._folder.path().join(n.to_string()).display().to_string(),
                Over::Tls => "127.0.0.1:0".to_owned(),
            };
            let mut command = Command::new(env::current_exe()?);
            command.args(["raw", &address]).stdin(Stdio::piped()).stdout(Stdio::piped());
            raw.processes.push(command.spawn()?);
        }
        let outputs: Vec<_> = raw.processes.iter_mut().filter_map(|process| process.stdout.take()).collect();
        for output in outputs {
            let mut line = String::new();
            let address = spawn_blocking(|| BufReader::new(output).read_line(&mut line).map(|_| line)).await??;
            raw.connections.push(Mutex::new(Connection::to(address.trim()).await?));
        }
        Ok(raw)
    }

    /// How long they and this process have used a processor.
    pub(crate) fn spent(&self) -> Result<Duration> {
        let each = self.processes.iter().map(|process| Ok(system::processor_time(process.id())?));
        Ok(each.sum::<Result<Duration>>()? + own_processor_time())
    }

    /// Sends a frame of so many bytes over one of the connections, and waits for it to come back.
    pub(crate) async fn call(&self, turn: u64, bytes: usize) -> Result<()> {
        let at = turn as usize % self.connections.len();
        self.connections[at].lock().await.call(bytes).await
    }

    /// Keeps so many frames on the way over each connection. Afterwards there is none.
    pub(crate) fn load(&mut self, in_flight: usize) -> Load {
        let (counter, mut loops) = (Counter::default(), JoinSet::new());
        for connection in self.connections.drain(..) {
            loops.spawn(connection.into_inner().keep(in_flight, counter.clone()));
        }
        Load::of_loops(counter, loops)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // It ends by itself as well, when its input does.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

struct Connection {
    socket: Box<dyn Socket>,
    read: BytesMut,
}

impl Connection {
    fn new(socket: impl Socket + 'static) -> Self {
        Self { socket: Box::new(socket), read: BytesMut::new() }
    }

    async fn to(address: &str) -> Result<Self> {
        if address.starts_with('/') {
            return Ok(Self::new(UnixStream::connect(address).await?));
        }
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self::new(socket))
    }

    async fn call(&mut self, bytes: usize) -> Result<()> {
        let frame = frame(bytes);
        let (mut from, mut to) = split(&mut self.socket);
        let (sent, came) = tokio::join!(to.write_all(&frame), receive(&mut from, &mut self.read));
        sent?;
        self.read.advance(came?.bytes);
        Ok(())
    }

    async fn keep(mut self, in_flight: usize, counter: Counter) -> Result<()> {
        let frames = frame(SMALL).repeat(in_flight);
        self.socket.write_all(&frames).await?;
        let mut open = in_flight;
        while open > 0 {
            let came = receive(&mut self.socket, &mut self.read).await?;
            self.read.advance(came.bytes);
            counter.add(came.frames as u64);
            open -= came.frames;
            if !counter.is_enough() {
                self.socket.write_all(&frames[..came.bytes]).await?;
                open += came.frames;
            }
        }
        Ok(())
    }

    /// Sends back what comes, until the other end closes.
    async fn echo(mut self) -> Result<()> {
        loop {
            let came = receive(&mut self.socket, &mut self.read).await?;
            self.socket.write_all(&self.read[..came.bytes]).await?;
            self.read.advance(came.bytes);
        }
    }
}

/// Whole frames at the beginning of what was read.
#[derive(Default)]
struct Whole {
    frames: usize,
    bytes: usize,
}

/// Reads until at least one frame is there.
async fn receive(socket: &mut (impl AsyncRead + Unpin), read: &mut BytesMut) -> Result<Whole> {
    loop {
        let mut whole = Whole::default();
        let mut lacks = READ;
        while let Some(head) = read.get(whole.bytes..whole.bytes + HEAD) {
            let length = head.iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
            let end = whole.bytes + HEAD + length;
            if end > read.len() {
                lacks = lacks.max(end - read.len());
                break;
            }
            whole = Whole { frames: whole.frames + 1, bytes: end };
        }
        if whole.frames > 0 {
            return Ok(whole);
        }
        read.reserve(lacks);
        if socket.read_buf(read).await? == 0 {
            return Err(atasks::Error::msg("the connection was closed"));
        }
    }
}

/// A frame of so many bytes, or of the few that one has at least.
fn frame(bytes: usize) -> Vec<u8> {
    let rest = bytes.saturating_sub(HEAD);
    let mut frame = vec![7; HEAD + rest];
    frame[..HEAD].copy_from_slice(&(rest as u32).to_le_bytes());
    frame
}

/// Sends frames back until its input ends; says where, once it listens.
pub(crate) async fn serve(arguments: &[String]) -> Result<()> {
    let [address] = arguments else { return Err(atasks::Error::msg("growth raw ADDRESS")) };
    let served = async {
        if address.starts_with('/') {
            let listener = UnixListener::bind(address)?;
            println!("{address}");
            Connection::new(listener.accept().await?.0).echo().await
        } else {
            let listener = TcpListener::bind(address).await?;
            println!("{}", listener.local_addr()?);
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            Connection::new(socket).echo().await
        }
    };
    tokio::select! {
        served = served => served,
        ended = spawn_blocking(|| stdin().read(&mut [0])) => Ok(ended?.map(drop)?),
    }
}
