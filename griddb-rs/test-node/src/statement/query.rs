//! QUERY_TQL, and the pages of its results.

use super::execute::Context;
use super::row::lock;
use super::transaction::{Entry, Kind, container};
use super::{Request, Stop};
use crate::data::container::TxnId;
use crate::data::result_set::ResultSet;
use crate::error::{ErrorCode, Refusal};
use crate::node::partition::Partition;
use crate::tql::{Aggregate, Found, Query, Search, Selection, explain, explain_schema, parse};
use crate::wire::frame::Answer;
use crate::wire::read::{Malformed, Reader};
use crate::wire::row::{Row, Value, write_rows};
use crate::wire::schema::{Schema, Type};
use crate::wire::write::{Write, with_length};
use std::sync::Arc;

/// Kinds of entries in the answer.
const ROW_SET: u8 = 0;
const AGGREGATE: u8 = 1;
const ANALYSIS: u8 = 2;
const PAGING: u8 = 3;
const PARTIAL: u8 = 4;

/// The default size of a step of a partial execution, in bytes.
const STEP_BYTES: i32 = 1 << 20;
/// Result sets expire after this many seconds without a read.
const RESULT_SET_TIMEOUT: u32 = 300;

/// The parameters of a query besides its text.
#[derive(Debug)]
pub(super) struct QueryBody<'a> {
    limit: usize,
    page: usize,
    partial: bool,
    /// Where a partial execution continues.
    from: i64,
    text: &'a [u8],
}

impl<'a> QueryBody<'a> {
    pub(super) fn read(body: &mut Reader<'a>) -> Result<Self, Malformed> {
        let limit = body.count64()?;
        let page = body.count64()?;
        let partial = body.bool()?;
        let mut from = i64::MIN;
        for _ in 0..body.count32()? {
            let _kind = body.i8()?;
            let size = body.count32()?;
            from = Reader::new(body.take(size)?).i64()?;
        }
        Ok(Self { limit, page, partial, from, text: body.string()? })
    }
}

/// The result of a query.
enum Outcome {
    Rows(Vec<Found>),
    /// A part of the rows, and where to continue.
    Part(Vec<Found>, i64),
    Aggregate(Option<(Type, Vec<u8>)>),
    Analysis(Vec<Row>),
}

