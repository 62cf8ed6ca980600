use proptest::prelude::*;

use super::*;
use crate::{
    schema::{ColumnType, Schema},
    timestamp::Timestamp,
    value::{Array, Value},
    wire::reader::Reader,
};

fn every_type() -> Schema {
    use ColumnType::*;
    let mut schema = Schema::new().key("id", Long);
    for (name, column_type) in [
        ("s", String),
        ("b", Bool),
        ("y", Byte),
        ("h", Short),
        ("i", Integer),
        ("l", Long),
        ("f", Float),
        ("d", Double),
        ("t", Timestamp),
        ("bl", Blob),
        ("tu", TimestampMicros),
        ("tn", TimestampNanos),
    ] {
        schema = schema.nullable(name, column_type);
    }
    for (name, element) in [
        ("as", String),
        ("ab", Bool),
        ("ay", Byte),
        ("ah", Short),
        ("ai", Integer),
        ("al", Long),
        ("af", Float),
        ("ad", Double),
        ("at", Timestamp),
    ] {
        schema = schema.nullable_array(name, element);
    }
    schema
}

/// The same columns in another server order: those after the key are reversed.
fn turned(schema: &Schema) -> Schema {
    let mut other = schema.clone();
    other.columns[1..].reverse();
    other
}

fn text() -> impl Strategy<Value = String> {
    "[^\\x00]{0,40}"
}

fn maybe<T: Into<Value<'static>> + std::fmt::Debug>(
    strategy: impl Strategy<Value = T>,
) -> impl Strategy<Value = Value<'static>> {
    proptest::option::of(strategy).prop_map(|value| value.map_or(Value::Null, Into::into))
}

fn list<T: std::fmt::Debug + Clone + 'static>(
    element: impl Strategy<Value = T>,
    wrap: fn(Vec<T>) -> Array<'static>,
) -> impl Strategy<Value = Value<'static>> {
    proptest::option::of(proptest::collection::vec(element, 0..200))
        .prop_map(move |value| value.map_or(Value::Null, |list| Value::Array(wrap(list))))
}

fn row() -> impl Strategy<Value = Vec<Value<'static>>> {
    let time = any::<i64>().prop_map(Timestamp::from_millis);
    let micros = any::<i64>().prop_map(Timestamp::from_micros);
    let nanos = (-8_000_000_000..8_000_000_000i64, 0..1_000_000_000u32)
        .prop_map(|(s, n)| Timestamp::from_seconds(s, n));
    let blob = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300))
        .prop_map(|value| value.map_or(Value::Null, |bytes| Value::Blob(bytes.into())));
    let scalars = (
        any::<i64>().prop_map(Value::from),
        maybe(text()),
        maybe(any::<bool>()),
        maybe(any::<i8>()),
        maybe(any::<i16>()),
        maybe(any::<i32>()),
        maybe(any::<i64>()),
        maybe(-1.0e30f32..1.0e30),
        maybe(-1.0e300f64..1.0e300),
        maybe(time.clone()),
        blob,
        maybe(micros),
    );
    let arrays = (
        maybe(nanos),
        list(text(), |list| Array::String(list.into_iter().map(Into::into).collect())),
        list(any::<bool>(), |list| Array::Bool(list.into())),
        list(any::<i8>(), |list| Array::Byte(list.into())),
        list(any::<i16>(), |list| Array::Short(list.into())),
        list(any::<i32>(), |list| Array::Integer(list.into())),
        list(any::<i64>(), |list| Array::Long(list.into())),
        list(-1.0e30f32..1.0e30, |list| Array::Float(list.into())),
        list(-1.0e300f64..1.0e300, |list| Array::Double(list.into())),
        list(time, |list| Array::Timestamp(list.into())),
    );
    (scalars, arrays).prop_map(|(a, b)| {
        vec![
            a.0, a.1, a.2, a.3, a.4, a.5, a.6, a.7, a.8, a.9, a.10, a.11, b.0, b.1, b.2, b.3, b.4, b.5, b.6,
            b.7, b.8, b.9,
        ]
    })
}

