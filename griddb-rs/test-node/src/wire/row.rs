//! Rows: a fixed part with NULL bits and a varying part, decoded from requests and encoded into answers.

use super::read::{Malformed, Reader};
use super::schema::{Column, Schema, Type};
use super::write::Write;
use crate::error::{ErrorCode, Refusal};

/// The longest STRING with blocks of 64 KB.
const LONGEST_STRING: usize = 31_744;
const MOST_ELEMENTS: u64 = 4_000;

/// A row's values as encoded on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// NULL bits, then the fixed columns.
    fixed: Box<[u8]>,
    /// The number of varying columns, then each of them. Empty if there are none.
    varying: Box<[u8]>,
}

/// One value, for comparisons.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a [u8]),
    /// Nanoseconds since 1970.
    Time(i128),
    /// An array, a BLOB or a geometry.
    Opaque,
}

const NANOS_PER_MILLI: i128 = 1_000_000;
const NANOS_PER_MICRO: i128 = 1_000;

/// Decodes the value of a fixed type.
pub(crate) fn fixed_value(kind: Type, bytes: &[u8]) -> Result<Value<'static>, Malformed> {
    let mut value = Reader::new(bytes);
    Ok(match kind {
        Type::Bool => Value::Bool(value.bool()?),
        Type::Byte => Value::Int(i64::from(value.i8()?)),
        Type::Short => Value::Int(i64::from(value.i16()?)),
        Type::Integer => Value::Int(i64::from(value.i32()?)),
        Type::Long => Value::Int(value.i64()?),
        Type::Float => Value::Float(f64::from(f32::from_bits(value.i32()?.cast_unsigned()))),
        Type::Double => Value::Float(f64::from_bits(value.i64()?.cast_unsigned())),
        Type::Timestamp => Value::Time(i128::from(value.i64()?) * NANOS_PER_MILLI),
        Type::MicroTimestamp => Value::Time(i128::from(value.i64()?) * NANOS_PER_MICRO),
        // 4,000,000 steps of 250 ns are a second
        Type::NanoTimestamp => Value::Time(i128::from(value.i64()?) * 250 + i128::from(value.u8()?)),
        Type::String | Type::Geometry | Type::Blob => return Err(Malformed),
    })
}

impl Row {
    pub(crate) fn is_null(&self, column: usize) -> bool {
        self.fixed.get(column / 8).is_some_and(|bits| bits >> (column % 8) & 1 == 1)
    }

    /// The bytes of one column: fixed ones, or a varying one with its size.
    pub(crate) fn raw(&self, schema: &Schema, column: usize) -> &[u8] {
        let offset = schema.offset(column);
        if !schema.columns[column].varies() {
            return self.fixed.get(offset..offset + schema.columns[column].fixed_size()).unwrap_or(&[]);
        }
        let mut values = Reader::new(&self.varying);
        let mut skip = || -> Result<&[u8], Malformed> {
            values.varsize()?;
            for _ in 0..offset {
                values.sized()?;
            }
            let from = values.rest();
            values.sized()?;
            Ok(&from[..from.len() - values.left()])
        };
        skip().unwrap_or(&[])
    }

    pub(crate) fn value(&self, schema: &Schema, column: usize) -> Value<'_> {
        let definition = &schema.columns[column];
        if self.is_null(column) {
            Value::Null
        } else if definition.array || matches!(definition.kind, Type::Blob | Type::Geometry) {
            Value::Opaque
        } else if definition.kind == Type::String {
            Reader::new(self.raw(schema, column)).sized().map_or(Value::Null, Value::Text)
        } else {
            fixed_value(definition.kind, self.raw(schema, column)).unwrap_or(Value::Null)
        }
    }

    /// The row key's bytes, one column after the other.
    pub(crate) fn key(&self, schema: &Schema) -> Box<[u8]> {
        schema.keys.iter().flat_map(|key| self.raw(schema, *key)).copied().collect()
    }

    /// The row under another schema: columns with the same name keep their value, new ones are NULL or empty.
    pub(crate) fn convert(&self, from: &Schema, to: &Schema) -> Self {
        let mut fixed = vec![0; to.null_bytes()];
        let mut varying = Vec::new();
        if to.varying > 0 {
            varying.put_varsize(to.varying as u64);
        }
        for (at, column) in to.columns.iter().enumerate() {
            let old = from.find(&column.name);
            if old.map_or(!column.not_null, |old| self.is_null(old)) {
                fixed[at / 8] |= 1 << (at % 8);
            }
            match (old, column.varies()) {
                (Some(old), true) => varying.put(self.raw(from, old)),
                (Some(old), false) => fixed.put(self.raw(from, old)),
                (None, true) => put_empty(&mut varying, column),
                (None, false) => fixed.resize(fixed.len() + column.fixed_size(), 0),
            }
        }
        Self { fixed: fixed.into(), varying: varying.into() }
    }

    /// The approximate size of the row in an answer.
    pub(crate) fn size(&self) -> usize {
        self.fixed.len() + self.varying.len() + 16
    }
}

/// An empty value of a varying column: no bytes, or an array without elements.
fn put_empty(out: &mut Vec<u8>, column: &Column) {
    if column.array {
        out.put_sized(&[1]);
    } else {
        out.put_sized(b"");
    }
}

