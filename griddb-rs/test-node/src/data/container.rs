//! A container: its schema, its rows with their uncommitted changes, and its indexes.

use super::index::{Index, IndexInfo};
use crate::wire::container_key::ContainerKey;
use crate::wire::row::Row;
use crate::wire::schema::Schema;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The number of a transaction in its partition.
pub(crate) type TxnId = u64;

/// The committed and the uncommitted version of a row.
pub(crate) type Versions = [Option<Arc<Row>>; 2];

/// A row's committed version, and what a transaction has done to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slot {
    pub(crate) committed: Option<Arc<Row>>,
    /// The uncommitted version. A removal is an inner `None`.
    change: Option<Option<Arc<Row>>>,
    /// Who holds the row lock. A changed row is always locked by its changer.
    pub(crate) lock: Option<TxnId>,
}

impl Slot {
    /// What a transaction sees; for `None`, what everyone else sees.
    pub(crate) fn visible(&self, txn: Option<TxnId>) -> Option<&Arc<Row>> {
        match &self.change {
            Some(change) if txn.is_some() && self.lock == txn => change.as_ref(),
            _ => self.committed.as_ref(),
        }
    }

    /// Whether the transaction sees the version from before another transaction's change.
    pub(crate) fn shows_old(&self, txn: Option<TxnId>) -> bool {
        self.change.is_some() && self.locked_by_other(txn)
    }

    fn versions(&self) -> Versions {
        [self.committed.clone(), self.change.clone().flatten()]
    }

    pub(crate) fn locked_by_other(&self, txn: Option<TxnId>) -> bool {
        self.lock.is_some() && self.lock != txn
    }
}

/// A collection or a time series.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) id: i64,
    pub(crate) key: ContainerKey,
    pub(crate) time_series: bool,
    pub(crate) affinity: Vec<u8>,
    /// A number about table partitioning, which may come with the request that created the container. Answers
    /// repeat it.
    pub(crate) partitioning: i64,
    pub(crate) schema: Arc<Schema>,
    pub(crate) version: i32,
    rows: BTreeMap<i64, Slot>,
    /// The row of each key. If a transaction replaced a row it had removed, this is the new one.
    by_key: HashMap<Box<[u8]>, i64>,
    /// Rows replaced that way, which others still see until the transaction ends.
    replaced: HashMap<Box<[u8]>, i64>,
    indexes: Vec<Index>,
    next_row: i64,
}

impl Container {
    pub(crate) fn new(
        id: i64,
        key: ContainerKey,
        time_series: bool,
        schema: Schema,
        affinity: Vec<u8>,
    ) -> Self {
        let mut container = Self {
            id,
            key,
            time_series,
            affinity,
            partitioning: -1,
            schema: Arc::new(schema),
            version: 0,
            rows: BTreeMap::new(),
            by_key: HashMap::new(),
            replaced: HashMap::new(),
            indexes: Vec::new(),
            next_row: 0,
        };
        container.index_row_key();
        container
    }

    /// The row key has an index without a name.
    fn index_row_key(&mut self) {
        if !self.schema.keys.is_empty() {
            let info = IndexInfo { name: Vec::new(), columns: self.schema.keys.clone() };
            self.indexes.push(Index::new(info));
        }
    }

    pub(crate) fn next_row(&self) -> i64 {
        self.next_row
    }

    pub(crate) fn indexes(&self) -> &[Index] {
        &self.indexes
    }

    pub(crate) fn slot(&self, id: i64) -> Option<&Slot> {
        self.rows.get(&id)
    }

    /// The row of a key, if others have to wait for it.
    pub(crate) fn find(&self, key: &[u8]) -> Option<(i64, &Slot)> {
        let id = *self.by_key.get(key)?;
        let slot = self.rows.get(&id)?;
        // what a transaction has put and removed again blocks nobody
        slot.versions().iter().any(Option::is_some).then_some((id, slot))
    }

    /// The row of a key that a transaction sees; for `None`, that everyone else sees.
    pub(crate) fn find_visible(&self, key: &[u8], txn: Option<TxnId>) -> Option<(i64, &Arc<Row>)> {
        let ids = [self.by_key.get(key), self.replaced.get(key)];
        ids.into_iter().flatten().find_map(|id| Some((*id, self.rows.get(id)?.visible(txn)?)))
    }

    /// All rows that anyone could see, ordered by row id.
    pub(crate) fn slots(&self) -> impl DoubleEndedIterator<Item = (i64, &Slot)> {
        self.rows.iter().map(|(id, slot)| (*id, slot))
    }

    pub(crate) fn slots_from(&self, first: i64) -> impl Iterator<Item = (i64, &Slot)> {
        self.rows.range(first..).map(|(id, slot)| (*id, slot))
    }

