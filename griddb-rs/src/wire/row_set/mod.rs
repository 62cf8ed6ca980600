//! Rows as they travel (protocol 5.2): all fixed parts first, then all variable parts.

mod decode;
mod encode;
mod field;
mod layout;
#[cfg(test)]
mod tests;

pub use decode::{RowSpan, decode_rows, decode_rows_as, for_each_row, value_at};
pub use encode::{RowBatch, encode_row};
pub use field::{encode_key_field, scalar};
pub use layout::Layout;

/// A row or key that cannot be written as given. Columns are named, values are not quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// Another number of values than columns.
    #[error("{given} values given for {columns} columns")]
    Count {
        /// Columns there are.
        columns: usize,
        /// Values given.
        given: usize,
    },
    /// A value of another type than the column's.
    #[error("column `{column}` takes {expected}, not {given}")]
    Type {
        /// The column's name.
        column: Box<str>,
        /// Its type.
        expected: Box<str>,
        /// What kind of value was given.
        given: &'static str,
    },
    /// NULL for a column that has none.
    #[error("column `{0}` cannot be NULL")]
    Null(Box<str>),
    /// A text with a NUL character, which GridDB does not keep.
    #[error("column `{0}` was given a text with a NUL character")]
    Nul(Box<str>),
}