fn read_back(bytes: &[u8], layout: &Layout, rows: usize) -> Vec<Vec<Value<'static>>> {
    let mut reader = Reader::new(bytes);
    let spans = decode_rows(&mut reader, layout, rows, false).unwrap();
    assert_eq!(reader.remaining(), 0);
    spans
        .into_iter()
        .map(|span| {
            (0..layout.columns().len())
                .map(|i| value_at(bytes, layout, span, i).unwrap().into_owned())
                .collect()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_come_back_as_written(rows in proptest::collection::vec(row(), 1..5), turn in any::<bool>()) {
        let schema = every_type();
        let server = if turn { turned(&schema) } else { schema.clone() };
        let layout = Layout::new(&schema, &server).unwrap();
        let mut batch = RowBatch::default();
        for row in &rows {
            batch.push(&layout, row).unwrap();
        }
        let mut bytes = Vec::new();
        batch.encode(&mut bytes);
        prop_assert_eq!(read_back(&bytes, &layout, rows.len()), rows.clone());

        let mut single = Vec::new();
        encode_row(&mut single, &layout, &rows[0]).unwrap();
        prop_assert_eq!(read_back(&single, &layout, 1), rows[..1].to_vec());
    }

    #[test]
    fn any_bytes_are_rows_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400), count in 0..6usize, ids in any::<bool>()) {
        let layout = Layout::of(&every_type()).unwrap();
        if let Ok(rows) = decode_rows(&mut Reader::new(&bytes), &layout, count, ids) {
            for row in rows {
                for index in 0..=layout.columns().len() {
                    let _ = value_at(&bytes, &layout, row, index);
                }
            }
        }
    }

    #[test]
    fn damaged_rows_are_rows_or_an_error(row in row(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let layout = Layout::of(&every_type()).unwrap();
        let mut bytes = Vec::new();
        encode_row(&mut bytes, &layout, &row).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(rows) = decode_rows(&mut Reader::new(&bytes), &layout, 1, false) {
            for index in 0..layout.columns().len() {
                let _ = value_at(&bytes, &layout, rows[0], index);
            }
        }
    }
}

#[test]
fn a_row_count_beyond_the_bytes_allocates_nothing() {
    let layout = Layout::of(&every_type()).unwrap();
    for count in [usize::MAX, usize::MAX / 8, 1 << 40] {
        assert!(decode_rows(&mut Reader::new(&[0; 64]), &layout, count, true).is_err());
    }
}

#[test]
fn an_array_count_beyond_its_bytes_is_refused() {
    let layout = Layout::of(&Schema::new().array("a", ColumnType::Bool)).unwrap();
    // Offset, NULL bits, one variable column of five bytes that claims 2^29 elements.
    let bytes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 11, 0, 0, 0, 0x80, 1];
    let rows = decode_rows(&mut Reader::new(&bytes), &layout, 1, false).unwrap();
    assert!(value_at(&bytes, &layout, rows[0], 0).is_err());
}

#[test]
fn wrong_input_names_the_column_and_not_the_value() {
    let schema = Schema::new().key("k", ColumnType::String).column("n", ColumnType::Long);
    let layout = Layout::of(&schema).unwrap();
    let put = |values: &[Value<'_>]| encode_row(&mut Vec::new(), &layout, values).unwrap_err().to_string();
    assert_eq!(put(&["secret".into()]), "1 values given for 2 columns");
    assert_eq!(put(&["secret".into(), "secret".into()]), "column `n` takes LONG, not STRING");
    assert_eq!(put(&[Value::Null, 1i64.into()]), "column `k` cannot be NULL");
    assert_eq!(put(&["sec\0ret".into(), 1i64.into()]), "column `k` was given a text with a NUL character");
}
