//! How TLS is set up, and the handshake at both ends.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::super::error::{AcceptError, TransportError};
use super::authority::{Authority, Identity, NODE_NAME};
use super::refusal::Refusal;
use super::stream::Stream;
use super::tcp;
use crate::secret::Secret;

/// Both ends' configuration, made once a start: what a connection costs is its handshake alone.
#[derive(Clone)]
pub(crate) struct Tls {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    set: bool,
}

impl Tls {
    pub(crate) fn from_secret(secret: &Secret) -> Result<Self, TransportError> {
        let authority = Authority::derive(secret)?;
        Self::new(&authority.certificate, &authority.sign_node()?)
    }

    /// Trusts who holds a certificate of `authority`, and shows `identity`.
    fn new(authority: &CertificateDer<'static>, identity: &Identity) -> Result<Self, TransportError> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone())?;
        let roots = Arc::new(roots);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chain = vec![identity.certificate.clone()];

        let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), identity.key.clone_key())?;
        server.send_tls13_tickets = 0;
        server.session_storage = Arc::new(NoServerSessionStorage {});

        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, identity.key.clone_key())?;
        client.resumption = Resumption::disabled();
        Ok(Self { server: Arc::new(server), client: Arc::new(client), set: true })
    }

    /// Notes that the secret was not set by anybody, but is the user's own.
    pub(crate) fn of_user(self) -> Self {
        Self { set: false, ..self }
    }

    /// Whether the secret was set.
    pub(super) fn is_set(&self) -> bool {
        self.set
    }

    /// The accepting end of the handshake.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Result<Stream, AcceptError> {
        tcp::tune(&stream)?;
        match TlsAcceptor::from(self.server.clone()).accept(stream).await {
            Ok(stream) => {
                let (tcp, connection) = stream.into_inner();
                Ok(Stream::new(tcp, connection.into()))
            }
            Err(error) => Err(match Refusal::of(&error) {
                Refusal::WrongSecret => AcceptError::WrongSecret { set: self.set },
                Refusal::OtherProtocol => AcceptError::OtherProtocol(error),
                Refusal::Broken => AcceptError::Io(error),
            }),
        }
    }

    /// The dialling end of the handshake. The peer's verdict on our own certificate comes later than its end, with the
    /// first read; but whoever holds another secret is found out here, by their certificate.
    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<Stream> {
        tcp::tune(&stream)?;
        let name = ServerName::try_from(NODE_NAME).map_err(io::Error::other)?;
        let stream = TlsConnector::from(self.client.clone()).connect(name, stream).await?;
        let (tcp, connection) = stream.into_inner();
        Ok(Stream::new(tcp, connection.into()))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(..)")
    }
}
