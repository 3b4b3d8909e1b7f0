//! What goes wrong before a socket exists. Each error says where, and whether trying again can help.

use std::io;
use std::path::PathBuf;

use crate::address::Address;

/// Ends a start: the node cannot listen there, or cannot make its credentials. Only a person can help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// TCP carries nothing but mutual TLS, which needs a secret.
    #[error("{address} is a TCP address and needs the cluster's secret; set cluster.secret or cluster.secret_file")]
    NoSecret {
        /// Where to listen.
        address: Address,
    },
    /// Another process listens there.
    #[error("a running process already listens there; stop it, or choose another name or port")]
    InUse {
        /// Where to listen.
        address: Address,
    },
    /// The system takes no Unix socket path as long as this.
    #[error("the socket path {path} has {bytes} bytes, at most {bytes_max} are possible; use a shorter one", path = path.display())]
    PathTooLong {
        /// The whole path.
        path: PathBuf,
        /// Its length.
        bytes: usize,
        /// What the system takes.
        bytes_max: usize,
    },
    /// A file of another kind lies at the socket's path; it is left alone.
    #[error("{path} exists and is not a socket; remove it, or choose another name", path = path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The runtime folder is not this user's alone, so a socket in it could be replaced.
    #[error(
        "the runtime folder {path} must be a folder of uid {own} with mode 700 (found: uid {owner}, mode {mode:03o}); \
         fix or remove it, or set XDG_RUNTIME_DIR",
        path = path.display()
    )]
    UnsafeFolder {
        /// The folder.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Its permission bits.
        mode: u32,
        /// Who this process runs as.
        own: u32,
    },
    /// The runtime folder cannot be made, or looked at.
    #[error("the runtime folder {path} cannot be used; set XDG_RUNTIME_DIR to another", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A memory address outside of a simulated network.
    #[error("{address} exists only in a simulated network")]
    NoNetwork {
        /// The address.
        address: Address,
    },
    /// The system refused. Whoever tells it says where.
    #[error("the system refuses")]
    Io {
        /// Where to listen.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// The secret gave no key; the cryptographic library does not work here.
    #[error("cannot derive the cluster's key from its secret")]
    Key,
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library does not take what was made.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

/// Says why a dialled address gave no socket. All but `WrongSecret`, `WrongUser`, `NoSecret` and `NoNetwork` may pass.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The host answered, and nobody listens on that port or socket: the process is gone.
    #[error("{address} refused the connection: nobody listens there")]
    Refused {
        /// What was dialled.
        address: Address,
    },
    /// There is no such socket file: the process is gone, or never was.
    #[error("there is no socket {path}", path = path.display())]
    NoSuchSocket {
        /// The whole path.
        path: PathBuf,
    },
    /// Nothing answered in time.
    #[error("{address} did not answer in time")]
    TimedOut {
        /// What was dialled.
        address: Address,
    },
    /// The other end's certificate, or in its eyes ours, is not of the same authority.
    #[error("{address} belongs to a cluster with another secret{}", what_to_do(*.set))]
    WrongSecret {
        /// What was dialled.
        address: Address,
        /// Whether a secret is set here; else it is this user's own.
        set: bool,
    },
    /// Something listens there that does not speak TLS 1.3.
    #[error("{address} is not a node of a cluster: it speaks another protocol")]
    OtherProtocol {
        /// What was dialled.
        address: Address,
        /// What was wrong with its answer.
        source: io::Error,
    },
    /// The socket is held by another user.
    #[error("{address} is held by uid {peer}, not by uid {own} or root")]
    WrongUser {
        /// What was dialled.
        address: Address,
        /// Who listens.
        peer: u32,
        /// Who this process runs as.
        own: u32,
    },
    /// TCP carries nothing but mutual TLS, which needs a secret.
    #[error("{address} is a TCP address and needs the cluster's secret; set cluster.secret or cluster.secret_file")]
    NoSecret {
        /// What was dialled.
        address: Address,
    },
    /// A memory address outside of a simulated network.
    #[error("{address} exists only in a simulated network")]
    NoNetwork {
        /// What was dialled.
        address: Address,
    },
    /// No address is known for the host name now.
    #[error("cannot find the host of {address}")]
    NoSuchHost {
        /// What was dialled.
        address: Address,
        /// What the resolver said.
        source: io::Error,
    },
    /// The system refused, or the connection broke before it stood.
    #[error("cannot connect to {address}")]
    Io {
        /// What was dialled.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
}

/// What to do when secrets differ. That none is set at the other end cannot be seen from here.
fn what_to_do(set: bool) -> &'static str {
    match set {
        true => ", or with none set: set the same cluster.secret at both",
        false => ", and none is set here: set cluster.secret or cluster.secret_file to that of the cluster",
    }
}

impl DialError {
    /// Whether the host itself said that no process listens there; a silent or unreachable host says nothing.
    pub fn nobody_listens(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::NoSuchSocket { .. })
    }

    /// Whether it stays so until a person changes a setting at one of the two ends.
    pub fn needs_a_person(&self) -> bool {
        matches!(
            self,
            Self::WrongSecret { .. } | Self::OtherProtocol { .. } | Self::WrongUser { .. } | Self::NoSecret { .. }
        )
    }

    /// How much room it leaves for a living node there, to choose among the answers of several addresses of one host.
    /// An answer says more than silence, silence leaves more room than a refusal, and a family of addresses that this
    /// machine does not have at all (IPv6 switched off, a name with both) says nothing.
    pub fn room(&self) -> u8 {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::AddrNotAvailable => 0,
            Self::Refused { .. } => 1,
            Self::TimedOut { .. } | Self::Io { .. } => 2,
            _ => 3,
        }
    }
}

/// Says why one who connected was not let in. It concerns that connection alone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// No certificate, or one of another authority; or our own was refused by theirs.
    #[error("the peer does not hold this cluster's secret{}", if *.set { "" } else { ": none is set here, so it is this user's own" })]
    WrongSecret {
        /// Whether a secret is set here; else it is this user's own.
        set: bool,
    },
    /// Something that does not speak TLS 1.3.
    #[error("the peer is not a node of a cluster: it speaks another protocol")]
    OtherProtocol(#[source] io::Error),
    /// Another user of this machine.
    #[error("the peer runs as uid {peer}, not as uid {own} or root")]
    WrongUser {
        /// Who connected.
        peer: u32,
        /// Who this process runs as.
        own: u32,
    },
    /// The connection broke before it stood.
    #[error("the connection broke in its handshake")]
    Io(#[from] io::Error),
}