impl Context<'_> {
    pub(super) fn query_tql(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
        out: &mut Vec<u8>,
        answer: &Answer,
    ) -> Result<(), Stop> {
        let Entry::Go(scope) = self.enter(partition, request, Kind::Read)? else { return Ok(()) };
        let body = QueryBody::read(&mut request.body)?;
        container(partition, &scope, request)?;
        if self.query(partition, scope.container, scope.txn, &body, request, out)? {
            answer.mark_row_set(out);
        }
        self.leave(partition, scope, request.head.id);
        Ok(())
    }

    /// Runs a query and writes the body of its answer. Returns `true` if it contains a row set.
    pub(super) fn query(
        &self,
        partition: &mut Partition,
        id: i64,
        txn: Option<TxnId>,
        body: &QueryBody<'_>,
        request: &Request<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, Stop> {
        let container = partition.state.container(id).ok_or(ErrorCode::CONTAINER_GONE)?;
        let now = (self.node.options.clock)();
        let exact = container.key.exact_base();
        let query = parse(body.text, &container.schema, (&container.key.base, &exact), now)?;
        let search = Search { container, txn, now };
        let bytes = request.options.fetch_bytes.unwrap_or(STEP_BYTES).max(1).unsigned_abs();
        let outcome = outcome(&query, &search, body, usize::try_from(bytes).unwrap_or(usize::MAX))?;
        if request.options.for_update
            && let Outcome::Rows(rows) = &outcome
        {
            for (row, _) in rows {
                lock(partition, id, *row, txn)?;
            }
        }
        let container = partition.state.container(id).ok_or(ErrorCode::CONTAINER_GONE)?;
        let (schema, time_series) = (Arc::clone(&container.schema), container.time_series);
        match outcome {
            Outcome::Rows(rows) if rows.len() > body.page => {
                let rows = shown(rows, time_series);
                let (total, first) = (rows.len(), rows[..body.page].to_vec());
                let expires = self.now + self.node.options.second * RESULT_SET_TIMEOUT;
                let set = ResultSet { schema: Arc::clone(&schema), rows, expires };
                let set = partition.state.keep_result_set(set);
                out.put_i32(2);
                out.put_u8(PAGING);
                with_length(out, |out| {
                    out.put_count64(total);
                    out.put_i64(set);
                });
                write_row_set(out, &schema, &first);
            }
            Outcome::Rows(rows) => {
                out.put_i32(1);
                write_row_set(out, &schema, &shown(rows, time_series));
            }
            Outcome::Part(rows, from) => {
                out.put_i32(2);
                out.put_u8(PARTIAL);
                with_length(out, |out| {
                    out.put_bool(true);
                    out.put_i32(1);
                    out.put_u8(0);
                    with_length(out, |out| out.put_i64(from));
                });
                write_row_set(out, &schema, &shown(rows, time_series));
            }
            Outcome::Aggregate(value) => {
                write_aggregate(out, value);
                return Ok(false);
            }
            Outcome::Analysis(lines) => write_analysis(out, &lines),
        }
        Ok(true)
    }

    pub(super) fn fetch_row_set(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
        out: &mut Vec<u8>,
        answer: &Answer,
    ) -> Result<(), Stop> {
        let Entry::Go(scope) = self.enter(partition, request, Kind::Read)? else { return Ok(()) };
        let id = request.body.i64()?;
        let first = request.body.count64()?;
        let count = request.body.count64()?;
        let set = partition.state.result_set(id);
        let set = set.ok_or_else(|| ErrorCode::RESULT_ID.because(format!("(rsId={id})")))?;
        if count == 0 {
            return Err(ErrorCode::FETCH_PARAMETER.into());
        }
        if first >= set.rows.len() {
            return Err(ErrorCode::FETCH_POSITION.into());
        }
        let end = first.saturating_add(count).min(set.rows.len());
        let closed = end == set.rows.len();
        out.put_bool(closed);
        // offsets of the varying parts count from the first row of the page
        out.put_i64(0);
        out.put_count64(end - first);
        let rows = set.rows[first..end].iter().map(|(id, row)| (*id, row.as_ref()));
        write_rows(out, &set.schema, rows);
        if closed {
            partition.state.drop_result_set(id);
        }
        answer.mark_row_set(out);
        self.leave(partition, scope, request.head.id);
        Ok(())
    }

    pub(super) fn close_row_set(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
    ) -> Result<(), Stop> {
        let id = request.body.i64()?;
        partition.state.drop_result_set(id);
        Ok(())
    }
}

/// Rows as they are returned: those of a time series have no id.
fn shown(rows: Vec<Found>, time_series: bool) -> Vec<(Option<i64>, Arc<Row>)> {
    rows.into_iter().map(|(id, row)| ((!time_series).then_some(id), row)).collect()
}

fn write_row_set(out: &mut Vec<u8>, schema: &Schema, rows: &[(Option<i64>, Arc<Row>)]) {
    out.put_u8(ROW_SET);
    with_length(out, |out| {
        out.put_count64(rows.len());
        write_rows(out, schema, rows.iter().map(|(id, row)| (*id, row.as_ref())));
    });
}

fn write_analysis(out: &mut Vec<u8>, lines: &[Row]) {
    out.put_i32(1);
    out.put_u8(ANALYSIS);
    with_length(out, |out| {
        out.put_count64(lines.len());
        write_rows(out, &explain_schema(), lines.iter().map(|line| (None, line)));
    });
}

fn write_aggregate(out: &mut Vec<u8>, value: Option<(Type, Vec<u8>)>) {
    out.put_i32(1);
    out.put_u8(AGGREGATE);
    with_length(out, |out| {
        out.put_i64(i64::from(value.is_some()));
        if let Some((kind, bytes)) = value {
            out.put_u8(kind.number());
            out.put(&bytes);
        }
    });
}

fn outcome(
    query: &Query,
    search: &Search<'_>,
    body: &QueryBody<'_>,
    step_bytes: usize,
) -> Result<Outcome, Refusal> {
    if query.explain {
        return Ok(Outcome::Analysis(explain(query, search)));
    }
    let schema = &search.container.schema;
    let plain = query.order.is_empty() && query.limit.is_none() && query.selection == Selection::Rows;
    if body.partial && (query.selection != Selection::Rows || !query.order.is_empty()) {
        return Err(ErrorCode::TQL_SYNTAX.because("Partial query option can not be used with this query"));
    }
    if body.partial && plain {
        let (rows, next) = search.step(query.condition.as_ref(), body.from, step_bytes)?;
        return Ok(next.map_or_else(|| Outcome::Rows(rows.clone()), |from| Outcome::Part(rows.clone(), from)));
    }
    let mut rows = search.run(query.condition.as_ref())?;
    if let Selection::Aggregate(aggregate, column) = query.selection {
        return Ok(Outcome::Aggregate(aggregation(aggregate, column, schema, &rows)));
    }
    if !query.order.is_empty() {
        sort(&mut rows, schema, &query.order);
    }
    let limit = query.limit.unwrap_or(usize::MAX).min(body.limit);
    Ok(Outcome::Rows(rows.into_iter().skip(query.offset).take(limit).collect()))
}

