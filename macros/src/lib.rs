//! The attribute macros of `atasks`. Use them through that crate, which re-exports them.
//!
//! A macro goes through the same steps each time: `function` and `settings` read what the user wrote, `options`
//! and `signature` check it and collect every mistake, and `task`, `declare`, `launch` and `trial` write the
//! expansion. After a mistake, `fallback` still emits the function's signature, so that its callers do not break too.

mod attributes;
mod declare;
mod duration;
mod errors;
mod facade;
mod fallback;
mod function;
mod launch;
mod message;
mod options;
mod settings;
mod signature;
mod task;
mod trial;

use proc_macro::TokenStream;

/// Makes an `async fn` a task: a function that is awaited like any other and may run on any node.
///
/// It takes owned arguments and returns `Result<T, E>` where `E: From<TaskError>`; all of them are serde's. Options:
/// `name = ".."`, `message = Type`, `timeout = "30s"` (`ms`, `s`, `m`, `h`), `idempotent`, `retry = N`, `max = N`,
/// `blocking` (a plain `fn` then does, too), `version = ".."`, `crate = path`.
///
/// ```ignore
/// #[atasks::task]
/// pub async fn resize(url: String) -> Result<u64, ImageError> { BODY }
///
/// // becomes
/// #[track_caller]
/// pub fn resize(url: String) -> TaskCall<Result<u64, ImageError>> {
///     #[derive(Serialize, Deserialize)]
///     struct Message { url: String }               // outside and public with `message = Resize`
///     async fn body(url: String) -> Result<u64, ImageError> { BODY }
///     impl Task for Message { .. }                 // its name, its options; runs `body`
///     static ENTRY: Entry = Entry::of::<Message>(..); // in the program's table of tasks, by the linker
///     Task::call(Message { url })
/// }
/// ```
#[proc_macro_attribute]
pub fn task(options: TokenStream, item: TokenStream) -> TokenStream {
    task::expand(options.into(), item.into()).into()
}

/// Declares tasks whose bodies are in other programs: `#[task(name = "..")] async fn f(..) -> Result<..>;`, any number.
#[proc_macro]
pub fn declare(items: TokenStream) -> TokenStream {
    declare::expand(items.into()).into()
}

/// Makes `fn main`, async or not, the main function of a node: a worker if the first argument says so, else a client.
///
/// Options: `setup = path` (an `async fn(&mut NodeBuilder)` that runs before the node joins), `worker = "word"` (the
/// first argument of a worker; `worker` by default), `crate = path`.
///
/// A client's arguments are its own. With no cluster configured it has worker processes of its own, from its first call on.
/// A worker takes these, and runs until SIGTERM or Ctrl-C, which drain it:
///
/// | behind `worker` | means |
/// |---|---|
/// | `--listen ADDRESS` | listens there: `HOST:PORT` for other hosts, `unix` or `unix:NAME` for this machine alone; any number |
/// | `--seed ADDRESS` | joins the cluster of the worker that listens there; any number |
/// | `--name NAME` | is named so, which lives once in a cluster |
/// | `--help` | prints these |
///
/// `--listen` and `--name` hold instead of what is configured, seeds beside it. **With `--seed` alone a worker listens on a
/// Unix socket, which no other host reaches.**
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    launch::expand(options.into(), item.into()).into()
}

/// Makes a function, async or not, a test whose body runs in the scope of a node of its own.
///
/// Options: `cluster = N` (N worker processes), `sim = N` (N simulated nodes in virtual time), `crate = path`; with
/// none it is one loopback node.
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    trial::expand(options.into(), item.into()).into()
}
