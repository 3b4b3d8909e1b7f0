//! How an error crosses to other nodes: as a number, a text, and bytes that an older node need not understand.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

use super::TaskError;
use crate::codec;

impl TaskError {
    /// The number on the wire. Numbers are never given again.
    fn code(&self) -> u16 {
        match self {
            Self::NotJoined => 1,
            Self::Unplaced { .. } => 2,
            Self::Rejected { .. } => 3,
            Self::TooLarge { .. } => 4,
            Self::Codec { .. } => 5,
            Self::Crashed(_) => 6,
            Self::NodeLost { .. } => 7,
            Self::DeadlineExceeded { .. } => 8,
            Self::Cancelled { .. } => 9,
            Self::WouldBlock => 10,
            Self::Other { code, .. } => *code,
        }
    }

    fn detail(&self) -> Result<Vec<u8>, codec::Error> {
        let limit = codec::PAYLOAD_CEILING;
        match self {
            Self::NotJoined | Self::WouldBlock | Self::Other { .. } => Ok(Vec::new()),
            Self::Unplaced { task, reason } => codec::encode(&(task, reason), limit),
            Self::Rejected { node, reason } => codec::encode(&(node, reason), limit),
            Self::TooLarge { size, limit: allowed, what } => codec::encode(&(size, allowed, what), limit),
            Self::Codec { stage, message } => codec::encode(&(stage, message), limit),
            Self::Crashed(crash) => codec::encode(crash, limit),
            // As it was before there were others to name, where there are none.
            Self::NodeLost { node, reason, ran, before } if before.is_empty() => {
                codec::encode(&(node, reason, ran), limit)
            }
            Self::NodeLost { node, reason, ran, before } => codec::encode(&(node, reason, ran, before), limit),
            Self::DeadlineExceeded { after, waited_for, ran } => codec::encode(&(after, waited_for, ran), limit),
            Self::Cancelled { by, ran } => codec::encode(&(by, ran), limit),
        }
    }

    fn from_wire(code: u16, message: String, detail: &[u8]) -> Self {
        fn read<T: DeserializeOwned>(detail: &[u8], make: impl FnOnce(T) -> TaskError) -> Option<TaskError> {
            codec::decode(detail).ok().map(make)
        }
        let known = match code {
            1 => Some(Self::NotJoined),
            2 => read(detail, |(task, reason)| Self::Unplaced { task, reason }),
            3 => read(detail, |(node, reason)| Self::Rejected { node, reason }),
            4 => read(detail, |(size, limit, what)| Self::TooLarge { size, limit, what }),
            5 => read(detail, |(stage, message)| Self::Codec { stage, message }),
            6 => read(detail, Self::Crashed),
            7 => read(detail, |(node, reason, ran)| Self::NodeLost { node, reason, ran, before: Vec::new() })
                .or_else(|| read(detail, |(node, reason, ran, before)| Self::NodeLost { node, reason, ran, before })),
            8 => read(detail, |(after, waited_for, ran)| Self::DeadlineExceeded { after, waited_for, ran }),
            9 => read(detail, |(by, ran)| Self::Cancelled { by, ran }),
            10 => Some(Self::WouldBlock),
            _ => None,
        };
        // A newer peer may know more of a variant than this version: its text is still worth having.
        known.unwrap_or(Self::Other { code, message })
    }
}

/// How it crosses the wire: opaque to fingerprints, so that a new variant breaks nobody.
#[derive(Serialize, Deserialize)]
pub(super) struct Wire {
    pub(super) code: u16,
    pub(super) message: String,
    #[serde(with = "serde_bytes")]
    pub(super) detail: Vec<u8>,
}

impl Serialize for TaskError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let detail = self.detail().map_err(serde::ser::Error::custom)?;
        let message = match self {
            // As it came: each node that passes it on would add to it.
            Self::Other { message, .. } => message.clone(),
            known => known.to_string(),
        };
        Wire { code: self.code(), message, detail }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TaskError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { code, message, detail } = Wire::deserialize(deserializer)?;
        Ok(Self::from_wire(code, message, &detail))
    }
}
