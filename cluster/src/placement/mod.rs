//! Placement: which node runs a call. Decided at the caller's poll over a snapshot; a call that nobody can run yet waits
//! with the placement actor until somebody can, or `place_timeout` is over.

mod actor;
mod held;
mod kept;
mod lines;
mod policy;
mod row;
mod share;

#[cfg(feature = "worker")]
pub(crate) use self::share::surplus;
pub(crate) use self::{
    actor::{PlacementActor, PlacementMsg},
    held::Held,
    kept::Unplaceable,
    policy::{Score, best, choose, mix, prefers_here, wants},
    share::Share,
};
