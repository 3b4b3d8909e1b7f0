//! Gateways: how ractor actors call tasks and read events by message, of any worker of ractor's cluster.

use std::{fmt, panic::Location, sync::Arc, time::Duration};

use atasks_actors::{crash::Hop, event::Event};
use atasks_cluster::{
    control::{
        gateway::{self, Call, GatewayMsg, Making, Order, PAYLOAD_MAX, Watching},
        node_of,
    },
    node::NodeCore,
};
use ractor::{ActorCell, ActorRef, Message, pg};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use crate::{
    MONITORED_MAX, Monitored, NodeId, TaskCall, TaskError, TaskReturn,
    driver::{Driver, not_registered},
    everywhere::Encoded,
    program,
};

/// How often gateways are looked for that are waited for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The gateway of a worker: the actor in pg group [`GROUP`](Self::GROUP) through which ractor actors, here or on another
/// worker, call tasks and read events by message.
///
/// Inside a program that has joined the cluster an actor may await a task directly, too. A gateway is for actors that
/// know of ractor's cluster only, or that want another node to make the call: what a gateway's node knows, like which
/// nodes have something to do, decides where the task runs.
///
/// ```no_run
/// # #[atasks::task] async fn resize(url: String) -> Result<Vec<u8>, atasks::TaskError> { Ok(url.into_bytes()) }
/// # async fn example() -> Result<(), atasks::TaskError> {
/// use atasks::Gateway;
///
/// for gateway in Gateway::all() {
///     let bytes = gateway.call(resize("a.png".into())).await?;
///     println!("{} made a call that gave {} bytes", gateway.node(), bytes.len());
/// }
/// # Ok(()) }
/// ```
///
/// It is an ordinary pg member and its messages are ordinary messages: where it lives makes no difference. Whatever is
/// asked of it is answered within a bounded time; calls may take longer than that.
#[derive(Clone)]
pub struct Gateway {
    actor: ActorRef<GatewayMsg>,
    node: NodeId,
}

impl Gateway {
    /// The pg group that has the gateway of every worker.
    pub const GROUP: &'static str = gateway::GROUP;

