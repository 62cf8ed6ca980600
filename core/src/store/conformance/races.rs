//! Many callers at once: of those that race for one thing, exactly one gets it, and no write is lost.

use super::case::Case;
use super::harness::{Harness, Outcome, mismatch, number_in, numbered, same};
use crate::store::{Change, Kind, Updated};

pub(super) const CASES: &[Case] = &[
    Case::new("races/insert", "of racing inserts exactly one creates, and its row stays", |s| {
        Box::pin(insert(s))
    }),
    Case::new("races/remove", "of racing removes exactly one succeeds", |s| Box::pin(remove(s))),
    Case::new("races/update", "no update is lost or decides on a replaced row", |s| Box::pin(update(s))),
    Case::new("races/take", "of racing updates that mark a row as taken, exactly one succeeds", |s| {
        Box::pin(take(s))
    }),
    Case::new("races/take-out", "of racing updates that remove a row, exactly one succeeds", |s| {
        Box::pin(take_out(s))
    }),
    Case::new("races/update-remove", "an update does not restore a removed row", |s| {
        Box::pin(update_against_remove(s))
    }),
    Case::new("races/insert-remove", "inserts and removes of one row alternate", |s| {
        Box::pin(insert_against_remove(s))
    }),
    Case::new("races/put", "the last of racing puts stays, with the updates after it", |s| Box::pin(put(s))),
    Case::new("races/own-writes", "a caller reads what it wrote", |s| Box::pin(own_writes(s))),
    Case::new("races/onward", "a read sees every write that returned before it", |s| Box::pin(onward(s))),
];

const CALLERS: usize = 64;
const ROUNDS: usize = 6;

/// How many of the answers are true.
fn count_true(answers: &[bool]) -> usize {
    answers.iter().filter(|answer| **answer).count()
}

async fn insert(harness: Harness) -> Outcome {
    for round in 0..ROUNDS {
        let id = harness.own(round);
        let answers = harness
            .race(CALLERS, |caller, harness| {
                let id = id.clone();
                async move { harness.insert(Kind::AssertionId, &id, numbered(caller)).await }
            })
            .await?;
        same("the number of inserts that created a row", 1, count_true(&answers))?;
        let Some(row) = harness.get(Kind::AssertionId, &id).await? else {
            return mismatch("the row that was created", "none");
        };
        same("the caller whose row is there", answers.iter().position(|won| *won), Some(number_in(&row)?))?;
    }
    Ok(())
}

async fn remove(harness: Harness) -> Outcome {
    for round in 0..ROUNDS {
        let id = harness.own(round);
        harness.create(Kind::Session, &id, numbered(round)).await?;
        let answers = harness
            .race(CALLERS, |_, harness| {
                let id = id.clone();
                async move { harness.remove(Kind::Session, &id).await }
            })
            .await?;
        same("the number of removes that removed the row", 1, count_true(&answers))?;
        same("the row after them", None, harness.get(Kind::Session, &id).await?)?;
    }
    Ok(())
}

async fn update(harness: Harness) -> Outcome {
    const EACH: usize = 4;
    let id = harness.own("row");
    harness.create(Kind::Grant, &id, numbered(0)).await?;
    let shown = harness
        .race(CALLERS, |_, harness| {
            let id = id.clone();
            async move {
                let mut shown = Vec::new();
                for _ in 0..EACH {
                    let mut last = None;
                    let updated = harness
                        .update(Kind::Grant, &id, |row| match number_in(row) {
                            Ok(number) => {
                                last = Some(number);
                                Change::Replace(numbered(number + 1))
                            }
                            Err(_) => Change::Keep,
                        })
                        .await?;
                    same("the answer to an update", Updated::Replaced, updated)?;
                    shown.extend(last);
                }
                Ok(shown)
            }
        })
        .await?;
    let Some(row) = harness.get(Kind::Grant, &id).await? else { return mismatch("the row", "none") };
    same("the number after all updates", CALLERS * EACH, number_in(&row)?)?;
    let mut shown: Vec<usize> = shown.into_iter().flatten().collect();
    shown.sort_unstable();
    same("the numbers that the updates were shown last", (0..CALLERS * EACH).collect(), shown)
}

async fn take(harness: Harness) -> Outcome {
    for round in 0..ROUNDS {
        let id = harness.own(round);
        harness.create(Kind::Grant, &id, numbered(0)).await?;
        let answers = harness
            .race(CALLERS, |caller, harness| {
                let id = id.clone();
                async move {
                    let updated = harness
                        .update(Kind::Grant, &id, |row| match number_in(row) {
                            Ok(0) => Change::Replace(numbered(caller + 1)),
                            _ => Change::Keep,
                        })
                        .await?;
                    Ok(updated == Updated::Replaced)
                }
            })
            .await?;
        same("the number of updates that took the row", 1, count_true(&answers))?;
        let Some(row) = harness.get(Kind::Grant, &id).await? else { return mismatch("the row", "none") };
        let winner = answers.iter().position(|won| *won).map(|caller| caller + 1);
        same("the mark in the row", winner, Some(number_in(&row)?))?;
    }
    Ok(())
}

