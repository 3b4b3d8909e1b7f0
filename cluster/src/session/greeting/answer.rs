//! Answers to a Hello.

/// The other end's Hello is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// The protocol version from here on.
    pub version: u16,
    /// The session of the Hello goes on, and so many of its numbered frames were processed here; none: it begins anew.
    pub resumed: Option<u64>,
}

/// The other end's Hello is not accepted; the connection closes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For the program.
    pub reason: RefusalReason,
    /// For a person; at most [`TEXT_MAX`](super::TEXT_MAX) bytes, printable.
    pub text: String,
}

/// Why a Hello is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// No protocol version in common.
    OtherProtocol,
    /// The name belongs to another node.
    NameTaken,
    /// The nodes have another connection, which stays.
    NotWanted,
    /// Too many connections.
    Busy,
    /// The node is about to leave.
    Draining,
    /// The session that was to be resumed is over.
    Gone,
    /// A reason of a later version.
    Other(u8),
}

impl RefusalReason {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::OtherProtocol => 0,
            Self::NameTaken => 1,
            Self::NotWanted => 2,
            Self::Busy => 3,
            Self::Draining => 4,
            Self::Gone => 5,
            Self::Other(code) => code,
        }
    }

    pub(super) fn of(code: u8) -> Self {
        match code {
            0 => Self::OtherProtocol,
            1 => Self::NameTaken,
            2 => Self::NotWanted,
            3 => Self::Busy,
            4 => Self::Draining,
            5 => Self::Gone,
            code => Self::Other(code),
        }
    }
}
