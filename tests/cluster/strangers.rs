//! Connections that are no peers: they cost a little, and keep nobody out.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use tokio::time::Instant;

use super::{BOTH, Over, Worker, client};
use crate::tasks::whereabouts;

/// A connection that has shown nothing yet.
enum Stranger {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stranger {
    fn new(over: Over, address: &str) -> Self {
        match over {
            Over::Unix => Self::Unix(UnixStream::connect(address.strip_prefix("unix:").unwrap()).unwrap()),
            Over::Tls => Self::Tcp(TcpStream::connect(address).unwrap()),
        }
    }

    /// Says this; the worker may hang up in the middle of it.
    fn say(&mut self, bytes: &[u8]) {
        let _hung_up = match self {
            Self::Unix(stream) => stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write)),
            Self::Tcp(stream) => stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write)),
        };
    }

    /// Waits until the worker hangs up; gives how many bytes it has said.
    fn is_hung_up_on(&mut self) -> usize {
        let mut answer = Vec::new();
        let _reset = match self {
            Self::Unix(stream) => stream.read_to_end(&mut answer),
            Self::Tcp(stream) => stream.read_to_end(&mut answer),
        };
        answer.len()
    }
}

/// A good peer joins, and its call is answered.
async fn check_joins(worker: &Worker) {
    let began = Instant::now();
    let node = client(&[&worker.address]).join().await.unwrap();
    node.scope(whereabouts()).await.unwrap();
    println!("joined after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_thousand_idle_connections_keep_nobody_out() {
    for over in BOTH {
        let worker = Worker::new(over, "idle", &[]);
        let strangers: Vec<_> = (0..1000).map(|_| Stranger::new(over, &worker.address)).collect();
        check_joins(&worker).await;
        drop(strangers);
        check_joins(&worker).await;
    }
}

#[tokio::test]
async fn garbage_is_hung_up_on_and_keeps_nobody_out() {
    let noise: Vec<_> = (0u32..20_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let huge = [&u32::MAX.to_le_bytes()[..], &noise].concat();
    let said =
        [&b"GET / HTTP/1.1\r\nHost: worker\r\n\r\n"[..], &noise, &huge, &[0; 20_000], &[0xff; 20_000], b"", b"\x16"];
    for over in BOTH {
        let worker = Worker::new(over, "garbage", &[]);
        for bytes in said {
            let mut stranger = Stranger::new(over, &worker.address);
            stranger.say(bytes);
            let began = Instant::now();
            assert!(stranger.is_hung_up_on() < 1024);
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        }
        check_joins(&worker).await;
    }
}
