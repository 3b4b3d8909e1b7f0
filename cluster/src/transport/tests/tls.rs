//! Who is not let in over TCP, and what either end is told.

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

fn anywhere() -> Address {
    Address::Tcp("127.0.0.1:0".into())
}

fn fresh() -> Credentials {
    from_secret(&Secret::generate().unwrap())
}

/// Connects to the listener without TLS.
async fn connect_plainly(listener: &Listener) -> TcpStream {
    TcpStream::connect(listener.address().to_string()).await.unwrap()
}

/// A server that is no node: it does `serve` to whoever connects.
async fn stranger<F: Future<Output = ()> + Send>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap().to_string());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream).await;
        }
    });
    address
}

#[tokio::test]
async fn another_secret_is_refused_at_both_ends_and_told() {
    let listener = Listener::bind(&anywhere(), &fresh()).await.unwrap();
    let address = listener.address();
    let other = fresh();
    let (dialled, accepted) = meet(&listener, &address, &other).await;
    let error = dialled.unwrap_err();
    assert!(matches!(error, DialError::WrongSecret { .. }), "{error:?}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(!error.nobody_listens());
    let error = accepted.unwrap_err();
    assert!(matches!(error, AcceptError::WrongSecret { .. }), "{error:?}");
}

#[tokio::test]
async fn who_shows_no_certificate_is_refused() {
    #[derive(Debug)]
    struct TrustAnyone(Arc<rustls::crypto::CryptoProvider>);
    impl rustls::client::danger::ServerCertVerifier for TrustAnyone {
        fn verify_server_cert(
            &self,
            _: &rustls::pki_types::CertificateDer<'_>,
            _: &[rustls::pki_types::CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: rustls::pki_types::UnixTime,
        ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
            Ok(rustls::client::danger::ServerCertVerified::assertion())
        }
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &rustls::pki_types::CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            Err(rustls::Error::General("TLS 1.2".into()))
        }
        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &rustls::pki_types::CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
        }
        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }

    let listener = Listener::bind(&anywhere(), &fresh()).await.unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustAnyone(provider)))
        .with_no_client_auth();
    let nosy = async {
        let stream = connect_plainly(&listener).await;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(ServerName::try_from("node.atasks").unwrap(), stream).await.unwrap();
        let mut buf = Vec::new();
        (stream.read_to_end(&mut buf).await.is_err(), buf)
    };
    let accepted = async { listener.accept().await.unwrap().establish().await };
    let ((refused, seen), accepted) = tokio::join!(nosy, accepted);
    assert!(matches!(accepted, Err(AcceptError::WrongSecret { .. })), "{accepted:?}");
    assert!(refused && seen.is_empty());
}

#[tokio::test]
async fn garbage_is_told_as_another_protocol_and_harms_nobody() {
    let credentials = fresh();
    let listener = Listener::bind(&anywhere(), &credentials).await.unwrap();
    let seed: u64 = rand::random();
    println!("seed {seed}");
    for garbage in [&b"GET / HTTP/1.1\r\nHost: node\r\n\r\n"[..], b"\0\0\0\0\0\0\0\0", b"SSH-2.0-OpenSSH_9.6\r\n"] {
        let mut stream = connect_plainly(&listener).await;
        stream.write_all(garbage).await.unwrap();
        let error = listener.accept().await.unwrap().establish().await.unwrap_err();
        assert!(matches!(error, AcceptError::OtherProtocol(_)), "{error:?}");
    }
    for round in 0..50 {
        let mut stream = connect_plainly(&listener).await;
        stream.write_all(&random_bytes(seed ^ round, 5000)).await.unwrap();
        stream.shutdown().await.unwrap();
        listener.accept().await.unwrap().establish().await.unwrap_err();
    }
    let (near, far) = meet(&listener, &listener.address(), &credentials).await;
    near.unwrap().write_all(b"still there").await.unwrap();
    assert_eq!(read_exactly(&far.unwrap(), 11).await, "still there");
}

#[tokio::test]
async fn who_says_nothing_does_not_keep_others_out() {
    let credentials = fresh();
    let listener = Listener::bind(&anywhere(), &credentials).await.unwrap();
    let _silent = connect_plainly(&listener).await;
    let silent = tokio::spawn(listener.accept().await.unwrap().establish());
    let (near, far) = meet(&listener, &listener.address(), &credentials).await;
    near.unwrap();
    far.unwrap();
    assert!(!silent.is_finished(), "it still waits, in a task of its own");
    silent.abort();
}

