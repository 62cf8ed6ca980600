//! FLUSH_LOG (protocol 9), which syncs the log of a partition. Its answer is empty.

use crate::wire::{
    envelope::simple_request,
    options,
    statement::{Statement, container_part},
};

/// Appends a FLUSH_LOG.
pub fn encode(out: &mut Vec<u8>, id: i64, partition: u32, container: i64) {
    simple_request(out, Statement::FlushLog, partition, id, |out| {
        container_part(out, container);
        out.extend_from_slice(&options::NONE);
    });
}
