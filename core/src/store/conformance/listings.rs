//! Listings are complete across pages, and follow the changes of rows.

use super::case::Case;
use super::harness::{Harness, NOON, Outcome, at, mismatch, numbered, same, same_row};
use crate::store::{By, Change, Kind, Query, Row, Updated};

pub(super) const CASES: &[Case] = &[
    Case::new("listings/pages", "every row that matches is in exactly one page", |s| Box::pin(pages(s))),
    Case::new("listings/only", "a listing has only rows of its user, client and kind", |s| Box::pin(only(s))),
    Case::new("listings/expired", "a row is listed as expired from its expiry on", |s| Box::pin(expired(s))),
    Case::new("listings/same-expiry", "rows that expire together are all listed", |s| {
        Box::pin(same_expiry(s))
    }),
    Case::new("listings/follow", "listings follow the changes of a row's user, client and expiry", |s| {
        Box::pin(follow(s))
    }),
    Case::new("listings/rows", "a listed row equals the stored row", |s| Box::pin(rows(s))),
    Case::new("listings/meanwhile", "rows that stay are listed once while others come and go", |s| {
        Box::pin(meanwhile(s))
    }),
];

async fn pages(harness: Harness) -> Outcome {
    const ROWS: usize = 230;
    let (user, client) = (harness.own("user"), harness.own("client"));
    harness
        .race(23, |caller, harness| {
            let (user, client) = (user.clone(), client.clone());
            async move {
                for number in (caller * 10..).take(10) {
                    let row = numbered(number)
                        .with_user(Some(&user))
                        .with_client(Some(&client))
                        .with_expires(Some(at(number as i64)));
                    harness.create(Kind::Grant, &harness.own(format!("row-{number}")), row).await?;
                }
                Ok(())
            }
        })
        .await?;
    let mut ids: Vec<_> = (0..ROWS).map(|number| harness.own(format!("row-{number}"))).collect();
    ids.sort();
    for by in [By::User(&user), By::Client(&client), By::Any, By::ExpiredAt(at(ROWS as i64))] {
        for limit in [7, 100, 1000] {
            same(
                &format!("the ids in pages of {limit}"),
                ids.clone(),
                harness.list_own(Kind::Grant, by, limit).await?,
            )?;
        }
    }
    let one_by_one = harness.list_own(Kind::Grant, By::User(&user), 1).await?;
    same("the ids in pages of one", ids, one_by_one)
}

async fn only(harness: Harness) -> Outcome {
    let base = harness.own("someone");
    // Each is easily confused with another: a prefix, another case, a space, a wildcard.
    let names = [
        base.clone(),
        format!("{base}2"),
        base.to_uppercase(),
        format!("{base} "),
        format!("{base}%"),
        format!("{base}\u{1}"),
        format!("{base}'"),
        base[..base.len() - 1].to_owned(),
    ];
    for (number, name) in names.iter().enumerate() {
        let user = numbered(number).with_user(Some(name)).with_client(Some("client"));
        harness.create(Kind::Consent, &harness.own(format!("user-{number}")), user).await?;
        let client = numbered(number).with_client(Some(name)).with_user(Some("user"));
        harness.create(Kind::Consent, &harness.own(format!("client-{number}")), client).await?;
        let other_kind = numbered(number).with_user(Some(name)).with_client(Some(name));
        harness.create(Kind::Grant, &harness.own(format!("grant-{number}")), other_kind).await?;
    }
    harness.create(Kind::Consent, &harness.own("nobody"), numbered(0)).await?;
    for (number, name) in names.iter().enumerate() {
        let what = format!("the rows of user {name:?}");
        let listed = harness.list_own(Kind::Consent, By::User(name), 3).await?;
        same(&what, vec![harness.own(format!("user-{number}"))], listed)?;
        let what = format!("the rows of client {name:?}");
        let listed = harness.list_own(Kind::Consent, By::Client(name), 3).await?;
        same(&what, vec![harness.own(format!("client-{number}"))], listed)?;
    }
    let stranger = harness.list_own(Kind::Consent, By::User(&harness.own("stranger")), 3).await?;
    same("the rows of a user who has none", vec![], stranger)?;
    // An empty user is a user like any other, not the absence of one.
    harness.create(Kind::Consent, &harness.own("empty"), numbered(0).with_user(Some(""))).await?;
    let listed = harness.list_own(Kind::Consent, By::User(""), 100).await?;
    same("the rows of the user whose name is empty", vec![harness.own("empty")], listed)
}

