//! The listener that ractor_cluster insists on: nobody gets in, and nobody is disturbed.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use tokio::time::Instant;

use crate::support::soon;
use crate::tasks::{Done, gateways, here, pid};
use crate::{worker, workers};

const CONNECTIONS: usize = 400;

/// The ports of the loopback address that this process listens at over TCP.
#[atasks::task]
async fn ports() -> Done<Vec<u16>> {
    let links = fs::read_dir("/proc/self/fd").unwrap().flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
    let own: Vec<_> = links.map(|link| link.to_string_lossy().into_owned()).collect();
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let listening = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let is_own = own.contains(&format!("socket:[{}]", fields[9]));
        (fields[3] == "0A" && is_own).then(|| u16::from_str_radix(fields[1].split_once(':').unwrap().1, 16).unwrap())
    });
    Ok(listening.collect())
}

/// How many connections to this port have said something and belong to no process yet: they wait in the system's queue.
fn unheard(port: u16) -> usize {
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let waits = |line: &&str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let is_there = fields[1].ends_with(&format!(":{port:04X}")) && fields[3] == "01";
        let unread = fields[4].split_once(':').is_some_and(|(_, unread)| unread != "00000000");
        is_there && unread && fields[9] == "0"
    };
    table.lines().skip(1).filter(waits).count()
}

/// Memory, open files and actors of a worker.
#[atasks::task]
async fn size() -> Done<(u64, usize, usize)> {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident = resident.trim().trim_end_matches(" kB").parse().unwrap();
    let files = fs::read_dir("/proc/self/fd").unwrap().count();
    Ok((resident, files, ractor::registry::pid_registry::get_all_pids().len()))
}

/// Connects and says this; none if the system's queue is full.
fn stranger(port: u16, says: &[u8]) -> Option<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(20)).ok()?;
    let _ = stream.write_all(says);
    Some(stream)
}

#[atasks::test(cluster = 2)]
async fn a_flood_of_the_listener_gets_nobody_in_and_disturbs_nobody() {
    assert_eq!(gateways(2).place(worker(0)).await.unwrap(), workers());
    let found = ports().place(worker(1)).await.unwrap();
    let [port] = found[..] else { panic!("listens at {found:?}") };
    let (memory, files, actors) = size().place(worker(1)).await.unwrap();

    let noise: Vec<_> = (0u32..20_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let hello = [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &[0; 512]].concat();
    // What a NodeServer would take for a frame of 16 MiB.
    let frame = [&(16u64 << 20).to_be_bytes()[..], &noise].concat();
    let says = [&b""[..], b"GET / HTTP/1.1\r\n\r\n", &noise, &hello, &frame, &[0xff; 4096]];
    let flood = std::thread::spawn({
        let says = says.map(<[u8]>::to_vec);
        move || (0..CONNECTIONS).filter_map(|n| stranger(port, &says[n % says.len()])).collect::<Vec<_>>()
    });
    let (mut calls, mut slowest) = (0, Duration::ZERO);
    while !flood.is_finished() || calls < 100 {
        let began = Instant::now();
        here().place(worker(1)).await.unwrap();
        (calls, slowest) = (calls + 1, slowest.max(began.elapsed()));
    }
    let mut strangers = flood.join().unwrap();
    println!("{} of {CONNECTIONS} connected, {calls} calls meanwhile, the slowest took {slowest:?}", strangers.len());
    assert!(strangers.len() > 100 && slowest < Duration::from_secs(2));

    let (memory_after, files_after, actors_after) = size().place(worker(1)).await.unwrap();
    println!("{memory} -> {memory_after} KiB, {files} -> {files_after} files, {actors} -> {actors_after} actors");
    assert!(memory_after < memory + (16 << 10) && files_after < files + 10 && actors_after < actors + 10);
    // Not one of them was said a word that is no end of a handshake.
    for stranger in &mut strangers {
        stranger.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let mut answer = Vec::new();
        let _silent = stranger.take(1024).read_to_end(&mut answer);
        assert!(answer.len() < 32, "{answer:?}");
    }
    drop(strangers);
    for place in 0..2 {
        assert_eq!(gateways(2).place(worker(place)).await.unwrap(), workers());
    }
    assert!(pid().place(worker(1)).await.is_ok());
}

#[atasks::test(cluster = 1)]
async fn a_node_server_that_would_talk_is_not_let_in() {
    use ractor_cluster::{NodeServer, client_connect};

    let port = ports().place(worker(0)).await.unwrap()[0];
    let cookie = "proved by the link below".to_owned();
    let server = NodeServer::new(0, cookie, "stranger".into(), "elsewhere".into(), None, None);
    let server = server.with_listen_addr(Ipv4Addr::LOCALHOST.into());
    let (stranger, _) = ractor::Actor::spawn(None, server, ()).await.unwrap();
    client_connect(&stranger, (Ipv4Addr::LOCALHOST, port)).await.unwrap();
    // It speaks first. What it says arrives, and nobody takes it.
    soon(async {
        while unheard(port) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    assert_eq!(gateways(1).place(worker(0)).await.unwrap(), workers());
    assert_eq!(unheard(port), 1);
    assert!(ractor::pg::get_members(&atasks::Gateway::GROUP.to_owned()).is_empty());
    stranger.stop(None);
}
