//! The shape of a container's rows: columns, row key, indexes.

use std::fmt;

/// The type of a column, or of the elements of an array column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnType {
    /// UTF-8 text without NUL, at most 31 KiB with blocks of 64 KiB.
    String,
    /// True or false.
    Bool,
    /// 8 bits, signed.
    Byte,
    /// 16 bits, signed.
    Short,
    /// 32 bits, signed.
    Integer,
    /// 64 bits, signed.
    Long,
    /// 32-bit floating point.
    Float,
    /// 64-bit floating point.
    Double,
    /// A time in milliseconds.
    Timestamp,
    /// A spatial value. Its bytes can be read, but not written.
    Geometry,
    /// Bytes.
    Blob,
    /// A time in microseconds: `TIMESTAMP(6)`.
    TimestampMicros,
    /// A time in nanoseconds: `TIMESTAMP(9)`.
    TimestampNanos,
}

impl ColumnType {
    /// Whether values of this type vary in size.
    pub(crate) fn is_variable(self) -> bool {
        matches!(self, Self::String | Self::Geometry | Self::Blob)
    }

    /// The size of a value in the fixed part of a row; 0 for variable types.
    pub(crate) fn fixed_size(self) -> usize {
        match self {
            Self::String | Self::Geometry | Self::Blob => 0,
            Self::Bool | Self::Byte => 1,
            Self::Short => 2,
            Self::Integer | Self::Float => 4,
            Self::Long | Self::Double | Self::Timestamp | Self::TimestampMicros => 8,
            Self::TimestampNanos => 9,
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "STRING",
            Self::Bool => "BOOL",
            Self::Byte => "BYTE",
            Self::Short => "SHORT",
            Self::Integer => "INTEGER",
            Self::Long => "LONG",
            Self::Float => "FLOAT",
            Self::Double => "DOUBLE",
            Self::Timestamp => "TIMESTAMP",
            Self::Geometry => "GEOMETRY",
            Self::Blob => "BLOB",
            Self::TimestampMicros => "TIMESTAMP(6)",
            Self::TimestampNanos => "TIMESTAMP(9)",
        })
    }
}

/// A column of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub(crate) name: Box<str>,
    pub(crate) column_type: ColumnType,
    pub(crate) array: bool,
    pub(crate) nullable: bool,
}

impl Column {
    /// The column's name. Comparisons ignore the case of ASCII letters.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of its values, or of the elements of its arrays.
    pub fn column_type(&self) -> ColumnType {
        self.column_type
    }

    /// Whether each value is an array.
    pub fn is_array(&self) -> bool {
        self.array
    }

    /// Whether a value may be NULL.
    pub fn is_nullable(&self) -> bool {
        self.nullable
    }

    pub(crate) fn is_variable(&self) -> bool {
        self.array || self.column_type.is_variable()
    }

    /// Whether it is the same column as the other: same name except for case, same type.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name)
            && self.column_type == other.column_type
            && self.array == other.array
            && self.nullable == other.nullable
    }
}

/// An index on one or more columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) name: Box<str>,
    pub(crate) columns: Vec<Box<str>>,
}

/// The columns of a container, its row key, and the indexes it should have.
///
/// The row key's columns come first and are never NULL.
///
/// ```
/// use griddb_rs::{ColumnType, Schema};
///
/// let tokens = Schema::new()
///     .key("id", ColumnType::String)
///     .column("client", ColumnType::String)
///     .nullable("note", ColumnType::String)
///     .column("expires", ColumnType::Timestamp)
///     .index("expires");
/// assert_eq!(tokens.columns().len(), 4);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    pub(crate) columns: Vec<Column>,
    pub(crate) key: Vec<usize>,
    pub(crate) indexes: Vec<Index>,
}

impl Schema {
    /// A schema without columns. Add at least one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column to the row key: STRING, INTEGER, LONG or a timestamp. Several calls make a composite key. Key
    /// columns must be added before all others.
    #[must_use]
    pub fn key(mut self, name: &str, column_type: ColumnType) -> Self {
        self.key.push(self.columns.len());
        self.push(name, column_type, false, false)
    }

    /// Adds a column that is never NULL.
    #[must_use]
    pub fn column(self, name: &str, column_type: ColumnType) -> Self {
        self.push(name, column_type, false, false)
    }

    /// Adds a column that may be NULL.
    #[must_use]
    pub fn nullable(self, name: &str, column_type: ColumnType) -> Self {
        self.push(name, column_type, false, true)
    }