    /// The gateways that are known here now: that of this process's worker, and of all workers
    /// linked to it, in the order of their nodes.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let members = pg::get_members(&Self::GROUP.to_owned());
        let mut all: Vec<_> = members.into_iter().filter_map(|member| Self::try_from(member).ok()).collect();
        all.sort_by(|one, other| one.node.cmp(&other.node));
        all
    }

    /// Waits until the gateways of this many workers are known here.
    pub async fn wait_for(count: usize) -> Vec<Self> {
        loop {
            let all = Self::all();
            if all.len() >= count {
                return all;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Whose gateway it is.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// Whether it lives in this process.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.actor.get_id().is_local()
    }

    /// The actor, for those who want to watch it. One on another node must not be stopped or linked: that ends the
    /// session with its node.
    #[must_use]
    pub fn actor(&self) -> &ActorRef<GatewayMsg> {
        &self.actor
    }

    /// Has the gateway's node make a call, and gives what an await of it would: exactly the type that the task's
    /// signature states.
    ///
    /// The call is a root of that node, placed from there; its timeout, deadline, label, baggage, `idempotent` and its
    /// placement go with it, of placements those that name a node, `Local` and `Auto`. How often it is repeated is what
    /// the task's attribute says. Arguments and result have at most 8 MiB each.
    ///
    /// Besides how the call itself can fail: [`TaskError::NodeLost`] if the gateway, its node or the way there is lost,
    /// at the latest 15 s after that.
    ///
    /// # Cancel safety
    /// Dropping it cancels the task, wherever it runs.
    ///
    /// # Panics
    /// Outside of a tokio runtime with timers.
    pub async fn call<R: TaskReturn>(&self, mut call: TaskCall<R>) -> R {
        let deadline = call.driver().time_left().and_then(|left| Instant::now().checked_add(left));
        let outcome = match self.request(&mut call) {
            Ok(request) => gateway::call(&self.actor, &self.node, request, deadline).await,
            Err(error) => Err(error),
        };
        call.import(outcome.map_err(|mut error| {
            error.passes(|| Hop::from(&call.driver().hop()));
            error
        }))
    }

    fn request<R: TaskReturn>(&self, call: &mut TaskCall<R>) -> Result<Call, TaskError> {
        let (entry, arguments) = call.export(PAYLOAD_MAX)?;
        let fingerprint = program::fingerprint(entry).ok_or_else(|| not_registered(entry.name()))?;
        let driver = call.driver();
        Ok(Call {
            task: entry.name().to_owned(),
            fingerprint,
            arguments,
            placement: (&driver.placement).try_into()?,
            // What is left when it is sent.
            timeout_us: None,
            label: driver.label().map(str::to_owned),
            baggage: driver.baggage(),
            idempotent: driver.idempotent,
        })
    }

    /// Sends what happens on the gateway's node, from when this returns, to an ordinary actor of this process, as its
    /// messages, like [`Node::monitor`](crate::Node::monitor) does with this node's events. An actor that is slow misses
    /// events, which it is told by [`Event::Missed`]; at most [`MONITORED_MAX`] wait in its mailbox. The last message is
    /// [`Event::Unwatched`]: the gateway is gone or not reached any more, or the actor took no event for 20 s with its
    /// mailbox full.
    ///
    /// # Errors
    /// [`TaskError::NodeLost`] if the gateway, its node or the way there is lost.
    ///
    /// # Panics
    /// Outside of a tokio runtime with timers.
    pub async fn monitor<M: Message + From<Monitored>>(&self, actor: &ActorRef<M>) -> Result<(), TaskError> {
        let mut watching = Watching::begin(&self.actor, &self.node).await?;
        let (actor, node) = (actor.clone(), self.node.clone());
        let places = Arc::new(Semaphore::new(MONITORED_MAX));
        tokio::spawn(async move {
            loop {
                let told = watching.next().await;
                let is_over = told.is_none();
                for event in told.unwrap_or_else(|| vec![Event::Unwatched(node.clone())]) {
                    // A place is free again when the actor has let go of the event.
                    let Ok(place) = places.clone().acquire_owned().await else { return };
                    let monitored = Monitored { node: node.clone(), event, _place: place };
                    if actor.cast(monitored.into()).is_err() {
                        return;
                    }
                }
                if is_over {
                    return;
                }
            }
        });
        Ok(())
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("node", &self.node).field("actor", &self.actor.get_id()).finish()
    }
}

/// A member of a pg group that is no gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the actor is no gateway")]
pub struct NotAGateway;

impl TryFrom<ActorCell> for Gateway {
    type Error = NotAGateway;

    fn try_from(cell: ActorCell) -> Result<Self, NotAGateway> {
        let node = cell.get_name().as_deref().and_then(node_of).ok_or(NotAGateway)?;
        // Of a remote actor the type cannot be told; a message of another type would get no answer, in bounded time.
        if cell.is_message_type_of::<GatewayMsg>() == Some(false) {
            return Err(NotAGateway);
        }
        Ok(Self { actor: cell.into(), node })
    }
}

/// Makes a call that the gateway of `node` was asked for.
pub(crate) fn make(node: Arc<NodeCore>, order: Order) -> Making {
    let task = order.task;
    let mut driver = Driver::new(task.name(), *task.options(), Location::caller());
    driver.start_at(node);
    driver.placement = order.placement;
    driver.idempotent |= order.idempotent;
    if let Some(timeout) = order.timeout {
        driver.limit_timeout(timeout);
    }
    if let Some(label) = order.label {
        driver.name(label);
    }
    for (key, value) in order.baggage.iter().flat_map(|baggage| baggage.iter()) {
        driver.add_baggage(key.clone(), value.clone());
    }
    let mut arguments = Encoded { task, bytes: order.arguments.into() };
    Box::pin(std::future::poll_fn(move |cx| driver.poll(cx, &mut arguments)))
}
