//! `TaskCall`: a call of a task, which runs when it is awaited, wherever that is decided to be.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    panic::Location,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use atasks_actors::{codec, crash::passing, task::TaskEntry};
use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    Everywhere, InvocationId, NodeId, Payload, Placement, Retry, Task, TaskError, TaskReturn,
    driver::{Arguments, Driver, not_registered},
    everywhere::Encoded,
    program,
};

/// A call of a task. Awaiting it gives exactly what the task's signature says.
///
/// It is lazy: placed and sent at its first poll. Dropping it cancels the task, wherever it runs, and all that the task
/// awaits. The parent, the deadline above and the place in the source are those of where the call was made.
///
/// # Cancel safety
/// Dropping it after its first poll cancels the task: whether it ran is then not known here.
#[must_use = "a task does nothing unless it is awaited"]
pub struct TaskCall<R> {
    call: Pin<Box<dyn Call<R>>>,
}

/// One call with the task's type erased.
trait Call<R>: Send {
    fn driver(self: Pin<&mut Self>) -> &mut Driver;
    fn view(&self) -> &Driver;
    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<R>;
    fn for_everywhere(self: Pin<&mut Self>) -> Result<(Encoded, Vec<(NodeId, Driver)>), TaskError>;
    fn run(self: Pin<&mut Self>) -> Pin<Box<dyn Future<Output = R> + Send>>;
    fn export(self: Pin<&mut Self>, limit: usize) -> Result<(&'static TaskEntry, Vec<u8>), TaskError>;
    fn import(&self, outcome: Result<Bytes, TaskError>) -> R;
}

struct Typed<T> {
    message: Option<T>,
    driver: Driver,
}

impl<T> Unpin for Typed<T> {}

impl<T: Task> Call<T::Return> for Typed<T> {
    fn driver(self: Pin<&mut Self>) -> &mut Driver {
        &mut self.get_mut().driver
    }

    fn view(&self) -> &Driver {
        &self.driver
    }

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<T::Return> {
        let Self { message, driver } = self.get_mut();
        driver.poll(cx, &mut Message(message)).map(|outcome| decode(driver, outcome))
    }

    fn for_everywhere(self: Pin<&mut Self>) -> Result<(Encoded, Vec<(NodeId, Driver)>), TaskError> {
        let Self { message, driver } = self.get_mut();
        driver.for_everywhere(&mut Message(message))
    }

    fn run(self: Pin<&mut Self>) -> Pin<Box<dyn Future<Output = T::Return> + Send>> {
        match self.get_mut().message.take() {
            Some(message) => Box::pin(message.run()),
            None => Box::pin(async { T::Return::from_task_error(already_polled()) }),
        }
    }

    fn export(self: Pin<&mut Self>, limit: usize) -> Result<(&'static TaskEntry, Vec<u8>), TaskError> {
        let mut message = Message(&mut self.get_mut().message);
        let entry = message.entry().ok_or_else(|| not_registered(T::NAME))?;
        let arguments = message.encode(limit);
        let arguments = arguments.map_err(|error| TaskError::from_codec(error, Payload::Arguments, limit))?;
        Ok((entry, arguments.into()))
    }

    fn import(&self, outcome: Result<Bytes, TaskError>) -> T::Return {
        decode(&self.driver, outcome)
    }
}

/// The arguments, to be encoded when the call is placed.
struct Message<'a, T>(&'a mut Option<T>);

impl<T: Task> Arguments for Message<'_, T> {
    fn entry(&self) -> Option<&'static TaskEntry> {
        match T::entry() {
            Some(entry) if entry.has_body() => Some(entry),
            // A declaration: the body may be in this program as well.
            Some(declared) => program::registered(declared),
            None => program::find(T::NAME),
        }
    }

    fn encode(&mut self, limit: usize) -> Result<Bytes, codec::Error> {
        match self.0.take() {
            Some(message) => codec::encode(&message, limit).map(Bytes::from),
            None => Err(codec::Error::Invalid("the call was polled before".to_owned())),
        }
    }
}

