//! The audit: events as rows, written before a request is answered or behind it, and listed.

use super::GridAuth;
use crate::env::Timestamp;
use crate::events::{Pending, RequestContext};
use crate::model::AuditEntry;
use crate::store::{By, Cursor, Kind, Query, Record, StoreError};

impl GridAuth {
    /// Does `work` as part of a request, and writes its events if the audit comes before answers.
    pub(super) async fn recorded<F: Future>(
        &self,
        context: RequestContext,
        work: F,
    ) -> (F::Output, Result<(), StoreError>) {
        let pending = context.pending();
        let done = context.scope(work).await;
        (done, self.write_audit(pending).await)
    }

    /// Writes the events of a request.
    pub(super) async fn write_audit(&self, pending: Option<Pending>) -> Result<(), StoreError> {
        let (Some(pending), Some(writer)) = (pending, &self.0.audit) else { return Ok(()) };
        let events = pending.take();
        if events.is_empty() { Ok(()) } else { writer.write(&events).await }
    }

    /// Waits until the events so far are in the store, where the audit is written [behind
    /// answers](crate::events::Audit::behind_answers). For the end of a program. While the store cannot be reached, it does not end.
    pub async fn audit_written(&self) {
        if let Some(keeper) = self.0.engine.events.keeper() {
            keeper.written().await;
        }
    }

    /// A page of the audit.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use gridauth::events::Audit;
    /// use gridauth::{AuditQuery, GridAuth, MintRequest, Store};
    ///
    /// let auth = GridAuth::builder("https://id.example.com")
    ///     .store(Store::memory())
    ///     .audit(Audit::behind_answers())
    ///     .build()
    ///     .await?;
    /// auth.mint(MintRequest::for_user("israel").scope("notes.read")).await?;
    /// auth.audit_written().await;
    /// let page = auth.audit(&AuditQuery::of_subject("israel")).await?;
    /// assert_eq!(page.entries[0].name(), "token_issued");
    /// assert_eq!(page.entries[0].scope.as_deref(), Some("notes.read"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        let by = match (&query.subject, &query.client) {
            (Some(subject), _) => By::User(subject),
            (None, Some(client)) => By::Client(client),
            (None, None) => By::Any,
        };
        let mut asked = Query::new(Kind::Audit, by).limit(query.limit);
        if let Some(after) = &query.after {
            asked = asked.after(after.clone());
        }
        loop {
            let page = self.0.engine.store.list(asked.clone()).await?;
            let mut entries = Vec::new();
            for entry in page.entries {
                let entry = AuditEntry::from_row(&entry.row)?;
                if query.wants(&entry) {
                    entries.push(entry);
                }
            }
            entries.sort_by_key(|entry| entry.time);
            match page.next {
                Some(next) if entries.is_empty() => asked = asked.after(next),
                next => return Ok(AuditPage { entries, next }),
            }
        }
    }
}

/// Which entries of the audit to list.
#[derive(Clone, Debug)]
pub struct AuditQuery {
    subject: Option<String>,
    client: Option<String>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    after: Option<Cursor>,
    limit: usize,
}

impl AuditQuery {
    /// All entries. To find those of a time, the store reads through all of them.
    pub fn all() -> Self {
        Self { subject: None, client: None, from: None, until: None, after: None, limit: 100 }
    }

    /// The entries about the user with this subject.
    pub fn of_subject(subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..Self::all() }
    }

    /// The entries about this client.
    pub fn of_client(client_id: impl Into<String>) -> Self {
        Self { client: Some(client_id.into()), ..Self::all() }
    }

    /// Only those that name this client too.
    #[must_use]
    pub fn and_client(mut self, client_id: impl Into<String>) -> Self {
        self.client = Some(client_id.into());
        self
    }

    /// Only what happened at this moment or later.
    #[must_use]
    pub fn from(mut self, from: Timestamp) -> Self {
        self.from = Some(from);
        self
    }

    /// Only what happened before this moment.
    #[must_use]
    pub fn until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// Continues after the page that ended here.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// Sets how many entries a page has at most: 100 by default.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.max(1);
        self
    }

    fn wants(&self, entry: &AuditEntry) -> bool {
        self.from.is_none_or(|from| entry.time >= from)
            && self.until.is_none_or(|until| entry.time < until)
            && self.client.as_ref().is_none_or(|client| entry.client_id.as_ref() == Some(client))
    }
}

/// Entries of the audit, in the order of time within the page. The order of the pages is the store's.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<Cursor>,
}