/// NULL sorts last in ascending order and first in descending order.
fn sort(rows: &mut Vec<Found>, schema: &Schema, order: &[(usize, bool)]) {
    use crate::data::index::IndexKey;
    let keys = |row: &Row| -> Vec<Option<IndexKey>> {
        order.iter().map(|(column, _)| IndexKey::new(row.value(schema, *column))).collect()
    };
    let mut keyed: Vec<_> = rows.drain(..).map(|(id, row)| (keys(&row), (id, row))).collect();
    keyed.sort_by(|(left, _), (right, _)| {
        let pairs = left.iter().zip(right).zip(order);
        let each = pairs.map(|((left, right), (_, descending))| {
            let ordering = left.cmp(right);
            if *descending { ordering.reverse() } else { ordering }
        });
        each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    rows.extend(keyed.into_iter().map(|(_, found)| found));
}

/// The value of an aggregation, if it has one, and its type.
fn aggregation(
    aggregate: Aggregate,
    column: Option<usize>,
    schema: &Schema,
    rows: &[Found],
) -> Option<(Type, Vec<u8>)> {
    let Some(column) = column else { return Some(number(Type::Long, rows.len())) };
    let present = || rows.iter().filter(|(_, row)| !row.is_null(column));
    let values = || present().map(|(_, row)| row.value(schema, column));
    let kind = schema.columns[column].kind;
    let whole = |value| if let Value::Int(value) = value { Some(value) } else { None };
    let float = |value| if let Value::Float(value) = value { Some(value) } else { None };
    let floats = matches!(kind, Type::Float | Type::Double);
    match aggregate {
        Aggregate::Count => return Some(number(Type::Long, present().count())),
        Aggregate::Average => {
            let sum: f64 = values().filter_map(as_float).sum();
            let count = present().count();
            #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
            return (count > 0).then(|| (Type::Double, (sum / count as f64).to_le_bytes().to_vec()));
        }
        Aggregate::Sum if floats => {
            let sum: f64 = values().filter_map(float).sum();
            return present().next().map(|_| (Type::Double, sum.to_le_bytes().to_vec()));
        }
        Aggregate::Sum => {
            let sum = values().filter_map(whole).fold(0, i64::wrapping_add);
            return present().next().map(|_| integer(kind, sum));
        }
        Aggregate::Min | Aggregate::Max => {}
    }
    let smallest = aggregate == Aggregate::Min;
    if floats {
        let best = if smallest { f64::min } else { f64::max };
        return values()
            .filter_map(float)
            .reduce(best)
            .map(|value| (Type::Double, value.to_le_bytes().to_vec()));
    }
    if values().next().and_then(whole).is_some() {
        let all = values().filter_map(whole);
        return if smallest { all.min() } else { all.max() }.map(|value| integer(kind, value));
    }
    let instant = |(_, row): &&Found| match row.value(schema, column) {
        Value::Time(nanos) => nanos,
        _ => 0,
    };
    let row = if smallest { present().min_by_key(instant) } else { present().max_by_key(instant) };
    row.map(|(_, row)| (kind, row.raw(schema, column).to_vec()))
}

#[expect(clippy::cast_precision_loss, reason = "an average is a float")]
fn as_float(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Int(value) => Some(value as f64),
        Value::Float(value) => Some(value),
        _ => None,
    }
}

fn number(kind: Type, count: usize) -> (Type, Vec<u8>) {
    (kind, i64::try_from(count).unwrap_or(i64::MAX).to_le_bytes().to_vec())
}

/// An integer: LONG for a LONG column, INTEGER for smaller ones.
#[expect(clippy::cast_possible_truncation, reason = "a sum of integers is an integer, as on the server")]
fn integer(kind: Type, value: i64) -> (Type, Vec<u8>) {
    match kind {
        Type::Long => (Type::Long, value.to_le_bytes().to_vec()),
        _ => (Type::Integer, (value as i32).to_le_bytes().to_vec()),
    }
}
