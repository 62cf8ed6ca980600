//! What an update may do, and what it answers.

use super::Case;
use super::harness::{NOON, Outcome, Subject, at, mismatch, number_in, numbered, same, same_row};
use crate::store::{Change, Kind, Row, Updated};

pub(super) const CASES: &[Case] = &[
    Case::new("updates/missing", "an update of no row changes nothing and says so", |s| Box::pin(missing(s))),
    Case::new("updates/keep", "an update that keeps changes nothing and says so", |s| Box::pin(keep(s))),
    Case::new("updates/replace", "an update that replaces puts the new row, whole", |s| Box::pin(replace(s))),
    Case::new("updates/remove", "an update that removes leaves no row", |s| Box::pin(remove(s))),
    Case::new("updates/sees", "an update is shown what the last answered write wrote", |s| Box::pin(sees(s))),
];

async fn missing(subject: Subject) -> Outcome {
    let id = subject.own("row");
    for _ in 0..2 {
        let updated = subject.update(Kind::Grant, &id, |_| Change::Replace(numbered(1))).await?;
        same("the answer to an update of no row", Updated::Missing, updated)?;
        same("the row after it", None, subject.get(Kind::Grant, &id).await?)?;
    }
    let updated = subject.update(Kind::Grant, &id, |_| Change::Remove).await?;
    same("the answer to a removing update of no row", Updated::Missing, updated)
}

async fn keep(subject: Subject) -> Outcome {
    let id = subject.own("row");
    subject.create(Kind::Grant, &id, numbered(1)).await?;
    let updated = subject.update(Kind::Grant, &id, |_| Change::Keep).await?;
    same("the answer to an update that keeps", Updated::Kept, updated)?;
    same_row("the row after it", &numbered(1), subject.get(Kind::Grant, &id).await?.as_deref())
}

async fn replace(subject: Subject) -> Outcome {
    let id = subject.own("row");
    let full = Row::new(at(1), r#"{"full":true}"#)
        .with_user(Some("user"))
        .with_client(Some("client"))
        .with_scope(Some("scope"))
        .with_expires(Some(at(2)));
    let bare = Row::new(NOON, "{}");
    subject.create(Kind::Grant, &id, bare.clone()).await?;
    for _ in 0..3 {
        for row in [&full, &bare] {
            subject.replace(Kind::Grant, &id, row).await?;
            same_row("the row after it", row, subject.get(Kind::Grant, &id).await?.as_deref())?;
        }
    }
    Ok(())
}

async fn remove(subject: Subject) -> Outcome {
    let id = subject.own("row");
    subject.create(Kind::Grant, &id, numbered(1)).await?;
    let updated = subject.update(Kind::Grant, &id, |_| Change::Remove).await?;
    same("the answer to an update that removes", Updated::Removed, updated)?;
    same("the row after it", None, subject.get(Kind::Grant, &id).await?)?;
    let updated = subject.update(Kind::Grant, &id, |_| Change::Remove).await?;
    same("the answer to the same again", Updated::Missing, updated)?;
    same("the answer to a remove after it", false, subject.remove(Kind::Grant, &id).await?)?;
    subject.create(Kind::Grant, &id, numbered(2)).await
}

async fn sees(subject: Subject) -> Outcome {
    let id = subject.own("row");
    subject.create(Kind::Grant, &id, numbered(0)).await?;
    for number in 0..20 {
        let mut shown = None;
        let updated = subject
            .update(Kind::Grant, &id, |row| {
                shown = Some(row.clone());
                Change::Replace(numbered(number + 1))
            })
            .await?;
        same("the answer to the update", Updated::Replaced, updated)?;
        let Some(shown) = shown else { return mismatch("the closure to be called", "it was not") };
        same("the number that the update was shown", number, number_in(&shown)?)?;
        if number % 3 == 0 {
            subject.put(Kind::Grant, &id, numbered(number + 1)).await?;
        }
    }
    Ok(())
}
