//! What an update does and returns.

use super::case::Case;
use super::harness::{Harness, NOON, Outcome, at, mismatch, number_in, numbered, same, same_row};
use crate::store::{Change, Kind, Row, Updated};

pub(super) const CASES: &[Case] = &[
    Case::new("updates/missing", "an update of a missing row changes nothing and reports it", |s| {
        Box::pin(missing(s))
    }),
    Case::new("updates/keep", "an update that keeps the row changes nothing and reports it", |s| {
        Box::pin(keep(s))
    }),
    Case::new("updates/replace", "an update that replaces the row writes all of the new one", |s| {
        Box::pin(replace(s))
    }),
    Case::new("updates/remove", "an update that removes the row leaves none", |s| Box::pin(remove(s))),
    Case::new("updates/sees", "an update sees the last write that returned", |s| Box::pin(sees(s))),
];

async fn missing(harness: Harness) -> Outcome {
    let id = harness.own("row");
    for _ in 0..2 {
        let updated = harness.update(Kind::Grant, &id, |_| Change::Replace(numbered(1))).await?;
        same("the answer to an update of no row", Updated::Missing, updated)?;
        same("the row after it", None, harness.get(Kind::Grant, &id).await?)?;
    }
    let updated = harness.update(Kind::Grant, &id, |_| Change::Remove).await?;
    same("the answer to a removing update of no row", Updated::Missing, updated)
}

async fn keep(harness: Harness) -> Outcome {
    let id = harness.own("row");
    harness.create(Kind::Grant, &id, numbered(1)).await?;
    let updated = harness.update(Kind::Grant, &id, |_| Change::Keep).await?;
    same("the answer to an update that keeps", Updated::Kept, updated)?;
    same_row("the row after it", &numbered(1), harness.get(Kind::Grant, &id).await?.as_deref())
}

async fn replace(harness: Harness) -> Outcome {
    let id = harness.own("row");
    let full = Row::new(at(1), r#"{"full":true}"#)
        .with_user(Some("user"))
        .with_client(Some("client"))
        .with_scope(Some("scope"))
        .with_expires(Some(at(2)));
    let bare = Row::new(NOON, "{}");
    harness.create(Kind::Grant, &id, bare.clone()).await?;
    for _ in 0..3 {
        for row in [&full, &bare] {
            harness.replace(Kind::Grant, &id, row).await?;
            same_row("the row after it", row, harness.get(Kind::Grant, &id).await?.as_deref())?;
        }
    }
    Ok(())
}

async fn remove(harness: Harness) -> Outcome {
    let id = harness.own("row");
    harness.create(Kind::Grant, &id, numbered(1)).await?;
    let updated = harness.update(Kind::Grant, &id, |_| Change::Remove).await?;
    same("the answer to an update that removes", Updated::Removed, updated)?;
    same("the row after it", None, harness.get(Kind::Grant, &id).await?)?;
    let updated = harness.update(Kind::Grant, &id, |_| Change::Remove).await?;
    same("the answer to the same again", Updated::Missing, updated)?;
    same("the answer to a remove after it", false, harness.remove(Kind::Grant, &id).await?)?;
    harness.create(Kind::Grant, &id, numbered(2)).await
}

async fn sees(harness: Harness) -> Outcome {
    let id = harness.own("row");
    harness.create(Kind::Grant, &id, numbered(0)).await?;
    for number in 0..20 {
        let mut shown = None;
        let updated = harness
            .update(Kind::Grant, &id, |row| {
                shown = Some(row.clone());
                Change::Replace(numbered(number + 1))
            })
            .await?;
        same("the answer to the update", Updated::Replaced, updated)?;
        let Some(shown) = shown else { return mismatch("the closure to be called", "it was not") };
        same("the number that the update was shown", number, number_in(&shown)?)?;
        if number % 3 == 0 {
            harness.put(Kind::Grant, &id, numbered(number + 1)).await?;
        }
    }
    Ok(())
}
