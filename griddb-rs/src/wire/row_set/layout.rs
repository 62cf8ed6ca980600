//! Where each column of a row is.

use crate::schema::{Column, Schema};

/// Where the columns of a container's rows are in the encoded bytes, indexed in the caller's order.
///
/// The server's column order differs from the caller's if another client created the container with another order.
/// Rows are encoded in the server's order, and written and read in the caller's.
#[derive(Debug, Clone)]
pub struct Layout {
    schema: Schema,
    slots: Vec<Slot>,
    /// The caller's positions of the variable columns, in the server's order.
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
    /// This many bytes after the NULL bits.
    Fixed(usize),
    /// After this many other variable columns.
    Variable(usize),
}

impl Layout {
    /// The layout of rows with `server`'s columns in `caller`'s order; `None` if the columns differ.
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

    /// The layout of rows in the schema's own order.
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

    /// The size of a row's fixed part without a row id.
    pub(super) fn fixed_size(&self) -> usize {
        self.fixed_size
    }

    pub(super) fn null_bytes(&self) -> usize {
        self.null_bytes
    }

    /// The offset of the NULL bits in the fixed part, without a row id.
    pub(super) fn nulls_at(&self) -> usize {
        if self.variable.is_empty() { 0 } else { 8 }
    }

    pub(super) fn slot(&self, index: usize) -> Option<Slot> {
        self.slots.get(index).copied()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = (Slot, &Column)> {
        self.slots.iter().copied().zip(&self.schema.columns)
    }

    /// The caller's positions of the variable columns, in the order of encoding.
    pub(super) fn variable(&self) -> &[usize] {
        &self.variable
    }
}
