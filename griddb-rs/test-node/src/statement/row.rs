//! Statements about single rows, and about many rows of one container.

use super::execute::Context;
use super::transaction::{Entry, Kind, Scope, container, is_later};
use super::{Request, Stop};
use crate::data::change::Change;
use crate::data::container::TxnId;
use crate::error::{ErrorCode, Refusal};
use crate::node::partition::Partition;
use crate::wire::row::{Row, read_key, read_rows, write_rows};
use crate::wire::write::Write;
use std::sync::Arc;

const INSERT_ONLY: u8 = 1;
const UPDATE_ONLY: u8 = 2;

/// The change that writes a version of a row, in a transaction or committed at once.
fn write(container: i64, row: i64, version: Option<Arc<Row>>, txn: Option<TxnId>) -> Change {
    match txn {
        Some(txn) => Change::Write { txn, row, version },
        None => Change::WriteThrough { container, row, version },
    }
}

/// Puts a row. Returns `true` if it replaced one.
pub(super) fn put(
    partition: &mut Partition,
    id: i64,
    row: Row,
    mode: u8,
    txn: Option<TxnId>,
) -> Result<bool, Stop> {
    let container = partition.state.container(id).ok_or(ErrorCode::CONTAINER_GONE)?;
    let has_key = !container.schema.keys.is_empty();
    let found = if has_key { container.find(&row.key(&container.schema)) } else { None };
    let (row_id, replaces) = match found {
        // for other inserts, an uncommitted insert or removal counts as an existing row
        Some((_, slot)) if slot.locked_by_other(txn) && mode != INSERT_ONLY => return Err(Stop::Conflict),
        Some((row_id, slot)) if slot.locked_by_other(txn) || slot.visible(txn).is_some() => (row_id, true),
        // what the transaction itself has removed is put back as another row
        _ => (container.next_row(), false),
    };
    match (mode, replaces) {
        (INSERT_ONLY, true) => Err(ErrorCode::PUT_ROW_OPTION.because("insert row, but row exists").into()),
        (UPDATE_ONLY, false) => {
            Err(ErrorCode::PUT_ROW_OPTION.because("update row, but row not exists").into())
        }
        _ => {
            partition.apply(write(id, row_id, Some(Arc::new(row)), txn));
            Ok(replaces)
        }
    }
}

/// Locks a row for a transaction. Without a transaction, only checks whether another one holds it.
pub(super) fn lock(partition: &mut Partition, id: i64, row: i64, txn: Option<TxnId>) -> Result<(), Stop> {
    let slot = partition.state.container(id).and_then(|container| container.slot(row));
    let Some(slot) = slot else { return Ok(()) };
    if slot.locked_by_other(txn) {
        return Err(Stop::Conflict);
    }
    if let Some(txn) = txn
        && slot.lock.is_none()
    {
        partition.apply(Change::Lock { txn, row });
    }
    Ok(())
}

