//! Single values: fixed, variable and arrays.

use std::borrow::Cow;

use super::InputError;
use crate::{
    schema::{Column, ColumnType},
    timestamp::Timestamp,
    value::{Array, Value},
    wire::{
        reader::{DecodeError, Reader},
        varsize,
    },
};

/// Reads a value of fixed size.
pub fn scalar(reader: &mut Reader<'_>, column_type: ColumnType) -> Result<Value<'static>, DecodeError> {
    const WHAT: &str = "value";
    Ok(match column_type {
        ColumnType::Bool => Value::Bool(reader.bool(WHAT)?),
        ColumnType::Byte => Value::Byte(reader.i8(WHAT)?),
        ColumnType::Short => Value::Short(reader.i16(WHAT)?),
        ColumnType::Integer => Value::Integer(reader.i32(WHAT)?),
        ColumnType::Long => Value::Long(reader.i64(WHAT)?),
        ColumnType::Float => Value::Float(reader.f32(WHAT)?),
        ColumnType::Double => Value::Double(reader.f64(WHAT)?),
        ColumnType::Timestamp => Value::Timestamp(Timestamp::from_millis(reader.i64(WHAT)?)),
        ColumnType::TimestampMicros => Value::Timestamp(Timestamp::from_micros(reader.i64(WHAT)?)),
        ColumnType::TimestampNanos => {
            let high = reader.i64(WHAT)?;
            Value::Timestamp(Timestamp::from_nano_fields(high, reader.u8(WHAT)?))
        }
        ColumnType::String | ColumnType::Geometry | ColumnType::Blob => {
            return Err(DecodeError::Invalid("value type"));
        }
    })
}

/// Reads the value of a variable column from its bytes, without the length.
pub(super) fn variable<'a>(column: &Column, bytes: &'a [u8]) -> Result<Value<'a>, DecodeError> {
    if column.array {
        return array(column.column_type, bytes).map(Value::Array);
    }
    Ok(match column.column_type {
        ColumnType::String => Value::String(Cow::Borrowed(text(bytes)?)),
        _ => Value::Blob(Cow::Borrowed(bytes)),
    })
}

fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::Invalid("text"))
}

fn array(element: ColumnType, bytes: &[u8]) -> Result<Array<'_>, DecodeError> {
    const WHAT: &str = "array";
    if bytes.is_empty() {
        return empty_array(element);
    }
    let mut reader = Reader::new(bytes);
    let count = usize::try_from(reader.varsize(WHAT)?).map_err(|_| DecodeError::Short(WHAT))?;
    if count > reader.remaining() / element.fixed_size().max(1) {
        return Err(DecodeError::Short(WHAT));
    }
    fn list<'a, T: Clone>(
        count: usize,
        mut read: impl FnMut() -> Result<T, DecodeError>,
    ) -> Result<Cow<'a, [T]>, DecodeError> {
        (0..count).map(|_| read()).collect::<Result<Vec<T>, _>>().map(Cow::Owned)
    }
    Ok(match element {
        ColumnType::Bool => Array::Bool(list(count, || reader.bool(WHAT))?),
        ColumnType::Byte => Array::Byte(list(count, || reader.i8(WHAT))?),
        ColumnType::Short => Array::Short(list(count, || reader.i16(WHAT))?),
        ColumnType::Integer => Array::Integer(list(count, || reader.i32(WHAT))?),
        ColumnType::Long => Array::Long(list(count, || reader.i64(WHAT))?),
        ColumnType::Float => Array::Float(list(count, || reader.f32(WHAT))?),
        ColumnType::Double => Array::Double(list(count, || reader.f64(WHAT))?),
        ColumnType::Timestamp => {
            Array::Timestamp(list(count, || Ok(Timestamp::from_millis(reader.i64(WHAT)?)))?)
        }
        ColumnType::String => Array::String(
            (0..count).map(|_| text(reader.var_bytes(WHAT)?).map(Cow::Borrowed)).collect::<Result<_, _>>()?,
        ),
        _ => return Err(DecodeError::Invalid("array type")),
    })
}

fn empty_array<'a>(element: ColumnType) -> Result<Array<'a>, DecodeError> {
    Ok(match element {
        ColumnType::Bool => Array::Bool(Cow::Borrowed(&[])),
        ColumnType::Byte => Array::Byte(Cow::Borrowed(&[])),
        ColumnType::Short => Array::Short(Cow::Borrowed(&[])),
        ColumnType::Integer => Array::Integer(Cow::Borrowed(&[])),
        ColumnType::Long => Array::Long(Cow::Borrowed(&[])),
        ColumnType::Float => Array::Float(Cow::Borrowed(&[])),
        ColumnType::Double => Array::Double(Cow::Borrowed(&[])),
        ColumnType::Timestamp => Array::Timestamp(Cow::Borrowed(&[])),
        ColumnType::String => Array::String(Vec::new()),
        _ => return Err(DecodeError::Invalid("array type")),
    })
}

