//! Membership: listens, dials, links, and tells which nodes there are.
//!
//! A node knows the seeds that it was given, and the workers that its peers are linked to. Workers link with workers,
//! clients with workers; of two workers that learn of each other the smaller dials. A seed is dialled for as long as the
//! node lives, a node that was only heard of for a bounded number of times.

mod actor;
mod dialling;
mod listen;
mod targets;

pub(crate) use self::{
    actor::{MembershipActor, MembershipMsg},
    listen::listen,
};
