//! Calls that come in: handed to the agent, cancelled, and answered with exactly one outcome each.

use std::{
    cell::OnceCell,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
};

use atasks_actors::{
    codec,
    context::Context,
    executor::Submitted,
    invocation::{Baggage, InvocationId},
    node_id::NodeId,
    outcome::{Outcome, Reply, Sink},
    task::Form,
    task_error::{Canceller, Payload, TaskError},
};
use bytes::Bytes;

use super::Link;
use crate::{
    agent::Request,
    node::NodeCore,
    session::{
        ByCall, Refused,
        credit::Cost,
        frame::{Head, Id, Status, extension},
    },
};

/// The peer's calls that run here.
#[derive(Default)]
pub(super) struct Serving {
    calls: Mutex<ByCall<Served>>,
}

struct Served {
    context: Context,
    /// What it has taken of the peer's window.
    cost: Option<Cost>,
}

/// Calls that one read has brought and that were admitted: they are filed and queued in one step.
pub(super) struct Arrivals<'a> {
    link: &'a Arc<Link>,
    /// Made for the first call: most of what comes to a client is none.
    delivery: OnceCell<Arc<Delivery>>,
    served: Vec<(u64, Served)>,
    submitted: Vec<Submitted>,
}

/// The link as the calls of one read hold it. Were it the link itself, reader and executors would write one count of holders
/// at each call, and wait for each other.
pub(super) struct Delivery(pub(super) Arc<Link>);

impl<'a> Arrivals<'a> {
    pub(super) fn new(link: &'a Arc<Link>) -> Self {
        Self { link, delivery: OnceCell::new(), served: Vec::new(), submitted: Vec::new() }
    }

    fn delivery(&self) -> &Arc<Delivery> {
        self.delivery.get_or_init(|| Arc::new(Delivery(self.link.clone())))
    }

    pub(super) fn len(&self) -> usize {
        self.submitted.len()
    }

    /// Files them, so that they can be cancelled, and has them run.
    pub(super) fn run(&mut self, node: &NodeCore) {
        let Self { link, served, submitted, .. } = self;
        if !link.admitting.load(Ordering::Relaxed) {
            return;
        }
        link.serving.lock().extend(served.drain(..));
        node.agent().run(submitted);
        link.admitting.store(false, Ordering::SeqCst);
        if node.is_draining() {
            node.agent().look_again();
        }
    }
}

impl Serving {
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub(super) fn cancel_all(&self, by: Canceller) {
        // The lock is let go first: what is cancelled cancels its own calls, maybe to the same peer.
        let calls = self.lock().drain().map(|(call, served)| (call, served.context)).collect();
        cancel_in_order(calls, by);
    }

    fn lock(&self) -> MutexGuard<'_, ByCall<Served>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cancels calls in the order in which they came.
fn cancel_in_order(mut calls: Vec<(u64, Context)>, by: Canceller) {
    calls.sort_unstable_by_key(|(call, _)| *call);
    calls.iter().for_each(|(_, context)| context.cancel(by));
}

impl Link {
    /// Whether calls of the peer run here, or are on their way with large arguments.
    pub(crate) fn is_serving(&self) -> bool {
        self.admitting.load(Ordering::SeqCst) || !self.serving.is_empty() || self.arriving.load(Ordering::Relaxed) > 0
    }

    /// Cancels all that runs here for the peer.
    pub(crate) fn cancel_served(&self, by: Canceller) {
        let calls = self.serving.lock().iter().map(|(call, served)| (*call, served.context.clone())).collect();
        cancel_in_order(calls, by);
    }

    /// Takes an invocation that the peer asks for. What is admitted runs later, with all that comes now.
    pub(super) fn serve(
        &self,
        node: &Arc<NodeCore>,
        (head, area, arguments): (Head, &[u8], Bytes),
        arrivals: &mut Arrivals<'_>,
    ) {
        let call = head.call;
        // Before it is looked whether the node drains: who waits for the last call sees this one coming.
        if !self.admitting.load(Ordering::Relaxed) {
            self.admitting.store(true, Ordering::SeqCst);
        }
        if let Some(lost) = find::<Vec<NodeId>>(area, extension::LOST_NODES) {
            node.losses().merge(self.root_of(&head), &lost);
        }
        let delivery = arrivals.delivery().clone();
        let Some((cost, ticket)) = self.let_in(&delivery, &head, area.len() + arguments.len()) else {
            return self.outcome(call, Outcome::HandedBack);
        };
        match node.agent().admit(node, self.request(head, area, arguments)) {
            Ok((context, arguments)) => {
                arrivals.served.push((call, Served { context: context.clone(), cost }));
                let reply = Reply::new(delivery, call);
                arrivals.submitted.push(Submitted { context, arguments, reply, ticket });
            }
            Err(outcome) => {
                cost.into_iter().for_each(|cost| self.is_over(cost));
                self.outcome(call, outcome);
            }
        }
    }

