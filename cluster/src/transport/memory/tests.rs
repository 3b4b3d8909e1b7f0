use std::time::Duration;

use bytes::BytesMut;
use tokio::time::Instant;

use super::super::{Credentials, DialError, Listener, Network, Socket, TransportError, dial};
use crate::address::Address;

const LIMIT: Duration = Duration::from_secs(10);
const NODES: usize = 5;

fn at(name: &str) -> Address {
    Address::Memory(name.into())
}

async fn connect(network: &Network, listener: &Listener, dialler: &str) -> (Socket, Socket) {
    let credentials = network.credentials(dialler);
    let address = listener.address();
    let accepted = async { listener.accept().await.unwrap().establish().await };
    let (near, far) = tokio::join!(dial(&address, &credentials, LIMIT), accepted);
    (near.unwrap(), far.unwrap())
}

async fn listen(network: &Network, name: &str) -> Listener {
    Listener::bind(&at(name), &network.credentials(name)).await.unwrap()
}

/// Reads all, and what comes after it.
async fn end_of(socket: &Socket, read: &mut BytesMut) -> std::io::ErrorKind {
    loop {
        if let Err(error) = socket.read(read).await {
            return error.kind();
        }
    }
}

/// Every node dials every other and asks it three times; the log says who heard what at which virtual time.
fn run(seed: u64) -> Vec<(Duration, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (network, start) = (Network::new(seed), Instant::now());
        let (log, mut lines) = tokio::sync::mpsc::unbounded_channel();
        for node in 0..NODES {
            let listener = listen(&network, &format!("w{node}")).await;
            tokio::spawn(async move {
                loop {
                    let socket = listener.accept().await.unwrap().establish().await.unwrap();
                    tokio::spawn(async move {
                        let mut buf = BytesMut::new();
                        while socket.read(&mut buf).await.unwrap() > 0 {
                            socket.write_all(&buf.split()).await.unwrap();
                        }
                    });
                }
            });
            let (credentials, log): (Credentials, _) = (network.credentials(&format!("w{node}")), log.clone());
            tokio::spawn(async move {
                for other in (0..NODES).filter(|other| *other != node) {
                    let socket = dial(&at(&format!("w{other}")), &credentials, LIMIT).await.unwrap();
                    for question in 0..3 {
                        socket.write_all(&[question]).await.unwrap();
                        let mut buf = BytesMut::new();
                        socket.read(&mut buf).await.unwrap();
                        log.send((start.elapsed(), format!("w{node} <- w{other}: {buf:?}"))).unwrap();
                    }
                }
            });
        }
        drop(log);
        let mut heard = Vec::new();
        while let Some(line) = lines.recv().await {
            heard.push(line);
        }
        heard
    })
}

#[test]
fn a_seed_replays_to_the_same_log_and_another_does_not() {
    let seed = rand::random();
    println!("seed {seed}");
    let log = run(seed);
    assert_eq!(log.len(), NODES * (NODES - 1) * 3);
    assert_eq!(log, run(seed));
    assert_ne!(log, run(seed ^ 1));
}

#[tokio::test(start_paused = true)]
async fn bytes_take_virtual_time_and_no_one_overtakes() {
    let network = Network::new(1);
    let (near, far) = connect(&network, &listen(&network, "w1").await, "c1").await;
    let mut taken = Vec::new();
    for number in 0..50 {
        let start = Instant::now();
        near.write_all(&[number]).await.unwrap();
        let mut buf = BytesMut::new();
        far.read(&mut buf).await.unwrap();
        assert_eq!(buf[..], [number]);
        taken.push(start.elapsed());
    }
    let bounds = Duration::from_millis(1)..=Duration::from_millis(4);
    assert!(taken.iter().all(|time| bounds.contains(time)), "{taken:?}");
    assert!(taken.iter().any(|time| *time != taken[0]), "they vary: {taken:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cut_breaks_the_connections_of_two_and_no_others() {
    let network = Network::new(2);
    let listener = listen(&network, "w1").await;
    let (near, far) = connect(&network, &listener, "c1").await;
    let (other, other_far) = connect(&network, &listener, "c2").await;
    near.write_all(b"under way").await.unwrap();
    let mut buf = BytesMut::new();
    let (read, ()) = tokio::join!(biased; near.read(&mut buf), async { network.cut("w1", "c1") });
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(end_of(&far, &mut buf).await, std::io::ErrorKind::ConnectionReset);
    buf.clear();
    assert_eq!(near.try_write(b"more").unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    other.write_all(b"untouched").await.unwrap();
    other_far.read(&mut buf).await.unwrap();
    assert_eq!(buf, "untouched");
    connect(&network, &listener, "c1").await;
}

#[tokio::test(start_paused = true)]
async fn of_what_is_under_way_a_cut_brings_any_part_from_the_front() {
    let (sent, mut lengths) = ((0..64).collect::<Vec<u8>>(), Vec::new());
    for seed in 0..50 {
        let network = Network::new(seed);
        let (near, far) = connect(&network, &listen(&network, "w1").await, "c1").await;
        near.write_all(&sent).await.unwrap();
        network.cut("c1", "w1");
        let mut read = BytesMut::new();
        assert_eq!(end_of(&far, &mut read).await, std::io::ErrorKind::ConnectionReset, "seed {seed}");
        assert_eq!(read[..], sent[..read.len()], "seed {seed}");
        lengths.push(read.len());
    }
    assert!(lengths.iter().any(|length| *length < 10) && lengths.iter().any(|length| *length > 54), "{lengths:?}");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_taken_once_and_free_again_without_its_listener() {
    let network = Network::new(3);
    let listener = listen(&network, "w1").await;
    let credentials = network.credentials("w2");
    assert!(matches!(Listener::bind(&at("w1"), &credentials).await, Err(TransportError::InUse { .. })));
    drop(listener);
    let start = Instant::now();
    let error = dial(&at("w1"), &credentials, LIMIT).await.unwrap_err();
    assert!(matches!(error, DialError::Refused { .. }), "{error:?}");
    assert!(start.elapsed() >= Duration::from_millis(2), "a refusal takes a round trip");
    listen(&network, "w1").await;
}
