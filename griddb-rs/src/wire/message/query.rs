//! QUERY_TQL, FETCH_ROW_SET and CLOSE_ROW_SET (protocol 4.8).

use crate::{
    schema::{ColumnType, Schema},
    value::Value,
    wire::{
        envelope::simple_request,
        options::{self, Options, begin, finish, string},
        reader::{DecodeError, Reader},
        row_set::{Layout, RowSpan, decode_rows_as, scalar},
        schema::type_of_number,
        statement::{RowTarget, Statement, container_part},
    },
};

/// A kind and a size.
const LEAST_PART: usize = 5;

/// Opaque state of a partial execution, to be sent back to continue it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartialState(Vec<(u8, Vec<u8>)>);

/// The parameters of a query besides its text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fetch<'a> {
    /// At most this many rows; `None` for all.
    pub limit: Option<u64>,
    /// Rows per page; the following pages come from [`encode_fetch`].
    pub page_size: Option<u64>,
    /// Execute in bounded steps. The state is empty for the first one.
    pub partial: Option<&'a PartialState>,
}

/// Appends a query.
pub fn encode(
    out: &mut Vec<u8>,
    id: i64,
    partition: u32,
    target: &RowTarget,
    options: &Options<'_>,
    fetch: &Fetch<'_>,
    tql: &str,
) {
    let bound = |count: Option<u64>| count.map_or(i64::MAX, |count| i64::try_from(count).unwrap_or(i64::MAX));
    simple_request(out, Statement::QueryTql, partition, id, |out| {
        target.encode(out);
        options.encode(out);
        out.extend_from_slice(&bound(fetch.limit).to_le_bytes());
        out.extend_from_slice(&bound(fetch.page_size).to_le_bytes());
        out.push(u8::from(fetch.partial.is_some()));
        let entries = fetch.partial.map_or(&[][..], |state| &state.0);
        out.extend_from_slice(&(entries.len() as u32).to_le_bytes());
        for (kind, bytes) in entries {
            out.push(*kind);
            let block = begin(out);
            out.extend_from_slice(bytes);
            finish(out, block);
        }
        string(out, tql);
    });
}

/// The columns of an EXPLAIN's rows.
pub fn analysis_schema() -> Schema {
    Schema::new()
        .column("id", ColumnType::Integer)
        .column("depth", ColumnType::Integer)
        .column("type", ColumnType::String)
        .column("value_type", ColumnType::String)
        .column("value", ColumnType::String)
        .column("statement", ColumnType::String)
}

/// A query's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryAnswer<R = RowSpan> {
    /// The rows, with the container's columns or those of an EXPLAIN.
    pub rows: Vec<R>,
    /// Whether the rows belong to an EXPLAIN.
    pub is_analysis: bool,
    /// For an aggregate, its value if it has one.
    pub aggregate: Option<Option<Value<'static>>>,
    /// The row set of the following pages, and its total number of rows.
    pub paging: Option<RowSet>,
    /// The state to send to continue a partial execution, if there is more.
    pub partial: Option<PartialState>,
}

impl<R> Default for QueryAnswer<R> {
    fn default() -> Self {
        Self { rows: Vec::new(), is_analysis: false, aggregate: None, paging: None, partial: None }
    }
}

/// A result that the server keeps for paging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowSet {
    /// Its id in the partition.
    pub id: i64,
    /// Its total number of rows.
    pub rows: u64,
}

/// Reads a query's answer. Positions of rows count from the start of the reader's slice.
pub fn decode(
    reader: &mut Reader<'_>,
    layout: &Layout,
    analysis: &Layout,
) -> Result<QueryAnswer, DecodeError> {
    decode_as(reader, layout, analysis, |row, _| row)
}

