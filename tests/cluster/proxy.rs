//! A cable between a client and a worker that a test can cut, and leave silent.

use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Passes on what comes to its address, byte by byte as it is.
pub(crate) struct Proxy {
    pub(crate) address: String,
    silent: watch::Sender<bool>,
    cables: Arc<Mutex<Vec<Cable>>>,
    accepts: AbortHandle,
}

/// One connection and its continuation.
struct Cable {
    near: Arc<TcpStream>,
    far: Arc<TcpStream>,
    halves: [AbortHandle; 2],
}

/// Which end of a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cut {
    Both,
    /// The one of whoever dialled; the other finds nothing but silence.
    Dialler,
    /// The one of whoever accepted.
    Acceptor,
}

impl Proxy {
    pub(crate) async fn to(target: &str) -> Self {
        let target: SocketAddr = target.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let silent = watch::channel(false).0;
        let cables = Arc::new(Mutex::new(Vec::new()));
        let (all, silence) = (cables.clone(), silent.clone());
        let accepts = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                // As of a host that does not answer: nothing comes back.
                let Ok(far) = TcpStream::connect(target).await else { continue };
                all.lock().unwrap().push(Cable::new(near, far, &silence));
            }
        });
        Self { address, silent, cables, accepts: accepts.abort_handle() }
    }

    /// Cuts all that is connected; what comes later is passed on.
    pub(crate) fn cut(&self, which: Cut) {
        self.cables.lock().unwrap().drain(..).for_each(|cable| cable.cut(which));
    }

    /// Passes nothing on, and closes nothing, for so long.
    pub(crate) async fn be_silent(&self, time: Duration) {
        self.silent.send_replace(true);
        tokio::time::sleep(time).await;
        self.silent.send_replace(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepts.abort();
        self.cut(Cut::Both);
    }
}

impl Cable {
    fn new(near: TcpStream, far: TcpStream, silent: &watch::Sender<bool>) -> Self {
        let (near, far) = (Arc::new(near), Arc::new(far));
        let there = tokio::spawn(pass_on(near.clone(), far.clone(), silent.subscribe())).abort_handle();
        let back = tokio::spawn(pass_on(far.clone(), near.clone(), silent.subscribe())).abort_handle();
        Self { near, far, halves: [there, back] }
    }

    fn cut(self, which: Cut) {
        for half in self.halves {
            half.abort();
        }
        let cut = |stream: &TcpStream| {
            let _ = SockRef::from(stream).shutdown(Shutdown::Both);
        };
        if which != Cut::Acceptor {
            cut(&self.near);
        }
        if which != Cut::Dialler {
            cut(&self.far);
        }
        if which != Cut::Both {
            // Stays open, and says nothing more.
            std::mem::forget((self.near, self.far));
        }
    }
}

async fn pass_on(from: Arc<TcpStream>, to: Arc<TcpStream>, mut silent: watch::Receiver<bool>) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        from.readable().await.unwrap();
        let read = match from.try_read(&mut bytes) {
            Ok(read @ 1..) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            _ => break,
        };
        silent.wait_for(|silent| !silent).await.unwrap();
        let mut rest = &bytes[..read];
        while !rest.is_empty() {
            to.writable().await.unwrap();
            match to.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
    }
    let _ = SockRef::from(&*to).shutdown(Shutdown::Write);
}
