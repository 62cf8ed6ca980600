//! Where each column of a row is.

use crate::schema::{Column, Schema};

/// Where the columns of a container's rows are in its bytes, in the order in which the caller knows them.
///
/// The server keeps a container's columns in an order of its own when it was made by somebody who named them in
/// another one; rows are encoded by the server's order, and given and read in the caller's.
#[derive(Debug, Clone)]
pub struct Layout {
    schema: Schema,
    slots: Vec<Slot>,
    /// Caller's positions of the variable columns, in the server's order.
    variable: Vec<usize>,
    null_bytes: usize,
    fixed_size: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// Number of the column's NULL bit.
    pub(super) bit: usize,
    pub(super) location: ColumnLocation,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum ColumnLocation {
    /// So many bytes after the NULL bits.
    Fixed(usize),
    /// So many variable columns before it.
    Variable(usize),
}

impl Layout {
    /// The layout of rows of `server`'s columns as `caller` orders them; `None` when they are not the same
    /// columns.
    pub fn new(caller: &Schema, server: &Schema) -> Option<Self> {
        if !caller.same_columns(server) {
            return None;
        }
        let mut slots = vec![Slot { bit: 0, location: ColumnLocation::Fixed(0) }; caller.columns.len()];
        let mut variable = Vec::new();
        let mut fixed = 0;
        for (bit, column) in server.columns.iter().enumerate() {
            let mine = caller.position(column.name())?;
            let location = if column.is_variable() {
                variable.push(mine);
                ColumnLocation::Variable(variable.len() - 1)
            } else {
                fixed += column.column_type.fixed_size();
                ColumnLocation::Fixed(fixed - column.column_type.fixed_size())
            };
            *slots.get_mut(mine)? = Slot { bit, location };
        }
        let null_bytes = server.columns.len().div_ceil(8);
        let offset = if variable.is_empty() { 0 } else { 8 };
        Some(Self {
            schema: caller.clone(),
            slots,
            variable,
            null_bytes,
            fixed_size: offset + null_bytes + fixed,
        })
    }

    /// The layout of rows in the order that the schema has.
    pub fn of(schema: &Schema) -> Option<Self> {
        Self::new(schema, schema)
    }

    /// The columns in the caller's order.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The columns in the caller's order.
    pub fn columns(&self) -> &[Column] {
        &self.schema.columns
    }

    /// Bytes of a row's fixed part, without a row id.
    pub(super) fn fixed_size(&self) -> usize {
        self.fixed_size
    }

    pub(super) fn null_bytes(&self) -> usize {
        self.null_bytes
    }

    /// Where the NULL bits begin in the fixed part, without a row id.
    pub(super) fn nulls_at(&self) -> usize {
        if self.variable.is_empty() { 0 } else { 8 }
    }

    pub(super) fn slot(&self, index: usize) -> Option<Slot> {
        self.slots.get(index).copied()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = (Slot, &Column)> {
        self.slots.iter().copied().zip(&self.schema.columns)
    }

    /// Caller's positions of the variable columns, in the order in which they travel.
    pub(super) fn variable(&self) -> &[usize] {
        &self.variable
    }
}
