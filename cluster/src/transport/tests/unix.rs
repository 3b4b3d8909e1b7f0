//! What dialling a Unix socket tells.

use super::*;

#[tokio::test]
async fn a_missing_socket_and_a_dead_one_say_that_nobody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w1");
    let address = Address::Unix(path.clone());
    let error = dial(&address, &Credentials::none(), LIMIT).await.unwrap_err();
    assert!(matches!(error, DialError::NoSuchSocket { .. }) && error.nobody_listens(), "{error:?}");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let error = dial(&address, &Credentials::none(), LIMIT).await.unwrap_err();
    assert!(matches!(error, DialError::Refused { .. }) && error.nobody_listens(), "{error:?}");
}

#[tokio::test]
async fn a_listener_with_a_full_queue_times_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w1");
    let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    listener.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(0).unwrap();
    let address = Address::Unix(path);
    let mut queued = Vec::new();
    let error = loop {
        match dial(&address, &Credentials::none(), Duration::from_millis(20)).await {
            Ok(socket) => queued.push(socket),
            Err(error) => break error,
        }
        assert!(queued.len() < 1000, "the queue has no bound");
    };
    assert!(matches!(error, DialError::TimedOut { .. }), "{error:?}");
    assert!(!error.nobody_listens());
}

#[tokio::test]
async fn memory_addresses_need_a_network() {
    let address = Address::Memory("w1".into());
    let error = Listener::bind(&address, &Credentials::none()).await.unwrap_err();
    assert!(matches!(error, TransportError::NoNetwork { .. }), "{error:?}");
    let error = dial(&address, &Credentials::none(), LIMIT).await.unwrap_err();
    assert!(matches!(error, DialError::NoNetwork { .. }), "{error:?}");
}
