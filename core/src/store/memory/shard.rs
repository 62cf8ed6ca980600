use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::ops::{Bound, Deref};
use std::sync::Arc;

use arrayvec::ArrayString;
use hashbrown::HashTable;

use crate::env::Timestamp;
use crate::store::{By, Entry, Row, StoreError};

/// A part of the rows of one kind, with indexes.
///
/// A row stays in one slot for as long as it exists. The indexes hold slot numbers, so updating them compares numbers
/// and never ids. A listing goes by slot number, so it meets each row once.
#[derive(Default)]
pub(super) struct Shard {
    slots: Vec<Option<Slot>>,
    /// The empty slots.
    free: Vec<SlotIndex>,
    by_id: HashTable<SlotIndex>,
    by_user: BTreeSet<(u64, SlotIndex)>,
    by_client: BTreeSet<(u64, SlotIndex)>,
    by_expiry: BTreeSet<(Timestamp, SlotIndex)>,
}

/// The index of a row in `slots`.
type SlotIndex = usize;

struct Slot {
    id: SlotId,
    hash: u64,
    row: Arc<Row>,
}

/// An id. One that is no longer than a grant's is stored in the slot itself, which saves a lookup one memory access.
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
    /// The slot of the row `id`, whose hash is `hash`.
    fn find(&self, hash: u64, id: &str) -> Option<SlotIndex> {
        self.by_id.find(hash, |at| self.is_at(*at, id)).copied()
    }

    fn is_at(&self, at: SlotIndex, id: &str) -> bool {
        self.slot(at).is_some_and(|slot| *slot.id == *id)
    }

    fn slot(&self, at: SlotIndex) -> Option<&Slot> {
        self.slots.get(at)?.as_ref()
    }

    /// The row `id`, whose hash is `hash`.
    pub(super) fn get(&self, hash: u64, id: &str) -> Option<&Arc<Row>> {
        self.slot(self.find(hash, id)?).map(|slot| &slot.row)
    }

    /// Creates or replaces the row.
    pub(super) fn put(&mut self, hash: u64, id: &str, row: Arc<Row>, hasher: &RandomState) {
        let before = self.find(hash, id).and_then(|at| Some((at, self.slots[at].as_mut()?)));
        match before {
            Some((at, slot)) => {
                let before = std::mem::replace(&mut slot.row, Arc::clone(&row));
                self.reindex(at, Some(&before), Some(&row), hasher);
            }
            None => {
                let at = self.free.pop().unwrap_or_else(|| {
                    self.slots.push(None);
                    self.slots.len() - 1
                });
                self.slots[at] = Some(Slot { id: id.into(), hash, row: Arc::clone(&row) });
                let slots = &self.slots;
                let rehash = |at: &SlotIndex| slots[*at].as_ref().map_or(0, |slot| slot.hash);
                self.by_id.insert_unique(hash, at, rehash);
                self.reindex(at, None, Some(&row), hasher);
            }
        }
    }

    /// Removes the row. Returns whether there was one.
    pub(super) fn remove(&mut self, hash: u64, id: &str, hasher: &RandomState) -> bool {
        self.find(hash, id).is_some_and(|at| self.remove_at(at, hasher))
    }

    fn remove_at(&mut self, at: SlotIndex, hasher: &RandomState) -> bool {
        let Some(Slot { hash, row, .. }) = self.slots[at].take() else { return false };
        if let Ok(entry) = self.by_id.find_entry(hash, |own| *own == at) {
            entry.remove();
        }
        self.reindex(at, Some(&row), None, hasher);
        self.free.push(at);
        true
    }

    /// Updates the indexes after a row has changed.
    fn reindex(&mut self, at: SlotIndex, before: Option<&Row>, after: Option<&Row>, hasher: &RandomState) {
        let update = |index: &mut BTreeSet<(u64, SlotIndex)>, before: Option<&str>, after: Option<&str>| {
            if before != after {
                before.map(|name| index.remove(&(hasher.hash_one(name), at)));
                after.map(|name| index.insert((hasher.hash_one(name), at)));
            }
        };
        update(&mut self.by_user, before.and_then(Row::user), after.and_then(Row::user));
        update(&mut self.by_client, before.and_then(Row::client), after.and_then(Row::client));
        let (before, after) = (before.and_then(Row::expires), after.and_then(Row::expires));
        if before != after {
            before.map(|expires| self.by_expiry.remove(&(expires, at)));
            after.map(|expires| self.by_expiry.insert((expires, at)));
        }
    }

    /// Appends to `entries` at most `room` matching rows that follow `after`. If it stops for lack of room, returns
    /// the `after` of the next call.
    pub(super) fn list(
        &self,
        by: By<'_>,
        after: Option<&str>,
        room: usize,
        hasher: &RandomState,
        entries: &mut Vec<Entry>,
    ) -> Result<Option<String>, StoreError> {
        // A listing by expiry continues after an expiry and a slot, any other after a slot.
        let foreign = || StoreError::internal("the cursor is not from this store");
        let after = after.map(|after| {
            let (expires, at) = after.split_once('/').unwrap_or(("0", after));
            let read = expires.parse().ok().zip(at.parse::<SlotIndex>().ok());
            read.map(|(expires, at)| (Timestamp::from_millis(expires), at)).ok_or_else(foreign)
        });
        let after = after.transpose()?;
        let behind = after.map_or(0, |(_, at)| at.saturating_add(1));
        let stopped = match by {
            By::Any => self.take(behind..self.slots.len(), room, |_| true, entries),
            By::User(user) => {
                // Names may share a hash; the row tells them apart.
                let slots = slots_under(&self.by_user, hasher.hash_one(user), behind);
                self.take(slots, room, |row| row.user() == Some(user), entries)
            }
            By::Client(client) => {
                let slots = slots_under(&self.by_client, hasher.hash_one(client), behind);
                self.take(slots, room, |row| row.client() == Some(client), entries)
            }
            By::ExpiredAt(now) => {
                let from = after.map_or(Bound::Unbounded, Bound::Excluded);
                let expired = self.by_expiry.range((from, Bound::Included((now, SlotIndex::MAX))));
                let stopped = self.take(expired.map(|(_, at)| *at), room, |_| true, entries);
                let expires = entries.last().and_then(|entry| entry.row.expires());
                let cursor = stopped.zip(expires);
                return Ok(cursor.map(|(at, expires)| format!("{}/{at}", expires.as_millis())));
            }
        };
        Ok(stopped.map(|at| at.to_string()))
    }

    /// Appends the matching rows in these slots. If it stops for lack of room, returns the slot of the last row.
    fn take(
        &self,
        slots: impl IntoIterator<Item = SlotIndex>,
        room: usize,
        matches: impl Fn(&Row) -> bool,
        entries: &mut Vec<Entry>,
    ) -> Option<SlotIndex> {
        let mut taken = 0;
        for at in slots {
            let Some(slot) = self.slot(at).filter(|slot| matches(&slot.row)) else { continue };
            entries.push(Entry { id: slot.id.to_string(), row: Arc::clone(&slot.row) });
            taken += 1;
            if taken == room {
                return Some(at);
            }
        }
        None
    }

    /// Whether a row expired at or before `now`.
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.by_expiry.first().is_some_and(|(expires, _)| *expires <= now)
    }

    /// Removes at most `limit` rows that expired at or before `now`. Returns how many.
    pub(super) fn remove_expired(&mut self, now: Timestamp, limit: usize, hasher: &RandomState) -> usize {
        let mut removed = 0;
        while removed < limit && self.has_expired(now) {
            let Some((_, at)) = self.by_expiry.pop_first() else { break };
            removed += usize::from(self.remove_at(at, hasher));
        }
        removed
    }

    #[cfg(test)]
    pub(super) fn rows(&self) -> usize {
        self.by_id.len()
    }
}

/// The slots that `index` holds under `hash`, from `from` on.
fn slots_under(
    index: &BTreeSet<(u64, SlotIndex)>,
    hash: u64,
    from: SlotIndex,
) -> impl Iterator<Item = SlotIndex> {
    index.range((hash, from)..=(hash, SlotIndex::MAX)).map(|(_, at)| *at)
}
