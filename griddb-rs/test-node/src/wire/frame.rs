//! The envelope of every message, and the head of requests and answers.

use crate::error::Refusal;
use crate::wire::read::{Malformed, Reader};
use crate::wire::write::Write;
use std::net::SocketAddrV4;

/// The first four bytes of every message.
pub(crate) const MAGIC: u32 = 65_021_048;
/// The length of the envelope on an IPv4 connection.
pub(crate) const ENVELOPE: usize = 20;
/// The statement whose id has 32 bits.
pub(crate) const CONNECT: i32 = 100;
/// The bit of the envelope that the server sets on answers with a query's row set.
const ROW_SET_MARK: u32 = 0x200;

/// Whether the received bytes contain a complete message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    /// Not yet.
    Incomplete,
    /// The first message has this many bytes, including the envelope.
    Message(usize),
    /// A wrong magic, or a length that no client sends: close the connection.
    Broken,
}

/// Reads the head of the received bytes.
pub(crate) fn scan(received: &[u8], largest: usize) -> Scan {
    let Some(magic) = received.get(..4) else { return Scan::Incomplete };
    if magic != MAGIC.to_le_bytes() {
        return Scan::Broken;
    }
    let Some(length) = received.get(16..ENVELOPE) else { return Scan::Incomplete };
    let length = length.iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    if length > largest {
        Scan::Broken
    } else if received.len() < ENVELOPE + length {
        Scan::Incomplete
    } else {
        Scan::Message(ENVELOPE + length)
    }
}

/// The start of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) statement: i32,
    pub(crate) partition: i32,
    pub(crate) id: i64,
}

impl Head {
    pub(crate) fn read(body: &mut Reader<'_>) -> Result<Self, Malformed> {
        let statement = body.i32()?;
        let partition = body.i32()?;
        let id = if statement == CONNECT { i64::from(body.i32()?) } else { body.i64()? };
        Ok(Self { statement, partition, id })
    }
}

/// An answer being written at the end of a buffer.
#[derive(Debug)]
pub(crate) struct Answer {
    start: usize,
    body: usize,
}

impl Answer {
    /// Begins the answer to `head` with the status success.
    pub(crate) fn begin(out: &mut Vec<u8>, head: Head) -> Self {
        let start = out.len();
        out.put(&MAGIC.to_le_bytes());
        out.put(&[0; ENVELOPE - 4]);
        out.put_i32(head.statement);
        if head.statement == CONNECT {
            out.put(&head.id.to_le_bytes()[..4]);
        } else {
            out.put_i64(head.id);
        }
        out.put_u8(0);
        Self { start, body: out.len() }
    }

    /// Replaces the contents with an error.
    pub(crate) fn refuse(&self, out: &mut Vec<u8>, refusal: &Refusal) {
        out.truncate(self.body);
        out[self.body - 1] = refusal.code.status;
        out[self.start + 8..self.start + 12].fill(0);
        refusal.write(out);
    }

    /// Removes the answer: there is none yet.
    pub(crate) fn discard(self, out: &mut Vec<u8>) {
        out.truncate(self.start);
    }

    /// Marks the answer as containing rows of a query.
    pub(crate) fn mark_row_set(&self, out: &mut [u8]) {
        out[self.start + 8..self.start + 12].copy_from_slice(&ROW_SET_MARK.to_le_bytes());
    }

    /// Fills in the length.
    pub(crate) fn finish(self, out: &mut [u8]) {
        let length = u32::try_from(out.len() - self.start - ENVELOPE).unwrap_or(u32::MAX);
        out[self.start + 16..self.start + ENVELOPE].copy_from_slice(&length.to_le_bytes());
    }
}

/// Writes the server's address into the envelope of a complete answer, as in a connection's first answer.
pub(crate) fn stamp_address(answer: &mut [u8], address: SocketAddrV4) {
    answer[4..8].copy_from_slice(&address.ip().octets());
    answer[8..12].copy_from_slice(&u32::from(address.port()).to_le_bytes());
}
