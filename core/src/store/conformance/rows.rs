//! A row is read as it was written: every column, every kind of text, every size.

use super::case::Case;
use super::harness::{Harness, NOON, Outcome, same_row};
use crate::env::Timestamp;
use crate::store::{By, Kind, Row};

pub(super) const CASES: &[Case] = &[
    Case::new("rows/columns", "an empty column differs from an absent one", |s| Box::pin(columns(s))),
    Case::new("rows/times", "times are kept to the millisecond, from 1970 to 9999", |s| Box::pin(times(s))),
    Case::new("rows/text", "columns and body keep any characters", |s| Box::pin(text(s))),
    Case::new("rows/large", "rows of 100 kB are kept completely", |s| Box::pin(large(s))),
    Case::new("rows/shrink", "a row that replaces a larger or smaller one is kept completely", |s| {
        Box::pin(shrink(s))
    }),
];

/// Writes the row in every possible way, and reads it back each time, from a listing too.
async fn round_trip(harness: &Harness, id: &str, row: &Row) -> Outcome {
    harness.create(Kind::Grant, id, row.clone()).await?;
    same_row("the inserted row", row, harness.get(Kind::Grant, id).await?.as_deref())?;

    let other = Row::new(NOON, "null").with_user(Some("other")).with_expires(Some(NOON));
    harness.put(Kind::Grant, id, other).await?;
    harness.replace(Kind::Grant, id, row).await?;
    same_row("the row after an update", row, harness.get(Kind::Grant, id).await?.as_deref())?;

    if let Some(user) = row.user() {
        let entries = harness.list(Kind::Grant, By::User(user), 100).await?;
        let listed = entries.iter().find(|entry| entry.id == id);
        same_row("the listed row", row, listed.map(|entry| &*entry.row))?;
    }
    Ok(())
}

async fn columns(harness: Harness) -> Outcome {
    let choices = [None, Some(""), Some("set")];
    for (number, user) in choices.iter().enumerate() {
        for client in choices {
            for scope in choices {
                let row = Row::new(NOON, "{}").with_user(*user).with_client(client).with_scope(scope);
                let id = harness.own(format!("{number}-{client:?}-{scope:?}"));
                harness.create(Kind::Custom, &id, row.clone()).await?;
                same_row("the row", &row, harness.get(Kind::Custom, &id).await?.as_deref())?;
            }
        }
    }
    let user = harness.own("user");
    let row = Row::new(NOON, "{}").with_user(Some(&user)).with_client(Some("")).with_expires(Some(NOON));
    round_trip(&harness, &harness.own("all"), &row).await
}

async fn times(harness: Harness) -> Outcome {
    const END_OF_9999: i64 = 253_402_300_799_999;
    let moments = [0, 1, 999, 1_000, 1_700_000_000_001, 4_102_444_800_123, i64::from(u32::MAX), END_OF_9999];
    for (number, moment) in moments.into_iter().enumerate() {
        let row = Row::new(Timestamp::from_millis(moment), "{}")
            .with_user(Some(&harness.own(number)))
            .with_expires(Some(Timestamp::from_millis(END_OF_9999 - moment)));
        round_trip(&harness, &harness.own(format!("row-{number}")), &row).await?;
    }
    Ok(())
}

/// Texts that a store may be tempted to trim, fold, escape, translate or truncate.
pub(super) const TEXTS: &[&str] = &[
    " leading and trailing ",
    "it's \"quoted\" `thrice`",
    "back\\slash \\n \\u0000 \\x00",
    "'; DROP TABLE grants; --",
    "%_*?[a-z]$1 ${x} {0} %s",
    "tab\tline\nreturn\r\nend",
    "\u{1}\u{2}\u{7}\u{8}\u{b}\u{1b}\u{1f}\u{7f}",
    "é as one, e\u{301} as two",
    "ﬁ Ǆ ß İ ı Σς",
    "שלום مرحبا \u{202e}right to left",
    "漢字 かな 한글 ไทย",
    "🦀 👩‍👩‍👧‍👦 🏳️‍🌈 \u{10ffff}",
    "\u{feff}mark \u{200b}zero \u{a0}hard \u{2028}lines\u{2029}",
    "\u{80}\u{9f}\u{fffd}\u{fffe}\u{ffff}\u{e000}",
    "<a href=\"x\">&amp;</a>",
    "null",
];

async fn text(harness: Harness) -> Outcome {
    for (number, text) in TEXTS.iter().enumerate() {
        let body = serde_json::Value::from(*text).to_string();
        let row = Row::new(NOON, body)
            .with_user(Some(&format!("{text}{}", harness.own("user"))))
            .with_client(Some(text))
            .with_scope(Some(text));
        round_trip(&harness, &harness.own(number), &row).await?;
    }
    Ok(())
}

/// A JSON string of `bytes` bytes without repetitions.
fn body_of(bytes: usize, seed: usize) -> String {
    let mut body = String::with_capacity(bytes + 16);
    body.push('"');
    let mut number = seed;
    while body.len() + 1 < bytes {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        body.push_str(&format!("{:x}é", number >> 20));
    }
    while body.len() + 1 > bytes {
        body.pop();
    }
    while body.len() + 1 < bytes {
        body.push('.');
    }
    body.push('"');
    body
}

async fn large(harness: Harness) -> Outcome {
    for bytes in [1_000, 4_096, 20_000, 32_768, 65_535, 65_536, 100_000] {
        let row = Row::new(NOON, body_of(bytes, bytes)).with_user(Some(&harness.own(bytes)));
        round_trip(&harness, &harness.own(format!("row-{bytes}")), &row).await?;
    }
    Ok(())
}

async fn shrink(harness: Harness) -> Outcome {
    let id = harness.own("row");
    harness.create(Kind::Grant, &id, Row::new(NOON, "{}")).await?;
    for (round, bytes) in [100_000, 10, 5_000, 99_999, 300, 4_097, 60_000, 64].into_iter().enumerate() {
        let row = Row::new(NOON, body_of(bytes, round));
        if round % 2 == 0 {
            harness.put(Kind::Grant, &id, row.clone()).await?;
        } else {
            harness.replace(Kind::Grant, &id, &row).await?;
        }
        same_row("the row of this round", &row, harness.get(Kind::Grant, &id).await?.as_deref())?;
    }
    Ok(())
}
