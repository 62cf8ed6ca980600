//! Ids are compared byte by byte, and each kind has its own key space.

use super::case::Case;
use super::harness::{Harness, NOON, Outcome, number_in, numbered, same, same_row};
use super::rows::TEXTS;
use crate::store::{By, Change, Key, Kind, Row, Updated};

pub(super) const CASES: &[Case] = &[
    Case::new("keys/characters", "ids with any characters are distinguished", |s| Box::pin(characters(s))),
    Case::new("keys/long", "ids of 1024 bytes are distinguished by their last byte", |s| Box::pin(long(s))),
    Case::new("keys/kinds", "an id in one kind is independent of the same id in another", |s| {
        Box::pin(kinds(s))
    }),
    Case::new("keys/many", "each of many rows is found by its id", |s| Box::pin(many(s))),
];

/// Ids that differ from one another in ways that a store may overlook.
fn awkward_ids(harness: &Harness) -> Vec<String> {
    let tag = harness.own("");
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

async fn characters(harness: Harness) -> Outcome {
    let user = harness.own("user");
    let ids = awkward_ids(&harness);
    for (number, id) in ids.iter().enumerate() {
        harness.create(Kind::User, id, numbered(number).with_user(Some(&user))).await?;
    }
    for (number, id) in ids.iter().enumerate() {
        let expected = numbered(number).with_user(Some(&user));
        same_row(&format!("the row {id:?}"), &expected, harness.get(Kind::User, id).await?.as_deref())?;
    }

    let mut listed: Vec<_> =
        harness.list(Kind::User, By::User(&user), 7).await?.into_iter().map(|entry| entry.id).collect();
    let mut expected = ids.clone();
    listed.sort();
    expected.sort();
    same("the listed ids", expected, listed)?;

    for (number, id) in ids.iter().enumerate() {
        if number % 2 == 0 {
            same(&format!("the removal of {id:?}"), true, harness.remove(Kind::User, id).await?)?;
        } else {
            let updated =
                harness.update(Kind::User, id, |_| Change::Replace(numbered(number + 1000))).await?;
            same(&format!("the update of {id:?}"), Updated::Replaced, updated)?;
        }
    }
    for (number, id) in ids.iter().enumerate() {
        let row = harness.get(Kind::User, id).await?;
        let seen = row.map(|row| number_in(&row)).transpose()?;
        same(&format!("the number in {id:?}"), (number % 2 == 1).then_some(number + 1000), seen)?;
    }
    Ok(())
}

async fn long(harness: Harness) -> Outcome {
    let tag = harness.own("");
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
    let user = harness.own("user");
    for (number, id) in ids.iter().enumerate() {
        harness.create(Kind::Custom, id, numbered(number).with_user(Some(&user))).await?;
    }
    for (number, id) in ids.iter().enumerate() {
        let expected = numbered(number).with_user(Some(&user));
        let what = format!("the row whose id has {} bytes", id.len());
        same_row(&what, &expected, harness.get(Kind::Custom, id).await?.as_deref())?;
    }
    let mut expected = ids.to_vec();
    expected.sort();
    same("the listed ids", expected, harness.list_own(Kind::Custom, By::User(&user), 2).await?)
}

async fn kinds(harness: Harness) -> Outcome {
    let id = harness.own("row");
    let user = harness.own("user");
    let row = |kind: Kind| {
        Row::new(NOON, format!(r#"{{"kind":"{}"}}"#, kind.name()))
            .with_user(Some(&user))
            .with_expires(Some(NOON))
    };
    for kind in Kind::ALL {
        harness.create(kind, &id, row(kind)).await?;
    }
    for kind in Kind::ALL {
        same_row(kind.name(), &row(kind), harness.get(kind, &id).await?.as_deref())?;
        for by in [By::User(&user), By::ExpiredAt(NOON), By::Any] {
            for entry in harness.list(kind, by, 100).await?.iter().filter(|entry| entry.id == id) {
                same_row(&format!("the row listed as {}", kind.name()), &row(kind), Some(&entry.row))?;
            }
        }
    }
    let [first, second, rest @ ..] = Kind::ALL;
    same("the removal in one kind", true, harness.remove(first, &id).await?)?;
    harness.replace(second, &id, &numbered(2)).await?;
    for kind in rest {
        same_row(kind.name(), &row(kind), harness.get(kind, &id).await?.as_deref())?;
    }
    same("the removed row", None, harness.get(first, &id).await?)
}

async fn many(harness: Harness) -> Outcome {
    const CALLERS: usize = 32;
    const EACH: usize = 24;
    harness
        .race(CALLERS, |caller, harness| async move {
            for number in (caller * EACH..).take(EACH) {
                harness.create(Kind::Grant, &harness.own(number), numbered(number)).await?;
            }
            Ok(())
        })
        .await?;
    harness
        .race(CALLERS, |caller, harness| async move {
            for number in (caller * EACH..).take(EACH) {
                let row = harness.get(Kind::Grant, &harness.own(number)).await?;
                same_row(&format!("the row {number}"), &numbered(number), row.as_deref())?;
            }
            Ok(())
        })
        .await?;
    same(
        "a row that is not among them",
        None,
        harness.get(Kind::Grant, &harness.own(CALLERS * EACH)).await?,
    )?;
    let listed = harness.list_own(Kind::Grant, By::Any, 100).await?;
    same("the number of rows listed", CALLERS * EACH, listed.len())
}
