use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use gridauth::env::Timestamp;
use gridauth::store::memory::MemoryStore;
use gridauth::store::{
    Backend, By, Change, Cursor, Key, Kind, Page, Query, Row, StoreError, StoreFuture, Updated,
};
use tokio::task::yield_now;

/// What is wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    LostUpdate,
    ConflictKept,
    DoubleRemove,
    UpdateBringsBack,
    InsertOverwrites,
    InsertLooksFirst,
    PutOnlyCreates,
    UpdateIgnoresRemove,
    UpdateCreates,
    StaleRead,
    PageMissesRow,
    PageRepeatsRow,
    ListStopsEarly,
    PageTooLong,
    ListOfOtherUsers,
    ListOfOtherKinds,
    ListDoesNotFollow,
    ListExpiresLate,
    SweepDoesNotLookAgain,
    SweepUnbounded,
    SweepCountsTwice,
    RowCut,
    EmptyIsNone,
    TimesInSeconds,
    KeyFolded,
    KeyTrimmed,
    KeyCut,
    KindsMixed,
    Fails,
    Panics,
}

/// A store in memory with one fault.
pub(crate) struct Faulty {
    fault: Fault,
    memory: MemoryStore,
    /// Each row as it was first read or written, for the faults that remember it too long.
    first: Mutex<HashMap<(Kind, String), Arc<Row>>>,
}

impl Faulty {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { fault, memory: MemoryStore::new(), first: Mutex::default() }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn kind(&self, kind: Kind) -> Kind {
        if self.is(Fault::KindsMixed) { Kind::Custom } else { kind }
    }

    fn id(&self, id: &str) -> String {
        match self.fault {
            Fault::KeyFolded => id.to_lowercase(),
            Fault::KeyTrimmed => id.trim().to_owned(),
            Fault::KeyCut => {
                id[..(0..=id.len().min(1000)).rev().find(|at| id.is_char_boundary(*at)).unwrap()].to_owned()
            }
            _ => id.to_owned(),
        }
    }

    fn row(&self, row: Row) -> Row {
        let body = match self.fault {
            Fault::RowCut if row.body().len() > 65_535 => {
                let end = (0..=65_535).rev().find(|at| row.body().is_char_boundary(*at)).unwrap();
                &row.body()[..end]
            }
            _ => row.body(),
        };
        let time = |time: Timestamp| match self.fault {
            Fault::TimesInSeconds => Timestamp::from_millis(time.as_secs() * 1000),
            _ => time,
        };
        let text = |text: Option<&str>| {
            text.filter(|text| !(self.is(Fault::EmptyIsNone) && text.is_empty())).map(str::to_owned)
        };
        Row::new(time(row.issued()), body)
            .with_user(text(row.user()).as_deref())
            .with_client(text(row.client()).as_deref())
            .with_scope(text(row.scope()).as_deref())
            .with_expires(row.expires().map(time))
    }

    fn remember(&self, kind: Kind, id: &str, row: &Row) {
        if self.is(Fault::ListDoesNotFollow) {
            let row = Arc::new(row.clone());
            self.first.lock().unwrap().entry((kind, id.to_owned())).or_insert(row);
        }
    }
}

