//! A cable to a worker: passes on what comes to its address, can be cut, and left silent.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    runtime::Handle,
    sync::{broadcast, watch},
    task::AbortHandle,
    time::{Instant, sleep},
};

/// How long the far end of a half that was cut is left in silence.
const HALF_OPEN: Duration = Duration::from_secs(20);
/// How long an address may be taken by somebody else before it can be listened at again.
const ADDRESS_FREE: Duration = Duration::from_secs(5);

/// Which end of a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Both,
    /// The one of whoever dialled; the other finds nothing but silence.
    Dialler,
    /// The one of whoever accepted.
    Acceptor,
}

pub(crate) struct Proxy {
    /// A runtime for cables alone: whatever else keeps this process busy is no silence.
    cables: Handle,
    address: SocketAddr,
    /// Where it leads; none: whoever comes waits.
    target: watch::Sender<Option<SocketAddr>>,
    silent: watch::Sender<bool>,
    cuts: broadcast::Sender<Cut>,
    accepts: Mutex<Option<AbortHandle>>,
}

impl Proxy {
    /// Takes an address, at which nobody answers yet.
    pub(crate) async fn new(cables: Handle) -> io::Result<Arc<Self>> {
        let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let (target, silent, cuts) = (watch::channel(None).0, watch::channel(false).0, broadcast::channel(16).0);
        Ok(Arc::new(Self { cables, address, target, silent, cuts, accepts: Mutex::new(None) }))
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Passes on to `target` from now on.
    pub(crate) fn lead_to(&self, target: SocketAddr) {
        self.target.send_replace(Some(target));
    }

    /// Listens from now on, as a process that starts; until it is told where it leads, whoever comes waits.
    pub(crate) async fn listen(&self) -> io::Result<()> {
        self.target.send_replace(None);
        let listener = self.cables.spawn(listen(self.address)).await??;
        let (target, silent, cuts) = (self.target.clone(), self.silent.clone(), self.cuts.clone());
        let accepts = self.cables.spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (mut target, silent, cut) = (target.subscribe(), silent.subscribe(), cuts.subscribe());
                tokio::spawn(async move {
                    let Ok(target) = target.wait_for(Option::is_some).await.map(|target| *target) else { return };
                    let Some(target) = target else { return };
                    if let Ok(far) = TcpStream::connect(target).await {
                        pass(near, far, silent, cut).await;
                    }
                });
            }
        });
        self.accepts().replace(accepts.abort_handle());
        Ok(())
    }

    /// From now on nobody listens there, as at the address of a process that has ended.
    pub(crate) fn refuse(&self) {
        if let Some(accepts) = self.accepts().take() {
            accepts.abort();
        }
    }

    /// Cuts all that is connected; what comes later is passed on.
    pub(crate) fn cut(&self, which: Cut) {
        // Nobody hears it if nothing is connected.
        let _ = self.cuts.send(which);
    }

    /// Passes nothing on, and closes nothing, while that is so.
    pub(crate) fn be_silent(&self, silent: bool) {
        self.silent.send_replace(silent);
    }

    fn accepts(&self) -> std::sync::MutexGuard<'_, Option<AbortHandle>> {
        self.accepts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.refuse();
    }
}

async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let until = Instant::now() + ADDRESS_FREE;
    loop {
        match TcpListener::bind(address).await {
            Err(_) if Instant::now() < until => sleep(Duration::from_millis(5)).await,
            bound => return bound,
        }
    }
}

/// Passes bytes both ways until both ends have closed, or the cable is cut.
async fn pass(
    mut near: TcpStream,
    mut far: TcpStream,
    silent: watch::Receiver<bool>,
    mut cut: broadcast::Receiver<Cut>,
) {
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let cut = {
        let ((near_reads, near_writes), (far_reads, far_writes)) = (near.split(), far.split());
        let there = one_way(near_reads, far_writes, silent.clone());
        let back = one_way(far_reads, near_writes, silent);
        tokio::select! {
            biased;
            Ok(cut) = cut.recv() => Some(cut),
            // One end may have said things before it closed that the other has not got.
            _ = async { tokio::join!(there, back) } => None,
        }
    };
    let kept = match cut {
        None => return,
        Some(Cut::Both) => {
            reset(near);
            return reset(far);
        }
        Some(Cut::Dialler) => {
            reset(near);
            far
        }
        Some(Cut::Acceptor) => {
            reset(far);
            near
        }
    };
    sleep(HALF_OPEN).await;
    drop(kept);
}

async fn one_way(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut silent: watch::Receiver<bool>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if silent.wait_for(|silent| !silent).await.is_err() || to.write_all(&bytes[..read]).await.is_err() {
            break;
        }
    }
    // It may have closed already.
    let _ = to.shutdown().await;
}

/// Closes so that the other end is told at once, whatever is under way.
fn reset(stream: TcpStream) {
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    drop(stream);
}
