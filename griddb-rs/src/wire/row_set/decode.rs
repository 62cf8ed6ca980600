//! Finding rows in an answer, and values in a row.

use super::{Layout, field, layout::ColumnLocation};
use crate::{
    value::Value,
    wire::reader::{DecodeError, Reader},
};

/// The position of one row in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowSpan {
    /// The offset of its NULL bits.
    nulls: usize,
    /// The offset of its variable columns, after their number.
    variable: usize,
    /// The row id from the server, except for time series.
    pub id: Option<i64>,
}

/// Finds `count` rows at the reader's position and moves the reader past them; see [`for_each_row`].
pub fn decode_rows(
    reader: &mut Reader<'_>,
    layout: &Layout,
    count: usize,
    with_ids: bool,
) -> Result<Vec<RowSpan>, DecodeError> {
    decode_rows_as(reader, layout, count, with_ids, |row| row)
}

/// Like [`decode_rows`], with each row converted by a function.
pub fn decode_rows_as<R>(
    reader: &mut Reader<'_>,
    layout: &Layout,
    count: usize,
    with_ids: bool,
    mut make: impl FnMut(RowSpan) -> R,
) -> Result<Vec<R>, DecodeError> {
    let mut rows = Vec::new();
    for_each_row(reader, layout, count, with_ids, |row| {
        if rows.is_empty() {
            rows.reserve_exact(count);
        }
        rows.push(make(row));
    })?;
    Ok(rows)
}

/// Calls `found` for each of `count` rows at the reader's position and moves the reader past them.
///
/// The whole extent of every row is checked here, so that [`value_at`] finds its bytes. `count` needs no prior
/// check: more rows than bytes are refused before the first call.
///
/// # Errors
/// The bytes are not rows of that layout. `found` may have been called for the rows before the invalid one.
pub fn for_each_row(
    reader: &mut Reader<'_>,
    layout: &Layout,
    count: usize,
    with_ids: bool,
    mut found: impl FnMut(RowSpan),
) -> Result<(), DecodeError> {
    const WHAT: &str = "row set";
    let size = layout.fixed_size() + if with_ids { 8 } else { 0 };
    let fixed_size = size.checked_mul(count).ok_or(DecodeError::Short(WHAT))?;
    let fixed_at = reader.position();
    let fixed = reader.bytes(fixed_size, WHAT)?;
    let mut variable = Variable { start: reader.position(), base: None, end: reader.position() };
    for row in 0..count {
        let mut fixed = Reader::starting_at(fixed, size * row);
        let id = if with_ids { Some(fixed.i64("row id")?) } else { None };
        let variable_at = if layout.variable().is_empty() {
            0
        } else {
            variable.row(*reader, fixed.i64("offset")?, layout)?
        };
        let nulls = fixed_at + fixed.position();
        found(RowSpan { nulls, variable: variable_at, id });
    }
    reader.bytes(variable.end - variable.start, WHAT)?;
    Ok(())
}

/// The variable parts, whose offsets count from the first row's.
struct Variable {
    start: usize,
    base: Option<i64>,
    end: usize,
}

impl Variable {
    /// Checks a row's variable part and returns the offset of its first column.
    fn row(&mut self, behind_fixed: Reader<'_>, offset: i64, layout: &Layout) -> Result<usize, DecodeError> {
        const WHAT: &str = "variable part";
        let base = *self.base.get_or_insert(offset);
        let at = offset
            .checked_sub(base)
            .and_then(|at| usize::try_from(at).ok())
            .ok_or(DecodeError::Invalid(WHAT))?;
        let mut reader = behind_fixed;
        reader.bytes(at, WHAT)?;
        if reader.varsize(WHAT)? != layout.variable().len() as u64 {
            return Err(DecodeError::Invalid("number of variable columns"));
        }
        let columns_at = reader.position();
        for _ in layout.variable() {
            reader.var_bytes(WHAT)?;
        }
        self.end = self.end.max(reader.position());
        Ok(columns_at)
    }
}

/// The value of column `index`, in the caller's order, of a row that [`decode_rows`] found in `answer`.
///
/// # Errors
/// The column does not exist, a text is not UTF-8, or an array is damaged.
pub fn value_at<'a>(
    answer: &'a [u8],
    layout: &Layout,
    row: RowSpan,
    index: usize,
) -> Result<Value<'a>, DecodeError> {
    let slot = layout.slot(index).ok_or(DecodeError::Invalid("column"))?;
    let column = layout.columns().get(index).ok_or(DecodeError::Invalid("column"))?;
    let nulls = Reader::starting_at(answer, row.nulls).bytes(layout.null_bytes(), "NULL bits")?;
    if nulls[slot.bit / 8] >> (slot.bit % 8) & 1 == 1 {
        return Ok(Value::Null);
    }
    match slot.location {
        ColumnLocation::Fixed(at) => field::scalar(
            &mut Reader::starting_at(answer, row.nulls + layout.null_bytes() + at),
            column.column_type,
        ),
        ColumnLocation::Variable(before) => {
            let mut reader = Reader::starting_at(answer, row.variable);
            for _ in 0..before {
                reader.var_bytes("variable column")?;
            }
            field::variable(column, reader.var_bytes("variable column")?)
        }
    }
}
