//! A sweep removes expired rows, a bounded number at a time, and no others.

use super::case::Case;
use super::harness::{Harness, NOON, Outcome, at, mismatch, numbered, same, same_row};
use crate::env::Timestamp;
use crate::store::{Change, Kind, Updated};

pub(super) const CASES: &[Case] = &[
    Case::new("expiry/bounded", "a sweep removes at most as many rows as its limit", |s| {
        Box::pin(bounded(s))
    }),
    Case::new("expiry/only", "a sweep removes only expired rows, of one kind", |s| Box::pin(only(s))),
    Case::new("expiry/prolonged", "a row whose expiry was extended stays", |s| Box::pin(prolonged(s))),
    Case::new("expiry/prolong-race", "a row whose expiry is extended during a sweep stays", |s| {
        Box::pin(prolong_race(s))
    }),
    Case::new("expiry/several", "concurrent sweeps count each row once", |s| Box::pin(several(s))),
];

impl Harness {
    async fn sweep(&self, kind: Kind, now: Timestamp, limit: usize) -> Outcome<usize> {
        let removed = self.store().remove_expired(kind, now, limit).await?;
        if removed > limit {
            return mismatch(format!("at most {limit} rows removed"), format!("{removed}"));
        }
        Ok(removed)
    }

    /// Sweeps until nothing is left. Returns how many rows were removed.
    async fn sweep_all(&self, kind: Kind, now: Timestamp) -> Outcome<usize> {
        let mut removed = 0;
        for _ in 0..1000 {
            match self.sweep(kind, now, 50).await? {
                0 => return Ok(removed),
                some => removed += some,
            }
        }
        mismatch("a sweep that ends", "rows to remove after 1000 rounds")
    }

    async fn count(&self, kind: Kind, names: impl Iterator<Item = usize>) -> Outcome<usize> {
        let mut there = 0;
        for name in names {
            there += usize::from(self.get(kind, &self.own(name)).await?.is_some());
        }
        Ok(there)
    }
}

async fn bounded(harness: Harness) -> Outcome {
    harness.sweep_all(Kind::Session, NOON).await?;
    for number in 0..30 {
        let row = numbered(number).with_expires(Some(at(-(number as i64 % 3))));
        harness.create(Kind::Session, &harness.own(number), row).await?;
    }
    let mut left = 30;
    for limit in [1, 7, 7, 7] {
        let removed = harness.sweep(Kind::Session, NOON, limit).await?;
        if removed == 0 {
            return mismatch("expired rows to be removed", "none");
        }
        left -= removed;
        same("the rows that are left", left, harness.count(Kind::Session, 0..30).await?)?;
    }
    same("the rest", left, harness.sweep_all(Kind::Session, NOON).await?)?;
    same("the rows that are left at the end", 0, harness.count(Kind::Session, 0..30).await?)
}

async fn only(harness: Harness) -> Outcome {
    let stays = [
        (Kind::Grant, "later", Some(at(1))),
        (Kind::Grant, "never", None),
        (Kind::Session, "other kind", Some(at(-1))),
    ];
    for (kind, name, expires) in stays {
        harness.create(kind, &harness.own(name), numbered(1).with_expires(expires)).await?;
    }
    for (number, expires) in [at(-1_000_000), at(-1), NOON].into_iter().enumerate() {
        harness.create(Kind::Grant, &harness.own(number), numbered(1).with_expires(Some(expires))).await?;
    }
    harness.sweep_all(Kind::Grant, NOON).await?;
    same("the expired rows that are left", 0, harness.count(Kind::Grant, 0..3).await?)?;
    for (kind, name, expires) in stays {
        let row = harness.get(kind, &harness.own(name)).await?;
        same_row(&format!("the row {name:?}"), &numbered(1).with_expires(expires), row.as_deref())?;
    }
    Ok(())
}

async fn prolonged(harness: Harness) -> Outcome {
    for number in 0..9 {
        let row = numbered(number).with_expires(Some(at(-1)));
        harness.create(Kind::Grant, &harness.own(number), row).await?;
    }
    harness.replace(Kind::Grant, &harness.own(0), &numbered(0).with_expires(Some(at(60_000)))).await?;
    harness.replace(Kind::Grant, &harness.own(1), &numbered(1)).await?;
    harness.put(Kind::Grant, &harness.own(2), numbered(2).with_expires(Some(at(1)))).await?;
    harness.sweep_all(Kind::Grant, NOON).await?;
    same("the extended rows that are left", 3, harness.count(Kind::Grant, 0..3).await?)?;
    same("the other rows that are left", 0, harness.count(Kind::Grant, 3..9).await?)?;
    harness.sweep_all(Kind::Grant, at(60_000)).await?;
    same("the rows that are left later", 1, harness.count(Kind::Grant, 0..3).await?)
}

async fn prolong_race(harness: Harness) -> Outcome {
    const ROWS: usize = 48;
    for number in 0..ROWS {
        let row = numbered(number).with_expires(Some(at(-1)));
        harness.create(Kind::Grant, &harness.own(number), row).await?;
    }
    let answers = harness
        .race(ROWS + 4, |caller, harness| async move {
            if caller >= ROWS {
                harness.sweep_all(Kind::Grant, NOON).await?;
                return Ok(None);
            }
            // Some callers come early, some while the sweep is running.
            for _ in 0..caller % 6 {
                harness.get(Kind::Grant, &harness.own(caller)).await?;
            }
            let row = numbered(caller).with_expires(Some(at(60_000)));
            let updated =
                harness.update(Kind::Grant, &harness.own(caller), |_| Change::Replace(row.clone())).await?;
            Ok(Some(updated))
        })
        .await?;
    harness.sweep_all(Kind::Grant, NOON).await?;
    for (number, answer) in answers.into_iter().enumerate().take(ROWS) {
        let there = harness.get(Kind::Grant, &harness.own(number)).await?.is_some();
        match (answer, there) {
            (Some(Updated::Replaced), true) | (Some(Updated::Missing), false) => {}
            (answer, there) => {
                return mismatch(
                    "a row that exists exactly if its expiry was extended",
                    format!("{answer:?}, and the row {}", if there { "exists" } else { "is gone" }),
                );
            }
        }
    }
    Ok(())
}

async fn several(harness: Harness) -> Outcome {
    const ROWS: usize = 60;
    harness.sweep_all(Kind::AssertionId, NOON).await?;
    for number in 0..ROWS {
        let row = numbered(number).with_expires(Some(NOON));
        harness.create(Kind::AssertionId, &harness.own(number), row).await?;
    }
    let removed =
        harness.race(8, |_, harness| async move { harness.sweep(Kind::AssertionId, NOON, 25).await }).await?;
    let counted = removed.into_iter().sum::<usize>() + harness.sweep_all(Kind::AssertionId, NOON).await?;
    same("the sum of rows that the sweeps removed", ROWS, counted)?;
    same("the rows that are left", 0, harness.count(Kind::AssertionId, 0..ROWS).await?)
}
