//! Any schema and any bytes as its rows. Decoded rows must survive encoding and decoding again.

#![no_main]

use arbitrary::Arbitrary;
use griddb_rs::{
    ColumnType, Schema, Value,
    wire::{
        reader::Reader,
        row_set::{Layout, RowBatch, RowSpan, decode_rows, value_at},
    },
};
use libfuzzer_sys::fuzz_target;

const TYPES: [ColumnType; 12] = [
    ColumnType::String,
    ColumnType::Bool,
    ColumnType::Byte,
    ColumnType::Short,
    ColumnType::Integer,
    ColumnType::Long,
    ColumnType::Float,
    ColumnType::Double,
    ColumnType::Timestamp,
    ColumnType::Blob,
    ColumnType::TimestampMicros,
    ColumnType::TimestampNanos,
];

#[derive(Debug, Arbitrary)]
struct Input {
    columns: Vec<(u8, bool)>,
    rows: u16,
    with_ids: bool,
    bytes: Vec<u8>,
}

fuzz_target!(|input: Input| {
    let mut schema = Schema::new();
    for (position, (number, array)) in input.columns.iter().take(40).enumerate() {
        let column_type = TYPES[usize::from(*number) % TYPES.len()];
        let name = format!("c{position}");
        schema = if *array && position % 2 == 0 && usize::from(*number) % TYPES.len() < 9 {
            schema.nullable_array(&name, column_type)
        } else {
            schema.nullable(&name, column_type)
        };
    }
    let Some(layout) = Layout::of(&schema) else { return };
    if schema.columns().is_empty() {
        return;
    }
    let bytes = &input.bytes;
    let Ok(rows) = decode_rows(&mut Reader::new(bytes), &layout, usize::from(input.rows), input.with_ids)
    else {
        return;
    };
    let Some(values) = read(bytes, &layout, &rows) else { return };
    let mut batch = RowBatch::default();
    for row in &values {
        // A text received with a NUL cannot be sent.
        if batch.push(&layout, row).is_err() {
            return;
        }
    }
    let mut written = Vec::new();
    batch.encode(&mut written);
    let again =
        decode_rows(&mut Reader::new(&written), &layout, values.len(), false).expect("rows that were just encoded");
    // Debug output, because a NaN does not equal itself.
    assert_eq!(format!("{:?}", read(&written, &layout, &again)), format!("{:?}", Some(values)));
});

fn read(bytes: &[u8], layout: &Layout, rows: &[RowSpan]) -> Option<Vec<Vec<Value<'static>>>> {
    let value = |row, column| value_at(bytes, layout, row, column).ok().map(Value::into_owned);
    rows.iter().map(|row| (0..layout.columns().len()).map(|column| value(*row, column)).collect()).collect()
}
