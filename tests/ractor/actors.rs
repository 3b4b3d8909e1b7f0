//! The tests' own actors: a remotable one, and ordinary ones that call tasks and hear events.

use atasks::{Event, Gateway, Monitored, TaskError};
use ractor::{Actor, ActorProcessingErr, ActorRef, Message, RpcReplyPort};
use ractor_cluster::RactorClusterMessage;
use tokio::sync::mpsc;

use crate::tasks::{Failed, double};

/// Adds up what it is told, wherever that comes from.
pub(crate) struct Counter;

#[derive(RactorClusterMessage)]
pub(crate) enum CounterMsg {
    Add(u64),
    /// A number and bytes, of which the number and the length are kept.
    Take(u64, Vec<u8>),
    #[rpc]
    Total(RpcReplyPort<u64>),
    /// What was out of order.
    #[rpc]
    Disorder(RpcReplyPort<u64>),
}

#[derive(Default)]
pub(crate) struct Counted {
    total: u64,
    next: u64,
    disorder: u64,
}

impl Actor for Counter {
    type Msg = CounterMsg;
    type State = Counted;
    type Arguments = ();

    async fn pre_start(&self, _myself: ActorRef<CounterMsg>, (): ()) -> Result<Counted, ActorProcessingErr> {
        Ok(Counted::default())
    }

    async fn handle(
        &self,
        _myself: ActorRef<CounterMsg>,
        message: CounterMsg,
        counted: &mut Counted,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            CounterMsg::Add(more) => counted.total += more,
            CounterMsg::Take(number, bytes) => {
                counted.disorder += u64::from(number != counted.next);
                counted.next = number + 1;
                counted.total += bytes.len() as u64;
            }
            CounterMsg::Total(port) => drop(port.send(counted.total)),
            CounterMsg::Disorder(port) => drop(port.send(counted.disorder)),
        }
        Ok(())
    }
}

/// Ordinary: calls a task through the gateway that it is told.
pub(crate) struct Asker;

pub(crate) struct Ask(pub(crate) Gateway, pub(crate) u64, pub(crate) RpcReplyPort<Result<u64, Failed>>);

impl Message for Ask {}

impl Actor for Asker {
    type Msg = Ask;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _myself: ActorRef<Ask>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _me: ActorRef<Ask>, ask: Ask, (): &mut ()) -> Result<(), ActorProcessingErr> {
        let Ask(gateway, number, port) = ask;
        let _ = port.send(gateway.call(double(number)).await);
        Ok(())
    }
}

/// Ordinary: passes on what it hears.
pub(crate) struct Listener;

pub(crate) struct Heard(Monitored);

impl Message for Heard {}

impl From<Monitored> for Heard {
    fn from(monitored: Monitored) -> Self {
        Self(monitored)
    }
}

pub(crate) type Told = (String, Event);

impl Actor for Listener {
    type Msg = Heard;
    type State = mpsc::UnboundedSender<Told>;
    type Arguments = mpsc::UnboundedSender<Told>;

    async fn pre_start(
        &self,
        _myself: ActorRef<Heard>,
        to: mpsc::UnboundedSender<Told>,
    ) -> Result<mpsc::UnboundedSender<Told>, ActorProcessingErr> {
        Ok(to)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Heard>,
        Heard(monitored): Heard,
        to: &mut mpsc::UnboundedSender<Told>,
    ) -> Result<(), ActorProcessingErr> {
        let _ = to.send((monitored.node.to_string(), monitored.event));
        Ok(())
    }
}

/// Has an ordinary actor of this process hear the events of a gateway's node.
pub(crate) async fn listen(gateway: &Gateway) -> mpsc::UnboundedReceiver<Told> {
    let (to, told) = mpsc::unbounded_channel();
    let (listener, _) = Actor::spawn(None, Listener, to).await.unwrap();
    gateway.monitor(&listener).await.unwrap();
    told
}

/// What a call of an actor that may be elsewhere gave.
pub(crate) fn answered<T>(
    result: Result<ractor::rpc::CallResult<T>, ractor::MessagingErr<CounterMsg>>,
) -> Result<T, TaskError> {
    match result {
        Ok(ractor::rpc::CallResult::Success(value)) => Ok(value),
        Ok(ractor::rpc::CallResult::Timeout) => panic!("no answer in time"),
        Ok(ractor::rpc::CallResult::SenderError) => panic!("no answer ever"),
        Err(error) => panic!("{error}"),
    }
}
