//! Unix sockets: the kernel says who the peer is, so they need no secret and no encryption.
//!
//! The socket lies in a folder that only its user can enter (0700), is itself 0600, and both ends ask the kernel for
//! the other's uid. Linux's abstract namespace is not used: it has no permissions, and any user could take a name.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::sleep;

use super::error::{AcceptError, DialError};
use crate::address::Address;

mod folder;
#[cfg(feature = "worker")]
mod listener;
mod stream;
mod user;

pub use folder::{own_runtime_folder, runtime_folder};
#[cfg(feature = "worker")]
pub(super) use listener::Listener;
pub(super) use stream::Stream;

/// Pause before a full listener is dialled again; the system offers nothing to wait on.
const FULL_PAUSE: Duration = Duration::from_millis(5);

/// Lets in who runs as this user or root.
pub(super) fn admit(stream: UnixStream) -> Result<Stream, AcceptError> {
    let (peer, own) = (stream.peer_cred()?.uid(), user::own());
    if !user::may_enter(own, peer) {
        return Err(AcceptError::WrongUser { peer, own });
    }
    Ok(Stream::new(stream))
}

/// Connects to a socket of a user that this one trusts. Waits as long as the listener's queue is full.
pub(super) async fn dial(path: &Path) -> Result<Stream, DialError> {
    let path = folder::socket_path(path);
    let address = Address::Unix(path.clone());
    let stream = loop {
        match UnixStream::connect(&path).await {
            Ok(stream) => break stream,
            Err(source) => match source.kind() {
                io::ErrorKind::WouldBlock => sleep(FULL_PAUSE).await,
                io::ErrorKind::NotFound => return Err(DialError::NoSuchSocket { path }),
                io::ErrorKind::ConnectionRefused => return Err(DialError::Refused { address }),
                _ => return Err(DialError::Io { address, source }),
            },
        }
    };
    let peer = match stream.peer_cred() {
        Ok(credentials) => credentials.uid(),
        Err(source) => return Err(DialError::Io { address, source }),
    };
    let own = user::own();
    if !user::may_be_dialled(own, peer) {
        return Err(DialError::WrongUser { address, peer, own });
    }
    Ok(Stream::new(stream))
}