/// Like [`decode`], with each row converted by `make`, which is told whether the row belongs to an EXPLAIN.
pub fn decode_as<R>(
    reader: &mut Reader<'_>,
    layout: &Layout,
    analysis: &Layout,
    mut make: impl FnMut(RowSpan, bool) -> R,
) -> Result<QueryAnswer<R>, DecodeError> {
    const WHAT: &str = "query answer";
    let mut answer = QueryAnswer::default();
    for _ in 0..reader.count(LEAST_PART, WHAT)? {
        let kind = reader.u8(WHAT)?;
        let size = reader.size(WHAT)?;
        let mut part = *reader;
        reader.bytes(size, WHAT)?;
        match kind {
            0 => {
                let count = part.long_size("row count")?;
                answer.rows = decode_rows_as(&mut part, layout, count, true, |row| make(row, false))?;
            }
            1 => answer.aggregate = Some(aggregate(&mut part)?),
            2 => {
                let count = part.long_size("row count")?;
                answer.rows = decode_rows_as(&mut part, analysis, count, false, |row| make(row, true))?;
                answer.is_analysis = true;
            }
            3 => {
                let rows = part.long_size("row count")? as u64;
                answer.paging = Some(RowSet { rows, id: part.i64("row set id")? });
            }
            4 => answer.partial = partial_state(&mut part)?,
            _ => {}
        }
        if part.position() > reader.position() {
            return Err(DecodeError::Short(WHAT));
        }
    }
    Ok(answer)
}

fn aggregate(part: &mut Reader<'_>) -> Result<Option<Value<'static>>, DecodeError> {
    if part.i64("aggregate count")? == 0 {
        return Ok(None);
    }
    let column_type = type_of_number(part.u8("aggregate type")?)?;
    scalar(part, column_type).map(Some)
}

fn partial_state(part: &mut Reader<'_>) -> Result<Option<PartialState>, DecodeError> {
    const WHAT: &str = "partial execution";
    let more = part.bool(WHAT)?;
    let count = part.count(LEAST_PART, WHAT)?;
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let kind = part.u8(WHAT)?;
        entries.push((kind, part.sized_bytes(WHAT)?.to_vec()));
    }
    Ok(more.then_some(PartialState(entries)))
}

/// Appends the request for rows `first` to `first + count` of a row set.
pub fn encode_fetch(
    out: &mut Vec<u8>,
    id: i64,
    partition: u32,
    target: &RowTarget,
    row_set: i64,
    first: u64,
    count: u64,
) {
    simple_request(out, Statement::FetchRowSet, partition, id, |out| {
        target.encode(out);
        out.extend_from_slice(&options::NONE);
        out.extend_from_slice(&row_set.to_le_bytes());
        out.extend_from_slice(&first.to_le_bytes());
        out.extend_from_slice(&count.to_le_bytes());
    });
}

/// A page of a row set.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<R = RowSpan> {
    /// Whether it was the last one. The server has then dropped the row set.
    pub closed: bool,
    /// Its rows.
    pub rows: Vec<R>,
}

/// Reads a page. Its offsets count from the first row's, so the base in the answer is not needed.
pub fn decode_fetch(reader: &mut Reader<'_>, layout: &Layout) -> Result<Page, DecodeError> {
    decode_fetch_as(reader, layout, |row| row)
}

/// Like [`decode_fetch`], with each row converted by a function.
pub fn decode_fetch_as<R>(
    reader: &mut Reader<'_>,
    layout: &Layout,
    make: impl FnMut(RowSpan) -> R,
) -> Result<Page<R>, DecodeError> {
    let closed = reader.bool("closed")?;
    reader.i64("offset base")?;
    let count = reader.long_size("row count")?;
    Ok(Page { closed, rows: decode_rows_as(reader, layout, count, true, make)? })
}

/// Appends the request to drop a row set. The answer is empty.
pub fn encode_close(out: &mut Vec<u8>, id: i64, partition: u32, container: i64, row_set: i64) {
    simple_request(out, Statement::CloseRowSet, partition, id, |out| {
        container_part(out, container);
        out.extend_from_slice(&options::NONE);
        out.extend_from_slice(&row_set.to_le_bytes());
    });
}