    /// Discards all transactions, as a crash does.
    pub(crate) fn drop_uncommitted(&mut self) {
        let held = |(id, slot): (&i64, &Slot)| (slot.lock.is_some() || slot.change.is_some()).then_some(*id);
        let held: Vec<_> = self.rows.iter().filter_map(held).collect();
        for id in held {
            self.release(id, false);
        }
    }

    /// Writes a version of a row, committed if there is no transaction. Returns the committed version it replaces.
    pub(crate) fn write(&mut self, id: i64, row: Option<Arc<Row>>, txn: Option<TxnId>) -> Option<Arc<Row>> {
        self.next_row = self.next_row.max(id.saturating_add(1));
        let slot = self.rows.entry(id).or_default();
        let before = slot.versions();
        match txn {
            Some(txn) => {
                slot.change = Some(row);
                slot.lock = Some(txn);
            }
            None => slot.committed = row,
        }
        self.moved(id, &before);
        let [committed, _] = before;
        if txn.is_none() { committed } else { None }
    }

    /// Updates the indexes after a slot's versions have changed, and removes an empty slot.
    fn moved(&mut self, id: i64, before: &Versions) {
        let Some(slot) = self.rows.get(&id) else { return };
        let after = slot.versions();
        for index in &mut self.indexes {
            index.replace(&self.schema, id, before, &after);
        }
        if self.schema.keys.is_empty() {
            if after.iter().all(Option::is_none) && slot.lock.is_none() {
                self.rows.remove(&id);
            }
            return;
        }
        let row = |versions: &Versions| versions.iter().flatten().next().cloned();
        let held = slot.lock.is_some();
        match (row(before), row(&after)) {
            (None, Some(row)) => self.add_key(row.key(&self.schema), id),
            (Some(row), None) if !held => {
                self.remove_key(&row.key(&self.schema), id);
                self.rows.remove(&id);
            }
            (None, None) if !held => drop(self.rows.remove(&id)),
            _ => {}
        }
    }

    fn add_key(&mut self, key: Box<[u8]>, id: i64) {
        let committed = |id: &i64| self.rows.get(id).is_some_and(|slot| slot.committed.is_some());
        if let Some(old) = self.by_key.get(&key).copied().filter(committed) {
            self.replaced.insert(key.clone(), old);
        }
        self.by_key.insert(key, id);
    }

    fn remove_key(&mut self, key: &[u8], id: i64) {
        if self.replaced.get(key) == Some(&id) {
            self.replaced.remove(key);
        }
        if self.by_key.get(key) == Some(&id) {
            match self.replaced.remove(key) {
                Some(old) => drop(self.by_key.insert(key.into(), old)),
                None => drop(self.by_key.remove(key)),
            }
        }
    }

    pub(crate) fn lock(&mut self, id: i64, txn: TxnId) {
        if let Some(slot) = self.rows.get_mut(&id) {
            slot.lock = Some(txn);
        }
    }

    /// Ends a transaction's lock on a row. Returns the committed version that was replaced, if any.
    pub(crate) fn release(&mut self, id: i64, commit: bool) -> Option<Option<Arc<Row>>> {
        let slot = self.rows.get_mut(&id)?;
        let before = slot.versions();
        slot.lock = None;
        let change = slot.change.take();
        let mut replaced = None;
        if let (Some(row), true) = (change, commit) {
            replaced = Some(std::mem::replace(&mut slot.committed, row));
        }
        self.moved(id, &before);
        replaced
    }

    /// Converts the rows to a new schema. No transaction may hold a row.
    pub(crate) fn alter(&mut self, schema: Schema) {
        let old = std::mem::replace(&mut self.schema, Arc::new(schema));
        self.version += 1;
        for slot in self.rows.values_mut() {
            if let Some(row) = &mut slot.committed {
                *row = Arc::new(row.convert(&old, &self.schema));
            }
        }
        let kept: Vec<_> =
            self.indexes.iter().filter_map(|index| carried_over(&index.info, &old, &self.schema)).collect();
        self.indexes.clear();
        for info in kept {
            self.add_index(info);
        }
    }

    pub(crate) fn add_index(&mut self, info: IndexInfo) {
        let mut index = Index::new(info);
        for (id, slot) in &self.rows {
            index.replace(&self.schema, *id, &[None, None], &slot.versions());
        }
        self.indexes.push(index);
        self.indexes.sort_by(|a, b| a.info.columns.cmp(&b.info.columns));
    }

    pub(crate) fn remove_index(&mut self, info: &IndexInfo) {
        self.indexes.retain(|index| index.info != *info);
    }
}

/// The same index after a schema change, if its columns still exist.
fn carried_over(info: &IndexInfo, old: &Schema, new: &Schema) -> Option<IndexInfo> {
    let columns = info.columns.iter().map(|column| new.find(&old.columns[*column].name));
    Some(IndexInfo { name: info.name.clone(), columns: columns.collect::<Option<_>>()? })
}
