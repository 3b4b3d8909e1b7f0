//! What the macros name. No part of the interface: it changes without notice.

pub use atasks_actors::task::{Origin, TaskEntry as Entry};
pub use linkme;
pub use serde;
pub use std::string::String as Text;

#[cfg(feature = "worker")]
pub use crate::trial::Trial;
pub use crate::{
    __origin as origin, __task_name as task_name, __test_name as test_name,
    json::{Told, ToldAsError, ToldAsText, ToldAsValue},
    launch::Launch,
    program::TASKS,
    task::{entry_declared, entry_of},
};
use crate::{TaskError, Unplaced};

/// What a declared task gives when it is run where its body is not.
#[must_use]
pub fn no_body(name: &'static str) -> TaskError {
    TaskError::Unplaced { task: name.to_owned(), reason: Unplaced::NotRegistered { nearest: Vec::new() } }
}

/// Takes the future of a task's body. Its name is read in rustc's message when the future is not `Send`.
pub fn keep_only_send_values_across_await<F: Future + Send>(body: F) -> impl Future<Output = F::Output> + Send {
    body
}

/// Where a task is written down.
#[doc(hidden)]
#[macro_export]
macro_rules! __origin {
    (named = $named:literal) => {
        $crate::__private::Origin {
            package: ::core::env!("CARGO_PKG_NAME"),
            manifest_dir: ::core::env!("CARGO_MANIFEST_DIR"),
            file: ::core::file!(),
            line: ::core::line!(),
            named: $named,
        }
    };
}

/// The name of a task that states none: package, module path below the crate's root, function.
#[doc(hidden)]
#[macro_export]
macro_rules! __task_name {
    ($name:ident) => {{
        const PATH: &::core::primitive::str =
            $crate::__private::below_crate(::core::concat!(::core::module_path!(), "::", ::core::stringify!($name)));
        const PACKAGE: &::core::primitive::str = ::core::env!("CARGO_PKG_NAME");
        const LEN: ::core::primitive::usize = PACKAGE.len() + 2 + PATH.len();
        const BYTES: [::core::primitive::u8; LEN] = $crate::__private::joined(PACKAGE, PATH);
        $crate::__private::text(&BYTES)
    }};
}

/// What `--exact` wants to hear of a test.
#[doc(hidden)]
#[macro_export]
macro_rules! __test_name {
    ($name:ident) => {
        $crate::__private::below_crate(::core::concat!(::core::module_path!(), "::", ::core::stringify!($name)))
    };
}

/// The text that these bytes are.
#[must_use]
pub const fn text(bytes: &'static [u8]) -> &'static str {
    match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => "",
    }
}

/// The part of a path below the crate's name.
#[must_use]
pub const fn below_crate(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut at = 0;
    while at + 1 < bytes.len() {
        if bytes[at] == b':' {
            return path.split_at(at + 2).1;
        }
        at += 1;
    }
    path
}

/// `package::path` as an array of bytes.
#[must_use]
pub const fn joined<const N: usize>(package: &str, path: &str) -> [u8; N] {
    let mut out = [b':'; N];
    let (package, path) = (package.as_bytes(), path.as_bytes());
    let mut at = 0;
    while at < package.len() {
        out[at] = package[at];
        at += 1;
    }
    let mut at = 0;
    while at < path.len() {
        out[package.len() + 2 + at] = path[at];
        at += 1;
    }
    out
}