fn wrong_type(column: &Column, value: &Value<'_>) -> InputError {
    let expected = match (column.array, column.column_type) {
        (true, element) => format!("an array of {element}"),
        // It can be read but not written: the form of a geometry is not known here.
        (false, ColumnType::Geometry) => "no value but NULL".into(),
        (false, column_type) => column_type.to_string(),
    };
    InputError::Type { column: column.name.clone(), expected: expected.into(), given: value.kind() }
}

/// Writes a fixed-size value into `bytes`, which has exactly its size.
pub(super) fn write_scalar(bytes: &mut [u8], column: &Column, value: &Value<'_>) -> Result<(), InputError> {
    match (column.column_type, value) {
        (ColumnType::Bool, Value::Bool(value)) => bytes.copy_from_slice(&[u8::from(*value)]),
        (ColumnType::Byte, Value::Byte(value)) => bytes.copy_from_slice(&value.to_le_bytes()),
        (ColumnType::Short, Value::Short(value)) => bytes.copy_from_slice(&value.to_le_bytes()),
        (ColumnType::Integer, Value::Integer(value)) => bytes.copy_from_slice(&value.to_le_bytes()),
        (ColumnType::Long, Value::Long(value)) => bytes.copy_from_slice(&value.to_le_bytes()),
        (ColumnType::Float, Value::Float(value)) => bytes.copy_from_slice(&value.to_le_bytes()),
        (ColumnType::Double, Value::Double(value)) => bytes.copy_from_slice(&value.to_le_bytes()),
        (ColumnType::Timestamp, Value::Timestamp(time)) => {
            bytes.copy_from_slice(&time.as_millis().to_le_bytes())
        }
        (ColumnType::TimestampMicros, Value::Timestamp(time)) => {
            bytes.copy_from_slice(&time.as_micros().to_le_bytes());
        }
        (ColumnType::TimestampNanos, Value::Timestamp(time)) => {
            let (high, low) = time.to_nano_fields();
            bytes[..8].copy_from_slice(&high.to_le_bytes());
            bytes[8] = low;
        }
        _ => return Err(wrong_type(column, value)),
    }
    Ok(())
}

/// Appends a variable value after its length. NULL is written as empty.
pub(super) fn write_variable(
    out: &mut Vec<u8>,
    column: &Column,
    value: &Value<'_>,
) -> Result<(), InputError> {
    match (column.array, column.column_type, value) {
        (false, _, Value::Null) => varsize::encode(out, 0),
        // An array without elements.
        (true, _, Value::Null) => varsize::encode_bytes(out, &[1]),
        (false, ColumnType::String, Value::String(text)) => {
            if text.as_bytes().contains(&0) {
                return Err(InputError::Nul(column.name.clone()));
            }
            varsize::encode_bytes(out, text.as_bytes());
        }
        (false, ColumnType::Blob, Value::Blob(bytes)) => varsize::encode_bytes(out, bytes),
        (true, element, Value::Array(array)) if array.element_type() == element => {
            write_array(out, column, array)?
        }
        _ => return Err(wrong_type(column, value)),
    }
    Ok(())
}

fn write_array(out: &mut Vec<u8>, column: &Column, array: &Array<'_>) -> Result<(), InputError> {
    fn elements<T: Copy, const N: usize>(list: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
        let mut body = Vec::with_capacity(8 + list.len() * N);
        varsize::encode(&mut body, list.len() as u64);
        list.iter().for_each(|element| body.extend_from_slice(&bytes(*element)));
        body
    }
    let body = match array {
        Array::Bool(list) => elements(list, |value| [u8::from(value)]),
        Array::Byte(list) => elements(list, i8::to_le_bytes),
        Array::Short(list) => elements(list, i16::to_le_bytes),
        Array::Integer(list) => elements(list, i32::to_le_bytes),
        Array::Long(list) => elements(list, i64::to_le_bytes),
        Array::Float(list) => elements(list, f32::to_le_bytes),
        Array::Double(list) => elements(list, f64::to_le_bytes),
        Array::Timestamp(list) => elements(list, |time: Timestamp| time.as_millis().to_le_bytes()),
        Array::String(list) => {
            let mut body = Vec::new();
            varsize::encode(&mut body, list.len() as u64);
            for text in list {
                if text.as_bytes().contains(&0) {
                    return Err(InputError::Nul(column.name.clone()));
                }
                varsize::encode_bytes(&mut body, text.as_bytes());
            }
            body
        }
    };
    varsize::encode_bytes(out, &body);
    Ok(())
}

/// Appends a row key of one column: the bare value (protocol 5.4).
pub fn encode_key_field(out: &mut Vec<u8>, column: &Column, value: &Value<'_>) -> Result<(), InputError> {
    if value.is_null() {
        return Err(InputError::Null(column.name.clone()));
    }
    if column.is_variable() {
        return write_variable(out, column, value);
    }
    let start = out.len();
    out.resize(start + column.column_type.fixed_size(), 0);
    write_scalar(&mut out[start..], column, value)
}
