//! CONNECT (protocol 2.1), the first statement of a connection and later its heartbeat; and DISCONNECT, its last.

use crate::wire::{
    envelope::simple_request,
    options,
    reader::{DecodeError, Reader},
    statement::Statement,
};

/// The protocol version of every GridDB 4 and 5.
const VERSION: i32 = 15;

/// Appends a CONNECT. Its statement id is 32 bits wide.
pub fn encode(out: &mut Vec<u8>, id: i32) {
    simple_request(out, Statement::Connect, 0, i64::from(id), |out| {
        out.extend_from_slice(&VERSION.to_le_bytes());
        // The transport block: its size, plain text yes, TLS no.
        out.extend_from_slice(&[2, 0, 0, 0, 1, 0]);
    });
}

/// Reads the authentication mode that the server requires. The Community Edition uses only 0.
pub fn decode(reader: &mut Reader<'_>) -> Result<i8, DecodeError> {
    let mode = reader.i8("authentication mode")?;
    reader.i32("server version")?;
    Ok(mode)
}

/// Appends a DISCONNECT, which gets no answer.
pub fn encode_disconnect(out: &mut Vec<u8>, id: i64) {
    simple_request(out, Statement::Disconnect, 0, id, |out| out.extend_from_slice(&options::NONE));
}