    /// Adds a column of arrays, never NULL. Elements may not be BLOB or one of the finer timestamps.
    #[must_use]
    pub fn array(self, name: &str, element: ColumnType) -> Self {
        self.push(name, element, true, false)
    }

    /// Adds a column of arrays that may be NULL.
    #[must_use]
    pub fn nullable_array(self, name: &str, element: ColumnType) -> Self {
        self.push(name, element, true, true)
    }

    /// Adds a TREE index on a column. The row key needs none.
    #[must_use]
    pub fn index(self, column: &str) -> Self {
        self.index_on("", &[column])
    }

    /// Adds a TREE index on several columns in this order. The name may be empty.
    #[must_use]
    pub fn index_on(mut self, name: &str, columns: &[&str]) -> Self {
        self.indexes.push(Index {
            name: name.into(),
            columns: columns.iter().map(|&column| column.into()).collect(),
        });
        self
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns of the row key in order; none if the container has no row key.
    pub fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().filter_map(|index| self.columns.get(*index))
    }

    /// The position of the column with that name, ignoring case.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    fn push(mut self, name: &str, column_type: ColumnType, array: bool, nullable: bool) -> Self {
        self.columns.push(Column { name: name.into(), column_type, array, nullable });
        self
    }

    /// What is wrong with it, if anything, as a message for a developer.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.columns.is_empty() {
            return Some("a schema needs a column".into());
        }
        if self.key.iter().enumerate().any(|(position, column)| position != *column) {
            return Some("the columns of the row key must come first".into());
        }
        for (position, column) in self.columns.iter().enumerate() {
            if self.position(&column.name) != Some(position) {
                return Some(format!("column `{}` is defined twice", column.name));
            }
            if column.array
                && matches!(
                    column.column_type,
                    ColumnType::Blob
                        | ColumnType::Geometry
                        | ColumnType::TimestampMicros
                        | ColumnType::TimestampNanos
                )
            {
                return Some(format!(
                    "column `{}`: there are no arrays of {}",
                    column.name, column.column_type
                ));
            }
        }
        for column in self.key_columns() {
            if !matches!(
                column.column_type,
                ColumnType::String
                    | ColumnType::Integer
                    | ColumnType::Long
                    | ColumnType::Timestamp
                    | ColumnType::TimestampMicros
                    | ColumnType::TimestampNanos
            ) {
                return Some(format!("column `{}`: {} cannot be a row key", column.name, column.column_type));
            }
        }
        for index in &self.indexes {
            for name in &index.columns {
                if self.position(name).is_none() {
                    return Some(format!("there is no column `{name}` to index"));
                }
            }
        }
        None
    }

    /// Whether both have the same columns and row key. The order of the other columns does not matter.
    pub(crate) fn same_columns(&self, other: &Self) -> bool {
        self.columns.len() == other.columns.len()
            && self.columns.iter().all(|column| {
                other.position(&column.name).is_some_and(|position| other.columns[position].same_as(column))
            })
            && self.key.len() == other.key.len()
            && self.key_columns().zip(other.key_columns()).all(|(mine, theirs)| mine.same_as(theirs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_in_words() {
        let twice = Schema::new().key("a", ColumnType::String).column("A", ColumnType::Long);
        assert_eq!(twice.fault().as_deref(), Some("column `A` is defined twice"));
        let late = Schema::new().column("a", ColumnType::String).key("b", ColumnType::Long);
        assert_eq!(late.fault().as_deref(), Some("the columns of the row key must come first"));
        let wrong = Schema::new().key("a", ColumnType::Double);
        assert_eq!(wrong.fault().as_deref(), Some("column `a`: DOUBLE cannot be a row key"));
        let index = Schema::new().key("a", ColumnType::Long).index("b");
        assert_eq!(index.fault().as_deref(), Some("there is no column `b` to index"));
        let array = Schema::new().array("a", ColumnType::Blob);
        assert_eq!(array.fault().as_deref(), Some("column `a`: there are no arrays of BLOB"));
        assert_eq!(Schema::new().fault().as_deref(), Some("a schema needs a column"));
    }

    #[test]
    fn order_and_case_do_not_make_another_schema() {
        let one = Schema::new()
            .key("k", ColumnType::String)
            .column("a", ColumnType::Long)
            .nullable("b", ColumnType::Blob);
        let two = Schema::new()
            .key("K", ColumnType::String)
            .nullable("B", ColumnType::Blob)
            .column("A", ColumnType::Long);
        assert!(one.same_columns(&two));
        let three = Schema::new()
            .key("k", ColumnType::String)
            .column("a", ColumnType::Long)
            .column("b", ColumnType::Blob);
        assert!(!one.same_columns(&three));
    }
}
