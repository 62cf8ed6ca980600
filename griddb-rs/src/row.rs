//! Rows as a program sees them.

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::Bytes;

use crate::{
    error::{Error, ErrorKind},
    schema::Column,
    value::{FromValue, ToValue, Value},
    wire::row_set::{Layout, RowSpan, value_at},
};

/// A row that was read.
///
/// Values are decoded on access: text and bytes can be borrowed from the answer without a copy. A row keeps the
/// whole answer alive, so to keep a small part of it for long, take that part out.
#[derive(Clone)]
pub struct Row {
    answer: Bytes,
    layout: Arc<Layout>,
    span: RowSpan,
}

/// Names a column of a row: by its index or its name.
pub trait ColumnIndex: fmt::Debug + Copy {
    /// The column's index.
    fn index(self, columns: &[Column]) -> Option<usize>;
}

impl ColumnIndex for usize {
    fn index(self, columns: &[Column]) -> Option<usize> {
        (self < columns.len()).then_some(self)
    }
}

impl ColumnIndex for &str {
    fn index(self, columns: &[Column]) -> Option<usize> {
        columns.iter().position(|column| column.name().eq_ignore_ascii_case(self))
    }
}

impl Row {
    pub(crate) fn new(answer: Bytes, layout: Arc<Layout>, span: RowSpan) -> Self {
        Self { answer, layout, span }
    }

    /// The columns, in the order of the schema that the collection was opened with.
    pub fn columns(&self) -> &[Column] {
        self.layout.columns()
    }

    /// The value of a column, converted to a Rust type. Use `Option` for columns that may be NULL.
    ///
    /// # Errors
    /// The column does not exist, has another type, or is NULL and `T` is not an `Option`.
    pub fn get<'a, T: FromValue<'a>>(&'a self, column: impl ColumnIndex) -> Result<T, Error> {
        let index = column.index(self.columns()).ok_or_else(|| {
            Error::with_message(ErrorKind::SchemaMismatch, format!("there is no column {column:?}"))
        })?;
        let value = value_at(&self.answer, &self.layout, self.span, index)?;
        let kind = value.kind();
        T::from_value(value).ok_or_else(|| {
            let name = self.columns().get(index).map_or("", Column::name);
            let message = format!("column `{name}` holds {kind}, which is not read as {}", T::EXPECTED);
            Error::with_message(ErrorKind::SchemaMismatch, message)
        })
    }

    /// All values in the order of the columns.
    ///
    /// # Errors
    /// A text is not UTF-8, or an array is damaged.
    pub fn values(&self) -> Result<Vec<Value<'_>>, Error> {
        let all = 0..self.columns().len();
        Ok(all
            .map(|index| value_at(&self.answer, &self.layout, self.span, index))
            .collect::<Result<_, _>>()?)
    }

    /// Converts the row to a type of your own.
    ///
    /// # Errors
    /// Those of the type's [`FromRow`].
    pub fn read<T: FromRow>(&self) -> Result<T, Error> {
        T::from_row(self)
    }
}

impl fmt::Debug for Row {
    /// Names the columns and omits the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = f.debug_struct("Row");
        for column in self.columns() {
            row.field(column.name(), &column.column_type());
        }
        row.finish()
    }
}

impl PartialEq for Row {
    /// Rows are equal if their columns and values are.
    fn eq(&self, other: &Self) -> bool {
        self.columns() == other.columns()
            && match (self.values(), other.values()) {
                (Ok(mine), Ok(theirs)) => mine == theirs,
                _ => false,
            }
    }
}

/// A type that can be written as a whole row: tuples of column values, slices of values, or a type of your own.
///
/// ```
/// use griddb_rs::{ToRow, ToValue, Value};
///
/// struct Token { id: String, expires: i64 }
///
/// impl ToRow for Token {
///     fn with_values<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
///         write(&[self.id.to_value(), self.expires.to_value()])
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written as a row",
    note = "use a tuple of column values such as `(\"key\", 1i64)`, or implement `ToRow`"
)]
pub trait ToRow {
    /// Calls `write` once with the values in the order of the schema's columns.
    fn with_values<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R;
}

/// A type that can be used as a row key: a single value, or a tuple for a composite key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as a row key",
    note = "a row key is text, `i32`, `i64` or a `Timestamp`, or a tuple of them for a composite key"
)]
pub trait ToKey {
    /// Calls `write` once with the values of the key columns.
    fn with_key<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R;
}

