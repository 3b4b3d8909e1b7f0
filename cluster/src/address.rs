//! Where a node listens, as people write it in configuration and as nodes tell each other.
//!
//! Parsing is pure: it reads no environment and asks no name server. A bare socket name is put into the user's
//! runtime folder, and a host name is resolved, when a transport binds or dials; so a name keeps its meaning when
//! what it stands for moves.

use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// The socket name that a bare `unix` stands for.
const UNIX_DEFAULT: &str = "default";
/// Longest name that DNS carries.
const HOST_BYTES_MAX: usize = 253;

/// Names a place at which a node listens.
///
/// Shape: `unix`, `unix:NAME`, `unix:/absolute/path`, `host:port`, `[v6]:port`; `Display` writes what `FromStr`
/// reads. `memory:NAME` exists for tests, where the nodes of one process share a simulated network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// A Unix socket: a bare name means a file in the user's runtime folder, anything else is absolute.
    Unix(PathBuf),
    /// Mutual TLS over TCP, as `host:port`; the host is an IPv4 address, a bracketed IPv6 address or a DNS name.
    Tcp(String),
    /// A listener of a simulated network.
    Memory(String),
}

impl Address {
    /// Whether it names a host, which may stand for other addresses another time.
    pub fn is_name(&self) -> bool {
        matches!(self, Self::Tcp(authority) if authority.parse::<SocketAddr>().is_err())
    }

    /// The same, with the host of `other` where it names none, as `0.0.0.0` and `[::]` do.
    pub(crate) fn seen_at(self, other: &Self) -> Self {
        if let (Self::Tcp(own), Self::Tcp(other)) = (&self, other)
            && let (Ok(own), Ok(other)) = (own.parse::<SocketAddr>(), other.parse::<SocketAddr>())
            && own.ip().is_unspecified()
        {
            return Self::Tcp(SocketAddr::new(other.ip(), own.port()).to_string());
        }
        self
    }

    /// Whether a node that is connected over `other` can be expected to be reached here: a socket of this machine only from
    /// this machine, an address that is good on one machine only if the connection does not leave it.
    pub(crate) fn is_reached_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unix(_), Self::Unix(_)) | (Self::Memory(_), Self::Memory(_)) => true,
            (Self::Tcp(_), Self::Tcp(_)) => !self.is_local() || other.is_local(),
            _ => false,
        }
    }

    /// Whether only this machine can reach the address, judged by its text alone (no name is resolved).
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) | Self::Memory(_) => true,
            Self::Tcp(authority) => match authority.parse::<SocketAddr>() {
                Ok(socket) => socket.ip().is_loopback(),
                Err(_) => authority.starts_with("localhost:"),
            },
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) if path == Path::new(UNIX_DEFAULT) => f.write_str("unix"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(authority) => f.write_str(authority),
            Self::Memory(name) => write!(f, "memory:{name}"),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let parsed = match text.split_once(':') {
            None if text == "unix" => Ok(Self::Unix(UNIX_DEFAULT.into())),
            Some(("unix", name)) => unix(name).map(Self::Unix),
            Some(("memory", name)) if !name.is_empty() => Ok(Self::Memory(name.into())),
            _ => tcp(text).map(Self::Tcp),
        };
        parsed.map_err(|problem| AddressError { found: text.into(), problem })
    }
}

/// Refuses a text that is no address; says what was found, what is wrong with it, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is not an address: {problem}; write `unix`, `unix:NAME`, `unix:/absolute/path`, `HOST:PORT` or `[IPV6]:PORT`"
)]
pub struct AddressError {
    found: String,
    problem: &'static str,
}

impl AddressError {
    /// What is wrong with it.
    pub(crate) fn problem(&self) -> &'static str {
        self.problem
    }
}

fn unix(name: &str) -> Result<PathBuf, &'static str> {
    let path = Path::new(name);
    let mut parts = path.components();
    match (parts.next(), parts.next()) {
        (None, _) => Err("it names no socket"),
        // Not through `components`, which would quietly drop a trailing slash.
        (Some(Component::RootDir), Some(_)) if !name.ends_with('/') => Ok(path.into()),
        (Some(Component::Normal(_)), None) if !name.contains('/') => Ok(path.into()),
        _ => Err("a socket is a plain file name in the runtime folder, or an absolute path"),
    }
}

fn tcp(text: &str) -> Result<String, &'static str> {
    let (host, port) = text.rsplit_once(':').ok_or("it has no port")?;
    // `u16::from_str` would let a plus sign pass.
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("its port is not a number");
    }
    let port: u16 = port.parse().map_err(|_too_large| "its port is above 65535")?;
    if host.starts_with('[') {
        let socket: SocketAddrV6 = text.parse().map_err(|_malformed| "what is in brackets is not an IPv6 address")?;
        return Ok(socket.to_string());
    }
    if host.contains(':') {
        return Err("an IPv6 address needs brackets");
    }
    match host.parse::<IpAddr>() {
        Ok(ip) => Ok(SocketAddr::new(ip, port).to_string()),
        Err(_) if is_host_name(host) => Ok(format!("{}:{port}", host.to_ascii_lowercase())),
        Err(_) => Err("its host is neither an IP address nor a DNS name"),
    }
}