#[tokio::test]
async fn garbage_after_the_handshake_breaks_the_connection() {
    let credentials = fresh();
    let listener = Listener::bind(&anywhere(), &credentials).await.unwrap();
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(relay.local_addr().unwrap().to_string());
    let (mut outside, mut inside) = (None, None);
    let copy = async {
        let outside = outside.insert(relay.accept().await.unwrap().0);
        let inside = inside.insert(connect_plainly(&listener).await);
        tokio::io::copy_bidirectional(outside, inside).await
    };
    let (near, _far) = tokio::select! {
        _ = copy => unreachable!("the handshake ended early"),
        (near, far) = meet(&listener, &address, &credentials) => (near.unwrap(), far.unwrap()),
    };
    // A record of application data that nobody encrypted.
    outside.unwrap().write_all(&[&[0x17, 3, 3, 0, 32][..], &[0; 32]].concat()).await.unwrap();
    let error = near.read(&mut BytesMut::new()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{error}");
}

#[tokio::test]
async fn a_server_of_another_protocol_is_told_as_one() {
    let address = stranger(|mut stream| async move {
        stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await.unwrap();
        let mut sink = Vec::new();
        let _ = stream.read_to_end(&mut sink).await;
    })
    .await;
    let error = dial(&address, &fresh(), LIMIT).await.unwrap_err();
    assert!(matches!(error, DialError::OtherProtocol { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_times_out() {
    let address = stranger(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let error = dial(&address, &fresh(), Duration::from_millis(750)).await.unwrap_err();
    assert!(matches!(error, DialError::TimedOut { .. }), "{error:?}");
    assert!(!error.nobody_listens());
}

#[tokio::test]
async fn a_port_without_a_listener_refuses() {
    let listener = Listener::bind(&anywhere(), &fresh()).await.unwrap();
    let address = listener.address();
    drop(listener);
    let error = dial(&address, &fresh(), LIMIT).await.unwrap_err();
    assert!(error.nobody_listens(), "{error:?}");
}

#[tokio::test]
async fn a_name_stands_for_all_its_addresses_and_an_address_for_itself() {
    let resolved = |text: &str| {
        let address: Address = text.parse().unwrap();
        async move { resolve(&address).await }
    };
    let hosts = resolved("localhost:7").await.unwrap();
    assert!(hosts.contains(&Address::Tcp("127.0.0.1:7".into())), "{hosts:?}");
    for text in ["127.0.0.1:7", "[::1]:7", "unix:w1"] {
        assert_eq!(resolved(text).await.unwrap(), [text.parse().unwrap()]);
    }
    let error = resolved("no-such-host.invalid:7").await.unwrap_err();
    assert!(matches!(error, DialError::NoSuchHost { .. }), "{error:?}");
}

#[tokio::test]
async fn a_port_in_use_and_a_missing_secret_are_told_with_the_fix() {
    let credentials = fresh();
    let listener = Listener::bind(&anywhere(), &credentials).await.unwrap();
    let error = Listener::bind(&listener.address(), &credentials).await.unwrap_err();
    assert!(matches!(error, TransportError::InUse { .. }), "{error:?}");
    let error = Listener::bind(&anywhere(), &Credentials::none()).await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:0") && error.contains("cluster.secret"), "{error}");
    let error = dial(&listener.address(), &Credentials::none(), LIMIT).await.unwrap_err().to_string();
    assert!(error.contains("cluster.secret"), "{error}");
}

#[tokio::test]
async fn what_is_held_back_leaves_with_a_flush() {
    let (near, far) = World::new(Kind::Tls).await.pair().await;
    near.writable().await.unwrap();
    let mut sent = 0;
    while near.flushed() {
        sent += near.try_write(&[7; 64 * 1024]).unwrap();
    }
    let error = near.try_write(b"more").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    let (flushed, received) = tokio::join!(near.flush(), read_exactly(&far, sent));
    flushed.unwrap();
    assert!(near.flushed());
    assert!(received.iter().all(|byte| *byte == 7));
}

#[tokio::test]
async fn reader_and_writers_on_several_threads_do_not_mix_up_records() {
    let (near, far) = World::new(Kind::Tls).await.pair().await;
    near.writable().await.unwrap();
    let writers: Vec<_> = (0..4_u8)
        .map(|number| {
            let near = near.clone();
            // One byte a write: whole whatever the others do.
            std::thread::spawn(move || {
                let mut written = 0;
                while written < 1000 {
                    match near.try_write(&[number]) {
                        Ok(taken) => written += taken,
                        Err(_would_block) => std::thread::yield_now(),
                    }
                }
            })
        })
        .collect();
    let received = read_exactly(&far, 4000).await;
    for number in 0..4 {
        assert_eq!(received.iter().filter(|byte| **byte == number).count(), 1000);
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}
