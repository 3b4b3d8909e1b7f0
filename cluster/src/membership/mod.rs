//! Membership: listens, dials, links, and tells which nodes there are.
//!
//! A node knows the seeds that it was given, and the workers that its peers are linked to. Workers link with workers,
//! clients with workers; of two workers that learn of each other the smaller dials. A seed is dialled for as long as the
//! node lives, a node that was only heard of for a bounded number of times.

mod actor;
mod complaints;
mod dialling;
#[cfg(feature = "worker")]
mod listen;
#[cfg(not(feature = "worker"))]
#[path = "absent.rs"]
mod listen;
mod targets;

use std::time::Duration;

pub(crate) use self::{
    actor::{MembershipActor, MembershipMsg},
    listen::listen,
};

/// Longest that a greeting may take, the transport's handshake included.
const GREETING_TIME_MAX: Duration = Duration::from_secs(3);