async fn take_out(harness: Harness) -> Outcome {
    for round in 0..ROUNDS {
        let id = harness.own(round);
        harness.create(Kind::PushedRequest, &id, numbered(round)).await?;
        let answers = harness
            .race(CALLERS, |_, harness| {
                let id = id.clone();
                async move { harness.update(Kind::PushedRequest, &id, |_| Change::Remove).await }
            })
            .await?;
        let removed = answers.iter().filter(|answer| **answer == Updated::Removed).count();
        let missing = answers.iter().filter(|answer| **answer == Updated::Missing).count();
        same("how many updates removed, and how many found nothing", (1, CALLERS - 1), (removed, missing))?;
        same("the row after them", None, harness.get(Kind::PushedRequest, &id).await?)?;
    }
    Ok(())
}

async fn update_against_remove(harness: Harness) -> Outcome {
    for round in 0..ROUNDS {
        let id = harness.own(round);
        harness.create(Kind::Grant, &id, numbered(0)).await?;
        let removed = harness
            .race(CALLERS, |caller, harness| {
                let id = id.clone();
                async move {
                    if caller % 4 == 3 {
                        return harness.remove(Kind::Grant, &id).await;
                    }
                    let updated =
                        harness.update(Kind::Grant, &id, |_| Change::Replace(numbered(caller))).await?;
                    match updated {
                        Updated::Replaced | Updated::Missing => Ok(false),
                        other => mismatch("an update to replace or to find nothing", format!("{other:?}")),
                    }
                }
            })
            .await?;
        same("the number of removes that removed the row", 1, count_true(&removed))?;
        same("the row after them", None, harness.get(Kind::Grant, &id).await?)?;
    }
    Ok(())
}

async fn insert_against_remove(harness: Harness) -> Outcome {
    let id = harness.own("row");
    let answers = harness
        .race(CALLERS, |caller, harness| {
            let id = id.clone();
            async move {
                let mut balance = 0_i64;
                for round in 0..6 {
                    if (caller + round) % 2 == 0 {
                        balance += i64::from(harness.insert(Kind::Consent, &id, numbered(caller)).await?);
                    } else {
                        balance -= i64::from(harness.remove(Kind::Consent, &id).await?);
                    }
                }
                Ok(balance)
            }
        })
        .await?;
    let left = i64::from(harness.get(Kind::Consent, &id).await?.is_some());
    same("rows created less rows removed", left, answers.into_iter().sum())
}

async fn put(harness: Harness) -> Outcome {
    let id = harness.own("row");
    harness.put(Kind::Setting, &id, numbered(0)).await?;
    // Callers put multiples of 1000; updates add one. In any order, the row ends as the number of one put plus the
    // updates since.
    harness
        .race(CALLERS, |caller, harness| {
            let id = id.clone();
            async move {
                if caller % 2 == 0 {
                    return harness.put(Kind::Setting, &id, numbered(caller * 1000)).await;
                }
                let updated = harness
                    .update(Kind::Setting, &id, |row| match number_in(row) {
                        Ok(number) => Change::Replace(numbered(number + 1)),
                        Err(_) => Change::Keep,
                    })
                    .await?;
                same("the answer to an update", Updated::Replaced, updated)
            }
        })
        .await?;
    let Some(row) = harness.get(Kind::Setting, &id).await? else { return mismatch("the row", "none") };
    let (put, added) = (number_in(&row)? / 1000, number_in(&row)? % 1000);
    if put < CALLERS && put % 2 == 0 && added <= CALLERS / 2 {
        return Ok(());
    }
    mismatch("a number that was put, and the updates since", format!("{}", number_in(&row)?))
}

async fn own_writes(harness: Harness) -> Outcome {
    harness
        .race(CALLERS, |caller, harness| async move {
            let id = harness.own(caller);
            for round in 0..5 {
                harness.create(Kind::Grant, &id, numbered(round)).await?;
                let read = harness.get(Kind::Grant, &id).await?;
                same("the row after an insert", Some(numbered(round)), read.as_deref().cloned())?;
                harness.replace(Kind::Grant, &id, &numbered(round + 100)).await?;
                let read = harness.get(Kind::Grant, &id).await?;
                same("the row after an update", Some(numbered(round + 100)), read.as_deref().cloned())?;
                harness.put(Kind::Grant, &id, numbered(round + 200)).await?;
                let read = harness.get(Kind::Grant, &id).await?;
                same("the row after a put", Some(numbered(round + 200)), read.as_deref().cloned())?;
                same("the answer to a remove", true, harness.remove(Kind::Grant, &id).await?)?;
                same("the row after a remove", None, harness.get(Kind::Grant, &id).await?)?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}

async fn onward(harness: Harness) -> Outcome {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const LAST: usize = 60;
    let id = harness.own("row");
    harness.create(Kind::Grant, &id, numbered(0)).await?;
    let answered = Arc::new(AtomicUsize::new(0));
    harness
        .race(16, |caller, harness| {
            let (id, answered) = (id.clone(), Arc::clone(&answered));
            async move {
                if caller == 0 {
                    for number in 1..=LAST {
                        harness.replace(Kind::Grant, &id, &numbered(number)).await?;
                        answered.store(number, Ordering::SeqCst);
                    }
                    return Ok(());
                }
                for _ in 0..LAST {
                    let least = answered.load(Ordering::SeqCst);
                    let Some(row) = harness.get(Kind::Grant, &id).await? else {
                        return mismatch("the row", "none");
                    };
                    if number_in(&row)? < least {
                        return mismatch(
                            format!("at least write {least}"),
                            format!("write {}", number_in(&row)?),
                        );
                    }
                }
                Ok(())
            }
        })
        .await?;
    Ok(())
}
