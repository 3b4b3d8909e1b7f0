//! cluster

pub mod session;
