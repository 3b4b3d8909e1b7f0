//! Drives one call from its first poll to its outcome: encodes, places, waits, repeats. Knows no types.

use std::{
    collections::BTreeMap,
    panic::Location,
    sync::Arc,
    task::{Context as TaskContext, Poll, Waker},
    time::Duration,
};

use atasks_actors::{
    codec,
    context::{Child, Context},
    crash::{Await, Hop},
    invocation::{BAGGAGE_BYTES_MAX, Invocation, LABEL_BYTES_MAX},
    outcome::Outcome,
    router::{LOST_NODES_MAX, Router, Started},
    slot::Slot,
    task::{Form, TaskEntry, TaskOptions},
};
use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    Canceller, InvocationId, Loss, NodeId, Payload, Placement, Ran, Retry, TaskError, context, default_node,
    everywhere::Encoded,
};

/// Most nodes that may go under a call that has not run before it is told so.
const PLACED_AGAIN_MAX: u32 = 16;

/// Wait before a call is placed again that was handed back so often.
const HANDED_BACK_PAUSE: Duration = Duration::from_millis(20);

/// How often it is looked whether the workers are there that a first call brings.
const GATHERING_LOOK: Duration = Duration::from_millis(5);

/// What the driver needs of the typed call.
pub(crate) trait Arguments {
    fn entry(&self) -> Option<&'static TaskEntry>;
    fn encode(&mut self, limit: usize) -> Result<Bytes, codec::Error>;

    fn form(&self) -> Form {
        Form::Codec
    }
}

pub(crate) struct Driver {
    pub(crate) task: &'static str,
    pub(crate) placement: Placement,
    pub(crate) idempotent: bool,
    pub(crate) retry: Option<Retry>,
    site: &'static Location<'static>,
    parent: Option<Context>,
    node: Option<Arc<dyn Router>>,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    more: Option<Box<More>>,
    detached: bool,
    state: State,
}

/// What few calls have.
#[derive(Clone, Default)]
struct More {
    label: Option<Arc<str>>,
    baggage: BTreeMap<String, String>,
}

enum State {
    New,
    Waiting(Box<Attempt>),
    Over(Option<InvocationId>),
}

/// One call after its first poll.
struct Attempt {
    invocation: Invocation,
    /// The first poll; none without a deadline, as nobody asks then.
    since: Option<Instant>,
    failures: u32,
    placed_again: u32,
    /// An earlier failure after which the body may have run.
    doubt: Option<TaskError>,
    step: Step,
}

enum Step {
    Start,
    Outcome {
        slot: Arc<Slot>,
        _child: Option<Child>,
    },
    /// Waits until then; whoever is to be woken is known to the node.
    Backoff {
        until: Instant,
        woken: Option<Waker>,
    },
}

impl Attempt {
    /// Nobody will try again.
    fn is_over(&self, node: Option<&Arc<dyn Router>>) {
        if let (Some(node), None) = (node, self.invocation.parent) {
            node.root_is_over(self.invocation.id);
        }
    }
}

/// What a call of a task fails with that nobody has registered.
pub(crate) fn not_registered(task: &str) -> TaskError {
    TaskError::Codec {
        stage: Payload::Arguments,
        message: format!("`{task}` is not registered in this program: add `atasks::register!(..)`"),
    }
}

fn encode(task: &str, arguments: &mut dyn Arguments, node: &dyn Router) -> Result<Encoded, TaskError> {
    let task = arguments.entry().ok_or_else(|| not_registered(task))?;
    let limit = node.payload_max();
    let bytes = arguments.encode(limit).map_err(|error| TaskError::from_codec(error, Payload::Arguments, limit))?;
    Ok(Encoded { task, bytes })
}

impl Driver {
    pub(crate) fn new(task: &'static str, options: TaskOptions, site: &'static Location<'static>) -> Self {
        let parent = Context::try_current();
        if parent.is_none() {
            context::warn_if_lost(task, site);
        }
        let node = match &parent {
            Some(parent) => Some(parent.router().clone()),
            None => default_node::scoped(),
        };
        Self {
            task,
            placement: Placement::Auto,
            idempotent: options.idempotent,
            retry: (options.retry > 0).then(|| Retry::times(options.retry)),
            site,
            parent,
            node,
            timeout: options.timeout,
            deadline: None,
            more: None,
            detached: false,
            state: State::New,
        }
    }

    /// Makes the call from this node, whatever node is in scope.
    pub(crate) fn start_at(&mut self, node: Arc<dyn Router>) {
        self.node = Some(node);
    }

