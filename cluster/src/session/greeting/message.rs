//! Messages of the greeting: their frame and their bounds.

use super::super::cursor::{Cursor, Malformed};
use super::answer::{Refusal, RefusalReason, Welcome};
use super::hello::Hello;
use super::text::{self, TEXT_MAX};
use super::versions::{VERSIONS, Versions};

/// Longest greeting, magic included.
pub const GREETING_MAX: usize = 16 * 1024;

/// First bytes of every greeting; not the beginning of HTTP, TLS, SSH or text.
const MAGIC: [u8; 4] = [0xA7, b'A', b'T', b'K'];
const HEADER_BYTES: usize = MAGIC.len() + 3;

/// One message of the greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Greeting {
    /// Who we are.
    Hello(Hello),
    /// Who you are is accepted.
    Welcome(Welcome),
    /// Who you are is not accepted.
    Refuse(Refusal),
}

/// A greeting could not be read, or must not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GreetingError {
    /// The other end does not speak this protocol at all.
    #[error("not a node of ours: the first bytes are not its greeting")]
    OtherMagic,
    /// The Hello has no version in common with us; the rest of it was not read.
    #[error(
        "the other end speaks protocol {theirs}, this one {ours}: build {older} with a newer atasks",
        ours = VERSIONS,
        older = if theirs.min > VERSIONS.max { "this program" } else { "that one" }
    )]
    OtherProtocol {
        /// What the other end speaks.
        theirs: Versions,
    },
    /// It is longer than [`GREETING_MAX`].
    #[error("greeting of {bytes} bytes, at most {GREETING_MAX} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It does not have the shape of a greeting.
    #[error("malformed greeting: it {0}")]
    Malformed(&'static str),
}

impl From<Malformed> for GreetingError {
    fn from(what: Malformed) -> Self {
        Self::Malformed(what)
    }
}

impl Greeting {
    /// Appends the greeting.
    ///
    /// # Errors
    /// It exceeds a limit or a text is not printable: the other end would refuse it. `out` is left as it was.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), GreetingError> {
        let mut body = Vec::new();
        let kind = match self {
            Self::Hello(hello) => {
                hello.encode(&mut body)?;
                0
            }
            Self::Welcome(Welcome { version, resumed }) => {
                body.extend_from_slice(&version.to_le_bytes());
                body.push(u8::from(resumed.is_some()));
                body.extend_from_slice(&resumed.unwrap_or(0).to_le_bytes());
                1
            }
            Self::Refuse(Refusal { reason, text }) => {
                body.push(reason.code());
                text::put(&mut body, text, TEXT_MAX)?;
                2
            }
        };
        let bytes = HEADER_BYTES + body.len();
        if bytes > GREETING_MAX {
            return Err(GreetingError::TooLong { bytes });
        }
        out.extend_from_slice(&MAGIC);
        out.push(kind);
        out.extend_from_slice(&(body.len() as u16).to_le_bytes());
        out.extend_from_slice(&body);
        Ok(())
    }

    /// Reads a greeting at the front of `buffer`; returns it with its length, `None` while it is not whole.
    ///
    /// # Errors
    /// As soon as they show: a stranger is told by its first byte, a long greeting by its header.
    pub fn decode(buffer: &[u8]) -> Result<Option<(Self, usize)>, GreetingError> {
        if buffer.iter().zip(MAGIC).any(|(byte, magic)| *byte != magic) {
            return Err(GreetingError::OtherMagic);
        }
        let Some(&[_, _, _, _, kind, a, b]) = buffer.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let bytes = HEADER_BYTES + usize::from(u16::from_le_bytes([a, b]));
        if bytes > GREETING_MAX {
            return Err(GreetingError::TooLong { bytes });
        }
        let Some(body) = buffer.get(HEADER_BYTES..bytes) else { return Ok(None) };
        let mut from = Cursor::new(body);
        let greeting = match kind {
            0 => Self::Hello(Hello::decode(&mut from)?),
            1 => {
                let (version, resumed, processed) = (from.u16()?, flag(&mut from)?, from.u64()?);
                Self::Welcome(Welcome { version, resumed: resumed.then_some(processed) })
            }
            2 => {
                Self::Refuse(Refusal { reason: RefusalReason::of(from.u8()?), text: text::read(&mut from, TEXT_MAX)? })
            }
            _ => return Err(GreetingError::Malformed("has an unknown kind")),
        };
        from.end()?;
        Ok(Some((greeting, bytes)))
    }
}

/// Reads a bool; other values are for later versions to give a meaning.
pub(super) fn flag(from: &mut Cursor<'_>) -> Result<bool, Malformed> {
    match from.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err("has unknown flags"),
    }
}