/// What a call gives in the end.
pub(crate) fn decode<R: TaskReturn>(driver: &Driver, outcome: Result<Bytes, TaskError>) -> R {
    let error = match outcome {
        Ok(bytes) => match passing(driver.hop(), || R::decode(&bytes)) {
            Ok(value) => return value,
            Err(error) => TaskError::from_codec(error, Payload::Result, bytes.len()),
        },
        Err(error) => error,
    };
    // An erased error takes the name of the await along.
    passing(driver.hop(), || R::from_task_error(error))
}

pub(crate) fn already_polled() -> TaskError {
    TaskError::Codec { stage: Payload::Arguments, message: "the call was polled before".to_owned() }
}

impl<R: TaskReturn> TaskCall<R> {
    #[track_caller]
    pub(crate) fn new<T: Task<Return = R>>(message: T) -> Self {
        let driver = Driver::new(T::NAME, T::OPTIONS, Location::caller());
        Self { call: Box::pin(Typed { message: Some(message), driver }) }
    }

    /// The task and the encoded arguments, for somebody else to make the call.
    pub(crate) fn export(&mut self, limit: usize) -> Result<(&'static TaskEntry, Vec<u8>), TaskError> {
        self.call.as_mut().export(limit)
    }

    /// What an await gives whose call ended so.
    pub(crate) fn import(&self, outcome: Result<Bytes, TaskError>) -> R {
        self.call.import(outcome)
    }

    pub(crate) fn driver(&self) -> &Driver {
        self.call.view()
    }

    fn with(mut self, set: impl FnOnce(&mut Driver)) -> Self {
        set(self.call.as_mut().driver());
        self
    }

