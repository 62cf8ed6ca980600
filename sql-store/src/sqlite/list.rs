//! Listings, page by page. A row keeps its id and its number for as long as it exists, so it is in exactly one page.

use std::sync::Arc;

use gridauth::store::deadline::Wait;
use gridauth::store::{By, Entry, Page, Query, StoreError};

use super::SqliteStore;
use super::values::{Bound, found, id};
use crate::error::refused;
use crate::rows::{Position, limit, millis};

impl SqliteStore {
    pub(super) async fn page(&self, query: &Query<'_>, wait: &Wait) -> Result<Page, StoreError> {
        let statements = self.of(query.kind);
        let after = query.after.as_ref().map(Position::read).transpose()?;
        let limit = limit(query);
        let (sql, bound) = match (query.by, after) {
            (By::Any, None) => (&statements.list_all, Bound::default().with("")),
            (By::Any, Some(Position::Id(last))) => (&statements.list_all, Bound::default().with(last)),
            (By::User(text) | By::Client(text), None | Some(Position::Seq(_))) if text.contains('\0') => {
                return Ok(Page::default());
            }
            (By::User(user), after @ (None | Some(Position::Seq(_)))) => {
                (&statements.list_user, Bound::default().with(user).with(seq(after.as_ref())))
            }
            (By::Client(client), after @ (None | Some(Position::Seq(_)))) => {
                (&statements.list_client, Bound::default().with(client).with(seq(after.as_ref())))
            }
            (By::ExpiredAt(now), None) => {
                (&statements.list_expired, Bound::default().with(millis(now)).with(-1_i64).with(-1_i64))
            }
            (By::ExpiredAt(now), Some(Position::Expiry(last, seq))) => {
                (&statements.list_expired, Bound::default().with(millis(now)).with(last).with(seq))
            }
            _ => return Err(refused("the cursor is of another listing")),
        };
        let rows = self.read(sql, bound.with(limit).done()?, wait).await?;
        let mut page = Page::default();
        let mut last = None;
        for row in &rows {
            let (id, found) = (id(row)?, found(row)?);
            last = Some(match query.by {
                By::Any => Position::Id(id.clone()),
                By::ExpiredAt(_) => {
                    Position::Expiry(found.row.expires().map(millis).unwrap_or_default(), found.seq)
                }
                _ => Position::Seq(found.seq),
            });
            page.entries.push(Entry { id, row: Arc::new(found.row) });
        }
        // A page that is not full is the last.
        let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == limit);
        page.next = last.filter(|_| is_full).map(|last| last.write());
        Ok(page)
    }
}

fn seq(after: Option<&Position>) -> i64 {
    match after {
        Some(Position::Seq(seq)) => *seq,
        _ => -1,
    }
}
