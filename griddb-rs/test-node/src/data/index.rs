//! Sorted copies of a column's values.

use super::container::Versions;
use crate::wire::row::{Row, Value};
use crate::wire::schema::{Column, Schema, Type};
use std::collections::BTreeSet;
use std::ops::Bound;

/// A value with a total order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum IndexKey {
    Bool(bool),
    Int(i64),
    /// The bits of a float, transformed so that they sort like the number.
    Float(u64),
    Time(i128),
    Text(Box<[u8]>),
    /// NULL sorts last, as in ascending order.
    Null,
}

impl IndexKey {
    pub(crate) fn new(value: Value<'_>) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Int(value) => Self::Int(value),
            Value::Float(value) => Self::float(value),
            Value::Time(value) => Self::Time(value),
            Value::Text(value) => Self::Text(value.into()),
            Value::Opaque => return None,
        })
    }

    fn float(value: f64) -> Self {
        let bits = value.to_bits();
        Self::Float(if bits >> 63 == 1 { !bits } else { bits | 1 << 63 })
    }
}

/// The arguments of CREATE_INDEX.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexInfo {
    pub(crate) name: Vec<u8>,
    pub(crate) columns: Vec<usize>,
}

/// An index. It sorts the values of its first column if they have an order.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) info: IndexInfo,
    entries: BTreeSet<(IndexKey, i64)>,
}

impl Index {
    pub(crate) fn new(info: IndexInfo) -> Self {
        Self { info, entries: BTreeSet::new() }
    }

    fn key(&self, schema: &Schema, row: &Row) -> Option<IndexKey> {
        IndexKey::new(row.value(schema, *self.info.columns.first()?))
    }

    /// A STRING row key is found by its hash, so queries cannot use its order.
    fn keeps_entries(&self, schema: &Schema) -> bool {
        match self.info.columns.as_slice() {
            [column] => schema.keys != [*column] || schema.columns[*column].kind != Type::String,
            _ => true,
        }
    }

    /// Replaces some versions of a row with others.
    pub(crate) fn replace(&mut self, schema: &Schema, id: i64, before: &Versions, after: &Versions) {
        if !self.keeps_entries(schema) {
            return;
        }
        let keys = |versions: &Versions| {
            let [first, second] = versions;
            [first, second].map(|row| row.as_ref().and_then(|row| self.key(schema, row)))
        };
        let (before, after) = (keys(before), keys(after));
        if before == after {
            return;
        }
        for key in before.into_iter().flatten().filter(|key| !after.contains(&Some(key.clone()))) {
            self.entries.remove(&(key, id));
        }
        for key in after.into_iter().flatten() {
            self.entries.insert((key, id));
        }
    }

    /// Ids of rows that had, have, or may get a value in the range.
    pub(crate) fn range(&self, low: Bound<IndexKey>, high: Bound<IndexKey>) -> Vec<i64> {
        let low = match low {
            Bound::Included(key) => Bound::Included((key, i64::MIN)),
            Bound::Excluded(key) => Bound::Excluded((key, i64::MAX)),
            Bound::Unbounded => Bound::Unbounded,
        };
        let high = match high {
            Bound::Included(key) => Bound::Included((key, i64::MAX)),
            Bound::Excluded(key) => Bound::Excluded((key, i64::MIN)),
            // NULL is in no range
            Bound::Unbounded => Bound::Excluded((IndexKey::Null, i64::MIN)),
        };
        match (&low, &high) {
            (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to))
                if from > to =>
            {
                Vec::new()
            }
            _ => self.entries.range((low, high)).map(|(_, id)| *id).collect(),
        }
    }
}

/// Whether a column can have a tree index.
pub(crate) fn can_be_indexed(column: &Column) -> bool {
    !column.array && !matches!(column.kind, Type::Blob | Type::Geometry)
}
