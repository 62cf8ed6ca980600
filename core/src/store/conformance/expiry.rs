//! What is expired goes, a bounded number at a time, and nothing else does.

use super::Case;
use super::harness::{NOON, Outcome, Subject, at, mismatch, numbered, same, same_row};
use crate::env::Timestamp;
use crate::store::{Change, Kind, Updated};

pub(super) const CASES: &[Case] = &[
    Case::new("expiry/bounded", "a sweep removes at most as many rows as it may", |s| Box::pin(bounded(s))),
    Case::new("expiry/only", "a sweep removes only what is expired, of one kind", |s| Box::pin(only(s))),
    Case::new("expiry/prolonged", "a row that was prolonged stays", |s| Box::pin(prolonged(s))),
    Case::new("expiry/prolong-race", "a row that is prolonged during a sweep stays", |s| {
        Box::pin(prolong_race(s))
    }),
    Case::new("expiry/several", "several sweeps at once count each row once", |s| Box::pin(several(s))),
];

impl Subject {
    async fn sweep(&self, kind: Kind, now: Timestamp, limit: usize) -> Outcome<usize> {
        let removed = self.store().remove_expired(kind, now, limit).await?;
        if removed > limit {
            return mismatch(format!("at most {limit} rows removed"), format!("{removed}"));
        }
        Ok(removed)
    }

    /// Sweeps until nothing is left, and says how many rows went.
    async fn sweep_all(&self, kind: Kind, now: Timestamp) -> Outcome<usize> {
        let mut removed = 0;
        for _ in 0..1000 {
            match self.sweep(kind, now, 50).await? {
                0 => return Ok(removed),
                some => removed += some,
            }
        }
        mismatch("a sweep that comes to an end", "1000 rounds and still rows to remove")
    }

    async fn count(&self, kind: Kind, names: impl Iterator<Item = usize>) -> Outcome<usize> {
        let mut there = 0;
        for name in names {
            there += usize::from(self.get(kind, &self.own(name)).await?.is_some());
        }
        Ok(there)
    }
}

async fn bounded(subject: Subject) -> Outcome {
    subject.sweep_all(Kind::Session, NOON).await?;
    for number in 0..30 {
        let row = numbered(number).with_expires(Some(at(-(number as i64 % 3))));
        subject.create(Kind::Session, &subject.own(number), row).await?;
    }
    let mut left = 30;
    for limit in [1, 7, 7, 7] {
        let removed = subject.sweep(Kind::Session, NOON, limit).await?;
        if removed == 0 {
            return mismatch("rows removed, as some are expired", "none");
        }
        left -= removed;
        same("the rows that are left", left, subject.count(Kind::Session, 0..30).await?)?;
    }
    same("the rest", left, subject.sweep_all(Kind::Session, NOON).await?)?;
    same("the rows that are left in the end", 0, subject.count(Kind::Session, 0..30).await?)
}

async fn only(subject: Subject) -> Outcome {
    let stays = [
        (Kind::Grant, "later", Some(at(1))),
        (Kind::Grant, "never", None),
        (Kind::Session, "other kind", Some(at(-1))),
    ];
    for (kind, name, expires) in stays {
        subject.create(kind, &subject.own(name), numbered(1).with_expires(expires)).await?;
    }
    for (number, expires) in [at(-1_000_000), at(-1), NOON].into_iter().enumerate() {
        subject.create(Kind::Grant, &subject.own(number), numbered(1).with_expires(Some(expires))).await?;
    }
    subject.sweep_all(Kind::Grant, NOON).await?;
    same("the expired rows that are left", 0, subject.count(Kind::Grant, 0..3).await?)?;
    for (kind, name, expires) in stays {
        let row = subject.get(kind, &subject.own(name)).await?;
        same_row(&format!("the row {name:?}"), &numbered(1).with_expires(expires), row.as_deref())?;
    }
    Ok(())
}

async fn prolonged(subject: Subject) -> Outcome {
    for number in 0..9 {
        let row = numbered(number).with_expires(Some(at(-1)));
        subject.create(Kind::Grant, &subject.own(number), row).await?;
    }
    subject.replace(Kind::Grant, &subject.own(0), &numbered(0).with_expires(Some(at(60_000)))).await?;
    subject.replace(Kind::Grant, &subject.own(1), &numbered(1)).await?;
    subject.put(Kind::Grant, &subject.own(2), numbered(2).with_expires(Some(at(1)))).await?;
    subject.sweep_all(Kind::Grant, NOON).await?;
    same("the prolonged rows that are left", 3, subject.count(Kind::Grant, 0..3).await?)?;
    same("the other rows that are left", 0, subject.count(Kind::Grant, 3..9).await?)?;
    subject.sweep_all(Kind::Grant, at(60_000)).await?;
    same("the rows that are left later", 1, subject.count(Kind::Grant, 0..3).await?)
}

async fn prolong_race(subject: Subject) -> Outcome {
    const ROWS: usize = 48;
    for number in 0..ROWS {
        let row = numbered(number).with_expires(Some(at(-1)));
        subject.create(Kind::Grant, &subject.own(number), row).await?;
    }
    let answers = subject
        .race(ROWS + 4, |caller, subject| async move {
            if caller >= ROWS {
                subject.sweep_all(Kind::Grant, NOON).await?;
                return Ok(None);
            }
            // Some come early, some while the sweep is under way.
            for _ in 0..caller % 6 {
                subject.get(Kind::Grant, &subject.own(caller)).await?;
            }
            let row = numbered(caller).with_expires(Some(at(60_000)));
            let updated =
                subject.update(Kind::Grant, &subject.own(caller), |_| Change::Replace(row.clone())).await?;
            Ok(Some(updated))
        })
        .await?;
    subject.sweep_all(Kind::Grant, NOON).await?;
    for (number, answer) in answers.into_iter().enumerate().take(ROWS) {
        let there = subject.get(Kind::Grant, &subject.own(number)).await?.is_some();
        match (answer, there) {
            (Some(Updated::Replaced), true) | (Some(Updated::Missing), false) => {}
            (answer, there) => {
                return mismatch(
                    "a row that is there where it was prolonged, and gone where it was not",
                    format!("{answer:?}, and the row is {}", if there { "there" } else { "gone" }),
                );
            }
        }
    }
    Ok(())
}

async fn several(subject: Subject) -> Outcome {
    const ROWS: usize = 60;
    subject.sweep_all(Kind::AssertionId, NOON).await?;
    for number in 0..ROWS {
        let row = numbered(number).with_expires(Some(NOON));
        subject.create(Kind::AssertionId, &subject.own(number), row).await?;
    }
    let removed =
        subject.race(8, |_, subject| async move { subject.sweep(Kind::AssertionId, NOON, 25).await }).await?;
    let counted = removed.into_iter().sum::<usize>() + subject.sweep_all(Kind::AssertionId, NOON).await?;
    same("the rows that all sweeps say they removed", ROWS, counted)?;
    same("the rows that are left", 0, subject.count(Kind::AssertionId, 0..ROWS).await?)
}