    /// What is left of the time that it may take, if that is limited; zero if that is over.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let until = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        until.into_iter().chain(self.timeout).min()
    }

    pub(crate) fn label(&self) -> Option<&str> {
        self.more.as_ref()?.label.as_deref()
    }

    /// Its own baggage and that of the task around it.
    pub(crate) fn baggage(&self) -> BTreeMap<String, String> {
        let above = self.parent.as_ref().and_then(Context::all_baggage);
        let mut all = above.map(|above| (**above).clone()).unwrap_or_default();
        all.extend(self.more.iter().flat_map(|more| more.baggage.clone()));
        all
    }

    pub(crate) fn limit_timeout(&mut self, timeout: Duration) {
        self.timeout = Some(self.timeout.map_or(timeout, |before| before.min(timeout)));
    }

    pub(crate) fn limit_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(self.deadline.map_or(deadline, |before| before.min(deadline)));
    }

    pub(crate) fn name(&mut self, mut label: String) {
        while label.len() > LABEL_BYTES_MAX {
            label.pop();
        }
        self.more.get_or_insert_default().label = Some(label.into());
    }

    pub(crate) fn add_baggage(&mut self, key: String, value: String) {
        self.more.get_or_insert_default().baggage.insert(key, value);
    }

    pub(crate) fn detach(&mut self) {
        self.detached = true;
    }

    pub(crate) fn id(&self) -> Option<InvocationId> {
        match &self.state {
            State::New => None,
            State::Waiting(attempt) => Some(attempt.invocation.id),
            State::Over(id) => *id,
        }
    }

    /// The await that reads the outcome.
    pub(crate) fn hop(&self) -> Await {
        let node = self.node.as_ref().map(|node| node.id().clone());
        Await { task: self.task, node, site: self.site }
    }

    /// Goes on until the encoded return value is there.
    pub(crate) fn poll(
        &mut self,
        cx: &mut TaskContext<'_>,
        arguments: &mut dyn Arguments,
    ) -> Poll<Result<Bytes, TaskError>> {
        let mut attempt = match std::mem::replace(&mut self.state, State::Over(None)) {
            State::New => match self.begin(arguments) {
                Ok(attempt) => attempt,
                Err(error) => return Poll::Ready(Err(error)),
            },
            State::Waiting(attempt) => attempt,
            State::Over(id) => {
                self.state = State::Over(id);
                let message = "the call was polled after it was over".to_owned();
                return Poll::Ready(Err(TaskError::Codec { stage: Payload::Result, message }));
            }
        };
        let polled = self.advance(&mut attempt, cx);
        if polled.is_ready() {
            attempt.is_over(self.node.as_ref());
        }
        self.state = match &polled {
            Poll::Ready(_) => State::Over(Some(attempt.invocation.id)),
            Poll::Pending => State::Waiting(attempt),
        };
        polled.map_err(|mut error| {
            error.passes(|| Hop::from(&self.hop()));
            error
        })
    }

    /// The first poll: all that can be wrong before a node is asked.
    fn begin(&mut self, arguments: &mut dyn Arguments) -> Result<Box<Attempt>, TaskError> {
        let baggage = self.all_baggage()?;
        let node = &**Self::find_node(&mut self.node)?;
        let parent = self.parent.as_ref().filter(|_| !self.detached);
        let Encoded { task, bytes } = encode(self.task, arguments, node)?;
        let limited = [self.deadline, parent.and_then(Context::deadline)].into_iter().flatten().min();
        let since = (limited.is_some() || self.timeout.is_some()).then(Instant::now);
        let own = since.zip(self.timeout).and_then(|(since, timeout)| since.checked_add(timeout));
        let deadline = limited.into_iter().chain(own).min();
        let id = node.next_id();
        let invocation = Invocation {
            id,
            parent: parent.map(Context::id),
            root: parent.map_or(id, Context::root),
            attempt: 0,
            task,
            form: arguments.form(),
            arguments: bytes,
            deadline,
            label: self.more.as_ref().and_then(|more| more.label.clone()),
            baggage,
            holds: parent.and_then(Context::holds_below),
            movable: self.placement.is_movable(),
        };
        let step = Step::Start;
        Ok(Box::new(Attempt { invocation, since, failures: 0, placed_again: 0, doubt: None, step }))
    }

    /// Whether its node waits for workers that are on their way; then `cx` is woken to look again.
    pub(crate) fn gathers(&mut self, cx: &TaskContext<'_>) -> Result<bool, TaskError> {
        let node = Self::find_node(&mut self.node)?;
        let Some(until) = node.gathers_until() else { return Ok(false) };
        node.wake_at(until.min(Instant::now() + GATHERING_LOOK), cx.waker().clone());
        Ok(true)
    }

    /// Sees to it that it has a node, and gives it.
    fn find_node(node: &mut Option<Arc<dyn Router>>) -> Result<&Arc<dyn Router>, TaskError> {
        match node {
            Some(node) => Ok(node),
            none => Ok(none.insert(default_node::current().ok_or(TaskError::NotJoined)?)),
        }
    }

    /// The first poll of a call on every worker: what all are called with, and a driver for each.
    pub(crate) fn for_everywhere(
        &mut self,
        arguments: &mut dyn Arguments,
    ) -> Result<(Encoded, Vec<(NodeId, Self)>), TaskError> {
        let node = &**Self::find_node(&mut self.node)?;
        if node.has_left() {
            return Err(TaskError::NotJoined);
        }
        let encoded = encode(self.task, arguments, node)?;
        let nodes = node
            .capable(encoded.task, &self.placement)
            .map_err(|reason| TaskError::Unplaced { task: self.task.to_owned(), reason })?;
        Ok((encoded, nodes.into_iter().map(|node| (node.clone(), self.on(node))).collect()))
    }

    /// The same call on one node, tried once.
    fn on(&self, node: NodeId) -> Self {
        Self {
            task: self.task,
            placement: Placement::On(node),
            idempotent: self.idempotent,
            retry: None,
            site: self.site,
            parent: self.parent.clone(),
            node: self.node.clone(),
            timeout: self.timeout,
            deadline: self.deadline,
            more: self.more.clone(),
            detached: self.detached,
            state: State::New,
        }
    }

    fn all_baggage(&mut self) -> Result<Option<Arc<BTreeMap<String, String>>>, TaskError> {
        let above = self.parent.as_ref().and_then(Context::all_baggage);
        let own = self.more.as_mut().map(|more| std::mem::take(&mut more.baggage)).unwrap_or_default();
        if own.is_empty() {
            return Ok(above.cloned());
        }
        let mut all = above.map(|above| (**above).clone()).unwrap_or_default();
        all.extend(own);
        let size = all.iter().map(|(key, value)| key.len() + value.len()).sum();
        if size > BAGGAGE_BYTES_MAX {
            return Err(TaskError::TooLarge { size, limit: BAGGAGE_BYTES_MAX, what: Payload::Baggage });
        }
        Ok(Some(Arc::new(all)))
    }

    fn advance(&self, attempt: &mut Attempt, cx: &mut TaskContext<'_>) -> Poll<Result<Bytes, TaskError>> {
        let Some(node) = self.node.as_deref() else { return Poll::Ready(Err(TaskError::NotJoined)) };
        loop {
            let outcome = match &mut attempt.step {
                Step::Start => match self.start(attempt, node) {
                    Some(outcome) => outcome,
                    None => continue,
                },
                Step::Outcome { slot, .. } => match slot.poll(cx) {
                    Poll::Ready(outcome) => outcome,
                    Poll::Pending => return Poll::Pending,
                },
                Step::Backoff { until, woken } => {
                    if Instant::now() < *until && !node.has_left() {
                        if !woken.as_ref().is_some_and(|woken| woken.will_wake(cx.waker())) {
                            node.wake_at(*until, cx.waker().clone());
                            *woken = Some(cx.waker().clone());
                        }
                        // It may have left just before it could have heard of that.
                        if !node.has_left() {
                            return Poll::Pending;
                        }
                    }
                    attempt.step = Step::Start;
                    continue;
                }
            };
            let error = match outcome {
                Outcome::Returned(bytes) => return Poll::Ready(Ok(bytes)),
                Outcome::HandedBack => {
                    attempt.placed_again += 1;
                    attempt.step = match attempt.placed_again < PLACED_AGAIN_MAX {
                        true => Step::Start,
                        // Whoever hands it back again and again needs time to be gone. The deadline is told in time all the same.
                        false => {
                            let until = Instant::now() + HANDED_BACK_PAUSE;
                            let until = attempt.invocation.deadline.map_or(until, |deadline| deadline.min(until));
                            Step::Backoff { until, woken: None }
                        }
                    };
                    continue;
                }
                // The slot knows of its own attempt only.
                Outcome::Failed(TaskError::DeadlineExceeded { after, waited_for, ran }) => {
                    let after = attempt.since.map_or(after, |since| since.elapsed());
                    TaskError::DeadlineExceeded { after, waited_for, ran }
                }
                Outcome::Failed(error) => error,
            };
            let error = self.spent(attempt, node, &error).unwrap_or(error);
            match self.repeat(attempt, &error) {
                Some(step) => {
                    if error.ran() != Ran::No {
                        attempt.doubt = Some(error);
                    }
                    attempt.step = step;
                }
                None => return Poll::Ready(Err(with_doubt(error, attempt.doubt.take()))),
            }
        }
    }

    /// Places one attempt. Gives the outcome if it is there at once.
    fn start(&self, attempt: &mut Attempt, node: &dyn Router) -> Option<Outcome> {
        if let Some(error) = self.forbids(attempt, node) {
            return Some(Outcome::Failed(error));
        }
        attempt.invocation.attempt += 1;
        // Wherever it goes now it stays, unless that node drains.
        attempt.invocation.movable &= attempt.placed_again < PLACED_AGAIN_MAX;
        match node.start(&attempt.invocation, &self.placement) {
            Started::Done(outcome) => Some(outcome),
            Started::Pending(slot) => {
                let mut child = None;
                if let (Some(parent), false) = (&self.parent, self.detached) {
                    child = parent.adopt(&slot);
                    if child.is_none() {
                        slot.cancel(Canceller::Parent);
                    }
                }
                if slot.deadline().is_some() {
                    node.watch_deadline(&slot);
                }
                attempt.step = Step::Outcome { slot, _child: child };
                None
            }
        }
    }

    /// Why no attempt may begin any more, if so: while the last one was waited for, or the pause after it, much may have
    /// happened.
    fn forbids(&self, attempt: &Attempt, here: &dyn Router) -> Option<TaskError> {
        let parent = self.parent.as_ref().filter(|_| !self.detached);
        if let Some(by) = parent.and_then(Context::refuses_calls) {
            return Some(TaskError::Cancelled { by, ran: Ran::No });
        }
        let doubt = attempt.doubt.as_ref()?;
        let TaskError::NodeLost { node, .. } = doubt else { return None };
        // The task above its parent, or the root's caller, was there: its word that all this is cancelled is on the way.
        let above = parent.map(|parent| [parent.parent().map(|id| id.origin), Some(parent.root().origin)]);
        if above.into_iter().flatten().any(|above| above == Some(node.incarnation())) {
            return Some(TaskError::Cancelled { by: Canceller::Loss, ran: Ran::No });
        }
        self.spent(attempt, here, doubt)
    }

    /// The same loss, if it is one too many for the root of the call, and the call would be repeated but for that.
    fn spent(&self, attempt: &Attempt, here: &dyn Router, error: &TaskError) -> Option<TaskError> {
        let TaskError::NodeLost { node, reason, ran: ran @ Ran::Maybe, .. } = error else { return None };
        if !self.idempotent || self.retry.is_none() || *reason == Loss::Left {
            return None;
        }
        let mut before = here.lost_under(attempt.invocation.root);
        if before.len() < LOST_NODES_MAX {
            return None;
        }
        before.retain(|lost| lost.incarnation() != node.incarnation());
        Some(TaskError::NodeLost { node: node.clone(), reason: *reason, ran: *ran, before })
    }

    /// What comes after a failure, if it is not the end.
    fn repeat(&self, attempt: &mut Attempt, error: &TaskError) -> Option<Step> {
        let now = Instant::now();
        let in_time = |at: Instant| attempt.invocation.deadline.is_none_or(|deadline| at < deadline);
        let lost_unstarted = matches!(error, TaskError::NodeLost { ran: Ran::No, .. });
        let elsewhere = !matches!(self.placement, Placement::On(_));
        if lost_unstarted && elsewhere && attempt.placed_again < PLACED_AGAIN_MAX && in_time(now) {
            attempt.placed_again += 1;
            return Some(Step::Start);
        }
        if matches!(error, TaskError::NodeLost { before, .. } if !before.is_empty()) {
            return None;
        }
        let retry = self.retry?;
        attempt.failures += 1;
        let InvocationId { origin, number } = attempt.invocation.id;
        let dice = (origin ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(attempt.failures) >> 7;
        let wait = retry.next(attempt.failures, error, self.idempotent, dice)?;
        let until = now.checked_add(wait)?;
        in_time(until).then_some(Step::Backoff { until, woken: None })
    }
}

/// The failure of a call whose last attempt did not run, but an earlier one may have: it never says that the call did not.
fn with_doubt(error: TaskError, doubt: Option<TaskError>) -> TaskError {
    let Some(doubt) = doubt.filter(|_| error.ran() == Ran::No) else { return error };
    let ran = Ran::Maybe;
    match error {
        TaskError::DeadlineExceeded { after, waited_for, .. } => TaskError::DeadlineExceeded { after, waited_for, ran },
        TaskError::Cancelled { by, .. } => TaskError::Cancelled { by, ran },
        TaskError::NodeLost { node, reason, before, .. } => TaskError::NodeLost { node, reason, ran, before },
        _ => doubt,
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let (State::Waiting(attempt), false) = (&self.state, self.detached) {
            if let Step::Outcome { slot, .. } = &attempt.step {
                slot.cancel(Canceller::Caller);
            }
            attempt.is_over(self.node.as_ref());
        }
    }
}

#[cfg(test)]
mod tests;