    /// Gives the call at most `timeout`, counted from its first poll. Of several deadlines the earliest holds.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|driver| driver.limit_timeout(timeout))
    }

    /// Gives the call until `deadline`. Of several deadlines the earliest holds.
    pub fn deadline(self, deadline: Instant) -> Self {
        self.with(|driver| driver.limit_deadline(deadline))
    }

    /// Runs it on this start of this node.
    pub fn on(self, node: NodeId) -> Self {
        self.place(Placement::On(node))
    }

    /// Runs it where `placement` says.
    ///
    /// ```
    /// use atasks::{Candidate, Placement, Policy, Snapshot};
    ///
    /// #[atasks::task]
    /// async fn profile(user: String) -> atasks::Result<usize> {
    ///     Ok(user.len())
    /// }
    ///
    /// # #[tokio::main] async fn main() -> atasks::Result<()> {
    /// # let node = atasks::Node::builder().label("cache").loopback().await?;
    /// # node.scope(async {
    /// // The same user on the same worker, where its data is warm.
    /// profile("ada".into()).place(Placement::key("ada")).await?;
    /// // On a worker that has the label.
    /// profile("ada".into()).place(Placement::Label("cache".into())).await?;
    ///
    /// // By a rule of your own: of those with a cache the one with least to do.
    /// struct Cached;
    ///
    /// impl Policy for Cached {
    ///     fn choose<'a>(&self, snapshot: &'a Snapshot<'a>) -> Option<&'a Candidate<'a>> {
    ///         let cached = snapshot.candidates().iter().filter(|worker| worker.has_label("cache"));
    ///         cached.min_by(|one, other| one.score.total_cmp(&other.score))
    ///     }
    /// }
    ///
    /// profile("ada".into()).place(Placement::policy(Cached)).await?;
    /// # Ok(()) }).await }
    /// ```
    pub fn place(self, placement: Placement) -> Self {
        self.with(|driver| driver.placement = placement)
    }

    /// Names the call for people: in listings and events. At most 255 bytes are kept.
    pub fn named(self, label: impl Into<String>) -> Self {
        self.with(|driver| driver.name(label.into()))
    }

    /// Has `value` follow the call, and all calls below it, under `key`: at most 4 KiB in all.
    pub fn baggage(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(|driver| driver.add_baggage(key.into(), value.into()))
    }

    /// Declares that running this call twice does no harm: with [`retry`](Self::retry) it is repeated also when it may have
    /// run. Its lost attempt may run on beside the next one for a while.
    pub fn idempotent(self) -> Self {
        self.with(|driver| driver.idempotent = true)
    }

    /// Repeats the call when it fails and that is safe: it did not run, or may have and is [`idempotent`](Self::idempotent).
    ///
    /// One root call costs the cluster two nodes at most, however often and however deep below it is repeated: after that
    /// a loss is told as [`TaskError::NodeLost`] at once, and says so.
    pub fn retry(self, retry: Retry) -> Self {
        self.with(|driver| driver.retry = Some(retry))
    }

    /// Makes it a root of its own: once polled, it goes on when the call is dropped, or its parent ends.
    pub fn detached(self) -> Self {
        self.with(Driver::detach)
    }

    /// Runs it on every worker that can, once each, and gives what each of them answered, ordered by node.
    ///
    /// It is sent to all capable workers that are up at the first poll, this node included if it is one; those that are
    /// draining are left out. A placement that narrows the choice narrows it here too: `Label` to the workers that have
    /// the label, `Local`, `Node` and `On` to that one. What else was set holds for each of the calls, but for
    /// [`retry`](Self::retry): each is tried once. A loss, a refusal or a deadline stands in the entry of its node.
    ///
    /// ```
    /// #[atasks::task]
    /// async fn forget(key: String) -> atasks::Result<bool> {
    ///     // Say, from the cache of this process.
    ///     Ok(key.len() > 3)
    /// }
    ///
    /// # #[tokio::main] async fn main() -> atasks::Result<()> {
    /// # let node = atasks::Node::loopback().await?;
    /// # node.scope(async {
    /// for (node, forgotten) in forget("user-42".into()).everywhere().await? {
    ///     match forgotten {
    ///         Ok(was_there) => println!("{node}: {was_there}"),
    ///         Err(error) => println!("{node} has not answered: {error}"),
    ///     }
    /// }
    /// # Ok(()) }).await }
    /// ```
    ///
    /// # Errors
    /// Nobody can run it: [`TaskError::Unplaced`] at once, without waiting for anybody; no call was sent. The arguments do
    /// not encode, or are too large; there is no node.
    pub fn everywhere(self) -> Everywhere<R> {
        Everywhere::new(self)
    }

    pub(crate) fn gathers(&mut self, cx: &TaskContext<'_>) -> Result<bool, TaskError> {
        self.call.as_mut().driver().gathers(cx)
    }

    pub(crate) fn for_everywhere(mut self) -> Result<(Encoded, Vec<(NodeId, Driver)>), TaskError> {
        self.call.as_mut().for_everywhere()
    }

    /// Which call it is; fixed at the first poll, none before.
    #[must_use]
    pub fn id(&self) -> Option<InvocationId> {
        self.call.view().id()
    }

    /// Runs the body here, without a node: for unit tests of the body.
    pub async fn run(mut self) -> R {
        self.call.as_mut().run().await
    }

    /// Blocks this thread until the call is over; for programs without async. Works on every thread but one that a node
    /// needs to go on: there it gives [`TaskError::WouldBlock`]. Never panics.
    pub fn wait(self) -> R {
        let hop = self.driver().hop();
        match atasks_actors::wait::wait(self) {
            Ok(value) => value,
            Err(error) => passing(hop, || R::from_task_error(error)),
        }
    }
}

impl<R: TaskReturn> Future for TaskCall<R> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<R> {
        self.call.as_mut().poll(cx)
    }
}

impl<R> fmt::Debug for TaskCall<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let driver = self.call.view();
        f.debug_struct("TaskCall")
            .field("task", &driver.task)
            .field("id", &driver.id())
            .field("returns", &PhantomData::<R>)
            .finish()
    }
}
