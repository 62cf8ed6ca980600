//! Rows on the wire (protocol 5.2): all fixed parts, then all variable parts.

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

/// A row or key that cannot be encoded. Columns are named, values are not quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The numbers of values and columns differ.
    #[error("{given} values given for {columns} columns")]
    Count {
        /// The number of columns.
        columns: usize,
        /// The number of values.
        given: usize,
    },
    /// The value's type differs from the column's.
    #[error("column `{column}` takes {expected}, not {given}")]
    Type {
        /// The column's name.
        column: Box<str>,
        /// Its type.
        expected: Box<str>,
        /// The kind of the given value.
        given: &'static str,
    },
    /// NULL for a column that must not be NULL.
    #[error("column `{0}` cannot be NULL")]
    Null(Box<str>),
    /// A text with a NUL character, which GridDB does not accept.
    #[error("column `{0}` was given a text with a NUL character")]
    Nul(Box<str>),
}
