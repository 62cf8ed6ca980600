//! Bodies of rows.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::{CorruptRow, Kind, Row};

/// The JSON of a row's body. All maps in it have string keys, so serializing cannot fail.
pub(super) fn write(body: &impl Serialize) -> String {
    let mut text = Vec::with_capacity(USUAL_LENGTH);
    let written = serde_json::to_writer(&mut text, body);
    written.ok().and_then(|()| String::from_utf8(text).ok()).unwrap_or_default()
}

/// The usual length of a grant with its tokens, in bytes. `Row` gives back what is not used.
const USUAL_LENGTH: usize = 512;

/// The body of a row. The error says what is wrong with it, without quoting it.
pub(super) fn read<B: DeserializeOwned>(kind: Kind, row: &Row) -> Result<B, CorruptRow> {
    serde_json::from_str(row.body()).map_err(|error| CorruptRow {
        kind: kind.name(),
        reason: format!("{:?} at line {}, column {}", error.classify(), error.line(), error.column()),
    })
}

/// A column that a row of this kind must have.
pub(super) fn column(kind: Kind, name: &str, value: Option<&str>) -> Result<String, CorruptRow> {
    value
        .map(str::to_owned)
        .ok_or_else(|| CorruptRow { kind: kind.name(), reason: format!("it has no {name}") })
}