impl Backend for Faulty {
    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        StoreFuture::new(async move {
            let (kind, id) = (self.kind(key.kind), self.id(key.id));
            let row = self.memory.get(Key::new(kind, &id)).await?;
            if self.is(Fault::StaleRead) {
                // Forgets a removed row, but not a changed one.
                let mut first = self.first.lock().unwrap();
                return Ok(match row {
                    Some(row) => Some(Arc::clone(first.entry((kind, id)).or_insert(row))),
                    None => {
                        first.remove(&(kind, id));
                        None
                    }
                });
            }
            Ok(row)
        })
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        StoreFuture::new(async move {
            let (kind, id, row) = (self.kind(key.kind), self.id(key.id), self.row(row));
            let key = Key::new(kind, &id);
            self.remember(kind, &id, &row);
            match self.fault {
                Fault::InsertOverwrites => {
                    self.memory.put(key, row).await?;
                    Ok(true)
                }
                Fault::InsertLooksFirst => {
                    let absent = self.memory.get(key).await?.is_none();
                    yield_now().await;
                    if absent {
                        self.memory.put(key, row).await?;
                    }
                    Ok(absent)
                }
                _ => self.memory.insert(key, row).await,
            }
        })
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        StoreFuture::new(async move {
            let (kind, id, row) = (self.kind(key.kind), self.id(key.id), self.row(row));
            self.remember(kind, &id, &row);
            if self.is(Fault::PutOnlyCreates) {
                return self.memory.insert(Key::new(kind, &id), row).await.map(|_| ());
            }
            self.memory.put(Key::new(kind, &id), row).await
        })
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        StoreFuture::new(async move {
            let (kind, id) = (self.kind(key.kind), self.id(key.id));
            let key = Key::new(kind, &id);
            let mut decide = |row: &Row| match decide(row) {
                Change::Remove if self.is(Fault::UpdateIgnoresRemove) => Change::Keep,
                Change::Replace(row) => Change::Replace(self.row(row)),
                change => change,
            };
            match self.fault {
                Fault::LostUpdate | Fault::UpdateBringsBack | Fault::ConflictKept => {
                    let Some(row) = self.memory.get(key).await? else { return Ok(Updated::Missing) };
                    let change = decide(&row);
                    yield_now().await;
                    let mut answer = match &change {
                        Change::Keep => Updated::Kept,
                        Change::Replace(_) => Updated::Replaced,
                        Change::Remove => Updated::Removed,
                    };
                    let mut change = Some(change);
                    let mut apply = |now: &Row| match change.take() {
                        Some(change) if self.is(Fault::LostUpdate) || *now == *row => change,
                        Some(change) if self.is(Fault::UpdateBringsBack) => change,
                        _ => {
                            answer = Updated::Kept;
                            Change::Keep
                        }
                    };
                    let found = self.memory.update(key, &mut apply).await?;
                    if found == Updated::Missing && self.is(Fault::UpdateBringsBack) {
                        if let Some(Change::Replace(row)) = change {
                            self.memory.put(key, row).await?;
                        }
                        return Ok(answer);
                    }
                    Ok(if found == Updated::Missing { found } else { answer })
                }
                Fault::UpdateCreates => match self.memory.update(key, &mut decide).await? {
                    Updated::Missing => match decide(&Row::new(Timestamp::from_millis(0), "{}")) {
                        Change::Replace(row) => {
                            self.memory.put(key, row).await?;
                            Ok(Updated::Replaced)
                        }
                        _ => Ok(Updated::Missing),
                    },
                    updated => Ok(updated),
                },
                Fault::UpdateIgnoresRemove => {
                    let mut removes = false;
                    let mut decide = |row: &Row| {
                        let change = decide(row);
                        removes = matches!(change, Change::Keep);
                        change
                    };
                    let updated = self.memory.update(key, &mut decide).await?;
                    Ok(if removes && updated == Updated::Kept { Updated::Removed } else { updated })
                }
                _ => self.memory.update(key, &mut decide).await,
            }
        })
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        StoreFuture::new(async move {
            let (kind, id) = (self.kind(key.kind), self.id(key.id));
            let key = Key::new(kind, &id);
            if self.is(Fault::DoubleRemove) {
                let there = self.memory.get(key).await?.is_some();
                yield_now().await;
                self.memory.remove(key).await?;
                return Ok(there);
            }
            self.memory.remove(key).await
        })
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        StoreFuture::new(async move {
            let mut query = query;
            query.kind = self.kind(query.kind);
            match (self.fault, query.by) {
                (Fault::PageMissesRow, _) => {
                    let mut page = self.memory.list(query).await?;
                    if page.next.is_some() {
                        page.entries.pop();
                    }
                    Ok(page)
                }
                (Fault::PageRepeatsRow, _) => {
                    let (kind, by, limit) = (query.kind, query.by, query.limit);
                    let mut page = self.memory.list(query).await?;
                    if let (Some(_), true) = (&page.next, limit > 1 && page.entries.len() == limit) {
                        // The next page starts with the last row of this one.
                        let shorter = self.memory.list(Query::new(kind, by).limit(1)).await?;
                        page.entries.pop();
                        page.entries.extend(shorter.entries);
                    }
                    Ok(page)
                }
                (Fault::ListStopsEarly, _) => {
                    let second = query.after.is_some();
                    let mut page = self.memory.list(query).await?;
                    page.next = page.next.filter(|_| !second);
                    Ok(page)
                }
                (Fault::PageTooLong, _) => {
                    let longer = query.limit + 1;
                    self.memory.list(query.limit(longer)).await
                }
                (Fault::ListOfOtherUsers, By::User(user)) => {
                    let mut all = Query::new(query.kind, By::Any).limit(query.limit);
                    all.after = query.after;
                    let mut page = self.memory.list(all).await?;
                    page.entries.retain(|entry| entry.row.user().is_some_and(|of| of.starts_with(user)));
                    Ok(page)
                }
                (Fault::ListOfOtherKinds, _) if query.kind == Kind::Consent => {
                    // First the rows of the kind, then those of another kind.
                    match query.after.clone() {
                        Some(Cursor(cursor)) if cursor.starts_with('+') => {
                            query.kind = Kind::Grant;
                            query.after =
                                Some(Cursor(cursor[1..].to_owned())).filter(|Cursor(at)| !at.is_empty());
                            let mut page = self.memory.list(query).await?;
                            page.next = page.next.map(|Cursor(at)| Cursor(format!("+{at}")));
                            Ok(page)
                        }
                        _ => {
                            let mut page = self.memory.list(query).await?;
                            page.next.get_or_insert(Cursor("+".to_owned()));
                            Ok(page)
                        }
                    }
                }
                (Fault::ListDoesNotFollow, By::User(user)) => {
                    let mut all = Query::new(query.kind, By::Any).limit(query.limit);
                    all.after = query.after;
                    let mut page = self.memory.list(all).await?;
                    let first = self.first.lock().unwrap();
                    page.entries.retain(|entry| {
                        let first = first.get(&(query.kind, entry.id.clone()));
                        first.is_some_and(|row| row.user() == Some(user))
                    });
                    Ok(page)
                }
                (Fault::ListExpiresLate, By::ExpiredAt(now)) => {
                    query.by = By::ExpiredAt(Timestamp::from_millis(now.as_millis() - 1));
                    self.memory.list(query).await
                }
                _ => self.memory.list(query).await,
            }
        })
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        match self.fault {
            Fault::Fails => StoreFuture::ready(Err(StoreError::unavailable("a planted error"))),
            Fault::Panics => panic!("a planted panic"),
            _ => self.memory.ping(),
        }
    }

    fn remove_expired(&self, kind: Kind, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        StoreFuture::new(async move {
            let kind = self.kind(kind);
            match self.fault {
                Fault::SweepDoesNotLookAgain | Fault::SweepCountsTwice => {
                    let page = self.memory.list(Query::new(kind, By::ExpiredAt(now)).limit(limit)).await?;
                    let mut removed = 0;
                    for entry in page.entries {
                        yield_now().await;
                        let gone = self.memory.remove(Key::new(kind, &entry.id)).await?;
                        removed += usize::from(gone || self.is(Fault::SweepCountsTwice));
                    }
                    Ok(removed)
                }
                Fault::SweepUnbounded => self.memory.remove_expired(kind, now, usize::MAX).await,
                _ => self.memory.remove_expired(kind, now, limit).await,
            }
        })
    }
}
