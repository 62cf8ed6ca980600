//! Listings, page by page.
//!
//! TQL has no comparison of texts, so rows come in the order of a hash of their ids, which stays the same whatever
//! changes in the row. Two ids with one hash of 63 bits would have to stand at the very end of a page to be missed.

use std::sync::Arc;

use griddb_rs::{Collection, tql};

use super::layout::Layout;
use super::rows::{decode, moment};
use super::store_error;
use crate::env::Timestamp;
use crate::store::{By, Cursor, Entry, Page, Query, StoreError, StoreErrorKind};

/// Where a page ended.
struct Place {
    container: usize,
    /// The hash and the id of the last row; `None` at the start of the container.
    last: Option<(i64, String)>,
}

impl Place {
    fn read(cursor: Option<&Cursor>) -> Option<Self> {
        let Some(Cursor(text)) = cursor else { return Some(Self { container: 0, last: None }) };
        let (container, rest) = text.split_once(':')?;
        let last = match rest.split_once(':') {
            Some((hash, id)) => Some((hash.parse().ok()?, id.to_owned())),
            None => None,
        };
        Some(Self { container: container.parse().ok()?, last })
    }

    fn write(&self) -> Cursor {
        match &self.last {
            Some((hash, id)) => Cursor(format!("{}:{hash}:{id}", self.container)),
            None => Cursor(format!("{}:", self.container)),
        }
    }
}

pub(super) async fn page(layout: &Layout, query: Query<'_>) -> Result<Page, StoreError> {
    let containers = layout.all(query.kind);
    let mut place = Place::read(query.after.as_ref())
        .ok_or_else(|| StoreError::new(StoreErrorKind::Refused, "a cursor of another store"))?;
    let mut entries: Vec<Entry> = Vec::new();
    while let Some(container) = containers.get(place.container) {
        let wanted = query.limit - entries.len();
        let found = rows(container, query.by, place.last.as_ref(), wanted).await?;
        let more = found.len() > wanted;
        for (hash, entry) in found.into_iter().take(wanted) {
            place.last = Some((hash, entry.id.clone()));
            entries.push(entry);
        }
        if !more {
            place = Place { container: place.container + 1, last: None };
        }
        if entries.len() == query.limit {
            break;
        }
    }
    let next = (place.container < containers.len()).then(|| place.write());
    Ok(Page { entries, next })
}

/// The rows of one container after `last`, at most one more than are wanted.
async fn rows(
    container: &Collection,
    by: By<'_>,
    last: Option<&(i64, String)>,
    wanted: usize,
) -> Result<Vec<(i64, Entry)>, StoreError> {
    let from = last.map_or(0, |(hash, _)| *hash);
    let condition = match by {
        By::Any => Ok(String::new()),
        By::User(user) => tql::bind("user = ? and ", &[&user]),
        By::Client(client) => tql::bind("client = ? and ", &[&client]),
        By::ExpiredAt(now) => tql::bind("expires <= ? and ", &[&moment(now)]),
    };
    let condition = match condition {
        Ok(condition) => condition,
        // No row has such a user or client: it could not be stored either.
        Err(_) => return Ok(Vec::new()),
    };
    // One more to know whether there are more, and the last of the page before, which comes again.
    let limit = wanted + 2;
    let tql = format!("select * where {condition}hash >= {from} order by hash limit {limit}");
    let mut found = Vec::new();
    for row in container.query(tql).rows().await.map_err(store_error)? {
        let id: String = row.get("id").map_err(store_error)?;
        let hash: i64 = row.get("hash").map_err(store_error)?;
        found.push((hash, Entry { id, row: Arc::new(decode(&row)?) }));
    }
    found.sort_by(|(hash, entry), (other_hash, other)| (hash, &entry.id).cmp(&(other_hash, &other.id)));
    if let Some((hash, id)) = last {
        found.retain(|(own_hash, entry)| (own_hash, &entry.id) > (hash, id));
    }
    Ok(found)
}

/// The ids of at most `limit` rows that expired at or before `now`.
pub(super) async fn expired(
    container: &Collection,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let tql = tql::bind("select * where expires <= ?", &[&moment(now)]).map_err(store_error)?;
    let rows = container.query(tql).limit(limit as u64).rows().await.map_err(store_error)?;
    rows.iter().map(|row| row.get("id").map_err(store_error)).collect()
}
