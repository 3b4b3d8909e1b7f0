//! Why a pass ended without a value.

use std::{error, fmt};

use serde::de;

use super::Trace;

/// The error of the deserializer that traces.
#[derive(Debug)]
pub(super) enum Stop {
    /// Code of the type did not accept what it was given.
    Refused(String),
    /// A choice was made anew; the next pass sees what comes of it.
    Again,
    /// There is no use in another pass.
    Over(Verdict),
}

/// What ends the tracing of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Opaque(String),
    Unsupported(String),
}

impl<T> From<Verdict> for Trace<T> {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Opaque(reason) => Self::Opaque { reason },
            Verdict::Unsupported(reason) => Self::Unsupported { reason },
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(message) => f.write_str(message),
            Self::Again => f.write_str("another pass is needed"),
            Self::Over(Verdict::Opaque(reason) | Verdict::Unsupported(reason)) => f.write_str(reason),
        }
    }
}

impl error::Error for Stop {}

impl de::Error for Stop {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::Refused(message.to_string())
    }
}