async fn expired(harness: Harness) -> Outcome {
    for (name, expires) in [
        ("before", Some(at(-1))),
        ("at", Some(NOON)),
        ("after", Some(at(1))),
        ("long before", Some(crate::env::Timestamp::from_millis(1))),
        ("never", None),
    ] {
        let row = numbered(0).with_expires(expires);
        harness.create(Kind::DeviceCode, &harness.own(name), row).await?;
    }
    let mut gone = ["before", "at", "long before"].map(|name| harness.own(name)).to_vec();
    gone.sort();
    same(
        "the expired rows",
        gone.clone(),
        harness.list_own(Kind::DeviceCode, By::ExpiredAt(NOON), 2).await?,
    )?;
    gone.push(harness.own("after"));
    gone.sort();
    same("those of a later moment", gone, harness.list_own(Kind::DeviceCode, By::ExpiredAt(at(1)), 2).await?)
}

async fn same_expiry(harness: Harness) -> Outcome {
    const ROWS: usize = 90;
    let mut ids = Vec::new();
    for number in 0..ROWS {
        let id = harness.own(format!("row-{number}"));
        harness.create(Kind::AssertionId, &id, numbered(number).with_expires(Some(NOON))).await?;
        ids.push(id);
    }
    ids.sort();
    for limit in [4, 30] {
        let listed = harness.list_own(Kind::AssertionId, By::ExpiredAt(NOON), limit).await?;
        same(&format!("the rows that expire together, in pages of {limit}"), ids.clone(), listed)?;
    }
    same(
        "those of the moment before",
        vec![],
        harness.list_own(Kind::AssertionId, By::ExpiredAt(at(-1)), 30).await?,
    )
}

async fn follow(harness: Harness) -> Outcome {
    let id = harness.own("row");
    let [one, other] = ["one", "other"].map(|name| harness.own(name));
    let row = |user: Option<&str>, client: Option<&str>, expires: Option<i64>| {
        Row::new(NOON, "{}").with_user(user).with_client(client).with_expires(expires.map(at))
    };
    // The row after each step.
    let steps = [
        row(Some(&one), Some(&one), Some(0)),
        row(Some(&other), Some(&one), Some(0)),
        row(Some(&other), Some(&other), Some(0)),
        row(Some(&other), Some(&other), Some(5000)),
        row(Some(&other), Some(&other), None),
        row(None, Some(&other), None),
        row(None, None, Some(-5000)),
        row(Some(&one), None, Some(5000)),
        row(Some(&one), Some(&other), Some(-1)),
        row(Some(&one), Some(&other), Some(-1)),
    ];
    for way in 0..3 {
        for (number, row) in steps.iter().enumerate() {
            match (way, number) {
                (_, 0) => harness.create(Kind::Grant, &id, row.clone()).await?,
                (0, _) => harness.replace(Kind::Grant, &id, row).await?,
                (1, _) => harness.put(Kind::Grant, &id, row.clone()).await?,
                _ => {
                    same("the answer to a removal", true, harness.remove(Kind::Grant, &id).await?)?;
                    harness.create(Kind::Grant, &id, row.clone()).await?;
                }
            }
            is_listed_as(&harness, &id, [&one, &other], Some(row)).await?;
        }
        let removed = if way == 0 {
            harness.update(Kind::Grant, &id, |_| Change::Remove).await? == Updated::Removed
        } else {
            harness.remove(Kind::Grant, &id).await?
        };
        same("the answer to the removal", true, removed)?;
        is_listed_as(&harness, &id, [&one, &other], None).await?;
    }
    Ok(())
}

