use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::env::Timestamp;
use crate::store::{By, Entry, Row, StoreError};

/// A part of the rows of one kind, with its indexes.
#[derive(Default)]
pub(super) struct Shard {
    rows: HashTable<Slot>,
    by_id: BTreeSet<Arc<str>>,
    by_user: BTreeSet<Hashed>,
    by_client: BTreeSet<Hashed>,
    by_expiry: BTreeSet<(Timestamp, Arc<str>)>,
}

struct Slot {
    id: Arc<str>,
    row: Arc<Row>,
}

/// A user or client by its hash, and the id of a row about it. Names that share a hash are told apart by the row.
type Hashed = (u64, Arc<str>);

impl Shard {
    /// The row `id`, whose hash is `hash`.
    pub(super) fn get(&self, hash: u64, id: &str) -> Option<&Arc<Row>> {
        self.rows.find(hash, |slot| *slot.id == *id).map(|slot| &slot.row)
    }

    /// Writes the row, whether there is one or not.
    pub(super) fn put(&mut self, hash: u64, id: &str, row: Arc<Row>, hasher: &RandomState) {
        let (id, before) = match self.rows.find_mut(hash, |slot| *slot.id == *id) {
            Some(slot) => (Arc::clone(&slot.id), Some(std::mem::replace(&mut slot.row, Arc::clone(&row)))),
            None => {
                let id: Arc<str> = id.into();
                let slot = Slot { id: Arc::clone(&id), row: Arc::clone(&row) };
                self.rows.insert_unique(hash, slot, |slot| hasher.hash_one(&*slot.id));
                self.by_id.insert(Arc::clone(&id));
                (id, None)
            }
        };
        self.index(&id, before.as_deref(), Some(&row), hasher);
    }

    /// Removes the row, and says whether there was one.
    pub(super) fn remove(&mut self, hash: u64, id: &str, hasher: &RandomState) -> bool {
        let Ok(slot) = self.rows.find_entry(hash, |slot| *slot.id == *id) else { return false };
        let (Slot { id, row }, _) = slot.remove();
        self.by_id.remove(&id);
        self.index(&id, Some(&row), None, hasher);
        true
    }

    /// Makes the indexes say what the row has become.
    fn index(&mut self, id: &Arc<str>, before: Option<&Row>, after: Option<&Row>, hasher: &RandomState) {
        let reindex = |index: &mut BTreeSet<Hashed>, before: Option<&str>, after: Option<&str>| {
            if before != after {
                before.map(|name| index.remove(&(hasher.hash_one(name), Arc::clone(id))));
                after.map(|name| index.insert((hasher.hash_one(name), Arc::clone(id))));
            }
        };
        reindex(&mut self.by_user, before.and_then(Row::user), after.and_then(Row::user));
        reindex(&mut self.by_client, before.and_then(Row::client), after.and_then(Row::client));
        let (before, after) = (before.and_then(Row::expires), after.and_then(Row::expires));
        if before != after {
            before.map(|expires| self.by_expiry.remove(&(expires, Arc::clone(id))));
            after.map(|expires| self.by_expiry.insert((expires, Arc::clone(id))));
        }
    }

    /// Adds to `entries` at most `room` rows that match, from behind `after`. Where it stopped for want of room, returns
    /// what to give as `after` next time.
    pub(super) fn list(
        &self,
        by: By<'_>,
        after: Option<&str>,
        room: usize,
        hasher: &RandomState,
        entries: &mut Vec<Entry>,
    ) -> Result<Option<String>, StoreError> {
        let ended = |id: &Arc<str>| id.to_string();
        match by {
            By::Any => {
                let from = after.map_or(Bound::Unbounded, Bound::Excluded);
                let ids = self.by_id.range::<str, _>((from, Bound::Unbounded));
                Ok(self.take(ids, room, hasher, |_| true, entries).map(ended))
            }
            By::User(user) => {
                let ids = named(&self.by_user, hasher.hash_one(user), after);
                Ok(self.take(ids, room, hasher, |row| row.user() == Some(user), entries).map(ended))
            }
            By::Client(client) => {
                let ids = named(&self.by_client, hasher.hash_one(client), after);
                Ok(self.take(ids, room, hasher, |row| row.client() == Some(client), entries).map(ended))
            }
            By::ExpiredAt(now) => {
                let from = match after.map(|after| after.split_once('/')) {
                    None => Bound::Unbounded,
                    Some(Some((expires, id))) => match expires.parse() {
                        Ok(expires) => Bound::Excluded((Timestamp::from_millis(expires), id.into())),
                        Err(_) => return Err(StoreError::internal("a cursor that this store did not make")),
                    },
                    Some(None) => return Err(StoreError::internal("a cursor of another listing")),
                };
                let ids = self
                    .by_expiry
                    .range((from, Bound::Unbounded))
                    .take_while(|(expires, _)| *expires <= now)
                    .map(|(_, id)| id);
                let last = self.take(ids, room, hasher, |_| true, entries);
                let expires = entries.last().and_then(|entry| entry.row.expires());
                Ok(last.zip(expires).map(|(id, expires)| format!("{}/{id}", expires.as_millis())))
            }
        }
    }

    /// Adds the rows of `ids` that match. Returns the last id added where there was no room for another.
    fn take<'a>(
        &'a self,
        ids: impl Iterator<Item = &'a Arc<str>>,
        room: usize,
        hasher: &RandomState,
        matches: impl Fn(&Row) -> bool,
        entries: &mut Vec<Entry>,
    ) -> Option<&'a Arc<str>> {
        let mut taken = 0;
        for id in ids {
            let Some(row) = self.get(hasher.hash_one(&**id), id).filter(|row| matches(row)) else { continue };
            entries.push(Entry { id: id.to_string(), row: Arc::clone(row) });
            taken += 1;
            if taken == room {
                return Some(id);
            }
        }
        None
    }

    /// Whether a row expired at or before `now`.
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.by_expiry.first().is_some_and(|(expires, _)| *expires <= now)
    }

    /// Removes at most `limit` rows that expired at or before `now`, and says how many.
    pub(super) fn remove_expired(&mut self, now: Timestamp, limit: usize, hasher: &RandomState) -> usize {
        let mut removed = 0;
        while removed < limit && self.has_expired(now) {
            let Some((_, id)) = self.by_expiry.pop_first() else { break };
            removed += usize::from(self.remove(hasher.hash_one(&*id), &id, hasher));
        }
        removed
    }

    #[cfg(test)]
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }
}

/// The ids that `index` has under `hash`, from behind `after`.
fn named<'a>(
    index: &'a BTreeSet<Hashed>,
    hash: u64,
    after: Option<&str>,
) -> impl Iterator<Item = &'a Arc<str>> {
    let from = match after {
        None => Bound::Included((hash, Arc::from(""))),
        Some(after) => Bound::Excluded((hash, Arc::from(after))),
    };
    index.range((from, Bound::Unbounded)).take_while(move |(name, _)| *name == hash).map(|(_, id)| id)
}