    fn id_of(&self, head: &Head) -> InvocationId {
        InvocationId { origin: head.origin.unwrap_or(self.peer.id.incarnation()), number: head.id }
    }

    fn root_of(&self, head: &Head) -> InvocationId {
        head.lineage.map_or_else(|| self.id_of(head), |lineage| id(lineage.root))
    }

    fn request(&self, head: Head, area: &[u8], arguments: Bytes) -> Request {
        Request {
            id: self.id_of(&head),
            parent: head.lineage.map(|lineage| id(lineage.parent)),
            root: self.root_of(&head),
            attempt: u32::from(head.attempt),
            task: head.task,
            form: if extension::find(area, extension::JSON).is_some() { Form::Json } else { Form::Codec },
            arguments,
            deadline: head.deadline.and_then(|deadline| self.clock.deadline(deadline)),
            label: extension::find(area, extension::LABEL).and_then(|label| Some(str::from_utf8(label).ok()?.into())),
            baggage: find::<Baggage>(area, extension::BAGGAGE),
            holds: find::<Arc<[u64]>>(area, extension::HELD_LIMITS),
            movable: extension::find(area, extension::PINNED).is_none(),
        }
    }

    pub(super) fn cancel_one(&self, call: u64, by: u8) {
        let context = self.serving.lock().get(&call).map(|served| served.context.clone());
        if let Some(context) = context {
            context.cancel(Canceller::from_code(by).unwrap_or(Canceller::Caller));
        }
    }

    /// Answers a call whose arguments never came whole.
    pub(super) fn hand_back(&self, head: &Head, bytes: usize, arrivals: &Arrivals<'_>) {
        // It has come and left in one step, its ticket with it.
        if let Some((Some(cost), _ticket)) = self.let_in(arrivals.delivery(), head, bytes) {
            self.is_over(cost);
        }
        self.outcome(head.call, Outcome::HandedBack);
    }
}

fn id(Id { origin, number }: Id) -> InvocationId {
    InvocationId { origin, number }
}

/// Reads an entry of the extension area; one that does not decode is as good as none.
fn find<T: serde::de::DeserializeOwned>(area: &[u8], kind: u8) -> Option<T> {
    if area.is_empty() {
        return None;
    }
    codec::decode(extension::find(area, kind)?).ok()
}

impl Sink for Delivery {
    fn outcome(&self, call: u64, outcome: Outcome) {
        self.0.outcome(call, outcome);
    }
}

impl Link {
    /// Tells the peer how one of its calls has ended.
    fn outcome(&self, call: u64, outcome: Outcome) {
        let mut out = self.out();
        let unheard = out.leaving && !matches!(outcome, Outcome::HandedBack);
        if out.lost.is_some() || unheard {
            // Nobody is there to hear it, or shall.
            self.serving.lock().remove(&call);
            return;
        }
        let told = match outcome {
            Outcome::Returned(bytes) => out.outgoing.outcome(call, Status::Returned, bytes),
            Outcome::HandedBack => out.outgoing.outcome(call, Status::HandedBack, Bytes::new()),
            Outcome::Failed(error) => out.outgoing.outcome(call, Status::Failed, encode(&error)),
        };
        if let Err(Refused::TooLarge { bytes, limit, .. }) = told {
            let error = TaskError::TooLarge { size: bytes, limit, what: Payload::Result };
            let told = out.outgoing.outcome(call, Status::Failed, encode(&error));
            if told.is_err() {
                // Whatever the peer takes, it takes nothing at all: an outcome is owed.
                let _ = out.outgoing.outcome(call, Status::Failed, Bytes::new());
            }
        }
        // Not before: a node that waits for the last of them to leave must not find it in neither place.
        let served = self.serving.lock().remove(&call);
        if let Some(cost) = served.and_then(|served| served.cost) {
            self.is_over(cost);
        }
        if out.outgoing.withholds_credit() {
            self.unread.store(true, Ordering::SeqCst);
        }
        self.send(out);
    }
}

/// Most bytes of an encoded failure: a backtrace or a message beyond that is not worth sending.
const FAILURE_MAX: usize = 1 << 20;

fn encode(error: &TaskError) -> Vec<u8> {
    codec::encode(error, FAILURE_MAX).unwrap_or_else(|_too_large| {
        let message = "the failure was too large to be sent".to_owned();
        let short = TaskError::Codec { stage: Payload::Result, message };
        codec::encode(&short, FAILURE_MAX).unwrap_or_default()
    })
}
