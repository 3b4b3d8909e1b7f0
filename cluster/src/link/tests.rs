use std::{collections::HashMap, future::poll_fn, sync::Arc, time::Duration};

use atasks_actors::{
    gate::Gate,
    host::{Host, Shared},
    invocation::InvocationId,
    outcome::Outcome,
    slot::Slot,
    table::TaskTable,
    task_error::{Loss, TaskError},
};
use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;

use super::{Asked, Connection, GreetError, Link, greet};
use crate::{
    address::Address,
    config::{Config, Role},
    node::{NodeCore, NodeParts},
    session::{
        ProtocolError,
        frame::Status,
        greeting::{self, Dialled, Greeting, Hello, Refusal, RefusalReason, VERSIONS, Welcome},
    },
    transport::{Listener, Network, Socket, dial},
};

const LIMIT: Duration = Duration::from_secs(10);

/// A node `a`, and a peer `b` whose side of each greeting is written by hand.
struct Pair {
    network: Network,
    listener: Listener,
    node: Arc<NodeCore>,
}

type Greeted = tokio::task::JoinHandle<Result<(Arc<Link>, Connection), GreetError>>;

impl Pair {
    async fn new() -> Self {
        let network = Network::new(1);
        let mut config = Config::default();
        config.node.name = Some("a".to_owned());
        let table = Box::leak(Box::new(TaskTable::new([].into_iter(), &Vec::new).unwrap()));
        let parts = NodeParts {
            role: Role::Client,
            config,
            host: Host::Shared(Shared { handle: Handle::current(), gate: Gate::default(), drift_ppm: 0 }),
            io: None,
            table,
            credentials: network.credentials("a"),
            incarnation: 1,
            state: HashMap::new(),
            ractor: None,
            windows: Default::default(),
        };
        let address = Address::Memory("door".into());
        let listener = Listener::bind(&address, &network.credentials("a")).await.unwrap();
        Self { network, listener, node: NodeCore::start(parts).await.unwrap() }
    }

    /// A connection that the node greets over, and the peer's end of it.
    async fn connect(&self, dialled: Dialled) -> (Greeted, Peer) {
        let (address, credentials) = (self.listener.address(), self.network.credentials("b"));
        let accepted = async { self.listener.accept().await.unwrap().establish().await.unwrap() };
        let (far, near) = tokio::join!(dial(&address, &credentials, LIMIT), accepted);
        let node = self.node.clone();
        let greeted = tokio::spawn(async move { greet(&node, near, dialled).await });
        (greeted, Peer { socket: far.unwrap(), read: BytesMut::new() })
    }
}

struct Peer {
    socket: Socket,
    read: BytesMut,
}

impl Peer {
    async fn say(&self, greeting: Greeting) {
        let mut bytes = Vec::new();
        greeting.encode(&mut bytes).unwrap();
        self.socket.write_all(&bytes).await.unwrap();
    }

    async fn hello(&self, session: u128, resumes: bool) {
        let hello = Hello {
            versions: VERSIONS,
            name: "b".to_owned(),
            incarnation: 1,
            role: greeting::Role::Worker,
            session,
            resumes,
            table_digest: [0; 16],
            payload_max: 1 << 20,
            addresses: Vec::new(),
            cluster_size: None,
        };
        self.say(Greeting::Hello(hello)).await;
    }

    async fn welcome(&self, resumed: Option<u64>) {
        self.say(Greeting::Welcome(Welcome { version: VERSIONS.max, resumed })).await;
    }

    async fn hear(&mut self) -> Greeting {
        loop {
            if let Some((greeting, length)) = Greeting::decode(&self.read).unwrap() {
                let _ = self.read.split_to(length);
                return greeting;
            }
            assert!(self.socket.read(&mut self.read).await.unwrap() > 0, "the node has closed");
        }
    }

