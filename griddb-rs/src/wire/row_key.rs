//! Row keys on the wire (protocol 5.4): the bare value, or a row of the key columns if there are several.

use super::row_set::{InputError, Layout, encode_key_field, encode_row};
use crate::{
    schema::{Column, Schema},
    value::Value,
};

/// The encoding of a container's row key.
#[derive(Debug, Clone)]
pub enum KeyLayout {
    /// No row key.
    None,
    /// One column.
    Single(Column),
    /// Several columns.
    Composite(Box<Layout>),
}

impl KeyLayout {
    /// The row key of a schema.
    pub fn of(schema: &Schema) -> Self {
        let columns: Vec<Column> = schema.key_columns().cloned().collect();
        match columns.as_slice() {
            [] => Self::None,
            [column] => Self::Single(column.clone()),
            _ => {
                let key = Schema { columns, key: Vec::new(), indexes: Vec::new() };
                Layout::of(&key).map_or(Self::None, |layout| Self::Composite(Box::new(layout)))
            }
        }
    }

    /// Appends a key with one value per key column.
    pub fn encode(&self, out: &mut Vec<u8>, key: &[Value<'_>]) -> Result<(), InputError> {
        match (self, key) {
            (Self::Single(column), [value]) => encode_key_field(out, column, value),
            (Self::Composite(layout), _) => encode_row(out, layout, key),
            (Self::Single(_), _) => Err(InputError::Count { columns: 1, given: key.len() }),
            (Self::None, _) => Err(InputError::Count { columns: 0, given: key.len() }),
        }
    }
}