/// Underscores are no part of DNS host names, but container networks hand them out.
fn is_host_name(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let labels = host.strip_suffix('.').unwrap_or(host);
    host.len() <= HOST_BYTES_MAX && labels.split('.').all(|label| !label.is_empty() && label.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Address, shown: &str) {
        let parsed: Address = text.parse().expect(text);
        assert_eq!(parsed, expected);
        assert_eq!(parsed.to_string(), shown);
        assert_eq!(parsed.to_string().parse(), Ok(expected), "what is shown reads back");
    }

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let error = text.parse::<Address>().expect_err(text).to_string();
        assert!(error.contains(why), "{error}");
        assert!(error.contains(&format!("`{text}`")) && error.contains("HOST:PORT"), "{error}");
    }

    #[test]
    fn every_form_reads_back_as_itself() {
        let tcp = |text: &str| Address::Tcp(text.into());
        check("unix", Address::Unix("default".into()), "unix");
        check("unix:w1", Address::Unix("w1".into()), "unix:w1");
        check("unix:/run/a/w1.sock", Address::Unix("/run/a/w1.sock".into()), "unix:/run/a/w1.sock");
        check("127.0.0.1:0", tcp("127.0.0.1:0"), "127.0.0.1:0");
        check("[::1]:7000", tcp("[::1]:7000"), "[::1]:7000");
        check("[2001:DB8::0:1]:70", tcp("[2001:db8::1]:70"), "[2001:db8::1]:70");
        check("Worker-1.example.com:7000", tcp("worker-1.example.com:7000"), "worker-1.example.com:7000");
        check("my_service.:7000", tcp("my_service.:7000"), "my_service.:7000");
        check("memory:w1", Address::Memory("w1".into()), "memory:w1");
    }

    #[test]
    fn a_refusal_says_what_was_found_and_what_is_allowed() {
        for (text, why) in [
            ("", "no port"),
            ("localhost", "no port"),
            ("host:", "port is not a number"),
            ("host:+80", "port is not a number"),
            ("host:http", "port is not a number"),
            ("host:65536", "above 65535"),
            (":80", "neither an IP address nor a DNS name"),
            ("a..b:80", "neither an IP address nor a DNS name"),
            ("tcp://host:80", "needs brackets"),
            ("user@host:80", "neither an IP address nor a DNS name"),
            ("::1:7000", "needs brackets"),
            ("[::1:7000", "in brackets"),
            ("[host]:80", "in brackets"),
            ("unix:", "names no socket"),
            ("unix:a/b", "plain file name"),
            ("unix:../b", "plain file name"),
            ("unix:..", "plain file name"),
            ("unix:/", "plain file name"),
            ("unix:/run/a/", "plain file name"),
            ("unix:./a", "plain file name"),
            ("memory:", "port is not a number"),
        ] {
            refused(text, why);
        }
        refused(&format!("{}:80", "a".repeat(254)), "DNS name");
    }

    #[test]
    fn an_address_without_a_host_has_the_one_where_its_node_is_seen() {
        for (address, seen, is) in [
            ("0.0.0.0:7", "10.0.0.1:9", "10.0.0.1:7"),
            ("[::]:7", "10.0.0.1:9", "10.0.0.1:7"),
            ("0.0.0.0:7", "unix:x", "0.0.0.0:7"),
            ("10.0.0.2:7", "10.0.0.1:9", "10.0.0.2:7"),
            ("unix:w1", "10.0.0.1:9", "unix:w1"),
        ] {
            let (address, seen): (Address, Address) = (address.parse().unwrap(), seen.parse().unwrap());
            assert_eq!(address.seen_at(&seen).to_string(), is);
        }
    }

    #[test]
    fn an_address_is_good_where_a_connection_shows_that_it_can_be() {
        for (address, connected, good) in [
            ("unix:w1", "unix:x", true),
            ("unix:w1", "10.0.0.1:7", false),
            ("127.0.0.1:7", "127.0.0.1:9", true),
            ("127.0.0.1:7", "10.0.0.1:9", false),
            ("10.0.0.1:7", "10.0.0.1:9", true),
            ("10.0.0.1:7", "127.0.0.1:9", true),
            ("10.0.0.1:7", "unix:x", false),
        ] {
            let (address, connected): (Address, Address) = (address.parse().unwrap(), connected.parse().unwrap());
            assert_eq!(address.is_reached_like(&connected), good, "{address} over {connected}");
        }
    }

    #[test]
    fn only_loopback_and_sockets_of_this_machine_are_local() {
        for (text, local) in [
            ("unix", true),
            ("127.8.0.1:1", true),
            ("[::1]:1", true),
            ("localhost:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("localhost.example.com:1", false),
            ("10.0.0.1:1", false),
        ] {
            assert_eq!(text.parse::<Address>().map(|address| address.is_local()), Ok(local), "{text}");
        }
    }
}
