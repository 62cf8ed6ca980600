//! One caller, one row: what each operation does and returns.

use super::case::Case;
use super::harness::{Harness, Outcome, numbered, same, same_row};
use crate::store::Kind;

pub(super) const CASES: &[Case] = &[
    Case::new("basics/ping", "a store that can be reached answers a ping", |s| Box::pin(ping(s))),
    Case::new("basics/missing", "a row that was never written does not exist", |s| Box::pin(missing(s))),
    Case::new("basics/insert", "an insert creates a row, and leaves an existing one unchanged", |s| {
        Box::pin(insert(s))
    }),
    Case::new("basics/put", "a put creates a row, or replaces the existing one", |s| Box::pin(put(s))),
    Case::new("basics/remove", "a row is removed once", |s| Box::pin(remove(s))),
    Case::new("basics/again", "the id of a removed row can be used again", |s| Box::pin(again(s))),
];

async fn ping(harness: Harness) -> Outcome {
    Ok(harness.store().ping().await?)
}

async fn missing(harness: Harness) -> Outcome {
    let id = harness.own("missing");
    for kind in Kind::ALL {
        same("a row that was never written", None, harness.get(kind, &id).await?)?;
        same("the answer to its removal", false, harness.remove(kind, &id).await?)?;
    }
    Ok(())
}

async fn insert(harness: Harness) -> Outcome {
    let id = harness.own("row");
    harness.create(Kind::Grant, &id, numbered(1)).await?;
    same_row("the inserted row", &numbered(1), harness.get(Kind::Grant, &id).await?.as_deref())?;
    for _ in 0..3 {
        let created = harness.insert(Kind::Grant, &id, numbered(2)).await?;
        same("the answer to an insert over a row", false, created)?;
        same_row("the row that was first", &numbered(1), harness.get(Kind::Grant, &id).await?.as_deref())?;
    }
    Ok(())
}

async fn put(harness: Harness) -> Outcome {
    let id = harness.own("row");
    for number in 0..4 {
        let row = numbered(number).with_user((number % 2 == 0).then_some("even"));
        harness.put(Kind::User, &id, row.clone()).await?;
        same_row("the row that was put", &row, harness.get(Kind::User, &id).await?.as_deref())?;
    }
    let created = harness.insert(Kind::User, &id, numbered(9)).await?;
    same("the answer to an insert over a row that was put", false, created)
}

async fn remove(harness: Harness) -> Outcome {
    let id = harness.own("row");
    harness.create(Kind::Session, &id, numbered(1)).await?;
    same("the answer to the removal", true, harness.remove(Kind::Session, &id).await?)?;
    same("the removed row", None, harness.get(Kind::Session, &id).await?)?;
    for _ in 0..3 {
        same("the answer to a second removal", false, harness.remove(Kind::Session, &id).await?)?;
    }
    Ok(())
}

async fn again(harness: Harness) -> Outcome {
    let id = harness.own("row");
    for round in 0..4 {
        harness.create(Kind::Consent, &id, numbered(round)).await?;
        same_row(
            "the row of this round",
            &numbered(round),
            harness.get(Kind::Consent, &id).await?.as_deref(),
        )?;
        same("the answer to its removal", true, harness.remove(Kind::Consent, &id).await?)?;
        same("the removed row", None, harness.get(Kind::Consent, &id).await?)?;
    }
    Ok(())
}
