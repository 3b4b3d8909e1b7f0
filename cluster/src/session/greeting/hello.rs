//! Who a node is.

use super::super::cursor::{Cursor, Malformed};
use super::super::frame::extension;
use super::message::{GreetingError, flag};
use super::text;
use super::versions::{VERSIONS, Versions};

/// Most addresses in a Hello.
pub const ADDRESSES_MAX: usize = 16;

/// What a node does in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs tasks, listens.
    Worker = 0,
    /// Awaits tasks, dials.
    Client = 1,
    /// Looks on, drains, cancels.
    Operator = 2,
}

/// Who a node is and what it offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Protocol versions that it speaks.
    pub versions: Versions,
    /// Name; 1 to [`NAME_MAX`](super::NAME_MAX) bytes, printable.
    pub name: String,
    /// Chosen anew at each start.
    pub incarnation: u64,
    /// What it does.
    pub role: Role,
    /// The session to resume, or the id of the new one that the dialling end offers; what an accepting end says here counts
    /// for nothing.
    pub session: u128,
    /// Whether that session exists and is to go on over this connection.
    pub resumes: bool,
    /// Digest of its task table, so that a known table need not be sent again.
    pub table_digest: [u8; 16],
    /// Largest payload that it accepts in bytes.
    pub payload_max: u32,
    /// Where it can be dialled; at most [`ADDRESSES_MAX`], each like a name.
    pub addresses: Vec<String>,
    /// How many nodes it knows of.
    pub cluster_size: Option<u32>,
}

impl Hello {
    pub(super) fn encode(&self, body: &mut Vec<u8>) -> Result<(), GreetingError> {
        body.extend_from_slice(&self.versions.min.to_le_bytes());
        body.extend_from_slice(&self.versions.max.to_le_bytes());
        text::put_name(body, &self.name)?;
        body.extend_from_slice(&self.incarnation.to_le_bytes());
        body.push(self.role as u8);
        body.extend_from_slice(&self.session.to_le_bytes());
        body.push(u8::from(self.resumes));
        body.extend_from_slice(&self.table_digest);
        body.extend_from_slice(&self.payload_max.to_le_bytes());
        if self.addresses.len() > ADDRESSES_MAX {
            return Err(GreetingError::Malformed("has too many addresses"));
        }
        body.push(self.addresses.len() as u8);
        for address in &self.addresses {
            text::put_name(body, address)?;
        }
        body.push(u8::from(self.cluster_size.is_some()));
        if let Some(size) = self.cluster_size {
            body.extend_from_slice(&size.to_le_bytes());
        }
        // Later fields will stand behind these as entries of an extension area, which today's nodes skip.
        Ok(())
    }

    pub(super) fn decode(from: &mut Cursor<'_>) -> Result<Self, GreetingError> {
        let versions = Versions { min: from.u16()?, max: from.u16()? };
        if versions.common(VERSIONS).is_none() {
            return Err(GreetingError::OtherProtocol { theirs: versions });
        }
        let hello = Self {
            versions,
            name: text::read_name(from)?,
            incarnation: from.u64()?,
            role: Role::read(from)?,
            session: from.u128()?,
            resumes: flag(from)?,
            table_digest: from.digest()?,
            payload_max: from.u32()?,
            addresses: addresses(from)?,
            cluster_size: if flag(from)? { Some(from.u32()?) } else { None },
        };
        extension::check(from.rest())?;
        Ok(hello)
    }
}

impl Role {
    fn read(from: &mut Cursor<'_>) -> Result<Self, Malformed> {
        match from.u8()? {
            0 => Ok(Self::Worker),
            1 => Ok(Self::Client),
            2 => Ok(Self::Operator),
            _ => Err("has an unknown role"),
        }
    }
}

fn addresses(from: &mut Cursor<'_>) -> Result<Vec<String>, Malformed> {
    let count = usize::from(from.u8()?);
    if count > ADDRESSES_MAX {
        return Err("has too many addresses");
    }
    (0..count).map(|_| text::read_name(from)).collect()
}
