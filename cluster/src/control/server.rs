//! The node's NodeServer, whose own listener lets nobody in.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, TcpListener},
    sync::Arc,
};

use atasks_actors::node_id::NodeId;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef};
use ractor_cluster::{IncomingEncryptionMode, NodeServer, NodeServerMessage};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::TLS13,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// What the nodes of a cluster show each other inside a stream. It is no secret, since it protects nothing: whoever
/// speaks over a stream has been let in by the link below it, where the transport proves who the peer is. The only other
/// way to a NodeServer is its own listener, where no handshake ever ends.
const COOKIE: &str = "proved by the link below";

/// A NodeServer that runs.
pub(super) struct Server {
    pub(super) actor: ActorRef<NodeServerMessage>,
    /// Connected to its listener, and silent: see [`start`].
    _plug: TcpStream,
}

/// Starts the node's NodeServer under `supervisor`.
///
/// It insists on a listener. Two things make that harmless: it has no certificate, so that nobody completes a handshake;
/// and it shakes hands with one connection at a time and without a time limit, so that ours, which never says a word,
/// keeps it busy for good. Further connections stay in the system's queue and cost this process nothing.
pub(super) async fn start(me: &NodeId, supervisor: ActorCell) -> Result<Server, ActorProcessingErr> {
    let listen = IpAddr::V4(Ipv4Addr::LOCALHOST);
    // Its own choice of a port could not be asked for. Should somebody take this one first, it does not start, and is
    // started again.
    let port = TcpListener::bind((listen, 0))?.local_addr()?.port();
    // Unique, since equal names and equal hosts with equal ports are taken for one node.
    let host = format!("{:016x}", me.incarnation());
    let server = NodeServer::new(port, COOKIE.to_owned(), me.name().to_owned(), host, Some(nobody_gets_in()?), None)
        .with_listen_addr(listen);
    let (actor, _) = Actor::spawn_linked(None, server, (), supervisor).await?;
    match TcpStream::connect((listen, port)).await {
        Ok(plug) => Ok(Server { actor, _plug: plug }),
        Err(error) => {
            actor.kill();
            Err(error.into())
        }
    }
}

fn nobody_gets_in() -> io::Result<IncomingEncryptionMode> {
    Ok(IncomingEncryptionMode::Tls(refusing_acceptor()?))
}

fn refusing_acceptor() -> io::Result<TlsAcceptor> {
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(NoCertificate));
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[derive(Debug)]
struct NoCertificate;

impl ResolvesServerCert for NoCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
    use tokio::io::duplex;
    use tokio_rustls::TlsConnector;

    use super::*;

    #[tokio::test]
    async fn no_handshake_with_the_listener_ends_well() {
        let (ours, theirs) = duplex(1 << 16);
        let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(client));
        let (accepted, connected) =
            tokio::join!(refusing_acceptor().unwrap().accept(ours), connector.connect(name, theirs));
        let (refused, error) = (accepted.err().unwrap().to_string(), connected.err().unwrap().to_string());
        // The server gives up before it has shown anything: it is not the client that did not like what it was shown.
        assert!(refused.contains("no server certificate chain resolved"), "{refused}");
        assert!(error.contains("alert"), "{error}");
    }
}
