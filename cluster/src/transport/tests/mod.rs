//! One suite over all transports, and what only TLS or only Unix sockets can get wrong.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use tokio::task::yield_now;

use super::*;
use crate::address::Address;
use crate::secret::Secret;

mod suite;
mod tls;
mod unix;

const LIMIT: Duration = Duration::from_secs(30);
const MIB: usize = 1024 * 1024;

#[derive(Clone, Copy)]
enum Kind {
    Unix,
    Tls,
    Memory,
}

/// A listener and the credentials of somebody who may dial it.
struct World {
    listener: Listener,
    dialler: Credentials,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (address, accepter, dialler) = match kind {
            Kind::Unix => (Address::Unix(folder.path().join("w1")), Credentials::none(), Credentials::none()),
            Kind::Tls => {
                let credentials = from_secret(&Secret::generate().unwrap());
                (Address::Tcp("127.0.0.1:0".into()), credentials.clone(), credentials)
            }
            Kind::Memory => {
                let network = Network::new(7);
                (Address::Memory("w1".into()), network.credentials("w1"), network.credentials("c1"))
            }
        };
        let listener = Listener::bind(&address, &accepter).await.unwrap();
        Self { listener, dialler, _folder: folder }
    }

    /// Who dialled, and who accepted.
    async fn pair(&self) -> (Arc<Socket>, Arc<Socket>) {
        let (near, far) = meet(&self.listener, &self.listener.address(), &self.dialler).await;
        (Arc::new(near.unwrap()), Arc::new(far.unwrap()))
    }
}

/// Dials `address`, which leads to `listener`, and lets that establish what it accepts.
async fn meet(
    listener: &Listener,
    address: &Address,
    dialler: &Credentials,
) -> (Result<Socket, DialError>, Result<Socket, AcceptError>) {
    let accepted = async { listener.accept().await.unwrap().establish().await };
    tokio::join!(dial(address, dialler, LIMIT), accepted)
}

fn from_secret(secret: &Secret) -> Credentials {
    Credentials::from_secret(secret).unwrap()
}

fn random_bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// Reads exactly `count` bytes.
async fn read_exactly(socket: &Socket, count: usize) -> BytesMut {
    let mut buf = BytesMut::new();
    while buf.len() < count {
        assert_ne!(socket.read(&mut buf).await.unwrap(), 0, "closed after {} of {count} bytes", buf.len());
    }
    assert_eq!(buf.len(), count);
    buf
}

/// Reads until the peer has closed.
async fn read_to_end(socket: &Socket) -> BytesMut {
    let mut buf = BytesMut::new();
    while socket.read(&mut buf).await.unwrap() > 0 {}
    buf
}
