//! Work on the entries of a listing.

use std::pin::Pin;

use super::Engine;
use crate::events::{Event, EventRecord, RevocationCause};
use crate::store::{By, Entry, Key, Kind, Query, StoreError};

/// After this many failures in a row the rest of a page is skipped, and after this many failed pages the rest of a listing: then the
/// rows are hardly the reason, and each further call may use up the store's whole deadline.
const MOST_FAILURES: usize = 3;

/// Work on one entry.
pub(crate) type Work<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

impl Engine {
    /// Revokes the grants that are wanted, and the devices that would become grants, as [`each_entry`](Self::each_entry) visits them.
    pub(crate) async fn revoke_grants(
        &self,
        by: By<'_>,
        why: RevocationCause,
        is_wanted: impl Fn(&Entry) -> bool,
    ) -> Result<(), StoreError> {
        let revoke = |entry: Entry| -> Work<'_> {
            Box::pin(async move {
                if self.store.remove(Key::new(Kind::Grant, &entry.id)).await? {
                    let mut about = EventRecord::from(Event::GrantRevoked { why });
                    about = about.of_client(entry.row.client()).of_subject(entry.row.user());
                    about.grant = entry.id.parse().ok();
                    self.events.emit(about);
                }
                Ok(())
            })
        };
        // A device that was allowed would become such a grant at its next poll.
        let devices = self.remove_entries(Kind::DeviceCode, by, &is_wanted).await;
        devices.and(self.each_entry(Kind::Grant, by, &is_wanted, revoke).await)
    }

    /// Removes the entries that are wanted, as [`each_entry`](Self::each_entry) visits them.
    pub(crate) async fn remove_entries(
        &self,
        kind: Kind,
        by: By<'_>,
        is_wanted: impl Fn(&Entry) -> bool,
    ) -> Result<(), StoreError> {
        let remove = |entry: Entry| -> Work<'_> {
            Box::pin(async move { self.store.remove(Key::new(kind, &entry.id)).await.map(drop) })
        };
        self.each_entry(kind, by, is_wanted, remove).await
    }

    /// Does the work on each entry that is wanted, page by page, so that what comes before a page that fails is done. Goes on past an
    /// entry on which it fails, and past a part of the store that cannot be listed; the first error is told at the end.
    pub(crate) async fn each_entry<'w>(
        &self,
        kind: Kind,
        by: By<'_>,
        is_wanted: impl Fn(&Entry) -> bool,
        work: impl Fn(Entry) -> Work<'w>,
    ) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        let mut query = Query::new(kind, by);
        let mut failed_pages = 0;
        loop {
            let page = match self.store.list(query.clone()).await {
                Ok(page) => page,
                Err(error) => {
                    outcome = outcome.and(Err(error));
                    failed_pages += 1;
                    let next = self.store.cursor_after_failure(&query);
                    match next.filter(|_| failed_pages < MOST_FAILURES) {
                        Some(next) => query = query.after(next),
                        None => return outcome,
                    }
                    continue;
                }
            };
            failed_pages = 0;
            let mut in_a_row = 0;
            for entry in page.entries {
                if !is_wanted(&entry) {
                    continue;
                }
                match work(entry).await {
                    Ok(()) => in_a_row = 0,
                    Err(error) => {
                        outcome = outcome.and(Err(error));
                        in_a_row += 1;
                    }
                }
                if in_a_row == MOST_FAILURES {
                    break;
                }
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => return outcome,
            }
        }
    }
}
