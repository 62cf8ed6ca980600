//! Statements about several containers of one partition.

use super::execute::Context;
use super::index::check_version;
use super::query::QueryBody;
use super::row::put;
use super::{Request, Statement, Stop};
use crate::error::{ErrorCode, Refusal};
use crate::node::partition::Partition;
use crate::wire::options::Options;
use crate::wire::read::{Malformed, Reader};
use crate::wire::row::{read_rows, read_single_key, write_rows};
use crate::wire::schema::{Schema, Type};
use crate::wire::write::Write;
use std::sync::Arc;

/// Marks a predicate whose keys have several columns.
const COMPOSITE: u8 = 255;
/// Marks a predicate that lists its keys instead of a range.
const DISTINCT: u8 = 1;

/// The keys of a multi-get.
struct Predicate {
    kind: Option<Type>,
    keys: Vec<Box<[u8]>>,
}

impl Predicate {
    fn read(body: &mut Reader<'_>) -> Result<Self, Refusal> {
        let kind = body.u8()?;
        if kind == COMPOSITE || body.u8()? != DISTINCT {
            return Err(ErrorCode::NOT_SUPPORTED.because("only single-column keys, one by one"));
        }
        let kind = Type::from_number(kind).ok_or(Malformed)?;
        let count = body.count32()?;
        let mut keys = Vec::new();
        for _ in 0..count {
            keys.push(read_single_key(body, kind)?);
        }
        Ok(Self { kind: Some(kind), keys })
    }
}

/// One statement of a bundle, without a session.
fn read_entry_options(body: &mut Reader<'_>) -> Result<Options, Malformed> {
    let _session_mode = body.u8()?;
    let _transaction_mode = body.u8()?;
    Options::read(body)
}

impl Context<'_> {
    pub(super) fn get_many(
        &self,
        partition: &Partition,
        request: &mut Request<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let body = &mut request.body;
        let mut predicates = Vec::new();
        for _ in 0..body.count32()? {
            predicates.push(Predicate::read(body)?);
        }
        let mut entries = Vec::new();
        for _ in 0..body.count32()? {
            Options::read(body)?;
            let key = self.read_key(body)?;
            let predicate = predicates.get(body.count32()?).ok_or(Malformed)?;
            // missing containers are left out
            if let Some(container) = partition.state.named(&key.identity()) {
                let fits = |column: &usize| predicate.kind == Some(container.schema.columns[*column].kind);
                if container.schema.keys.len() != 1 || !container.schema.keys.iter().all(fits) {
                    return Err(ErrorCode::ROW_KEY.because("type of the row key").into());
                }
                entries.push((container, predicate));
            }
        }
        let mut schemas: Vec<(bool, Arc<Schema>)> = Vec::new();
        for (container, _) in &entries {
            let schema = (container.time_series, Arc::clone(&container.schema));
            if !schemas.contains(&schema) {
                schemas.push(schema);
            }
        }
        out.put_count32(schemas.len());
        for (time_series, schema) in &schemas {
            out.put_bool(*time_series);
            schema.write(out);
        }
        out.put_count32(entries.iter().map(|(_, predicate)| predicate.keys.len()).sum());
        for (container, predicate) in entries {
            let is_its = |(series, schema): &(bool, Arc<Schema>)| {
                *series == container.time_series && *schema == container.schema
            };
            let schema = schemas.iter().position(is_its).unwrap_or(0);
            for key in &predicate.keys {
                let found = container.find_visible(key, None);
                let shown = found.map(|(id, row)| ((!container.time_series).then_some(id), row.as_ref()));
                out.put_sized(container.key.bytes());
                out.put_count32(schema);
                out.put_count64(usize::from(shown.is_some()));
                write_rows(out, &container.schema, shown.into_iter());
            }
        }
        Ok(())
    }

    /// The put mode applies to the whole statement; entries cannot have their own.
    pub(super) fn put_many(&self, partition: &mut Partition, request: &mut Request<'_>) -> Result<(), Stop> {
        let put_mode = request.options.put_mode;
        let body = &mut request.body;
        let mut schemas = Vec::new();
        for _ in 0..body.count32()? {
            let _time_series = body.u8()?;
            schemas.push(Schema::read(body)?);
        }
        for _ in 0..body.count32()? {
            let _statement = body.i64()?;
            let id = body.i64()?;
            let _session = body.i64()?;
            read_entry_options(body)?;
            let schema = schemas.get(body.count32()?).ok_or(Malformed)?;
            let size = body.count32()?;
            let mut rows = Reader::new(body.take(size)?);
            let count = rows.count64()?;
            let container = partition.state.container(id).ok_or(ErrorCode::CONTAINER_GONE)?;
            if *container.schema != *schema {
                return Err(ErrorCode::SCHEMA.because("schema of a multi-put").into());
            }
            for row in read_rows(rows.rest(), schema, count)? {
                put(partition, id, row, put_mode, None)?;
            }
        }
        Ok(())
    }

    pub(super) fn query_many(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let count = request.body.count32()?;
        out.put_count32(count);
        for _ in 0..count {
            let body = &mut request.body;
            if body.i32()? != Statement::QueryTql.number() {
                return Err(Malformed.into());
            }
            let _statement = body.i64()?;
            let id = body.i64()?;
            let _session = body.i64()?;
            let version = body.i32()?;
            let options = read_entry_options(body)?;
            let query = QueryBody::read(body)?;
            if options.for_update {
                return Err(ErrorCode::NOT_EXECUTABLE.because("row lock is not applicable").into());
            }
            let container = partition.state.container(id).ok_or(ErrorCode::CONTAINER_GONE)?;
            check_version(container, version)?;
            request.options.fetch_bytes = options.fetch_bytes;
            let at = out.len();
            out.put_i64(0);
            self.query(partition, id, None, &query, request, out)?;
            let size = i64::try_from(out.len() - at - 8).unwrap_or(i64::MAX);
            out[at..at + 8].copy_from_slice(&size.to_le_bytes());
        }
        Ok(())
    }
}
