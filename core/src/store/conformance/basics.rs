//! One caller, one row: what each operation does and answers.

use super::Case;
use super::harness::{Outcome, Subject, numbered, same, same_row};
use crate::store::Kind;

pub(super) const CASES: &[Case] = &[
    Case::new("basics/ping", "a store that is there answers a ping", |s| Box::pin(ping(s))),
    Case::new("basics/missing", "what was never written is not there", |s| Box::pin(missing(s))),
    Case::new("basics/insert", "an insert creates, and leaves what is there as it is", |s| {
        Box::pin(insert(s))
    }),
    Case::new("basics/put", "a put creates, and replaces what is there", |s| Box::pin(put(s))),
    Case::new("basics/remove", "a remove says once that it removed", |s| Box::pin(remove(s))),
    Case::new("basics/again", "an id can be used again after its row was removed", |s| Box::pin(again(s))),
];

async fn ping(subject: Subject) -> Outcome {
    Ok(subject.store().ping().await?)
}

async fn missing(subject: Subject) -> Outcome {
    let id = subject.own("missing");
    for kind in Kind::ALL {
        same("a row that was never written", None, subject.get(kind, &id).await?)?;
        same("the answer to its removal", false, subject.remove(kind, &id).await?)?;
    }
    Ok(())
}

async fn insert(subject: Subject) -> Outcome {
    let id = subject.own("row");
    subject.create(Kind::Grant, &id, numbered(1)).await?;
    same_row("the inserted row", &numbered(1), subject.get(Kind::Grant, &id).await?.as_deref())?;
    for _ in 0..3 {
        let created = subject.insert(Kind::Grant, &id, numbered(2)).await?;
        same("the answer to an insert over a row", false, created)?;
        same_row("the row that was first", &numbered(1), subject.get(Kind::Grant, &id).await?.as_deref())?;
    }
    Ok(())
}

async fn put(subject: Subject) -> Outcome {
    let id = subject.own("row");
    for number in 0..4 {
        let row = numbered(number).with_user((number % 2 == 0).then_some("even"));
        subject.put(Kind::User, &id, row.clone()).await?;
        same_row("the row that was put", &row, subject.get(Kind::User, &id).await?.as_deref())?;
    }
    let created = subject.insert(Kind::User, &id, numbered(9)).await?;
    same("the answer to an insert over a row that was put", false, created)
}

async fn remove(subject: Subject) -> Outcome {
    let id = subject.own("row");
    subject.create(Kind::Session, &id, numbered(1)).await?;
    same("the answer to the removal", true, subject.remove(Kind::Session, &id).await?)?;
    same("the removed row", None, subject.get(Kind::Session, &id).await?)?;
    for _ in 0..3 {
        same("the answer to a second removal", false, subject.remove(Kind::Session, &id).await?)?;
    }
    Ok(())
}

async fn again(subject: Subject) -> Outcome {
    let id = subject.own("row");
    for round in 0..4 {
        subject.create(Kind::Consent, &id, numbered(round)).await?;
        same_row(
            "the row of this round",
            &numbered(round),
            subject.get(Kind::Consent, &id).await?.as_deref(),
        )?;
        same("the answer to its removal", true, subject.remove(Kind::Consent, &id).await?)?;
        same("the removed row", None, subject.get(Kind::Consent, &id).await?)?;
    }
    Ok(())
}
