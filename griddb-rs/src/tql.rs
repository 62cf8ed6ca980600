//! Writing values into TQL, GridDB's query language, so that no value can be taken for anything else.

use std::fmt::Write as _;

use crate::{
    error::{Error, ErrorKind},
    timestamp::Timestamp,
    value::{ToValue, Value},
};

/// The last second that the server can read as text, of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// A text as a TQL literal: in quotes, with the quotes in it doubled. No text can leave its quotes.
///
/// ```
/// assert_eq!(griddb_rs::tql::quote("it's")?, "'it''s'");
/// # Ok::<(), griddb_rs::Error>(())
/// ```
///
/// # Errors
/// The text has a NUL character, which the server refuses anywhere in a query.
pub fn quote(text: &str) -> Result<String, Error> {
    let mut out = String::with_capacity(text.len() + 2);
    append_text(&mut out, text)?;
    Ok(out)
}

/// Puts values in place of the `?` in a query. A `?` inside `'…'`, `"…"` or a comment is left as it is.
///
/// Each value stands apart from its neighbours, with a space where the query has none, so that none becomes a part of
/// another word or number, or, with its sign behind a minus, begins a comment.
///
/// Text, whole numbers, floating point numbers and times can be put in. A BOOL column is a condition by itself
/// in TQL (`where active`, `where not active`), so there is no literal of it; nor of NULL (`is null`), bytes or
/// arrays.
///
/// A time is written as fine as it is. The server does not compare a column well with a time that is finer than the
/// column: `<` and `!=` pass over rows in the same millisecond of a TIMESTAMP column. For such a column cut the time
/// off with [`Timestamp::floor_to_millis`], for a TIMESTAMP(6) one with [`Timestamp::floor_to_micros`].
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
/// There are more or fewer values than placeholders, or a value has no literal; or a quote or a `/*` is not closed.
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

/// How long the quoted part or comment is that a query goes on with; otherwise, the character.
fn undivided(rest: &str) -> Result<usize, Error> {
    let behind = |begin: usize, end: &str| rest[begin..].find(end).map(|at| begin + at + end.len());
    match rest.as_bytes() {
        // A doubled quote ends one part and begins another, which comes to the same.
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
        // In full: 0.1 as the server reads it is another number than 0.1 in a FLOAT column.
        Value::Float(number) if number.is_finite() => write!(out, "{:?}", f64::from(*number)),
        Value::Double(number) if number.is_finite() => write!(out, "{number:?}"),
        other => return Err(wrong(format!("there is no literal of {} in a query", other.kind()))),
    };
    Ok(())
}

fn append_time(out: &mut String, time: Timestamp) -> Result<(), Error> {
    if time < Timestamp::default() {
        return Err(wrong("a time in a query is not before 1970"));
    }
    let _ = if time == time.floor_to_millis() {
        write!(out, "TO_TIMESTAMP_MS({})", time.as_millis())
    } else if time.seconds() > LAST_SECOND {
        return Err(wrong("a time in a query that is finer than milliseconds is not after 9999"));
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
            '\0' => return Err(wrong("a text in a query may not have a NUL character")),
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
