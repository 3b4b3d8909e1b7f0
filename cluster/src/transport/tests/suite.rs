//! What every transport does alike.

use std::io::ErrorKind;

use super::*;

macro_rules! on_every_transport {
    ($($fact:ident)*) => {
        mod unix { $(#[tokio::test] async fn $fact() { super::$fact(super::Kind::Unix).await; })* }
        mod tls { $(#[tokio::test] async fn $fact() { super::$fact(super::Kind::Tls).await; })* }
        mod memory { $(#[tokio::test(start_paused = true)] async fn $fact() { super::$fact(super::Kind::Memory).await; })* }
    };
}

on_every_transport! {
    a_mebibyte_echoes_in_both_directions_at_once
    writes_of_any_size_keep_their_order
    who_has_finished_writing_still_reads
    a_dropped_peer_reads_as_closed_after_its_last_bytes
    abort_wakes_the_reader
    abort_wakes_a_writer_that_waits
    an_aborted_socket_takes_nothing
    a_plain_thread_writes_without_a_runtime
    a_slow_reader_blocks_the_writer_and_lets_it_go_on
    a_dropped_read_loses_nothing
    both_ends_know_whom_they_talk_to
    many_dial_at_once
}

async fn a_mebibyte_echoes_in_both_directions_at_once(kind: Kind) {
    let world = World::new(kind).await;
    let (near, far) = world.pair().await;
    let echo = |socket: Arc<Socket>| async move {
        let mut buf = BytesMut::new();
        while socket.read(&mut buf).await.unwrap() > 0 {
            socket.write_all(&buf.split()).await.unwrap();
        }
    };
    // Each end echoes the other's stream on a connection of its own.
    let (near_back, far_back) = world.pair().await;
    let echoes = [tokio::spawn(echo(far)), tokio::spawn(echo(near_back))];
    let ask = |socket: Arc<Socket>, seed| async move {
        let sent = random_bytes(seed, MIB);
        let send = async {
            socket.write_all(&sent).await.unwrap();
            socket.finish().await.unwrap();
        };
        let ((), received) = tokio::join!(send, read_exactly(&socket, MIB));
        assert!(received == sent);
    };
    tokio::join!(ask(near, 1), ask(far_back, 2));
    for echo in echoes {
        echo.await.unwrap();
    }
}

async fn writes_of_any_size_keep_their_order(kind: Kind) {
    let seed = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let (near, far) = World::new(kind).await.pair().await;
    let sent = random_bytes(seed, 2 * MIB);
    let write = async {
        let mut rest = &sent[..];
        while !rest.is_empty() {
            let size = if rng.random() { rng.random_range(1..200) } else { rng.random_range(1..200_000) };
            let (part, after) = rest.split_at(rest.len().min(size));
            near.write_all(part).await.unwrap();
            rest = after;
        }
    };
    let ((), received) = tokio::join!(write, read_exactly(&far, sent.len()));
    assert!(received == sent);
}

async fn who_has_finished_writing_still_reads(kind: Kind) {
    let (near, far) = World::new(kind).await.pair().await;
    near.write_all(b"question").await.unwrap();
    near.finish().await.unwrap();
    near.finish().await.unwrap();
    assert_eq!(near.try_write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(read_to_end(&far).await, "question");
    far.write_all(b"answer").await.unwrap();
    far.finish().await.unwrap();
    assert_eq!(read_to_end(&near).await, "answer");
    assert_eq!(near.read(&mut BytesMut::new()).await.unwrap(), 0, "closed stays closed");
}

async fn a_dropped_peer_reads_as_closed_after_its_last_bytes(kind: Kind) {
    let (near, far) = World::new(kind).await.pair().await;
    near.write_all(b"last words").await.unwrap();
    drop(near);
    assert_eq!(read_to_end(&far).await, "last words");
    // The first writes may go into the void before the system has told.
    let error = loop {
        match far.write_all(&[0; 1000]).await {
            Ok(()) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(error) => break error,
        }
    };
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
}

async fn abort_wakes_the_reader(kind: Kind) {
    let (near, far) = World::new(kind).await.pair().await;
    let mut buf = BytesMut::new();
    let (read, ()) = tokio::join!(biased; near.read(&mut buf), async { near.abort() });
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    match far.read(&mut buf).await {
        Ok(count) => assert_eq!(count, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

async fn abort_wakes_a_writer_that_waits(kind: Kind) {
    let (near, _far) = World::new(kind).await.pair().await;
    fill(&near, &random_bytes(1, MIB)).await;
    let (written, ()) = tokio::join!(biased; near.write_all(&[0; MIB]), async { near.abort() });
    assert!(written.is_err());
}

async fn an_aborted_socket_takes_nothing(kind: Kind) {
    let (near, _far) = World::new(kind).await.pair().await;
    near.abort();
    near.abort();
    assert_eq!(near.try_write(b"late").unwrap_err().kind(), ErrorKind::ConnectionAborted);
    assert_eq!(near.read(&mut BytesMut::new()).await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
}

async fn a_plain_thread_writes_without_a_runtime(kind: Kind) {
    let (near, far) = World::new(kind).await.pair().await;
    // The runtime learns at its first turn that a new socket can be written.
    near.writable().await.unwrap();
    far.writable().await.unwrap();
    let write = |socket: Arc<Socket>| std::thread::spawn(move || socket.try_write(b"from outside").unwrap());
    for (from, to) in [(&near, &far), (&far, &near)] {
        assert_eq!(write(from.clone()).join().unwrap(), 12);
        assert!(from.flushed());
        assert_eq!(read_exactly(to, 12).await, "from outside");
    }
}

async fn a_slow_reader_blocks_the_writer_and_lets_it_go_on(kind: Kind) {
    let (near, far) = World::new(kind).await.pair().await;
    let pattern = random_bytes(3, MIB);
    let filled = fill(&near, &pattern).await;
    assert!(filled >= 64 * 1024, "{filled}");
    let rest = &pattern[filled % MIB..];
    let (written, mut received) = tokio::join!(near.write_all(rest), read_exactly(&far, filled + rest.len()));
    written.unwrap();
    assert!(near.flushed());
    while !received.is_empty() {
        assert!(received.split_to(MIB) == pattern);
    }
}

async fn a_dropped_read_loses_nothing(kind: Kind) {
    let (near, far) = World::new(kind).await.pair().await;
    let sent = random_bytes(4, MIB);
    // On a paused clock nothing arrives while somebody is busy.
    let impatience = || async move {
        match kind {
            Kind::Memory => tokio::time::sleep(Duration::from_millis(1)).await,
            Kind::Unix | Kind::Tls => yield_now().await,
        }
    };
    let read = async {
        let (mut buf, mut dropped) = (BytesMut::new(), 0);
        while buf.len() < sent.len() {
            tokio::select! {
                biased;
                read = far.read(&mut buf) => assert_ne!(read.unwrap(), 0),
                () = impatience() => dropped += 1,
            }
        }
        assert_ne!(dropped, 0);
        buf
    };
    let (written, received) = tokio::join!(near.write_all(&sent), read);
    written.unwrap();
    assert!(received == sent);
}

async fn both_ends_know_whom_they_talk_to(kind: Kind) {
    let world = World::new(kind).await;
    let (near, far) = world.pair().await;
    assert_eq!(near.peer(), &world.listener.address());
    match (kind, far.peer()) {
        (Kind::Unix, peer) => assert_eq!(peer, &world.listener.address()),
        (Kind::Tls, peer) => assert!(peer.to_string().starts_with("127.0.0.1:"), "{peer}"),
        (Kind::Memory, peer) => assert_eq!(peer.to_string(), "memory:c1"),
    }
}

async fn many_dial_at_once(kind: Kind) {
    let world = World::new(kind).await;
    let dials = (0..20_u8).map(|number| {
        let (address, dialler) = (world.listener.address(), world.dialler.clone());
        tokio::spawn(async move {
            let socket = dial(&address, &dialler, LIMIT).await.unwrap();
            socket.write_all(&[number]).await.unwrap();
            socket.finish().await.unwrap();
            assert_eq!(read_to_end(&socket).await[..], [number]);
        })
    });
    let dials: Vec<_> = dials.collect();
    for _ in 0..dials.len() {
        let incoming = world.listener.accept().await.unwrap();
        tokio::spawn(async move {
            let socket = incoming.establish().await.unwrap();
            let number = read_to_end(&socket).await;
            socket.write_all(&number).await.unwrap();
            socket.finish().await.unwrap();
        });
    }
    for dial in dials {
        dial.await.unwrap();
    }
}

/// Writes the pattern round and round until the socket takes no more, for several turns of the runtime; returns how
/// much it took.
async fn fill(socket: &Socket, pattern: &[u8]) -> usize {
    let (mut filled, mut blocked) = (0, 0);
    socket.writable().await.unwrap();
    while blocked < 20 {
        match socket.try_write(&pattern[filled % pattern.len()..]) {
            Ok(taken) => {
                assert!(taken > 0);
                (filled, blocked) = (filled + taken, 0);
                assert!(filled < 64 * MIB, "nothing bounds this transport");
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                blocked += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    filled
}
