//! PUT_ROW, PUT_MULTIPLE_ROWS, GET_ROW and REMOVE_ROW (protocol 4.3).

use crate::{
    value::Value,
    wire::{
        envelope::request,
        options::Options,
        reader::{DecodeError, Reader},
        row_key::KeyLayout,
        row_set::{InputError, Layout, RowBatch, RowSpan, encode_row, for_each_row},
        statement::{RowTarget, Statement},
    },
};

/// Appends a put of one row.
pub fn encode_put(
    out: &mut Vec<u8>,
    id: i64,
    partition: u32,
    target: &RowTarget,
    options: &Options<'_>,
    layout: &Layout,
    values: &[Value<'_>],
) -> Result<(), InputError> {
    request(out, Statement::PutRow, partition, id, |out| {
        target.encode(out);
        options.encode(out);
        encode_row(out, layout, values)
    })
}

/// Appends a put of several rows. It uses one statement id per row.
pub fn encode_put_many(
    out: &mut Vec<u8>,
    id: i64,
    partition: u32,
    target: &RowTarget,
    options: &Options<'_>,
    rows: &RowBatch,
) {
    crate::wire::envelope::simple_request(out, Statement::PutMultipleRows, partition, id, |out| {
        target.encode(out);
        options.encode(out);
        out.extend_from_slice(&rows.rows().to_le_bytes());
        rows.encode(out);
    });
}

/// Appends a read by row key.
pub fn encode_get(
    out: &mut Vec<u8>,
    id: i64,
    partition: u32,
    target: &RowTarget,
    options: &Options<'_>,
    key_layout: &KeyLayout,
    key: &[Value<'_>],
) -> Result<(), InputError> {
    by_key(out, Statement::GetRow, id, partition, target, options, key_layout, key)
}

/// Appends a remove by row key.
pub fn encode_remove(
    out: &mut Vec<u8>,
    id: i64,
    partition: u32,
    target: &RowTarget,
    options: &Options<'_>,
    key_layout: &KeyLayout,
    key: &[Value<'_>],
) -> Result<(), InputError> {
    by_key(out, Statement::RemoveRow, id, partition, target, options, key_layout, key)
}

#[allow(clippy::too_many_arguments)]
fn by_key(
    out: &mut Vec<u8>,
    statement: Statement,
    id: i64,
    partition: u32,
    target: &RowTarget,
    options: &Options<'_>,
    key_layout: &KeyLayout,
    key: &[Value<'_>],
) -> Result<(), InputError> {
    request(out, statement, partition, id, |out| {
        target.encode(out);
        options.encode(out);
        key_layout.encode(out, key)
    })
}

/// Reads the boolean in the answer to PUT_ROW (replaced), PUT_MULTIPLE_ROWS (always false) and REMOVE_ROW
/// (existed).
pub fn decode_flag(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    reader.bool("flag")
}

/// Reads the answer to GET_ROW; `None` if the row does not exist.
pub fn decode_get(reader: &mut Reader<'_>, layout: &Layout) -> Result<Option<RowSpan>, DecodeError> {
    if !reader.bool("found")? {
        return Ok(None);
    }
    let mut span = None;
    for_each_row(reader, layout, 1, true, |row| span = Some(row))?;
    Ok(span)
}
