//! Writing values into TQL, GridDB's query language, so that no value can be read as anything else.

use std::fmt::Write as _;

use crate::{
    error::{Error, ErrorKind},
    timestamp::Timestamp,
    value::{ToValue, Value},
};

/// The last second that the server can parse from text, at the end of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// A text as a TQL literal: in quotes, with quotes inside doubled, so no text can break out of it.
///
/// ```
/// assert_eq!(griddb_rs::tql::quote("it's")?, "'it''s'");
/// # Ok::<(), griddb_rs::Error>(())
/// ```
///
/// # Errors
/// The text contains a NUL character, which the server refuses anywhere in a query.
pub fn quote(text: &str) -> Result<String, Error> {
    let mut out = String::with_capacity(text.len() + 2);
    append_text(&mut out, text)?;
    Ok(out)
}

/// Replaces each `?` in a query by a value. A `?` inside `'…'`, `"…"` or a comment stays as it is.
///
/// A value is separated by a space where the query has none, so that it cannot become part of a neighbouring word
/// or number, or start a comment with its minus sign.
///
/// Text, integers, floating point numbers and times are supported. TQL has no literals for BOOL (a BOOL column is
/// a condition by itself: `where active`, `where not active`), NULL (`is null`), bytes or arrays.
///
/// A time is written in full precision. The server compares badly with a time that is finer than the column: on a
/// TIMESTAMP column, `<` and `!=` miss rows within the same millisecond. Truncate the time with
/// [`Timestamp::floor_to_millis`] for such a column, or [`Timestamp::floor_to_micros`] for TIMESTAMP(6).
///
/// ```
/// use griddb_rs::{Timestamp, tql};
///
/// let tql = tql::bind(
///     "select * where client = ? and expires < ? limit 100",
///     &[&"app's", &Timestamp::from_millis(1_700_000_000_000)],
/// )?;
/// assert_eq!(tql, "select * where client = 'app''s' and expires < TO_TIMESTAMP_MS(1700000000000) limit 100");
/// # Ok::<(), griddb_rs::Error>(())
/// ```
///
/// # Errors
/// The numbers of values and placeholders differ, a value has no literal, or a quote or a `/*` is not closed.
pub fn bind(template: &str, values: &[&dyn ToValue]) -> Result<String, Error> {
    let mut out = String::with_capacity(template.len() + 16 * values.len());
    let mut values = values.iter();
    let mut rest = template;
    while !rest.is_empty() {
        match rest.strip_prefix('?') {
            Some(behind) => {
                let value =
                    values.next().ok_or_else(|| wrong("there are fewer values than `?` in the query"))?;
                if !out.is_empty() && !out.ends_with(is_space) {
                    out.push(' ');
                }
                append_value(&mut out, &value.to_value())?;
                if !behind.is_empty() && !behind.starts_with(is_space) {
                    out.push(' ');
                }
                rest = behind;
            }
            None => {
                let (copied, behind) = rest.split_at(undivided(rest)?);
                out.push_str(copied);
                rest = behind;
            }
        }
    }
    if values.next().is_some() {
        return Err(wrong("there are more values than `?` in the query"));
    }
    Ok(out)
}

fn is_space(character: char) -> bool {
    character.is_ascii_whitespace()
}

/// The length of the quoted text or comment at the start of `rest`; otherwise of one character.
fn undivided(rest: &str) -> Result<usize, Error> {
    let behind = |begin: usize, end: &str| rest[begin..].find(end).map(|at| begin + at + end.len());
    match rest.as_bytes() {
        // A doubled quote ends one part and starts another, with the same result.
        [b'\'', ..] => behind(1, "'").ok_or_else(|| wrong("a quote in the query is not closed")),
        [b'"', ..] => behind(1, "\"").ok_or_else(|| wrong("a quote in the query is not closed")),
        [b'-', b'-', ..] => Ok(behind(2, "\n").unwrap_or(rest.len())),
        [b'/', b'*', ..] => behind(2, "*/").ok_or_else(|| wrong("a comment in the query is not closed")),
        _ => Ok(rest.chars().next().map_or(0, char::len_utf8)),
    }
}

fn append_value(out: &mut String, value: &Value<'_>) -> Result<(), Error> {
    // Writing to a `String` does not fail.
    let _ = match value {
        Value::String(text) => return append_text(out, text),
        Value::Timestamp(time) => return append_time(out, *time),
        Value::Byte(number) => write!(out, "{number}"),
        Value::Short(number) => write!(out, "{number}"),
        Value::Integer(number) => write!(out, "{number}"),
        Value::Long(number) => write!(out, "{number}"),
        // All digits: 0.1 as the server parses it is not the 0.1 of a FLOAT column.
        Value::Float(number) if number.is_finite() => write!(out, "{:?}", f64::from(*number)),
        Value::Double(number) if number.is_finite() => write!(out, "{number:?}"),
        other => return Err(wrong(format!("there is no literal of {} in a query", other.kind()))),
    };
    Ok(())
}

fn append_time(out: &mut String, time: Timestamp) -> Result<(), Error> {
    if time < Timestamp::default() {
        return Err(wrong("a time in a query must not be before 1970"));
    }
    let _ = if time == time.floor_to_millis() {
        write!(out, "TO_TIMESTAMP_MS({})", time.as_millis())
    } else if time.seconds() > LAST_SECOND {
        return Err(wrong("a time in a query that is finer than milliseconds must not be after 9999"));
    } else if time == time.floor_to_micros() {
        write!(out, "TIMESTAMP_US('{time}')")
    } else {
        write!(out, "TIMESTAMP_NS('{time}')")
    };
    Ok(())
}

fn append_text(out: &mut String, text: &str) -> Result<(), Error> {
    out.push('\'');
    for character in text.chars() {
        match character {
            '\0' => return Err(wrong("a text in a query must not contain a NUL character")),
            '\'' => out.push_str("''"),
            other => out.push(other),
        }
    }
    out.push('\'');
    Ok(())
}

fn wrong(message: impl Into<String>) -> Error {
    Error::with_message(ErrorKind::Input, message.into())
}

#[cfg(test)]
mod tests;
