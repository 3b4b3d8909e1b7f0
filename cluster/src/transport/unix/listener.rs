//! A listening Unix socket and the file that names it.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

use super::super::error::TransportError;
use super::super::listener::{Candidate, Incoming};
use super::{folder, user};
use crate::address::Address;

/// What `sockaddr_un` takes, without the closing zero byte.
const PATH_BYTES_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
/// Most files of the folder that are looked at for sockets of dead processes.
const SWEPT_MAX: usize = 1024;
/// How often, and how long apart, to ask whether another process is done binding in the same folder.
const TURN_TRIES: u32 = 200;
const TURN_PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(crate) struct Listener {
    // Dropped in this order: while we still listen, nobody takes our file for a dead process's and replaces it.
    file: SocketFile,
    listener: UnixListener,
}

impl Listener {
    pub(crate) async fn bind(name: &Path) -> Result<Self, TransportError> {
        let path = folder::socket_path(name);
        let bytes = path.as_os_str().len();
        if bytes > PATH_BYTES_MAX {
            return Err(TransportError::PathTooLong { path, bytes, bytes_max: PATH_BYTES_MAX });
        }
        if name.is_relative() {
            folder::prepare(&folder::runtime_folder())?;
        }
        let _turn = turn(&path).await.map_err(|source| failed(&path, source))?;
        if name.is_relative() {
            sweep(&folder::runtime_folder());
        }
        let listener = match UnixListener::bind(&path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                remove_stale(&path).await?;
                UnixListener::bind(&path)
            }
            bound => bound,
        };
        let listener = listener.map_err(|source| failed(&path, source))?;
        let file = SocketFile::new(&path).map_err(|source| failed(&path, source))?;
        // Until here others may connect as far as the folder lets them; their uid is checked all the same.
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(|source| failed(&path, source))?;
        Ok(Self { file, listener })
    }

    pub(crate) async fn accept(&self) -> io::Result<Incoming> {
        let (stream, _unnamed) = self.listener.accept().await?;
        Ok(Incoming { candidate: Candidate::Unix(stream), peer: self.address() })
    }

    pub(crate) fn address(&self) -> Address {
        Address::Unix(self.file.path.clone())
    }
}

/// Waits for this process's turn to bind in the folder. Two that found the same dead socket would otherwise remove it
/// twice: the second time it would be the other's living one. The turn ends when the file is dropped.
async fn turn(path: &Path) -> io::Result<File> {
    let folder = File::open(path.parent().unwrap_or(Path::new("/")))?;
    for _ in 0..TURN_TRIES {
        match rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => sleep(TURN_PAUSE).await,
            locked => return locked.map(|()| folder).map_err(io::Error::from),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "another process keeps the folder locked"))
}

/// Removes a socket file on which nobody listens any more.
async fn remove_stale(path: &Path) -> Result<(), TransportError> {
    let in_use = TransportError::InUse { address: Address::Unix(path.into()) };
    let found = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(|source| failed(path, source))?,
    };
    if !found.file_type().is_socket() {
        return Err(TransportError::NotASocket { path: path.into() });
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|source| failed(path, source))
        }
        // A full queue is one that somebody has opened.
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(failed(path, error)),
        _ => Err(in_use),
    }
}

