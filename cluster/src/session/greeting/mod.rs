//! The greeting before a session: who we are, and whether the other end wants to talk to us.
//!
//! Both ends send a [`Hello`] and answer the other's with a [`Welcome`] or a [`Refusal`]. Which end speaks first, and
//! what leads to which answer, is the link's business. A greeting is the magic, its kind (u8), the length of its body
//! (u16) and the body; this, and the two versions that a Hello begins with, are the same in all protocol versions.

mod answer;
mod decide;
mod hello;
mod message;
#[cfg(test)]
mod tests;
mod text;
mod versions;

pub use answer::{Refusal, RefusalReason, Welcome};
pub use decide::{Dialled, Identity, stays};
pub use hello::{ADDRESSES_MAX, Hello, Role};
pub use message::{GREETING_MAX, Greeting, GreetingError};
pub use text::{NAME_MAX, TEXT_MAX};
pub use versions::{VERSIONS, Versions};