/// Reads `count` rows from a request: all fixed parts, then all varying ones.
pub(crate) fn read_rows(bytes: &[u8], schema: &Schema, count: usize) -> Result<Vec<Row>, Refusal> {
    let head = if schema.varying > 0 { 8 } else { 0 };
    let size = head + schema.fixed_size;
    let all = count.checked_mul(size).filter(|all| *all <= bytes.len());
    let all = all.ok_or_else(|| ErrorCode::DECODE_FAILED.because("Buffer overflow"))?;
    let (fixed_parts, varying_parts) = bytes.split_at(all);
    let (mut base, mut end) = (None, 0);
    let mut rows = Vec::with_capacity(count);
    for fixed in fixed_parts.chunks_exact(size.max(1)) {
        let mut at = 0;
        if head > 0 {
            let offset = Reader::new(fixed).i64().map_err(|_| broken_row())?;
            let offset = offset.checked_sub(*base.get_or_insert(offset)).ok_or_else(broken_row)?;
            at = usize::try_from(offset).map_err(|_| broken_row())?;
        }
        let varying = varying_parts.get(at..).ok_or_else(broken_row)?;
        let (row, length) = read_row(&fixed[head..], varying, schema)?;
        rows.push(row);
        end = end.max(at + length);
    }
    if end < varying_parts.len() {
        return Err(ErrorCode::INPUT_MESSAGE.because("bytes behind the rows"));
    }
    Ok(rows)
}

/// Lengths that point outside the message. The real server takes this for an internal error and shuts down.
fn broken_row() -> Refusal {
    ErrorCode::NODE_ERROR.because("Decode failed (position out of range)")
}

/// Reads one row, and returns the length of its varying part.
fn read_row(fixed: &[u8], varying: &[u8], schema: &Schema) -> Result<(Row, usize), Refusal> {
    let mut row_varying = Vec::new();
    let mut values = Reader::new(varying);
    if schema.varying > 0 {
        if values.varsize().map_err(|_| broken_row())? != schema.varying as u64 {
            return Err(ErrorCode::ROW_DATA.because("number of variable columns"));
        }
        row_varying.put_varsize(schema.varying as u64);
    }
    for (at, column) in schema.columns.iter().enumerate() {
        let null = fixed[at / 8] >> (at % 8) & 1 == 1;
        if null && column.not_null {
            return Err(ErrorCode::ROW_DATA.because("NULL in a column that allows none"));
        }
        if column.varies() {
            let before = values.left();
            let value = values.sized().map_err(|_| broken_row())?;
            if before - values.left() != value.len() + varsize_length(value.len()) {
                return Err(ErrorCode::INPUT_MESSAGE.because("a size in more bytes than it needs"));
            }
            check_varying(column, value)?;
            row_varying.put_sized(value);
        }
    }
    Ok((Row { fixed: fixed.into(), varying: row_varying.into() }, varying.len() - values.left()))
}

fn check_varying(column: &Column, value: &[u8]) -> Result<(), Refusal> {
    let too_long = || ErrorCode::ROW_DATA.because("value is too long");
    if !column.array {
        return if column.kind == Type::String && value.len() > LONGEST_STRING {
            Err(too_long())
        } else {
            Ok(())
        };
    }
    let mut elements = Reader::new(value);
    let count = elements.varsize().map_err(|_| broken_row())?;
    if count > MOST_ELEMENTS {
        return Err(too_long());
    }
    for _ in 0..count {
        match column.kind.size() {
            Some(size) => drop(elements.take(size).map_err(|_| broken_row())?),
            None if elements.sized().map_err(|_| broken_row())?.len() > LONGEST_STRING => {
                return Err(too_long());
            }
            None => {}
        }
    }
    if elements.left() > 0 { Err(broken_row()) } else { Ok(()) }
}

/// Reads a row key in the form of [`Row::key`].
pub(crate) fn read_key(bytes: &[u8], schema: &Schema) -> Result<Box<[u8]>, Refusal> {
    match schema.keys.as_slice() {
        [] => Err(Malformed.into()),
        [key] => {
            let mut reader = Reader::new(bytes);
            let key = read_single_key(&mut reader, schema.columns[*key].kind)?;
            if key.len() > LONGEST_STRING + 4 {
                return Err(ErrorCode::ROW_KEY_INVALID.into());
            }
            Ok(key)
        }
        _ => {
            let sub = schema.of_key();
            let row = read_rows(bytes, &sub, 1)?.pop().ok_or(Malformed)?;
            Ok((0..sub.columns.len()).flat_map(|column| row.raw(&sub, column)).copied().collect())
        }
    }
}

fn varsize_length(size: usize) -> usize {
    match size {
        0..128 => 1,
        128..0x4000_0000 => 4,
        _ => 8,
    }
}

/// Reads the key of a single column, and leaves the rest.
pub(crate) fn read_single_key(body: &mut Reader<'_>, kind: Type) -> Result<Box<[u8]>, Malformed> {
    let mut key = Vec::new();
    match kind.size() {
        Some(size) => key.put(body.take(size)?),
        None => key.put_sized(body.sized()?),
    }
    Ok(key.into())
}

/// Writes rows: all fixed parts, optionally with row ids, then all varying parts.
pub(crate) fn write_rows<'r, I>(out: &mut Vec<u8>, schema: &Schema, rows: I)
where
    I: Iterator<Item = (Option<i64>, &'r Row)> + Clone,
{
    let mut offset = 0;
    for (id, row) in rows.clone() {
        if let Some(id) = id {
            out.put_i64(id);
        }
        if schema.varying > 0 {
            out.put_count64(offset);
            offset += row.varying.len();
        }
        out.put(&row.fixed);
    }
    for (_, row) in rows {
        out.put(&row.varying);
    }
}
