//! The greeting: both ends say who they are, and agree whether this connection becomes their link, or carries it on.

use std::{io, sync::Arc};

use atasks_actors::node_id::NodeId;
use bytes::BytesMut;

use super::{Connection, Link, Peer, Resumed, election::Ticket};
use crate::{
    address::Address,
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
    /// Another node than the one that was expected answers.
    #[error("{0} answers there")]
    Another(NodeId),
    /// One end, or both, have given the session up.
    #[error("the session with it is over")]
    Gone,
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

/// Greets over `socket`. Gives the link, which is a new one, or one whose session goes on over this connection.
pub(crate) async fn greet(
    node: &Arc<NodeCore>,
    socket: Socket,
    dialled: Dialled,
) -> Result<(Arc<Link>, Connection), GreetError> {
    let mut talk = Talk { socket, read: BytesMut::new() };
    let own = hello(node, node.next_session(), false);
    let (theirs, session) = match dialled {
        Dialled::ByUs => {
            talk.say(&[&Greeting::Hello(own.clone())]).await?;
            (talk.hear_hello().await?, own.session)
        }
        Dialled::ByPeer => {
            let theirs = talk.hear_first(&own).await?;
            let session = theirs.session;
            (theirs, session)
        }
    };
    let resumes = dialled == Dialled::ByPeer && theirs.resumes;
    let (peer, hello) = (talk.peer_of(&theirs), Greeting::Hello(own));
    if resumes {
        return go_on(node, talk, &hello, &theirs).await;
    }
    if peer.id == *node.me() {
        talk.refuse(dialled, &hello, RefusalReason::NotWanted, GreetError::Itself.to_string()).await;
        return Err(GreetError::Itself);
    }
    if dialled == Dialled::ByUs {
        // Before anything is reserved: a connection that is not wanted over there takes nobody's place here.
        talk.hear_welcome(&peer.id).await?;
    }
    if let Err(text) = node.may_be_named(&peer, dialled) {
        talk.refuse(dialled, &hello, RefusalReason::NameTaken, text.clone()).await;
        return Err(GreetError::NameTaken(text));
    }
    node.evict_broken(&peer.id, session);
    let reserved = node.election().reserve(&peer.id, dialled);
    let Some(ticket) = reserved else {
        let error = GreetError::Linked(peer.id);
        talk.refuse(dialled, &hello, RefusalReason::NotWanted, error.to_string()).await;
        return Err(error);
    };
    let mut reserved = Reserved { node, peer: &peer.id, ticket, stands: Stands::Reserved };
    let welcome = welcome(&theirs, None);
    match dialled {
        Dialled::ByUs => {
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
    Ok((Link::new(peer, session, node), talk.into_connection(None)))
}

/// Has the session of `link` go on over a connection that this node has dialled.
pub(crate) async fn greet_again(node: &Arc<NodeCore>, link: &Link, socket: Socket) -> Result<Connection, GreetError> {
    let mut talk = Talk { socket, read: BytesMut::new() };
    let hello = Greeting::Hello(hello(node, link.session(), true));
    talk.say(&[&hello]).await?;
    let theirs = talk.hear_hello().await?;
    let peer = NodeId::new(&theirs.name, theirs.incarnation);
    if peer != *link.id() {
        let error = GreetError::Another(peer);
        talk.refuse(Dialled::ByUs, &hello, RefusalReason::NotWanted, error.to_string()).await;
        return Err(error);
    }
    // Before anything is reserved: a connection that is not wanted over there takes nobody's place here.
    let resumed = talk.hear_welcome(&peer).await?.ok_or(GreetError::Gone)?;
    let reserved = node.election().reserve_again(&peer, Dialled::ByUs);
    let Some(ticket) = reserved else {
        let error = GreetError::Linked(peer);
        talk.refuse(Dialled::ByUs, &hello, RefusalReason::NotWanted, error.to_string()).await;
        return Err(error);
    };
    let mut reserved = Reserved { node, peer: &peer, ticket, stands: Stands::ReservedAgain };
    // It lives, and it has let go of the former connection: from here on nothing comes over that.
    let (processed, count) = link.detach_and_count().await;
    reserved.confirm()?;
    talk.say(&[&welcome(&theirs, Some(processed))]).await?;
    Ok(talk.into_connection(Some(Resumed { processed: resumed, count })))
}

/// Lets a session go on over a connection that the peer has dialled.
async fn go_on(
    node: &Arc<NodeCore>,
    mut talk: Talk,
    hello: &Greeting,
    theirs: &Hello,
) -> Result<(Arc<Link>, Connection), GreetError> {
    let peer = &NodeId::new(&theirs.name, theirs.incarnation);
    let Some(link) = node.link_to(peer).filter(|link| link.session() == theirs.session) else {
        talk.refuse(Dialled::ByPeer, hello, RefusalReason::Gone, GreetError::Gone.to_string()).await;
        return Err(GreetError::Gone);
    };
    let reserved = node.election().reserve_again(peer, Dialled::ByPeer);
    let Some(ticket) = reserved else {
        let error = GreetError::Linked(peer.clone());
        talk.refuse(Dialled::ByPeer, hello, RefusalReason::NotWanted, error.to_string()).await;
        return Err(error);
    };
    let mut reserved = Reserved { node, peer, ticket, stands: Stands::ReservedAgain };
    link.is_heard();
    let (processed, count) = link.detach_and_count().await;
    talk.say(&[hello, &welcome(theirs, Some(processed))]).await?;
    let resumed = talk.hear_welcome(peer).await?.ok_or(GreetError::Gone)?;
    reserved.confirm()?;
    Ok((link, talk.into_connection(Some(Resumed { processed: resumed, count }))))
}

/// Accepts who has said this hello, in the newest protocol that both speak.
fn welcome(theirs: &Hello, resumed: Option<u64>) -> Greeting {
    let version = VERSIONS.common(theirs.versions).unwrap_or(VERSIONS.max);
    Greeting::Welcome(Welcome { version, resumed })
}

/// What a greeting has got so far; given back when the greeting fails, or is cut off.
struct Reserved<'a> {
    node: &'a Arc<NodeCore>,
    peer: &'a NodeId,
    ticket: Ticket,
    stands: Stands,
}

#[derive(Clone, Copy)]
enum Stands {
    Reserved,
    /// For a link that is there already.
    ReservedAgain,
    Confirmed,
    /// The link has it from here on.
    Linked,
}

impl Reserved<'_> {
    fn confirm(&mut self) -> Result<(), GreetError> {
        let (confirmed, stands) = match self.stands {
            Stands::ReservedAgain => (self.node.election().confirm_again(self.peer, self.ticket), Stands::Linked),
            _ => (self.node.election().confirm(self.peer, self.ticket), Stands::Confirmed),
        };
        if !confirmed {
            return Err(GreetError::Linked(self.peer.clone()));
        }
        self.stands = stands;
        Ok(())
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        match self.stands {
            Stands::Reserved | Stands::ReservedAgain => self.node.election().release(self.peer, self.ticket),
            Stands::Confirmed => self.node.election().unlink(self.peer),
            Stands::Linked => {}
        }
    }
}

fn hello(node: &NodeCore, session: u128, resumes: bool) -> Hello {
    Hello {
        versions: VERSIONS,
        name: node.me().name().to_owned(),
        incarnation: node.me().incarnation(),
        role: match node.role() {
            Role::Worker => greeting::Role::Worker,
            Role::Client => greeting::Role::Client,
            Role::Operator => greeting::Role::Operator,
        },
        session,
        resumes,
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
    async fn refuse(&mut self, dialled: Dialled, hello: &Greeting, reason: RefusalReason, text: String) {
        let refusal = &Greeting::Refuse(Refusal { reason, text });
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

    /// Hears who has dialled. Whoever speaks another protocol is told what this node speaks.
    async fn hear_first(&mut self, own: &Hello) -> Result<Hello, GreetError> {
        let heard = self.hear_hello().await;
        if let Err(GreetError::Greeting(GreetingError::OtherProtocol { theirs })) = &heard {
            let (hello, text) = (Greeting::Hello(own.clone()), format!("it speaks protocol {VERSIONS}, not {theirs}"));
            self.refuse(Dialled::ByPeer, &hello, RefusalReason::OtherProtocol, text).await;
        }
        heard
    }

    async fn hear_hello(&mut self) -> Result<Hello, GreetError> {
        match self.hear().await? {
            Greeting::Hello(hello) => Ok(hello),
            Greeting::Refuse(refusal) => Err(GreetError::Refused(refusal.text)),
            Greeting::Welcome(_) => Err(GreetingError::Malformed("is a welcome before a hello").into()),
        }
    }

    /// How much the peer has processed, if the session goes on.
    async fn hear_welcome(&mut self, peer: &NodeId) -> Result<Option<u64>, GreetError> {
        match self.hear().await? {
            Greeting::Welcome(Welcome { version, resumed }) if VERSIONS.contains(version) => Ok(resumed),
            Greeting::Welcome(_) => Err(GreetingError::Malformed("chooses a version that was not offered").into()),
            Greeting::Refuse(Refusal { reason, text }) => Err(match reason {
                RefusalReason::NotWanted => GreetError::Linked(peer.clone()),
                RefusalReason::Gone => GreetError::Gone,
                RefusalReason::NameTaken => GreetError::NameTaken(text),
                _ => GreetError::Refused(text),
            }),
            Greeting::Hello(_) => Err(GreetingError::Malformed("is a second hello").into()),
        }
    }

    /// Who has said this hello. An address that is good for listening only is put right by where the peer is seen.
    fn peer_of(&self, hello: &Hello) -> Peer {
        let seen = |text: &String| match text.parse::<Address>() {
            Ok(address) => address.seen_at(self.socket.peer()).to_string(),
            Err(_) => text.clone(),
        };
        Peer {
            id: NodeId::new(&hello.name, hello.incarnation),
            role: match hello.role {
                greeting::Role::Worker => Role::Worker,
                greeting::Role::Client => Role::Client,
                greeting::Role::Operator => Role::Operator,
            },
            addresses: hello.addresses.iter().map(seen).collect(),
            payload_max: hello.payload_max,
        }
    }

    fn into_connection(self, resumed: Option<Resumed>) -> Connection {
        Connection { socket: self.socket, read: self.read, resumed }
    }
}
