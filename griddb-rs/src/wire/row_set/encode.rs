//! Encoding rows.

use super::{InputError, Layout, field, layout::ColumnLocation};
use crate::{value::Value, wire::varsize};

/// Appends a row set of one row.
///
/// # Errors
/// The values do not fit the columns. `out` then ends with half a row; the caller has to truncate it.
pub fn encode_row(out: &mut Vec<u8>, layout: &Layout, values: &[Value<'_>]) -> Result<(), InputError> {
    check_count(layout, values)?;
    let start = out.len();
    out.resize(start + layout.fixed_size(), 0);
    write_fixed(&mut out[start..], layout, values)?;
    write_variable(out, layout, values)
}

/// Rows collected for one row set.
#[derive(Debug, Default)]
pub struct RowBatch {
    fixed: Vec<u8>,
    variable: Vec<u8>,
    rows: u64,
}

impl RowBatch {
    /// Adds a row.
    ///
    /// # Errors
    /// The values do not fit the columns. The batch is then unusable.
    pub fn push(&mut self, layout: &Layout, values: &[Value<'_>]) -> Result<(), InputError> {
        check_count(layout, values)?;
        let start = self.fixed.len();
        self.fixed.resize(start + layout.fixed_size(), 0);
        let row = &mut self.fixed[start..];
        if !layout.variable().is_empty() {
            row[..8].copy_from_slice(&(self.variable.len() as u64).to_le_bytes());
        }
        write_fixed(row, layout, values)?;
        self.rows += 1;
        write_variable(&mut self.variable, layout, values)
    }

    /// The number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Appends the row set.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.fixed);
        out.extend_from_slice(&self.variable);
    }
}

fn check_count(layout: &Layout, values: &[Value<'_>]) -> Result<(), InputError> {
    if values.len() == layout.columns().len() {
        return Ok(());
    }
    Err(InputError::Count { columns: layout.columns().len(), given: values.len() })
}

/// Fills a zeroed fixed part except for its offset: NULL bits and fixed columns.
fn write_fixed(row: &mut [u8], layout: &Layout, values: &[Value<'_>]) -> Result<(), InputError> {
    let (nulls, fixed) = row[layout.nulls_at()..].split_at_mut(layout.null_bytes());
    for ((slot, column), value) in layout.slots().zip(values) {
        if value.is_null() {
            if !column.nullable {
                return Err(InputError::Null(column.name.clone()));
            }
            nulls[slot.bit / 8] |= 1 << (slot.bit % 8);
        } else if let ColumnLocation::Fixed(at) = slot.location {
            let bytes = &mut fixed[at..at + column.column_type.fixed_size()];
            field::write_scalar(bytes, column, value)?;
        }
    }
    Ok(())
}

fn write_variable(out: &mut Vec<u8>, layout: &Layout, values: &[Value<'_>]) -> Result<(), InputError> {
    if layout.variable().is_empty() {
        return Ok(());
    }
    varsize::encode(out, layout.variable().len() as u64);
    for &position in layout.variable() {
        field::write_variable(out, &layout.columns()[position], &values[position])?;
    }
    Ok(())
}
