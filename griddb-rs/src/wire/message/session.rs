//! COMMIT and CLOSE_SESSION (protocol 4.6). Their answers are empty.

use crate::wire::{
    envelope::simple_request,
    options,
    statement::{SessionId, Statement, session_part},
};

/// Appends a COMMIT. Sent again with the same id, also on another connection, it is done once.
pub fn encode_commit(out: &mut Vec<u8>, id: i64, partition: u32, container: i64, session: SessionId) {
    encode(out, Statement::Commit, id, partition, container, session);
}

/// Appends a CLOSE_SESSION, which aborts what is open.
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
