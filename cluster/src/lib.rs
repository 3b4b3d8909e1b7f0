//! cluster

pub mod address;
pub mod secret;
pub mod transport;