/// A type that a whole row can be converted to: tuples of columns, or a type of your own.
#[diagnostic::on_unimplemented(
    message = "a row cannot be read as `{Self}`",
    note = "use a tuple of column types such as `(String, i64)`, or implement `FromRow`"
)]
pub trait FromRow: Sized {
    /// Reads the row.
    ///
    /// # Errors
    /// The row's columns do not fit the type.
    fn from_row(row: &Row) -> Result<Self, Error>;
}

impl ToRow for [Value<'_>] {
    fn with_values<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
        write(self)
    }
}

impl ToRow for Vec<Value<'_>> {
    fn with_values<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
        write(self)
    }
}

impl<const N: usize> ToRow for [Value<'_>; N] {
    fn with_values<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
        write(self)
    }
}

impl<T: ToRow + ?Sized> ToRow for &T {
    fn with_values<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
        (**self).with_values(write)
    }
}

impl<T: ToKey + ?Sized> ToKey for &T {
    fn with_key<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
        (**self).with_key(write)
    }
}

impl<T: ToKey + ToOwned + ?Sized> ToKey for Cow<'_, T> {
    fn with_key<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
        (**self).with_key(write)
    }
}

impl<T: ToKey + ?Sized> ToKey for Box<T> {
    fn with_key<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
        (**self).with_key(write)
    }
}

impl<T: ToKey + ?Sized> ToKey for Arc<T> {
    fn with_key<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
        (**self).with_key(write)
    }
}

impl ToKey for [Value<'_>] {
    fn with_key<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
        write(self)
    }
}

macro_rules! single_keys {
    ($($key:ty),*) => {$(
        impl ToKey for $key {
            fn with_key<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
                write(&[self.to_value()])
            }
        }
    )*};
}

single_keys!(str, String, i32, i64, crate::timestamp::Timestamp, Value<'_>);

macro_rules! tuples {
    ($($name:ident $index:tt),*) => {
        impl<$($name: ToValue),*> ToRow for ($($name,)*) {
            fn with_values<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
                write(&[$(self.$index.to_value()),*])
            }
        }

        impl<$($name: ToValue),*> ToKey for ($($name,)*) {
            fn with_key<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
                write(&[$(self.$index.to_value()),*])
            }
        }

        impl<$($name: for<'a> FromValue<'a>),*> FromRow for ($($name,)*) {
            fn from_row(row: &Row) -> Result<Self, Error> {
                Ok(($(row.get::<$name>($index)?,)*))
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

impl FromRow for Row {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(row.clone())
    }
}

impl ToRow for Row {
    /// A row whose bytes are damaged has no values.
    fn with_values<R>(&self, write: impl FnOnce(&[Value<'_>]) -> R) -> R {
        write(&self.values().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        schema::{ColumnType, Schema},
        wire::{reader::Reader, row_set},
    };

    fn row(values: &impl ToRow) -> Row {
        let schema = Schema::new().key("Id", ColumnType::String).nullable("n", ColumnType::Long);
        let layout = Arc::new(Layout::of(&schema).unwrap());
        let mut bytes = Vec::new();
        values.with_values(|values| row_set::encode_row(&mut bytes, &layout, values)).unwrap();
        let span = row_set::decode_rows(&mut Reader::new(&bytes), &layout, 1, false).unwrap()[0];
        Row::new(bytes.into(), layout, span)
    }

    #[test]
    fn values_by_place_and_name() {
        let row = row(&("secret", Some(5i64)));
        assert_eq!(row.get::<&str>("id").unwrap(), "secret");
        assert_eq!(row.get::<i64>(1).unwrap(), 5);
        assert_eq!(row.read::<(String, Option<i64>)>().unwrap(), ("secret".into(), Some(5)));
        assert_eq!(row.get::<i64>("x").unwrap_err().to_string(), "there is no column \"x\"");
        let wrong = row.get::<i64>("id").unwrap_err();
        assert_eq!(wrong.to_string(), "column `Id` holds STRING, which is not read as LONG");
        assert!(!format!("{row:?}").contains("secret"));
    }

    #[test]
    fn null_wants_an_option() {
        let row = row(&("k", None::<i64>));
        assert_eq!(row.get::<Option<i64>>("n").unwrap(), None);
        assert_eq!(
            row.get::<i64>("n").unwrap_err().to_string(),
            "column `n` holds NULL, which is not read as LONG"
        );
        assert_eq!(row, self::row(&row));
    }
}
