//! The greeting: both ends say who they are, and agree whether this connection becomes their link.

use std::{io, sync::Arc};

use atasks_actors::node_id::NodeId;
use bytes::BytesMut;

use super::{Link, Peer};
use crate::{
    config::Role,
    node::NodeCore,
    session::greeting::{self, Dialled, Greeting, GreetingError, Hello, Refusal, RefusalReason, VERSIONS, Welcome},
    transport::Socket,
};

/// Why a connection did not become a link.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GreetError {
    /// The other end is this node itself.
    #[error("this node itself answers there")]
    Itself,
    /// Another connection to the same node is the link, or becomes it.
    #[error("{0} is linked already")]
    Linked(NodeId),
    /// Another node has its name.
    #[error("{0}")]
    NameTaken(String),
    /// The other end does not want the connection.
    #[error("it refused: {0}")]
    Refused(String),
    /// What was read is no greeting of a node that this one can talk to.
    #[error(transparent)]
    Greeting(#[from] GreetingError),
    /// The connection broke.
    #[error("the connection broke during the greeting")]
    Io(#[from] io::Error),
}

/// Greets over `socket`. Gives the link, and what the peer has sent after its greeting.
pub(crate) async fn greet(
    node: &Arc<NodeCore>,
    socket: Socket,
    dialled: Dialled,
) -> Result<(Arc<Link>, BytesMut), GreetError> {
    let mut talk = Talk { socket, read: BytesMut::new() };
    let hello = Greeting::Hello(hello(node));
    let peer = match dialled {
        Dialled::ByUs => {
            talk.say(&[&hello]).await?;
            talk.hear_hello().await?
        }
        Dialled::ByPeer => talk.hear_hello().await?,
    };
    if let Err(text) = node.may_be_named(&peer, dialled) {
        let refusal = Greeting::Refuse(Refusal { reason: RefusalReason::NameTaken, text: text.clone() });
        talk.refuse(dialled, &hello, &refusal).await;
        return Err(GreetError::NameTaken(text));
    }
    if !node.election().reserve(&peer.id, dialled) {
        let error = if peer.id == *node.me() { GreetError::Itself } else { GreetError::Linked(peer.id) };
        let text = error.to_string();
        let refusal = Greeting::Refuse(Refusal { reason: RefusalReason::NotWanted, text });
        talk.refuse(dialled, &hello, &refusal).await;
        return Err(error);
    }
    let mut reserved = Reserved { node, peer: &peer.id, dialled, stands: Stands::Reserved };
    let welcome = Greeting::Welcome(Welcome { version: VERSIONS.max, resumed: false });
    match dialled {
        Dialled::ByUs => {
            talk.hear_welcome(&peer.id).await?;
            // Before the peer hears that it is the link: it must not come to be so at that end alone.
            reserved.confirm()?;
            talk.say(&[&welcome]).await?;
        }
        Dialled::ByPeer => {
            talk.say(&[&hello, &welcome]).await?;
            talk.hear_welcome(&peer.id).await?;
            reserved.confirm()?;
        }
    }
    reserved.stands = Stands::Linked;
    drop(reserved);
    Ok((Link::new(peer, talk.socket, node), talk.read))
}

/// What a greeting has got so far; given back when the greeting fails, or is cut off.
struct Reserved<'a> {
    node: &'a Arc<NodeCore>,
    peer: &'a NodeId,
    dialled: Dialled,
    stands: Stands,
}

enum Stands {
    Reserved,
    Confirmed,
    /// The link has it from here on.
    Linked,
}

impl Reserved<'_> {
    fn confirm(&mut self) -> Result<(), GreetError> {
        if !self.node.election().confirm(self.peer, self.dialled) {
            return Err(GreetError::Linked(self.peer.clone()));
        }
        self.stands = Stands::Confirmed;
        Ok(())
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        match self.stands {
            Stands::Reserved => self.node.election().release(self.peer, self.dialled),
            Stands::Confirmed => self.node.election().unlink(self.peer),
            Stands::Linked => {}
        }
    }
}

fn hello(node: &NodeCore) -> Hello {
    Hello {
        versions: VERSIONS,
        name: node.me().name().to_owned(),
        incarnation: node.me().incarnation(),
        role: match node.role() {
            Role::Worker => greeting::Role::Worker,
            Role::Client => greeting::Role::Client,
            Role::Operator => greeting::Role::Operator,
        },
        // Resuming a session comes later; its place in the greeting is there.
        session: 0,
        processed: 0,
        table_digest: [0; 16],
        payload_max: node.payload_max_wire(),
        addresses: node.advertised().take(greeting::ADDRESSES_MAX).collect(),
        cluster_size: None,
    }
}

struct Talk {
    socket: Socket,
    read: BytesMut,
}

impl Talk {
    async fn say(&self, greetings: &[&Greeting]) -> Result<(), GreetError> {
        let mut bytes = Vec::new();
        for greeting in greetings {
            greeting.encode(&mut bytes)?;
        }
        Ok(self.socket.write_all(&bytes).await?)
    }

    /// The peer learns more from that than from a closed connection; whether it hears it is its affair.
    async fn refuse(&mut self, dialled: Dialled, hello: &Greeting, refusal: &Greeting) {
        let answer: &[&Greeting] = if dialled == Dialled::ByPeer { &[hello, refusal] } else { &[refusal] };
        let _ = self.say(answer).await;
    }

    async fn hear(&mut self) -> Result<Greeting, GreetError> {
        loop {
            if let Some((greeting, length)) = Greeting::decode(&self.read)? {
                let _ = self.read.split_to(length);
                return Ok(greeting);
            }
            if self.socket.read(&mut self.read).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    async fn hear_hello(&mut self) -> Result<Peer, GreetError> {
        match self.hear().await? {
            Greeting::Hello(hello) => Ok(Peer {
                id: NodeId::new(&hello.name, hello.incarnation),
                role: match hello.role {
                    greeting::Role::Worker => Role::Worker,
                    greeting::Role::Client => Role::Client,
                    greeting::Role::Operator => Role::Operator,
                },
                addresses: hello.addresses,
                payload_max: hello.payload_max,
            }),
            Greeting::Refuse(refusal) => Err(GreetError::Refused(refusal.text)),
            Greeting::Welcome(_) => Err(GreetingError::Malformed("is a welcome before a hello").into()),
        }
    }

    async fn hear_welcome(&mut self, peer: &NodeId) -> Result<(), GreetError> {
        match self.hear().await? {
            Greeting::Welcome(_) => Ok(()),
            Greeting::Refuse(Refusal { reason: RefusalReason::NotWanted, .. }) => Err(GreetError::Linked(peer.clone())),
            Greeting::Refuse(refusal) => Err(GreetError::Refused(refusal.text)),
            Greeting::Hello(_) => Err(GreetingError::Malformed("is a second hello").into()),
        }
    }
}
