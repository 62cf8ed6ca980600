//! CREATE_INDEX (protocol 4.2). Its answer is empty.

use crate::wire::{
    envelope::simple_request,
    options::{Options, begin, finish, string},
    statement::{ClientId, Statement, schema_part},
};

/// The feature level of indexes on several columns.
const COMPOSITE_INDEX: i32 = 3;
const DEFAULT_TYPE: u8 = 0xff;

/// The container that the index is on.
#[derive(Debug, Clone, Copy)]
pub struct IndexTarget {
    /// Its partition.
    pub partition: u32,
    /// Its id in the partition.
    pub container: i64,
    /// The version of its schema.
    pub schema_version: i32,
    /// How many seconds the request may wait for open transactions; `None` uses the login's default.
    pub wait: Option<u32>,
}

/// Appends the request for an index on the columns at these positions, in the server's order. An identical
/// existing index is no error.
///
/// `session` is a session number that no session uses.
pub fn encode_create(
    out: &mut Vec<u8>,
    id: i64,
    target: &IndexTarget,
    name: &str,
    columns: &[u32],
    session: i64,
    client: ClientId,
) {
    simple_request(out, Statement::CreateIndex, target.partition, id, |out| {
        schema_part(out, target.container, target.schema_version);
        let (client, feature) = (Some((session, client)), feature(columns));
        Options { transaction_timeout: target.wait, client, feature, ..Options::default() }.encode(out);
        info(out, name, columns);
    });
}

fn feature(columns: &[u32]) -> Option<i32> {
    (columns.len() > 1).then_some(COMPOSITE_INDEX)
}

fn info(out: &mut Vec<u8>, name: &str, columns: &[u32]) {
    let block = begin(out);
    string(out, name);
    out.extend_from_slice(&(columns.len() as u32).to_le_bytes());
    for column in columns {
        out.extend_from_slice(&column.to_le_bytes());
    }
    out.push(DEFAULT_TYPE);
    finish(out, block);
}
