//! What a command prints: text for people, or one JSON document.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::failure::Failure;

/// Where results go. A result is on standard output; errors and progress are on standard error.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a result: the document, or the lines that `text` makes.
    pub(crate) fn print(&self, document: &Value, text: impl FnOnce() -> Vec<String>) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let written = if self.json {
            writeln!(out, "{document}")
        } else {
            text().iter().try_for_each(|line| writeln!(out, "{line}"))
        };
        match written.and_then(|()| out.flush()) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }

    /// Prints why a command failed.
    pub(crate) fn failure(&self, failure: &Failure) {
        let mut err = io::stderr().lock();
        let _ = if self.json {
            writeln!(err, "{}", json!({ "error": failure.to_string() }))
        } else {
            writeln!(err, "error: {failure}")
        };
    }

    /// Tells something beside the result.
    pub(crate) fn note(&self, what: &str) {
        if !self.json {
            let _ = writeln!(io::stderr().lock(), "{what}");
        }
    }
}

/// Lines with their columns below each other. The first line is the head.
pub(crate) fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{:width$}", shown(cell)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// A name as a terminal may show it: what clients and users chose must not move the cursor.
pub(crate) fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_and_hold_no_control_character() {
        let rows = [vec!["id".into(), "name".into()], vec!["a-long-id".into(), "x\u{1b}[2J".into()]];
        assert_eq!(table(&rows), ["id         name", "a-long-id  x\u{fffd}[2J"]);
    }
}
