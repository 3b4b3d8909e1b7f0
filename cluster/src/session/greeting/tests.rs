//! Greetings survive the wire, and strangers are told at once.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn hello() -> Hello {
    Hello {
        versions: VERSIONS,
        name: "näher-7f3a".into(),
        incarnation: 7,
        role: Role::Worker,
        session: 1 << 100,
        resumes: true,
        table_digest: [3; 16],
        payload_max: 64 << 20,
        addresses: vec!["unix:x".into(), "host.example:7000".into()],
        cluster_size: Some(64),
    }
}

fn encode(greeting: &Greeting) -> Vec<u8> {
    let mut out = Vec::new();
    greeting.encode(&mut out).unwrap();
    out
}

fn all() -> Vec<Greeting> {
    let refuse = |reason| Greeting::Refuse(Refusal { reason, text: "no: \"x\" is taken".into() });
    vec![
        Greeting::Hello(hello()),
        Greeting::Hello(Hello { role: Role::Client, addresses: vec![], cluster_size: None, ..hello() }),
        Greeting::Hello(Hello { role: Role::Operator, ..hello() }),
        Greeting::Welcome(Welcome { version: 1, resumed: Some(12) }),
        Greeting::Welcome(Welcome { version: 1, resumed: None }),
        refuse(RefusalReason::OtherProtocol),
        refuse(RefusalReason::NameTaken),
        refuse(RefusalReason::NotWanted),
        refuse(RefusalReason::Busy),
        refuse(RefusalReason::Draining),
        refuse(RefusalReason::Gone),
        refuse(RefusalReason::Other(200)),
    ]
}

#[test]
fn a_greeting_survives_the_wire_and_waits_for_its_last_byte() {
    for greeting in all() {
        let mut bytes = encode(&greeting);
        for len in 0..bytes.len() {
            assert_eq!(Greeting::decode(&bytes[..len]), Ok(None), "{greeting:?}");
        }
        let len = bytes.len();
        bytes.extend_from_slice(b"what follows");
        assert_eq!(Greeting::decode(&bytes), Ok(Some((greeting, len))));
    }
}

#[test]
fn a_stranger_is_told_by_its_first_byte() {
    for stranger in [&b"G"[..], b"GET / HTTP/1.1", &[0x16, 3, 1], &[0xA7, b'X'], b"\0"] {
        assert_eq!(Greeting::decode(stranger), Err(GreetingError::OtherMagic));
    }
}

#[test]
fn a_long_greeting_is_refused_by_its_header_alone() {
    let mut bytes = encode(&all()[0]);
    bytes[5..7].copy_from_slice(&u16::MAX.to_le_bytes());
    bytes.truncate(7);
    assert_eq!(Greeting::decode(&bytes), Err(GreetingError::TooLong { bytes: 7 + 65_535 }));
}

#[test]
fn a_body_that_is_longer_than_its_fields_is_refused_but_for_extensions_of_a_hello() {
    for greeting in all() {
        let mut bytes = encode(&greeting);
        bytes.extend_from_slice(&[200, 2, 0, 1, 2]);
        let body = (bytes.len() - 7) as u16;
        bytes[5..7].copy_from_slice(&body.to_le_bytes());
        match greeting {
            Greeting::Hello(_) => assert_eq!(Greeting::decode(&bytes), Ok(Some((greeting, bytes.len())))),
            Greeting::Welcome(_) | Greeting::Refuse(_) => {
                let refused = Err(GreetingError::Malformed("has trailing bytes"));
                assert_eq!(Greeting::decode(&bytes), refused);
            }
        }
    }
}

#[test]
fn another_protocol_is_told_whatever_follows_its_versions() {
    let theirs = Versions { min: VERSIONS.max + 1, max: VERSIONS.max + 5 };
    let mut bytes = encode(&Greeting::Hello(Hello { versions: theirs, ..hello() }));
    bytes[11..].fill(0xff);
    let refused = Greeting::decode(&bytes).unwrap_err();
    assert_eq!(refused, GreetingError::OtherProtocol { theirs });
    assert_eq!(
        refused.to_string(),
        "the other end speaks protocol versions 2 to 6, this one version 1: build this program with a newer atasks"
    );
}

#[test]
fn names_and_addresses_are_printable_and_bounded_at_both_ends() {
    #[track_caller]
    fn check(hello: Hello, what: &'static str) {
        let mut out = vec![1];
        assert_eq!(Greeting::Hello(hello).encode(&mut out), Err(GreetingError::Malformed(what)));
        assert_eq!(out, [1]);
    }
    check(Hello { name: String::new(), ..hello() }, "has an empty name or address");
    check(Hello { name: "x".repeat(256), ..hello() }, "has a text above its limit");
    check(Hello { name: "a\nb".into(), ..hello() }, "has a text that is not printable");
    check(Hello { addresses: vec!["\u{1b}[2J".into()], ..hello() }, "has a text that is not printable");
    check(Hello { addresses: vec!["x".into(); 17], ..hello() }, "has too many addresses");

    let name = Hello { name: "abc".into(), ..hello() };
    let bytes = encode(&Greeting::Hello(name));
    let at = bytes.windows(3).position(|three| three == b"abc").unwrap();
    for (forged, what) in
        [(*b"a\nc", "has a text that is not printable"), ([b'a', 0xff, b'c'], "has a text that is not UTF-8")]
    {
        let mut bytes = bytes.clone();
        bytes[at..at + 3].copy_from_slice(&forged);
        assert_eq!(Greeting::decode(&bytes), Err(GreetingError::Malformed(what)));
    }
    let mut bytes = bytes;
    bytes[at - 2..at].copy_from_slice(&[0, 0]);
    assert_eq!(Greeting::decode(&bytes), Err(GreetingError::Malformed("has an empty name or address")));
}

#[test]
fn the_largest_hello_fits() {
    let name = "x".repeat(NAME_MAX);
    let largest = Hello { name: name.clone(), addresses: vec![name; ADDRESSES_MAX], ..hello() };
    assert!(encode(&Greeting::Hello(largest)).len() < GREETING_MAX / 2);
}

proptest! {
    #[test]
    fn garbage_is_refused_or_waits_and_never_panics(bytes in vec(any::<u8>(), 0..300), kind in 0u8..4, at in 0usize..200) {
        let _ = Greeting::decode(&bytes);
        let framed = [&[0xA7, b'A', b'T', b'K', kind], &(bytes.len() as u16).to_le_bytes()[..], &bytes].concat();
        let _ = Greeting::decode(&framed);
        let mut mangled = encode(&Greeting::Hello(hello()));
        let at = at % mangled.len();
        mangled[at] ^= bytes.first().copied().unwrap_or(0x80);
        let _ = Greeting::decode(&mangled);
    }
}
