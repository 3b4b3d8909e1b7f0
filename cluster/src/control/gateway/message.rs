//! The Gateway's message.

use ractor::{
    Message, RpcReplyPort,
    message::{BoxedDowncastErr, SerializedMessage},
};

/// What the Gateway is sent. Opaque here: requests and answers are read and written by
/// [`call`](super::call) and [`Watching`](super::Watching).
#[derive(Debug)]
pub enum GatewayMsg {
    /// A request; its answer is as opaque.
    Ask(Vec<u8>, RpcReplyPort<Vec<u8>>),
    /// What was asked for is not wanted any more.
    Forget(Vec<u8>),
}

impl Message for GatewayMsg {
    fn serializable() -> bool {
        true
    }

    fn serialize(self) -> Result<SerializedMessage, BoxedDowncastErr> {
        let (variant, metadata) = (String::new(), None);
        Ok(match self {
            Self::Ask(args, reply) => SerializedMessage::Call { variant, args, reply, metadata },
            Self::Forget(args) => SerializedMessage::Cast { variant, args, metadata },
        })
    }

    /// Takes any bytes: what they say is looked at by the handler, which cannot be made to panic.
    fn deserialize(message: SerializedMessage) -> Result<Self, BoxedDowncastErr> {
        match message {
            SerializedMessage::Call { args, reply, .. } => Ok(Self::Ask(args, reply)),
            SerializedMessage::Cast { args, .. } => Ok(Self::Forget(args)),
            SerializedMessage::CallReply(..) => Err(BoxedDowncastErr),
        }
    }
}
