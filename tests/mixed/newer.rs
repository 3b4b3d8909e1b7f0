//! What a later version of atasks may say: what is not known is skipped, or told as what it is.

use std::os::unix::net::UnixListener;
use std::sync::mpsc::{Receiver, Sender, channel};

use atasks::{Placement, Ran, TaskError, Unplaced};
use atasks_actors::{codec, fingerprint::Fingerprint};
use atasks_cluster::session::frame::{Body, Frame, Head, Invoke, Status, extension};
use atasks_cluster::session::greeting::{Hello, Role};
use serde_bytes::ByteBuf;

use super::peer::{Introduction, LATER, Peer, hello};
use super::{Over, Place, client, unplaced};
use crate::programs::PATIENCE;
use crate::shared::{below, call};

/// Invokes a task, with an entry in the extension area that nobody knows.
fn invoke(peer: &mut Peer, call: u64, task: u32, arguments: &[u8]) {
    let mut area = Vec::new();
    extension::put(&mut area, 200, b"from the future").unwrap();
    extension::put(&mut area, extension::LABEL, b"later").unwrap();
    let head = Head {
        call,
        task,
        idempotent: false,
        detached: false,
        attempt: 0,
        id: call,
        origin: None,
        lineage: None,
        deadline: None,
    };
    peer.say(Frame::Invoke(Invoke { head, extension: &area, arguments: Body::Whole(arguments) }));
}

/// How a call has ended.
fn outcome(peer: &mut Peer, number: u64) -> (Status, Vec<u8>) {
    peer.wait_for("an outcome", |_, frame| match frame {
        Frame::Outcome { call, status, body: Body::Whole(bytes) } if call == number => Some((status, bytes.to_vec())),
        _ => None,
    })
}

#[track_caller]
fn ran(peer: &mut Peer, number: u64) {
    let (status, bytes) = outcome(peer, number);
    assert_eq!(status, Status::Returned);
    assert!(codec::decode::<Result<String, TaskError>>(&bytes).unwrap().unwrap().contains("as ever, old on"));
}

/// Waits until the worker has processed all that was said.
fn all_processed(peer: &mut Peer) {
    peer.wait_for("that all is processed", |peer, _| (peer.processed == peer.said.len() as u64).then_some(()));
}

/// The number of a task in the table of the worker.
fn numbered(peer: &mut Peer, name: &str) -> u32 {
    let tasks = peer.wait_for("the task table", |_, frame| match frame {
        Frame::Tasks(bytes) => Some(codec::decode::<Introduction>(bytes).unwrap().0),
        _ => None,
    });
    tasks.iter().position(|(task, _)| task == name).unwrap() as u32
}

#[test]
fn guarantee_10_frames_notices_and_entries_of_later_versions_are_skipped_also_over_a_resume() {
    let (_worker, address) = Place::new(Over::Unix, "later", 0).start_with_seeds("old", [].into_iter());
    let hello = hello("later-client", Role::Client, LATER, Vec::new());
    let (mut peer, version) = Peer::dial(&address, &hello);
    assert_eq!(version, 1, "the newest that both speak");
    peer.introduce(&[]);
    let task = numbered(&mut peer, "upgrade::body_changed");
    let unknown = |peer: &mut Peer| {
        peer.say_kind(0x2a, &[7; 1000]);
        peer.say_kind(0x7f, &[]);
        peer.say_kind(0xc0, &[7; 100]);
        peer.say(Frame::Notice(&[99, 1, 2, 3]));
        peer.say(Frame::Notice(&[]));
    };
    unknown(&mut peer);
    invoke(&mut peer, 1, task, &[]);
    ran(&mut peer, 1);
    all_processed(&mut peer);
    for number in (2..20).step_by(2) {
        unknown(&mut peer);
        invoke(&mut peer, number, task, &[]);
        unknown(&mut peer);
        // Whatever of that has been processed: both ends count alike.
        peer.resume(&address, &hello);
        invoke(&mut peer, number + 1, task, &[]);
        ran(&mut peer, number + 1);
        all_processed(&mut peer);
    }
}