/// Removes sockets of processes that were killed from the folder of this user's sockets. Whoever does it has its turn, so
/// none is about to be bound. What cannot be told or removed is left.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten().take(SWEPT_MAX) {
        let is_own = |file: &std::fs::Metadata| file.file_type().is_socket() && file.uid() == user::own();
        // Of the entry itself, not of what a link leads to.
        if entry.metadata().is_ok_and(|file| is_own(&file)) && is_dead(&entry.path()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Whether no process has the socket open. Asked with a socket of another kind, so that who listens there hears nothing of
/// it: the system refuses that for another reason.
fn is_dead(path: &Path) -> bool {
    let connected = UnixDatagram::unbound().and_then(|socket| socket.connect(path));
    connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn failed(path: &Path, source: io::Error) -> TransportError {
    TransportError::Io { address: Address::Unix(path.into()), source }
}

/// Removes the file when dropped, if it is still the one that was made.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.into(), identity: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            // Left behind, it is replaced at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    path.symlink_metadata().map(|file| (file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w1");
        (folder, path)
    }

    #[tokio::test]
    async fn the_file_is_private_and_goes_with_its_listener() {
        let (_folder, path) = folder();
        let listener = Listener::bind(&path).await.unwrap();
        assert_eq!(listener.address(), Address::Unix(path.clone()));
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_dead_process_s_socket_is_replaced_and_a_living_one_is_not() {
        let (_folder, path) = folder();
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "the standard library leaves the file");
        let living = Listener::bind(&path).await.unwrap();
        let error = Listener::bind(&path).await.unwrap_err();
        assert!(matches!(error, TransportError::InUse { .. }), "{error:?}");
        assert!(error.to_string().contains("a running process already listens"), "{error}");
        drop(living);
        Listener::bind(&path).await.unwrap();
    }

    #[tokio::test]
    async fn two_that_find_the_same_dead_socket_do_not_both_get_it() {
        let (_folder, path) = folder();
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let (one, two) = tokio::join!(Listener::bind(&path), Listener::bind(&path));
        let (kept, refused) = if one.is_ok() { (one, two) } else { (two, one) };
        assert!(matches!(refused, Err(TransportError::InUse { .. })), "{refused:?}");
        UnixStream::connect(&path).await.unwrap();
        drop(kept);
    }

    #[tokio::test]
    async fn sockets_of_dead_processes_are_swept_and_all_else_is_left() {
        let (folder, living) = folder();
        let at = |name: &str| folder.path().join(name);
        let listener = Listener::bind(&living).await.unwrap();
        for name in ["killed", "killed-too", "elsewhere"] {
            drop(std::os::unix::net::UnixListener::bind(at(name)).unwrap());
        }
        // Bound, and not listening yet.
        let bound = UnixDatagram::bind(at("bound")).unwrap();
        std::fs::write(at("file"), "precious").unwrap();
        let outer = tempfile::tempdir().unwrap();
        std::fs::rename(at("elsewhere"), outer.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(outer.path().join("elsewhere"), at("link")).unwrap();
        sweep(folder.path());
        let mut left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["bound", "file", "link", "w1"]);
        assert!(outer.path().join("elsewhere").exists());
        // Who listens has heard nothing of it.
        let heard = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(heard.is_err(), "{heard:?}");
        drop(bound);
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let (_folder, path) = folder();
        std::fs::write(&path, "precious").unwrap();
        let error = Listener::bind(&path).await.unwrap_err();
        assert!(matches!(error, TransportError::NotASocket { .. }), "{error:?}");
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[tokio::test]
    async fn what_the_system_refuses_is_told_and_not_where_again() {
        let (folder, _path) = folder();
        let error = Listener::bind(&folder.path().join("no/such")).await.unwrap_err();
        let told = crate::error::StartError::Listen { address: "unix:x".into(), reason: crate::error::chain(&error) };
        let told = told.to_string();
        assert!(told.contains("No such file"), "{told}");
        assert_eq!(told.matches("listen").count(), 1, "{told}");
    }

    #[tokio::test]
    async fn a_file_put_in_its_place_outlives_the_listener() {
        let (_folder, path) = folder();
        let listener = Listener::bind(&path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "another's").unwrap();
        drop(listener);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_says_by_how_much() {
        let (folder, _path) = folder();
        let path = folder.path().join("w".repeat(PATH_BYTES_MAX));
        let error = Listener::bind(&path).await.unwrap_err();
        assert!(matches!(error, TransportError::PathTooLong { bytes_max: PATH_BYTES_MAX, .. }), "{error:?}");
        let longest = folder.path().join("w".repeat(PATH_BYTES_MAX - 1 - folder.path().as_os_str().len()));
        Listener::bind(&longest).await.unwrap();
    }
}
