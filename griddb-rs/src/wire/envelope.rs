//! The frame around every message (protocol 1.1), on an IPv4 connection.

use super::{
    reader::{DecodeError, Reader},
    statement::Statement,
};

/// The first four bytes of every message.
pub const MAGIC: i32 = 65_021_048;
/// The size of the envelope in front of every body.
pub const SIZE: usize = 20;
/// The size of envelope, statement type, statement id and status in every answer except CONNECT's, which is
/// shorter.
pub const HEAD: usize = SIZE + 13;
/// Offset of the body length inside the envelope.
const LENGTH_AT: usize = 16;
/// The shortest body of an answer: statement type, a 32-bit id (CONNECT), status.
const LEAST_BODY: usize = 9;

/// Appends one request: envelope, statement type, partition, statement id and the output of `body`.
///
/// The statement id of [`Statement::Connect`] has 32 bits. If `body` fails, `out` is left unchanged.
pub fn request<E>(
    out: &mut Vec<u8>,
    statement: Statement,
    partition: u32,
    id: i64,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&(-1i32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(statement as i32).to_le_bytes());
    out.extend_from_slice(&partition.to_le_bytes());
    if statement == Statement::Connect {
        out.extend_from_slice(&(id as i32).to_le_bytes());
    } else {
        out.extend_from_slice(&id.to_le_bytes());
    }
    if let Err(error) = body(out) {
        out.truncate(start);
        return Err(error);
    }
    let length = (out.len() - start - SIZE) as u32;
    out[start + LENGTH_AT..start + SIZE].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Appends one request whose body cannot fail; see [`request`].
pub fn simple_request(
    out: &mut Vec<u8>,
    statement: Statement,
    partition: u32,
    id: i64,
    body: impl FnOnce(&mut Vec<u8>),
) {
    let written: Result<(), std::convert::Infallible> = request(out, statement, partition, id, |out| {
        body(out);
        Ok(())
    });
    match written {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

/// The length of the first message in `received`, including the envelope; `None` while the envelope is incomplete.
///
/// # Errors
/// The magic is wrong or the body is shorter than any answer, which makes the connection unusable. Or the body is
/// longer than `limit`.
pub fn message_length(received: &[u8], limit: usize) -> Result<Option<usize>, DecodeError> {
    if received.len() < SIZE {
        return Ok(None);
    }
    let mut reader = Reader::new(received);
    if reader.i32("magic")? != MAGIC {
        return Err(DecodeError::Invalid("magic"));
    }
    reader.bytes(LENGTH_AT - 4, "envelope")?;
    let body = reader.size("body length")?;
    if body < LEAST_BODY {
        return Err(DecodeError::Invalid("body length"));
    }
    if body > limit {
        return Err(DecodeError::TooLong);
    }
    Ok(Some(SIZE + body))
}

/// Success, or the kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Success.
    Success,
    /// The statement failed; the connection stays usable.
    StatementError,
    /// The node failed; close the connection.
    NodeError,
    /// Not here or not now: try another node, or later.
    Deny,
}

/// The fields before an answer's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHead {
    /// The statement type as sent.
    pub statement: i32,
    /// The statement id as sent.
    pub id: i64,
    /// The status.
    pub status: Status,
    /// The offset of the body in the message.
    pub body: usize,
}

/// Reads the head of a complete message, whose length came from [`message_length`].
pub fn response_head(message: &[u8]) -> Result<ResponseHead, DecodeError> {
    let mut reader = Reader::starting_at(message, SIZE);
    let statement = reader.i32("statement type")?;
    let id = if statement == Statement::Connect as i32 {
        i64::from(reader.i32("statement id")?)
    } else {
        reader.i64("statement id")?
    };
    let status = match reader.u8("status")? {
        0 => Status::Success,
        1 => Status::StatementError,
        2 => Status::NodeError,
        3 => Status::Deny,
        _ => return Err(DecodeError::Invalid("status")),
    };
    Ok(ResponseHead { statement, id, status, body: reader.position() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_failed_body_leaves_nothing() {
        let mut out = vec![7];
        let failed = request(&mut out, Statement::GetRow, 1, 1, |out| {
            out.push(1);
            Err("no")
        });
        assert_eq!(failed, Err("no"));
        assert_eq!(out, [7]);
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_the_body_arrives() {
        let mut out = Vec::new();
        simple_request(&mut out, Statement::GetRow, 0, 1, |out| out.extend_from_slice(&[0; 100]));
        assert_eq!(message_length(&out, 116), Ok(Some(out.len())));
        assert_eq!(message_length(&out, 115), Err(DecodeError::TooLong));
        assert_eq!(message_length(&out[..19], 115), Ok(None));
        out[0] = 0;
        assert_eq!(message_length(&out, 1000), Err(DecodeError::Invalid("magic")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_head_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = message_length(&bytes, 1 << 20);
            let _ = response_head(&bytes);
        }
    }
}