    /// Waits until the node has answered the peer's hello with a welcome.
    async fn is_welcome(&mut self) {
        assert!(matches!(self.hear().await, Greeting::Hello(_)));
        assert!(matches!(self.hear().await, Greeting::Welcome(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_refused_leaves_the_one_under_way() {
    let pair = Pair::new().await;
    let (linked, mut stays) = pair.connect(Dialled::ByPeer).await;
    stays.hello(7, false).await;
    stays.is_welcome().await;
    // The node's own dial would be preferred, as `a` is smaller, but over there nobody wants it.
    let (refused, mut unwanted) = pair.connect(Dialled::ByUs).await;
    assert!(matches!(unwanted.hear().await, Greeting::Hello(_)));
    unwanted.hello(8, false).await;
    let text = "too many".to_owned();
    unwanted.say(Greeting::Refuse(Refusal { reason: RefusalReason::Busy, text })).await;
    assert!(matches!(refused.await.unwrap(), Err(GreetError::Refused(_))));
    stays.welcome(None).await;
    let (link, _) = linked.await.unwrap().unwrap();
    assert_eq!(link.session(), 7);
    pair.node.close();
}

#[tokio::test(start_paused = true)]
async fn a_resumption_that_another_has_overtaken_is_dropped() {
    let pair = Pair::new().await;
    let (greeted, mut peer) = pair.connect(Dialled::ByPeer).await;
    peer.hello(7, false).await;
    peer.is_welcome().await;
    peer.welcome(None).await;
    let (link, connection) = greeted.await.unwrap().unwrap();
    pair.node.link_is_up(&link);
    assert!(link.attach(connection).unwrap().is_some());
    // Both are greeted to the end before either is the link's: only what the last one was told is true.
    let mut resumptions = Vec::new();
    for _ in 0..2 {
        let (greeted, mut again) = pair.connect(Dialled::ByPeer).await;
        again.hello(7, true).await;
        again.is_welcome().await;
        again.welcome(Some(0)).await;
        let (same, connection) = greeted.await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&same, &link) && !link.is_connected());
        resumptions.push(connection);
    }
    let (last, overtaken) = (resumptions.pop().unwrap(), resumptions.pop().unwrap());
    assert!(link.attach(overtaken).unwrap().is_none());
    assert!(!link.is_connected());
    assert!(link.attach(last).unwrap().is_some());
    assert!(link.is_connected());
    pair.node.close();
}

#[tokio::test(start_paused = true)]
async fn a_greeting_that_began_before_the_link_does_not_end_its_session() {
    let pair = Pair::new().await;
    let (late_greeted, mut late) = pair.connect(Dialled::ByPeer).await;
    let (greeted, mut peer) = pair.connect(Dialled::ByPeer).await;
    peer.hello(8, false).await;
    peer.is_welcome().await;
    peer.welcome(None).await;
    let (link, _broken) = greeted.await.unwrap().unwrap();
    pair.node.link_is_up(&link);
    assert!(!link.is_connected());
    late.hello(7, false).await;
    assert!(matches!(late.hear().await, Greeting::Hello(_)));
    assert!(matches!(late.hear().await, Greeting::Refuse(_)));
    assert!(matches!(late_greeted.await.unwrap(), Err(GreetError::Linked(_))));
    assert!(pair.node.link_to(link.id()).is_some_and(|same| Arc::ptr_eq(&same, &link)));

    // One that began later is by a peer that has given the session up.
    let (greeted, mut anew) = pair.connect(Dialled::ByPeer).await;
    anew.hello(9, false).await;
    anew.is_welcome().await;
    anew.welcome(None).await;
    assert_eq!(greeted.await.unwrap().unwrap().0.session(), 9);
    assert!(pair.node.link_to(link.id()).is_none());
    pair.node.close();
}

#[tokio::test(start_paused = true)]
async fn what_came_before_a_mistake_of_the_peers_is_told_to_who_waits_for_it() {
    let pair = Pair::new().await;
    let (greeted, mut peer) = pair.connect(Dialled::ByPeer).await;
    peer.hello(7, false).await;
    peer.is_welcome().await;
    peer.welcome(None).await;
    let (link, _connection) = greeted.await.unwrap().unwrap();
    let slots = [(); 2].map(|()| Slot::new(None));
    for (call, slot) in (1..).zip(&slots) {
        let asked = Asked { slot: slot.clone(), root: InvocationId { origin: 1, number: call }, is_root: true };
        link.out().pending.insert(call, asked, None);
    }
    // No call of number 9 was made.
    let mut outcomes = [1, 9, 2].map(|call| (call, Status::Returned, Bytes::new())).to_vec();
    assert_eq!(link.settle(&mut outcomes), Err(ProtocolError::OutcomeOfNoCall { call: 9 }));
    link.lose(Loss::Closed);
    let [first, second] = slots.map(|slot| poll_fn(move |cx| slot.poll(cx)));
    assert!(matches!(first.await, Outcome::Returned(_)));
    assert!(matches!(second.await, Outcome::Failed(TaskError::NodeLost { .. })));
    pair.node.close();
}
