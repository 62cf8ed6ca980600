//! Many callers at once: of those that race for one thing, one gets it, and nothing that was done is lost.

use super::Case;
use super::harness::{Outcome, Subject, mismatch, number_in, numbered, same};
use crate::store::{Change, Kind, Updated};

pub(super) const CASES: &[Case] = &[
    Case::new("races/insert", "of racing inserts one creates, and its row stays", |s| Box::pin(insert(s))),
    Case::new("races/remove", "of racing removes one is told that it removed", |s| Box::pin(remove(s))),
    Case::new("races/update", "no update is lost, and none is shown what another replaced", |s| {
        Box::pin(update(s))
    }),
    Case::new("races/take", "of racing updates that mark a row as taken, one does", |s| Box::pin(take(s))),
    Case::new("races/take-out", "of racing updates that remove a row, one does", |s| Box::pin(take_out(s))),
    Case::new("races/update-remove", "an update does not bring back what a remove took", |s| {
        Box::pin(update_against_remove(s))
    }),
    Case::new("races/insert-remove", "inserts and removes of one row take turns", |s| {
        Box::pin(insert_against_remove(s))
    }),
    Case::new("races/put", "of racing puts one is last, and updates are not mixed into it", |s| {
        Box::pin(put(s))
    }),
    Case::new("races/own-writes", "every later read sees an answered write", |s| Box::pin(own_writes(s))),
    Case::new("races/onward", "no read is older than a write that was answered before it", |s| {
        Box::pin(onward(s))
    }),
];

const CALLERS: usize = 64;
const ROUNDS: usize = 6;

/// How many of the answers are yes.
fn yes(answers: &[bool]) -> usize {
    answers.iter().filter(|answer| **answer).count()
}

async fn insert(subject: Subject) -> Outcome {
    for round in 0..ROUNDS {
        let id = subject.own(round);
        let answers = subject
            .race(CALLERS, |caller, subject| {
                let id = id.clone();
                async move { subject.insert(Kind::AssertionId, &id, numbered(caller)).await }
            })
            .await?;
        same("the number of inserts that created", 1, yes(&answers))?;
        let Some(row) = subject.get(Kind::AssertionId, &id).await? else {
            return mismatch("the row that was created", "none");
        };
        same("the caller whose row is there", answers.iter().position(|won| *won), Some(number_in(&row)?))?;
    }
    Ok(())
}

async fn remove(subject: Subject) -> Outcome {
    for round in 0..ROUNDS {
        let id = subject.own(round);
        subject.create(Kind::Session, &id, numbered(round)).await?;
        let answers = subject
            .race(CALLERS, |_, subject| {
                let id = id.clone();
                async move { subject.remove(Kind::Session, &id).await }
            })
            .await?;
        same("the number of removes that removed", 1, yes(&answers))?;
        same("the row after them", None, subject.get(Kind::Session, &id).await?)?;
    }
    Ok(())
}