impl Context<'_> {
    pub(super) fn get_row(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let Entry::Go(scope) = self.enter(partition, request, Kind::Read)? else { return Ok(()) };
        let container = container(partition, &scope, request)?;
        let schema = Arc::clone(&container.schema);
        if schema.keys.is_empty() {
            return Err(ErrorCode::QUERY_ROW_KEY.into());
        }
        let key = read_key(request.body.rest(), &schema)?;
        let found = container.find_visible(&key, scope.txn);
        let shown_id = |id| (!container.time_series).then_some(id);
        if let Some((id, row)) = found {
            out.put_bool(true);
            write_rows(out, &schema, std::iter::once((shown_id(id), row.as_ref())));
            if request.options.for_update {
                lock(partition, scope.container, id, scope.txn)?;
            }
        } else {
            out.put_bool(false);
        }
        self.leave(partition, scope, request.head.id);
        Ok(())
    }

    pub(super) fn put_row(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let replaced = match self.enter(partition, request, Kind::Write)? {
            Entry::Repeated => false,
            Entry::Go(scope) => {
                let schema = Arc::clone(&container(partition, &scope, request)?.schema);
                let row = read_rows(request.body.rest(), &schema, 1)?.pop().ok_or(ErrorCode::ROW_DATA)?;
                let replaced = put(partition, scope.container, row, request.options.put_mode, scope.txn)?;
                self.leave(partition, scope, request.head.id);
                replaced
            }
        };
        out.put_bool(replaced);
        Ok(())
    }

    /// Rows before a failing one stay, unless a transaction rolls them back.
    pub(super) fn put_rows(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let Entry::Go(scope) = self.enter(partition, request, Kind::Rows)? else { return Ok(()) };
        request.before_rows = Some(scope.last_statement);
        let count = request.body.count64()?;
        let schema = Arc::clone(&container(partition, &scope, request)?.schema);
        let rows = read_rows(request.body.rest(), &schema, count)?;
        let (mut statement, mut last) = (request.head.id, scope.last_statement);
        for row in rows {
            // a row that was put before the statement had to wait is not put again
            if is_later(statement, last) {
                put(partition, scope.container, row, request.options.put_mode, scope.txn)?;
                self.leave(partition, scope, statement);
                last = statement;
            }
            statement = statement.wrapping_add(1);
        }
        out.put_bool(false);
        Ok(())
    }

    pub(super) fn remove_row(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let existed = match self.enter(partition, request, Kind::Write)? {
            Entry::Repeated => false,
            Entry::Go(scope) => {
                let existed = remove_by_key(partition, request, scope)?;
                self.leave(partition, scope, request.head.id);
                existed
            }
        };
        out.put_bool(existed);
        Ok(())
    }

    pub(super) fn update_by_id(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
    ) -> Result<(), Stop> {
        let Entry::Go(scope) = self.enter(partition, request, Kind::Write)? else { return Ok(()) };
        let id = request.body.i64()?;
        let target = container(partition, &scope, request)?;
        let schema = &target.schema;
        let row = read_rows(request.body.rest(), schema, 1)?.pop().ok_or(ErrorCode::ROW_DATA)?;
        let slot = target.slot(id);
        if let Some((slot, old)) = slot.and_then(|slot| Some((slot, slot.visible(scope.txn)?))) {
            if old.key(schema) != row.key(schema) {
                return Err(ErrorCode::ROW_KEY.because("Row key is not same value").into());
            }
            if slot.locked_by_other(scope.txn) {
                return Err(Stop::Conflict);
            }
            partition.apply(write(scope.container, id, Some(Arc::new(row)), scope.txn));
        }
        self.leave(partition, scope, request.head.id);
        Ok(())
    }

    pub(super) fn remove_by_id(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
    ) -> Result<(), Stop> {
        let Entry::Go(scope) = self.enter(partition, request, Kind::Write)? else { return Ok(()) };
        let id = request.body.i64()?;
        let target = container(partition, &scope, request)?;
        if let Some(slot) = target.slot(id).filter(|slot| slot.visible(scope.txn).is_some()) {
            if slot.locked_by_other(scope.txn) {
                return Err(Stop::Conflict);
            }
            partition.apply(write(scope.container, id, None, scope.txn));
        }
        self.leave(partition, scope, request.head.id);
        Ok(())
    }
}

fn remove_by_key(partition: &mut Partition, request: &Request<'_>, scope: Scope) -> Result<bool, Stop> {
    let container = container(partition, &scope, request)?;
    if container.schema.keys.is_empty() {
        return Err(Refusal::from(ErrorCode::NO_ROW_KEY).into());
    }
    let key = read_key(request.body.rest(), &container.schema)?;
    let Some((id, slot)) = container.find(&key) else { return Ok(false) };
    if slot.locked_by_other(scope.txn) {
        return Err(Stop::Conflict);
    }
    if slot.visible(scope.txn).is_none() {
        return Ok(false);
    }
    partition.apply(write(scope.container, id, None, scope.txn));
    Ok(true)
}
