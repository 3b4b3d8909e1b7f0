//! What a task is, with its types: the traits behind `#[task]`, and the entry that the program's table has of it.

use std::future::Future;

use atasks_actors::{
    codec,
    shape::{self, Trace},
    task::{Form, Origin, Shapes, TaskEntry, TaskFuture, TaskOptions},
    task_error::TaskError,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    JsonReturn, TaskCall,
    context::payload_limit,
    json,
    portable::{Lent, Owned, Portable},
};

/// An error with room for [`TaskError`], for a task can lose its node.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no room for `atasks::TaskError`",
    label = "a task can lose its node: its error type must be `From<atasks::TaskError>`",
    note = "return `atasks::Result<T>`, whose error takes any other by `?`",
    note = "or return an enum of your own with a variant `Task(#[from] atasks::TaskError)`"
)]
pub trait Fallible: From<TaskError> {}

#[diagnostic::do_not_recommend]
impl<E: From<TaskError>> Fallible for E {}

/// What a task returns: a `Result<T, E>` with room for [`TaskError`] in `E`.
#[diagnostic::on_unimplemented(
    message = "a task returns a `Result<T, E>`, not `{Self}`",
    label = "write `atasks::Result<{Self}>` here",
    note = "a task can lose its node, so what it returns must have room for `atasks::TaskError`"
)]
pub trait TaskReturn: Sized + Send + 'static {
    /// It as it travels.
    #[doc(hidden)]
    type Wire: Serialize + DeserializeOwned;

    /// Makes the return value of a call that did not come back.
    fn from_task_error(error: TaskError) -> Self;

    /// Encodes it.
    #[doc(hidden)]
    fn encode(&self, limit: usize) -> Result<Vec<u8>, codec::Error>;

    /// Writes it as JSON, and, with `tell`, an `Err` also for people.
    #[doc(hidden)]
    fn encode_json(&self, tell: fn(&Self) -> Option<String>, limit: usize) -> Result<Vec<u8>, codec::Error>;

    /// Decodes it.
    #[doc(hidden)]
    fn decode(bytes: &[u8]) -> Result<Self, codec::Error>;
}

impl<T: Portable + Send + 'static, E: Portable + Fallible + Send + 'static> TaskReturn for Result<T, E> {
    type Wire = Result<Owned<T>, Owned<E>>;

    fn from_task_error(error: TaskError) -> Self {
        Err(error.into())
    }

    fn encode(&self, limit: usize) -> Result<Vec<u8>, codec::Error> {
        codec::encode(&self.as_ref().map(Lent).map_err(Lent), limit)
    }

    fn encode_json(&self, tell: fn(&Self) -> Option<String>, limit: usize) -> Result<Vec<u8>, codec::Error> {
        let answer = match self {
            Ok(value) => JsonReturn::Ok(json::write(&Lent(value), limit)?),
            Err(error) => JsonReturn::Err { value: json::write(&Lent(error), limit)?, text: tell(self) },
        };
        codec::encode(&answer, limit)
    }

    fn decode(bytes: &[u8]) -> Result<Self, codec::Error> {
        let result: Self::Wire = codec::decode(bytes)?;
        Ok(result.map(|value| value.0).map_err(|error| error.0))
    }
}

/// A task as a message: its arguments, and how it runs. `#[task]` writes it; it can also be written by hand.
pub trait Task: Serialize + DeserializeOwned + Send + 'static {
    /// What an await of it gives.
    type Return: TaskReturn;

    /// Its name in the cluster.
    const NAME: &'static str;

    /// Its options.
    const OPTIONS: TaskOptions = TaskOptions::new();

    /// Runs the body, here.
    fn run(self) -> impl Future<Output = Self::Return> + Send;

    /// Makes the call of it. Nothing happens before that is awaited.
    #[track_caller]
    fn call(self) -> TaskCall<Self::Return> {
        TaskCall::new(self)
    }

    /// Its own error for people, if that has a text.
    #[doc(hidden)]
    fn tell(_returned: &Self::Return) -> Option<String> {
        None
    }

    /// Its entry in the program's table, if it is at hand.
    #[doc(hidden)]
    fn entry() -> Option<&'static TaskEntry> {
        None
    }
}

/// Makes the table entry of a task whose body is part of this program.
#[doc(hidden)]
#[must_use]
pub const fn entry_of<T: Task>(origin: Origin) -> TaskEntry {
    TaskEntry::new(T::NAME, origin, T::OPTIONS, start::<T>, shapes::<T>).json(start_json::<T>)
}

/// Makes the table entry of a task that other programs run.
#[doc(hidden)]
#[must_use]
pub const fn entry_declared<T: Task>(origin: Origin) -> TaskEntry {
    TaskEntry::declared(T::NAME, origin, T::OPTIONS, shapes::<T>)
}

fn start<T: Task>(arguments: &[u8]) -> Result<TaskFuture, codec::Error> {
    Ok(run::<T>(codec::decode(arguments)?, Form::Codec))
}

fn start_json<T: Task>(arguments: &[u8]) -> Result<TaskFuture, codec::Error> {
    Ok(run::<T>(json::read(arguments)?, Form::Json))
}

fn run<T: Task>(message: T, form: Form) -> TaskFuture {
    Box::pin(async move {
        let value = message.run().await;
        match form {
            Form::Codec => value.encode(payload_limit()),
            Form::Json => value.encode_json(T::tell, payload_limit()),
        }
    })
}

fn shapes<T: Task>() -> Shapes {
    match (shape_of::<T>("arguments"), shape_of::<<T::Return as TaskReturn>::Wire>("result")) {
        (Err(shapes), _) | (_, Err(shapes)) => shapes,
        (Ok(arguments), Ok(result)) => Shapes::Known { arguments, result },
    }
}

fn shape_of<T: Serialize + DeserializeOwned>(what: &str) -> Result<String, Shapes> {
    match shape::trace::<T>() {
        Trace::Traced { text, samples } => match shape::round_trip(&samples) {
            Ok(()) => Ok(text),
            Err(reason) => Err(Shapes::Unsupported(format!("its {what} do not survive encoding: {reason}"))),
        },
        Trace::Opaque { reason } => Err(Shapes::Opaque(format!("its {what}: {reason}"))),
        Trace::Unsupported { reason } => Err(Shapes::Unsupported(format!("its {what} cannot be encoded: {reason}"))),
    }
}
