//! COMMIT and CLOSE_SESSION (protocol 4.6). Their answers are empty.

use crate::wire::{
    envelope::simple_request,
    options,
    statement::{SessionId, Statement, session_part},
};

/// Appends a COMMIT. With the same id it takes effect once, even on another connection.
pub fn encode_commit(out: &mut Vec<u8>, id: i64, partition: u32, container: i64, session: SessionId) {
    encode(out, Statement::Commit, id, partition, container, session);
}

/// Appends a CLOSE_SESSION, which aborts an open transaction.
pub fn encode_close(out: &mut Vec<u8>, id: i64, partition: u32, container: i64, session: SessionId) {
    encode(out, Statement::CloseSession, id, partition, container, session);
}

fn encode(
    out: &mut Vec<u8>,
    statement: Statement,
    id: i64,
    partition: u32,
    container: i64,
    session: SessionId,
) {
    simple_request(out, statement, partition, id, |out| {
        session_part(out, container, session);
        out.extend_from_slice(&options::NONE);
    });
}