/// Checks that the row is in exactly the listings in which it belongs.
async fn is_listed_as(harness: &Harness, id: &str, names: [&str; 2], row: Option<&Row>) -> Outcome {
    let there = |belongs: bool| if belongs { vec![id.to_owned()] } else { vec![] };
    for name in names {
        let belongs = row.is_some_and(|row| row.user() == Some(name));
        let listed = harness.list_own(Kind::Grant, By::User(name), 10).await?;
        same(&format!("the rows of user {name}, the row being {row:?}"), there(belongs), listed)?;
        let belongs = row.is_some_and(|row| row.client() == Some(name));
        let listed = harness.list_own(Kind::Grant, By::Client(name), 10).await?;
        same(&format!("the rows of client {name}, the row being {row:?}"), there(belongs), listed)?;
    }
    let belongs = row.is_some_and(|row| row.expires().is_some_and(|expires| expires <= NOON));
    let listed = harness.list_own(Kind::Grant, By::ExpiredAt(NOON), 10).await?;
    same(&format!("the expired rows, the row being {row:?}"), there(belongs), listed)?;
    let listed = harness.list_own(Kind::Grant, By::Any, 100).await?;
    same(&format!("all rows, the row being {row:?}"), there(row.is_some()), listed)
}

async fn rows(harness: Harness) -> Outcome {
    let (user, client) = (harness.own("user"), harness.own("client"));
    let row = |number: usize| {
        numbered(number)
            .with_user(Some(&user))
            .with_client(Some(&client))
            .with_scope(number.is_multiple_of(2).then_some("a b"))
            .with_expires(Some(at(-(number as i64))))
    };
    for number in 0..12 {
        harness.create(Kind::Session, &harness.own(number), row(number)).await?;
    }
    harness.replace(Kind::Session, &harness.own(3), &row(30)).await?;
    for by in [By::User(&user), By::Client(&client), By::ExpiredAt(NOON), By::Any] {
        let entries = harness.list(Kind::Session, by, 5).await?;
        for number in 0..12 {
            let id = harness.own(number);
            let listed = entries.iter().find(|entry| entry.id == id).map(|entry| &*entry.row);
            same_row("the listed row", &row(if number == 3 { 30 } else { number }), listed)?;
        }
    }
    Ok(())
}

async fn meanwhile(harness: Harness) -> Outcome {
    const STAYING: usize = 80;
    let user = harness.own("user");
    let mut staying = Vec::new();
    for number in 0..STAYING {
        let id = harness.own(format!("{number:03}-stays"));
        harness
            .create(Kind::Grant, &id, numbered(number).with_user(Some(&user)).with_expires(Some(NOON)))
            .await?;
        staying.push(id);
    }
    let seen = harness
        .race(8, |caller, harness| {
            let user = user.clone();
            async move {
                if caller > 1 {
                    for round in 0..20 {
                        let id =
                            harness.own(format!("{:03}-goes-{caller}", (round * 37 + caller * 11) % STAYING));
                        let row = numbered(round).with_user(Some(&user)).with_expires(Some(NOON));
                        harness.create(Kind::Grant, &id, row).await?;
                        // A caller that lists may have removed it first.
                        harness.remove(Kind::Grant, &id).await?;
                    }
                    return Ok(Vec::new());
                }
                let by = if caller == 0 { By::User(&user) } else { By::ExpiredAt(NOON) };
                let mut query = Query::new(Kind::Grant, by).limit(5);
                let mut seen = Vec::new();
                for _ in 0..10_000 {
                    let page = harness.store().list(query.clone()).await?;
                    // The last row of a page may be removed before the next page is requested.
                    if let Some(last) = page.entries.last().filter(|last| last.id.contains("-goes-")) {
                        harness.remove(Kind::Grant, &last.id).await.ok();
                    }
                    seen.extend(page.entries.into_iter().map(|entry| entry.id));
                    match page.next {
                        Some(next) => query = query.after(next),
                        None => return Ok(seen),
                    }
                }
                mismatch("a listing that ends", "another page after 10000")
            }
        })
        .await?;
    for mut seen in seen.into_iter().take(2) {
        seen.retain(|id| id.ends_with("-stays") && id.starts_with(&harness.own("")));
        seen.sort();
        same("the rows that were there all the time", staying.clone(), seen)?;
    }
    Ok(())
}
