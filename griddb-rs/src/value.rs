//! Values of columns.

mod conversions;

use std::borrow::Cow;

use crate::{schema::ColumnType, timestamp::Timestamp};

/// The value of a column. It borrows where possible: a value that was read points into the answer, and a value to
/// be written points into the caller's data. [`into_owned`](Self::into_owned) makes it independent.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Byte(i8),
    Short(i16),
    Integer(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    /// With any of the three precisions.
    Timestamp(Timestamp),
    String(Cow<'a, str>),
    /// The bytes of a BLOB, or the raw bytes of a GEOMETRY.
    Blob(Cow<'a, [u8]>),
    Array(Array<'a>),
}

/// The value of an array column.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Array<'a> {
    Bool(Cow<'a, [bool]>),
    Byte(Cow<'a, [i8]>),
    Short(Cow<'a, [i16]>),
    Integer(Cow<'a, [i32]>),
    Long(Cow<'a, [i64]>),
    Float(Cow<'a, [f32]>),
    Double(Cow<'a, [f64]>),
    Timestamp(Cow<'a, [Timestamp]>),
    String(Vec<Cow<'a, str>>),
}

impl Array<'_> {
    /// The type of the elements.
    pub fn element_type(&self) -> ColumnType {
        match self {
            Self::Bool(_) => ColumnType::Bool,
            Self::Byte(_) => ColumnType::Byte,
            Self::Short(_) => ColumnType::Short,
            Self::Integer(_) => ColumnType::Integer,
            Self::Long(_) => ColumnType::Long,
            Self::Float(_) => ColumnType::Float,
            Self::Double(_) => ColumnType::Double,
            Self::Timestamp(_) => ColumnType::Timestamp,
            Self::String(_) => ColumnType::String,
        }
    }

    /// Clones what it borrows.
    pub fn into_owned(self) -> Array<'static> {
        match self {
            Self::Bool(list) => Array::Bool(Cow::Owned(list.into_owned())),
            Self::Byte(list) => Array::Byte(Cow::Owned(list.into_owned())),
            Self::Short(list) => Array::Short(Cow::Owned(list.into_owned())),
            Self::Integer(list) => Array::Integer(Cow::Owned(list.into_owned())),
            Self::Long(list) => Array::Long(Cow::Owned(list.into_owned())),
            Self::Float(list) => Array::Float(Cow::Owned(list.into_owned())),
            Self::Double(list) => Array::Double(Cow::Owned(list.into_owned())),
            Self::Timestamp(list) => Array::Timestamp(Cow::Owned(list.into_owned())),
            Self::String(list) => {
                Array::String(list.into_iter().map(|text| Cow::Owned(text.into_owned())).collect())
            }
        }
    }
}

impl Value<'_> {
    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Clones what it borrows.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Byte(value) => Value::Byte(value),
            Self::Short(value) => Value::Short(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Long(value) => Value::Long(value),
            Self::Float(value) => Value::Float(value),
            Self::Double(value) => Value::Double(value),
            Self::Timestamp(value) => Value::Timestamp(value),
            Self::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Self::Blob(bytes) => Value::Blob(Cow::Owned(bytes.into_owned())),
            Self::Array(array) => Value::Array(array.into_owned()),
        }
    }

    /// The kind of the value, for messages that must not quote it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Bool(_) => "BOOL",
            Self::Byte(_) => "BYTE",
            Self::Short(_) => "SHORT",
            Self::Integer(_) => "INTEGER",
            Self::Long(_) => "LONG",
            Self::Float(_) => "FLOAT",
            Self::Double(_) => "DOUBLE",
            Self::Timestamp(_) => "TIMESTAMP",
            Self::String(_) => "STRING",
            Self::Blob(_) => "BLOB",
            Self::Array(_) => "an array",
        }
    }
}

/// A type that can be converted to a column's value, without a copy if it holds the bytes already.
pub trait ToValue {
    /// The value, borrowing from `self`.
    fn to_value(&self) -> Value<'_>;
}

/// A type that a column's value can be converted to.
///
/// `Option<T>` reads NULL as `None`. All other types refuse NULL.
pub trait FromValue<'a>: Sized {
    /// The type in words, for error messages.
    const EXPECTED: &'static str;

    /// Converts the value; `None` if it has another kind.
    fn from_value(value: Value<'a>) -> Option<Self>;
}