async fn update(subject: Subject) -> Outcome {
    const EACH: usize = 4;
    let id = subject.own("row");
    subject.create(Kind::Grant, &id, numbered(0)).await?;
    let shown = subject
        .race(CALLERS, |_, subject| {
            let id = id.clone();
            async move {
                let mut shown = Vec::new();
                for _ in 0..EACH {
                    let mut last = None;
                    let updated = subject
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
    let Some(row) = subject.get(Kind::Grant, &id).await? else { return mismatch("the row", "none") };
    same("the number after all updates", CALLERS * EACH, number_in(&row)?)?;
    let mut shown: Vec<usize> = shown.into_iter().flatten().collect();
    shown.sort_unstable();
    same("the numbers that the updates were shown last", (0..CALLERS * EACH).collect(), shown)
}

async fn take(subject: Subject) -> Outcome {
    for round in 0..ROUNDS {
        let id = subject.own(round);
        subject.create(Kind::Grant, &id, numbered(0)).await?;
        let answers = subject
            .race(CALLERS, |caller, subject| {
                let id = id.clone();
                async move {
                    let updated = subject
                        .update(Kind::Grant, &id, |row| match number_in(row) {
                            Ok(0) => Change::Replace(numbered(caller + 1)),
                            _ => Change::Keep,
                        })
                        .await?;
                    Ok(updated == Updated::Replaced)
                }
            })
            .await?;
        same("the number of updates that took the row", 1, yes(&answers))?;
        let Some(row) = subject.get(Kind::Grant, &id).await? else { return mismatch("the row", "none") };
        let winner = answers.iter().position(|won| *won).map(|caller| caller + 1);
        same("the mark in the row", winner, Some(number_in(&row)?))?;
    }
    Ok(())
}

async fn take_out(subject: Subject) -> Outcome {
    for round in 0..ROUNDS {
        let id = subject.own(round);
        subject.create(Kind::PushedRequest, &id, numbered(round)).await?;
        let answers = subject
            .race(CALLERS, |_, subject| {
                let id = id.clone();
                async move { subject.update(Kind::PushedRequest, &id, |_| Change::Remove).await }
            })
            .await?;
        let removed = answers.iter().filter(|answer| **answer == Updated::Removed).count();
        let missing = answers.iter().filter(|answer| **answer == Updated::Missing).count();
        same("how many updates removed, and how many found nothing", (1, CALLERS - 1), (removed, missing))?;
        same("the row after them", None, subject.get(Kind::PushedRequest, &id).await?)?;
    }
    Ok(())
}

async fn update_against_remove(subject: Subject) -> Outcome {
    for round in 0..ROUNDS {
        let id = subject.own(round);
        subject.create(Kind::Grant, &id, numbered(0)).await?;
        let removed = subject
            .race(CALLERS, |caller, subject| {
                let id = id.clone();
                async move {
                    if caller % 4 == 3 {
                        return subject.remove(Kind::Grant, &id).await;
                    }
                    let updated =
                        subject.update(Kind::Grant, &id, |_| Change::Replace(numbered(caller))).await?;
                    match updated {
                        Updated::Replaced | Updated::Missing => Ok(false),
                        other => mismatch("an update to replace or to find nothing", format!("{other:?}")),
                    }
                }
            })
            .await?;
        same("the number of removes that removed", 1, yes(&removed))?;
        same("the row after them", None, subject.get(Kind::Grant, &id).await?)?;
    }
    Ok(())
}

async fn insert_against_remove(subject: Subject) -> Outcome {
    let id = subject.own("row");
    let answers = subject
        .race(CALLERS, |caller, subject| {
            let id = id.clone();
            async move {
                let mut balance = 0_i64;
                for round in 0..6 {
                    if (caller + round) % 2 == 0 {
                        balance += i64::from(subject.insert(Kind::Consent, &id, numbered(caller)).await?);
                    } else {
                        balance -= i64::from(subject.remove(Kind::Consent, &id).await?);
                    }
                }
                Ok(balance)
            }
        })
        .await?;
    let left = i64::from(subject.get(Kind::Consent, &id).await?.is_some());
    same("rows created less rows removed", left, answers.into_iter().sum())
}

async fn put(subject: Subject) -> Outcome {
    let id = subject.own("row");
    subject.put(Kind::Setting, &id, numbered(0)).await?;
    // Callers put multiples of 1000; updates add one. Whatever the order, what is left is a put's number and the
    // updates since, never more of them than were made.
    subject
        .race(CALLERS, |caller, subject| {
            let id = id.clone();
            async move {
                if caller % 2 == 0 {
                    return subject.put(Kind::Setting, &id, numbered(caller * 1000)).await;
                }
                let updated = subject
                    .update(Kind::Setting, &id, |row| match number_in(row) {
                        Ok(number) => Change::Replace(numbered(number + 1)),
                        Err(_) => Change::Keep,
                    })
                    .await?;
                same("the answer to an update", Updated::Replaced, updated)
            }
        })
        .await?;
    let Some(row) = subject.get(Kind::Setting, &id).await? else { return mismatch("the row", "none") };
    let (put, added) = (number_in(&row)? / 1000, number_in(&row)? % 1000);
    if put < CALLERS && put % 2 == 0 && added <= CALLERS / 2 {
        return Ok(());
    }
    mismatch("a number that was put, and the updates since", format!("{}", number_in(&row)?))
}

async fn own_writes(subject: Subject) -> Outcome {
    subject
        .race(CALLERS, |caller, subject| async move {
            let id = subject.own(caller);
            for round in 0..5 {
                subject.create(Kind::Grant, &id, numbered(round)).await?;
                let read = subject.get(Kind::Grant, &id).await?;
                same("the row after an insert", Some(numbered(round)), read.as_deref().cloned())?;
                subject.replace(Kind::Grant, &id, &numbered(round + 100)).await?;
                let read = subject.get(Kind::Grant, &id).await?;
                same("the row after an update", Some(numbered(round + 100)), read.as_deref().cloned())?;
                subject.put(Kind::Grant, &id, numbered(round + 200)).await?;
                let read = subject.get(Kind::Grant, &id).await?;
                same("the row after a put", Some(numbered(round + 200)), read.as_deref().cloned())?;
                same("the answer to a remove", true, subject.remove(Kind::Grant, &id).await?)?;
                same("the row after a remove", None, subject.get(Kind::Grant, &id).await?)?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}

async fn onward(subject: Subject) -> Outcome {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const LAST: usize = 60;
    let id = subject.own("row");
    subject.create(Kind::Grant, &id, numbered(0)).await?;
    let answered = Arc::new(AtomicUsize::new(0));
    subject
        .race(16, |caller, subject| {
            let (id, answered) = (id.clone(), Arc::clone(&answered));
            async move {
                if caller == 0 {
                    for number in 1..=LAST {
                        subject.replace(Kind::Grant, &id, &numbered(number)).await?;
                        answered.store(number, Ordering::SeqCst);
                    }
                    return Ok(());
                }
                for _ in 0..LAST {
                    let least = answered.load(Ordering::SeqCst);
                    let Some(row) = subject.get(Kind::Grant, &id).await? else {
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
