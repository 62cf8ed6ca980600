//! Writing values into TQL, GridDB's query language, so that no value can be taken for anything else.

use std::fmt::Write as _;

use crate::{
    error::{Error, ErrorKind},
    value::{ToValue, Value},
};

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

/// Puts values in the places of the `?` in a query. A `?` inside `'…'` or `"…"` is left as it is.
///
/// Text, whole numbers, floating point numbers and timestamps can be put in. A BOOL column is a condition by itself
/// in TQL (`where active`, `where not active`), so there is no literal of it; nor of NULL (`is null`), bytes or
/// arrays.
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
/// There are more or fewer values than places, or a value has no literal.
pub fn bind(template: &str, values: &[&dyn ToValue]) -> Result<String, Error> {
    let mut out = String::with_capacity(template.len() + 16 * values.len());
    let mut values = values.iter();
    let mut quoted_by = None;
    for character in template.chars() {
        match (quoted_by, character) {
            (None, '?') => {
                let value =
                    values.next().ok_or_else(|| wrong("there are fewer values than `?` in the query"))?;
                append_value(&mut out, &value.to_value())?;
                continue;
            }
            (None, '\'' | '"') => quoted_by = Some(character),
            (Some(quote), character) if quote == character => quoted_by = None,
            _ => {}
        }
        out.push(character);
    }
    if quoted_by.is_some() {
        return Err(wrong("a quote in the query is not closed"));
    }
    if values.next().is_some() {
        return Err(wrong("there are more values than `?` in the query"));
    }
    Ok(out)
}

fn append_value(out: &mut String, value: &Value<'_>) -> Result<(), Error> {
    // Writing to a `String` does not fail.
    let _ = match value {
        Value::String(text) => return append_text(out, text),
        Value::Byte(number) => write!(out, "{number}"),
        Value::Short(number) => write!(out, "{number}"),
        Value::Integer(number) => write!(out, "{number}"),
        Value::Long(number) => write!(out, "{number}"),
        Value::Float(number) if number.is_finite() => write!(out, "{number:?}"),
        Value::Double(number) if number.is_finite() => write!(out, "{number:?}"),
        Value::Timestamp(time) if time.subsec_nanos().is_multiple_of(1_000_000) => {
            write!(out, "TO_TIMESTAMP_MS({})", time.as_millis())
        }
        Value::Timestamp(_) => return Err(wrong("a time in a query has whole milliseconds")),
        other => return Err(wrong(format!("there is no literal of {} in a query", other.kind()))),
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::timestamp::Timestamp;

    /// Reads a literal as the server does: up to the first quote that is not doubled.
    fn literal(tql: &str) -> Option<(String, &str)> {
        let mut rest = tql.strip_prefix('\'')?;
        let mut text = String::new();
        loop {
            let end = rest.find('\'')?;
            text.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('\'') {
                Some(more) => {
                    text.push('\'');
                    rest = more;
                }
                None => return Some((text, rest)),
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_quotes(text in "([^\\x00]|'|\\\\|\"|--){0,40}", tail in "[ =a-z]{0,10}") {
            let tql = format!("{}{tail}", quote(&text).unwrap());
            prop_assert_eq!(literal(&tql), Some((text.clone(), tail.as_str())));
            let bound = bind("select * where k = ? and m = '?'", &[&text]).unwrap();
            let rest = bound.strip_prefix("select * where k = ").unwrap();
            prop_assert_eq!(literal(rest), Some((text, " and m = '?'")));
        }

        #[test]
        fn nul_is_refused(before in "[^\\x00]{0,9}", after in "[^\\x00]{0,9}") {
            let text = format!("{before}\0{after}");
            prop_assert!(quote(&text).is_err());
            prop_assert!(bind("?", &[&text]).is_err());
        }
    }

    #[test]
    fn values_of_other_types() {
        let bound = bind("? ? ? ?", &[&-5i32, &i64::MIN, &1.0f64, &0.1f32]).unwrap();
        assert_eq!(bound, "-5 -9223372036854775808 1.0 0.1");
        assert_eq!(bind("?", &[&true]).unwrap_err().to_string(), "there is no literal of BOOL in a query");
        assert!(bind("?", &[&f64::NAN]).is_err());
        assert!(bind("?", &[&Timestamp::from_micros(1)]).is_err());
        assert!(bind("?", &[]).is_err());
        assert!(bind("", &[&1i32]).is_err());
        assert!(bind("'?", &[]).is_err());
        assert_eq!(bind("\"a?\" = '?''?'", &[]).unwrap(), "\"a?\" = '?''?'");
    }
}
