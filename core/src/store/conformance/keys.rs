//! Ids are compared byte by byte, and each kind has a space of its own.

use super::Case;
use super::harness::{NOON, Outcome, Subject, number_in, numbered, same, same_row};
use super::rows::TEXTS;
use crate::store::{By, Change, Key, Kind, Row, Updated};

pub(super) const CASES: &[Case] = &[
    Case::new("keys/characters", "ids of every kind of character are kept apart", |s| {
        Box::pin(characters(s))
    }),
    Case::new("keys/long", "ids of 1024 bytes are kept apart by their last byte", |s| Box::pin(long(s))),
    Case::new("keys/kinds", "an id in one kind says nothing about another kind", |s| Box::pin(kinds(s))),
    Case::new("keys/many", "many rows are each found by their id", |s| Box::pin(many(s))),
];

/// Ids of which some differ from another in a way that a store may overlook.
fn awkward_ids(subject: &Subject) -> Vec<String> {
    let tag = subject.own("");
    let mut ids: Vec<String> = TEXTS.iter().map(|text| format!("{tag}{text}")).collect();
    for pair in [
        ["case", "CASE"],
        ["trailing", "trailing "],
        ["prefix", "prefix/longer"],
        ["\u{e9}", "e\u{301}"],
        ["slash/a", "slash//a"],
        ["a.b", "a:b"],
        ["x\u{1}", "x\u{2}"],
        ["plus+", "plus%2B"],
        ["1", "01"],
        ["0x10", "16"],
        ["NULL", ""],
        ["same\u{200b}", "same"],
        ["ß", "ss"],
        ["\u{ff21}", "A"],
    ] {
        ids.extend(pair.map(|end| format!("{tag}{end}")));
    }
    ids.push(format!(" {tag}space before"));
    ids.push(format!("{tag}space before"));
    ids
}

async fn characters(subject: Subject) -> Outcome {
    let user = subject.own("user");
    let ids = awkward_ids(&subject);
    for (number, id) in ids.iter().enumerate() {
        subject.create(Kind::User, id, numbered(number).with_user(Some(&user))).await?;
    }
    for (number, id) in ids.iter().enumerate() {
        let expected = numbered(number).with_user(Some(&user));
        same_row(&format!("the row {id:?}"), &expected, subject.get(Kind::User, id).await?.as_deref())?;
    }

    let mut listed: Vec<_> =
        subject.list(Kind::User, By::User(&user), 7).await?.into_iter().map(|entry| entry.id).collect();
    let mut expected = ids.clone();
    listed.sort();
    expected.sort();
    same("the listed ids", expected, listed)?;

    for (number, id) in ids.iter().enumerate() {
        if number % 2 == 0 {
            same(&format!("the removal of {id:?}"), true, subject.remove(Kind::User, id).await?)?;
        } else {
            let updated =
                subject.update(Kind::User, id, |_| Change::Replace(numbered(number + 1000))).await?;
            same(&format!("the update of {id:?}"), Updated::Replaced, updated)?;
        }
    }
    for (number, id) in ids.iter().enumerate() {
        let row = subject.get(Kind::User, id).await?;
        let seen = row.map(|row| number_in(&row)).transpose()?;
        same(&format!("the number in {id:?}"), (number % 2 == 1).then_some(number + 1000), seen)?;
    }
    Ok(())
}

async fn long(subject: Subject) -> Outcome {
    let tag = subject.own("");
    let wide = format!("{tag}{}", "漢".repeat((Key::MAX_ID_BYTES - tag.len() - 1) / 3));
    let ids = [
        format!("{tag}{}", "x".repeat(Key::MAX_ID_BYTES - tag.len())),
        format!("{tag}{}y", "x".repeat(Key::MAX_ID_BYTES - tag.len() - 1)),
        format!("{tag}{}", "x".repeat(Key::MAX_ID_BYTES - tag.len() - 1)),
        format!("{tag}{}", "x".repeat(256 - tag.len())),
        format!("{tag}{}", "x".repeat(255 - tag.len())),
        format!("{wide}a"),
        format!("{wide}b"),
    ];
    let user = subject.own("user");
    for (number, id) in ids.iter().enumerate() {
        subject.create(Kind::Custom, id, numbered(number).with_user(Some(&user))).await?;
    }
    for (number, id) in ids.iter().enumerate() {
        let expected = numbered(number).with_user(Some(&user));
        let what = format!("the row whose id has {} bytes", id.len());
        same_row(&what, &expected, subject.get(Kind::Custom, id).await?.as_deref())?;
    }
    let mut expected = ids.to_vec();
    expected.sort();
    same("the listed ids", expected, subject.list_own(Kind::Custom, By::User(&user), 2).await?)
}

async fn kinds(subject: Subject) -> Outcome {
    let id = subject.own("row");
    let user = subject.own("user");
    let row = |kind: Kind| {
        Row::new(NOON, format!(r#"{{"kind":"{}"}}"#, kind.name()))
            .with_user(Some(&user))
            .with_expires(Some(NOON))
    };
    for kind in Kind::ALL {
        subject.create(kind, &id, row(kind)).await?;
    }
    for kind in Kind::ALL {
        same_row(kind.name(), &row(kind), subject.get(kind, &id).await?.as_deref())?;
        for by in [By::User(&user), By::ExpiredAt(NOON), By::Any] {
            for entry in subject.list(kind, by, 100).await?.iter().filter(|entry| entry.id == id) {
                same_row(&format!("the row listed as {}", kind.name()), &row(kind), Some(&entry.row))?;
            }
        }
    }
    let [first, second, rest @ ..] = Kind::ALL;
    same("the removal in one kind", true, subject.remove(first, &id).await?)?;
    subject.replace(second, &id, &numbered(2)).await?;
    for kind in rest {
        same_row(kind.name(), &row(kind), subject.get(kind, &id).await?.as_deref())?;
    }
    same("the removed row", None, subject.get(first, &id).await?)
}

async fn many(subject: Subject) -> Outcome {
    const CALLERS: usize = 32;
    const EACH: usize = 24;
    subject
        .race(CALLERS, |caller, subject| async move {
            for number in (caller * EACH..).take(EACH) {
                subject.create(Kind::Grant, &subject.own(number), numbered(number)).await?;
            }
            Ok(())
        })
        .await?;
    subject
        .race(CALLERS, |caller, subject| async move {
            for number in (caller * EACH..).take(EACH) {
                let row = subject.get(Kind::Grant, &subject.own(number)).await?;
                same_row(&format!("the row {number}"), &numbered(number), row.as_deref())?;
            }
            Ok(())
        })
        .await?;
    same(
        "a row that is not among them",
        None,
        subject.get(Kind::Grant, &subject.own(CALLERS * EACH)).await?,
    )?;
    let listed = subject.list_own(Kind::Grant, By::Any, 100).await?;
    same("the number of rows listed", CALLERS * EACH, listed.len())
}