#[test]
fn guarantee_10_arguments_must_be_read_to_their_end() {
    let (_worker, address) = Place::new(Over::Unix, "bytes", 0).start_with_seeds("old", [].into_iter());
    let (mut peer, _) = Peer::dial(&address, &hello("bytes-client", Role::Client, LATER, Vec::new()));
    peer.introduce(&[]);
    let task = numbered(&mut peer, "upgrade::arguments_swapped");
    for (number, arguments, complaint) in [
        (1, &[1, 2, 3][..], "1 bytes are left over"),
        (2, &[1], "`upgrade::arguments_swapped`"),
        (3, &[], "`upgrade::arguments_swapped`"),
    ] {
        invoke(&mut peer, number, task, arguments);
        let (status, bytes) = outcome(&mut peer, number);
        let error: TaskError = codec::decode(&bytes).unwrap();
        println!("{error}");
        assert_eq!((status, error.ran()), (Status::Failed, Ran::No), "{error}");
        assert!(number > 1 || error.to_string().contains(complaint), "{error}");
    }
    invoke(&mut peer, 4, task, &[1, 2]);
    assert_eq!(outcome(&mut peer, 4).0, Status::Returned);
    invoke(&mut peer, 5, u32::MAX, &[]);
    let (_, bytes) = outcome(&mut peer, 5);
    println!("{}", codec::decode::<TaskError>(&bytes).unwrap());
}

/// An error as a later version writes it.
fn later_error(code: u16, message: &str, detail: &[u8]) -> Vec<u8> {
    codec::encode(&(code, message, ByteBuf::from(detail)), 1 << 20).unwrap()
}

/// A worker of a later version: it answers calls of its first task with an error that today's nodes do not know, and those
/// of its second with such an error as the task's own. Tells which were called.
fn later_worker(listener: UnixListener, hello: Hello, tasks: Vec<(String, Fingerprint)>) -> Receiver<u32> {
    let (tell, called) = channel();
    std::thread::spawn(move || {
        loop {
            if let Some(peer) = Peer::accept(&listener, &hello) {
                let (tasks, tell) = (tasks.clone(), tell.clone());
                std::thread::spawn(move || answer(peer, &tasks, &tell));
            }
        }
    });
    called
}

fn answer(mut peer: Peer, tasks: &[(String, Fingerprint)], tell: &Sender<u32>) {
    peer.introduce(tasks);
    while let Some(heard) = peer.hear() {
        let Frame::Invoke(Invoke { head, .. }) = heard.frame() else { continue };
        let _ = tell.send(head.task);
        let (status, bytes) = match head.task {
            0 => (Status::Failed, later_error(777, "too hot", &[1, 2, 3])),
            // The tag of an `Err`, as the task has returned it.
            _ => (Status::Returned, [&[1][..], &later_error(778, "too cold", &[9])].concat()),
        };
        peer.say(Frame::Outcome { call: head.call, status, body: Body::Whole(&bytes) });
    }
}

#[tokio::test]
async fn guarantee_10_an_error_of_a_later_version_is_told_by_code_and_text_and_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let (path, name) = (folder.path().join("later"), format!("later-worker-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let address = format!("unix:{}", path.display());
    // What it has to offer is what another worker has.
    let place = Place::new(Over::Unix, "passes-on", 0);
    let (_worker, at) = place.start_with_seeds("old", [&address[..]].into_iter());
    let known = super::builder().seed(at.clone()).join().await.unwrap();
    let print = |task: &str| known.tasks().into_iter().find(|info| info.name == task).unwrap().fingerprint;
    let offer = |task: &str, like: &str| (task.to_owned(), print(like));
    let tasks = vec![
        offer("upgrade::body_changed", "upgrade::body_changed"),
        offer("upgrade::version_changed", "upgrade::version_changed"),
        // Of this name, but another one.
        offer("upgrade::field_added", "upgrade::fields_swapped"),
    ];
    let called = later_worker(listener, hello(&name, Role::Worker, LATER, vec![address.clone()]), tasks);
    known.leave().await;
    let later = Place { over: Over::Unix, name: name.clone(), address };
    let node = client(&[&place, &later]).await;

    let there = || Placement::Node(name.clone());
    let via = |task: &str| below(task.to_owned(), Some(name.clone())).place(Placement::Node(place.name.clone()));
    for (task, code, message) in [("body_changed", 777, "too hot"), ("version_changed", 778, "too cold")] {
        let expected = TaskError::Other { code, message: message.to_owned() };
        assert_eq!(node.scope(call(task, there())).await.unwrap_err(), expected);
        // Over a node of this version, from the later one to this: as it was.
        let error = node.scope(via(task)).await.unwrap_err();
        println!("{error}; {}", error.ran());
        assert_eq!((&error, error.ran()), (&expected, Ran::Maybe));
    }
    let mut told = Vec::new();
    told.resize_with(4, || called.recv_timeout(PATIENCE).unwrap());
    assert_eq!(told, [0, 0, 1, 1]);
    // What does not fit is refused before it is sent.
    for ended in [node.scope(call("field_added", there())).await, node.scope(via("field_added")).await] {
        let (reason, text) = unplaced(ended);
        assert!(matches!(reason, Unplaced::VersionMismatch { .. }) && text.contains(&name), "{text}");
    }
    assert!(called.try_recv().is_err(), "it was sent");
}
