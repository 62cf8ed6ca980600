//! Schemas on the wire (protocol 5.1).

use super::{
    options::string,
    reader::{DecodeError, Reader},
};
use crate::schema::{Column, ColumnType, Schema};

const ARRAY: u8 = 1;
const NOT_NULL: u8 = 4;
/// A name's length, a type and flags.
const LEAST_COLUMN: usize = 6;

/// The number of a column type.
pub fn type_number(column_type: ColumnType) -> u8 {
    match column_type {
        ColumnType::String => 0,
        ColumnType::Bool => 1,
        ColumnType::Byte => 2,
        ColumnType::Short => 3,
        ColumnType::Integer => 4,
        ColumnType::Long => 5,
        ColumnType::Float => 6,
        ColumnType::Double => 7,
        ColumnType::Timestamp => 8,
        ColumnType::Geometry => 9,
        ColumnType::Blob => 10,
        ColumnType::TimestampMicros => 11,
        ColumnType::TimestampNanos => 12,
    }
}

/// The column type of a number.
pub fn type_of_number(number: u8) -> Result<ColumnType, DecodeError> {
    Ok(match number {
        0 => ColumnType::String,
        1 => ColumnType::Bool,
        2 => ColumnType::Byte,
        3 => ColumnType::Short,
        4 => ColumnType::Integer,
        5 => ColumnType::Long,
        6 => ColumnType::Float,
        7 => ColumnType::Double,
        8 => ColumnType::Timestamp,
        9 => ColumnType::Geometry,
        10 => ColumnType::Blob,
        11 => ColumnType::TimestampMicros,
        12 => ColumnType::TimestampNanos,
        _ => return Err(DecodeError::Invalid("column type")),
    })
}

/// Whether the schema requires the feature level of GridDB 5.3.
pub fn has_fine_timestamps(schema: &Schema) -> bool {
    let fine = |column: &Column| {
        matches!(column.column_type, ColumnType::TimestampMicros | ColumnType::TimestampNanos)
    };
    schema.columns.iter().any(fine)
}

/// Appends columns and row key.
pub fn encode(out: &mut Vec<u8>, schema: &Schema) {
    out.extend_from_slice(&(schema.columns.len() as u32).to_le_bytes());
    for column in &schema.columns {
        string(out, &column.name);
        let array = if column.array { ARRAY } else { 0 };
        let not_null = if column.nullable { 0 } else { NOT_NULL };
        out.extend_from_slice(&[type_number(column.column_type), array | not_null]);
    }
    out.extend_from_slice(&(schema.key.len() as u16).to_le_bytes());
    for position in &schema.key {
        out.extend_from_slice(&(*position as u16).to_le_bytes());
    }
}

/// Reads columns and row key. Schemas on the wire have no indexes.
pub fn decode(reader: &mut Reader<'_>) -> Result<Schema, DecodeError> {
    const WHAT: &str = "schema";
    let count = reader.count(LEAST_COLUMN, WHAT)?;
    if count == 0 {
        return Err(DecodeError::Invalid(WHAT));
    }
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let name = reader.string("column name")?.into();
        let column_type = type_of_number(reader.u8("column type")?)?;
        let flags = reader.u8("column flags")?;
        columns.push(Column {
            name,
            column_type,
            array: flags & ARRAY != 0,
            nullable: flags & NOT_NULL == 0,
        });
    }
    let keys = usize::try_from(reader.i16("row key")?).map_err(|_| DecodeError::Invalid("row key"))?;
    let mut key = Vec::with_capacity(keys.min(count));
    for _ in 0..keys {
        let position =
            usize::try_from(reader.i16("row key")?).map_err(|_| DecodeError::Invalid("row key"))?;
        if position >= count {
            return Err(DecodeError::Invalid("row key"));
        }
        key.push(position);
    }
    Ok(Schema { columns, key, indexes: Vec::new() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn round_trip(columns in proptest::collection::vec(("[a-z]{0,9}", 0..13u8, any::<bool>(), any::<bool>()), 1..40), keys in 0..3usize) {
            let columns: Vec<Column> = columns
                .into_iter()
                .map(|(name, number, array, nullable)| Column {
                    name: name.into(),
                    column_type: type_of_number(number).unwrap(),
                    array,
                    nullable,
                })
                .collect();
            let key = (0..keys.min(columns.len())).collect();
            let schema = Schema { columns, key, indexes: Vec::new() };
            let mut out = Vec::new();
            encode(&mut out, &schema);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(decode(&mut reader), Ok(schema));
            prop_assert_eq!(reader.remaining(), 0);
        }

        #[test]
        fn any_bytes_are_a_schema_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&mut Reader::new(&bytes));
        }
    }

    #[test]
    fn a_column_count_beyond_the_bytes_allocates_nothing() {
        assert_eq!(
            decode(&mut Reader::new(&[0xff, 0xff, 0xff, 0x7f, 0, 0])),
            Err(DecodeError::Short("schema"))
        );
    }
}
