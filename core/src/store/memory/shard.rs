use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::ops::{Bound, Deref};
use std::sync::Arc;

use arrayvec::ArrayString;
use hashbrown::HashTable;

use crate::env::Timestamp;
use crate::store::{By, Entry, Row, StoreError};

/// A part of the rows of one kind, with its indexes.
///
/// A row has a place for as long as it is there. The indexes hold places, so keeping them costs comparisons of numbers and
/// no look at the ids, and a listing goes by places, so it meets each row once.
#[derive(Default)]
pub(super) struct Shard {
    slots: Vec<Option<Slot>>,
    /// Places of `slots` that are empty.
    free: Vec<Place>,
    by_id: HashTable<Place>,
    by_user: BTreeSet<(u64, Place)>,
    by_client: BTreeSet<(u64, Place)>,
    by_expiry: BTreeSet<(Timestamp, Place)>,
}

type Place = usize;

struct Slot {
    id: SlotId,
    hash: u64,
    row: Arc<Row>,
}

/// An id, kept in the slot itself where it is as short as a grant's is: a look-up then reads no further memory for it.
enum SlotId {
    Short(ArrayString<36>),
    Long(Box<str>),
}

impl From<&str> for SlotId {
    fn from(id: &str) -> Self {
        ArrayString::from(id).map_or_else(|_| Self::Long(id.into()), Self::Short)
    }
}

impl Deref for SlotId {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Short(id) => id,
            Self::Long(id) => id,
        }
    }
}

impl Shard {
    /// Where the row `id`, whose hash is `hash`, is.
    fn place(&self, hash: u64, id: &str) -> Option<Place> {
        self.by_id.find(hash, |place| self.is_at(*place, id)).copied()
    }

    fn is_at(&self, place: Place, id: &str) -> bool {
        self.slot(place).is_some_and(|slot| *slot.id == *id)
    }

    fn slot(&self, place: Place) -> Option<&Slot> {
        self.slots.get(place)?.as_ref()
    }

    /// The row `id`, whose hash is `hash`.
    pub(super) fn get(&self, hash: u64, id: &str) -> Option<&Arc<Row>> {
        self.slot(self.place(hash, id)?).map(|slot| &slot.row)
    }

    /// Writes the row, whether there is one or not.
    pub(super) fn put(&mut self, hash: u64, id: &str, row: Arc<Row>, hasher: &RandomState) {
        let before = self.place(hash, id).and_then(|place| Some((place, self.slots[place].as_mut()?)));
        match before {
            Some((place, slot)) => {
                let before = std::mem::replace(&mut slot.row, Arc::clone(&row));
                self.index(place, Some(&before), Some(&row), hasher);
            }
            None => {
                let place = self.free.pop().unwrap_or_else(|| {
                    self.slots.push(None);
                    self.slots.len() - 1
                });
                self.slots[place] = Some(Slot { id: id.into(), hash, row: Arc::clone(&row) });
                let slots = &self.slots;
                let rehash = |place: &Place| slots[*place].as_ref().map_or(0, |slot| slot.hash);
                self.by_id.insert_unique(hash, place, rehash);
                self.index(place, None, Some(&row), hasher);
            }
        }
    }

    /// Removes the row, and says whether there was one.
    pub(super) fn remove(&mut self, hash: u64, id: &str, hasher: &RandomState) -> bool {
        self.place(hash, id).is_some_and(|place| self.remove_at(place, hasher))
    }

    fn remove_at(&mut self, place: Place, hasher: &RandomState) -> bool {
        let Some(Slot { hash, row, .. }) = self.slots[place].take() else { return false };
        if let Ok(entry) = self.by_id.find_entry(hash, |own| *own == place) {
            entry.remove();
        }
        self.index(place, Some(&row), None, hasher);
        self.free.push(place);
        true
    }

    /// Makes the indexes say what the row has become.
    fn index(&mut self, place: Place, before: Option<&Row>, after: Option<&Row>, hasher: &RandomState) {
        let reindex = |index: &mut BTreeSet<(u64, Place)>, before: Option<&str>, after: Option<&str>| {
            if before != after {
                before.map(|name| index.remove(&(hasher.hash_one(name), place)));
                after.map(|name| index.insert((hasher.hash_one(name), place)));
            }
        };
        reindex(&mut self.by_user, before.and_then(Row::user), after.and_then(Row::user));
        reindex(&mut self.by_client, before.and_then(Row::client), after.and_then(Row::client));
        let (before, after) = (before.and_then(Row::expires), after.and_then(Row::expires));
        if before != after {
            before.map(|expires| self.by_expiry.remove(&(expires, place)));
            after.map(|expires| self.by_expiry.insert((expires, place)));
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
        // Of a listing by expiry, the moment and the place; of another, the place.
        let foreign = || StoreError::internal("a cursor that this store did not make");
        let after = after.map(|after| {
            let (expires, place) = after.split_once('/').unwrap_or(("0", after));
            let read = expires.parse().ok().zip(place.parse::<Place>().ok());
            read.map(|(expires, place)| (Timestamp::from_millis(expires), place)).ok_or_else(foreign)
        });
        let after = after.transpose()?;
        let behind = after.map_or(0, |(_, place)| place.saturating_add(1));
        let stopped = match by {
            By::Any => self.take(behind..self.slots.len(), room, |_| true, entries),
            By::User(user) => {
                // Names that share a hash are told apart by the row.
                let places = named(&self.by_user, hasher.hash_one(user), behind);
                self.take(places, room, |row| row.user() == Some(user), entries)
            }
            By::Client(client) => {
                let places = named(&self.by_client, hasher.hash_one(client), behind);
                self.take(places, room, |row| row.client() == Some(client), entries)
            }
            By::ExpiredAt(now) => {
                let from = after.map_or(Bound::Unbounded, Bound::Excluded);
                let expired = self.by_expiry.range((from, Bound::Included((now, Place::MAX))));
                let stopped = self.take(expired.map(|(_, place)| *place), room, |_| true, entries);
                let expires = entries.last().and_then(|entry| entry.row.expires());
                let cursor = stopped.zip(expires);
                return Ok(cursor.map(|(place, expires)| format!("{}/{place}", expires.as_millis())));
            }
        };
        Ok(stopped.map(|place| place.to_string()))
    }

    /// Adds the rows at `places` that match. Returns the place of the last one added where there was no room for another.
    fn take(
        &self,
        places: impl IntoIterator<Item = Place>,
        room: usize,
        matches: impl Fn(&Row) -> bool,
        entries: &mut Vec<Entry>,
    ) -> Option<Place> {
        let mut taken = 0;
        for place in places {
            let Some(slot) = self.slot(place).filter(|slot| matches(&slot.row)) else { continue };
            entries.push(Entry { id: slot.id.to_string(), row: Arc::clone(&slot.row) });
            taken += 1;
            if taken == room {
                return Some(place);
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
            let Some((_, place)) = self.by_expiry.pop_first() else { break };
            removed += usize::from(self.remove_at(place, hasher));
        }
        removed
    }

    #[cfg(test)]
    pub(super) fn rows(&self) -> usize {
        self.by_id.len()
    }
}

/// The places that `index` has under `hash`, beginning with `from`.
fn named(index: &BTreeSet<(u64, Place)>, hash: u64, from: Place) -> impl Iterator<Item = Place> {
    index.range((hash, from)..=(hash, Place::MAX)).map(|(_, place)| *place)
}
