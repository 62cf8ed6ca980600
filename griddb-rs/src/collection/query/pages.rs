//! The rows of a query, a part at a time.

use std::{fmt, sync::Arc, vec};

use tokio::time::Instant;

use super::{Binding, Query};
use crate::{
    error::{Error, ErrorKind},
    retry::Repeat,
    row::Row,
    wire::{
        message::query::{self, Fetch, PartialState, QueryAnswer},
        statement::Statement,
    },
};

/// The rows of a query, a part at a time or one by one.
///
/// ```no_run
/// # async fn example(tokens: griddb_rs::Collection) -> Result<(), griddb_rs::Error> {
/// let mut pages = tokens.query("select * where expires < NOW()").pages(500).await?;
/// while let Some(row) = pages.next_row().await? {
///     tokens.remove(row.get::<&str>("id")?).await?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// It borrows nothing, so it can be stored, moved to a task, or turned into a stream with
/// `futures::stream::try_unfold`.
pub struct Pages {
    query: Query,
    /// The rows that have arrived and were not taken yet.
    ready: Option<vec::IntoIter<Row>>,
    more: More,
}

enum More {
    Nothing,
    Kept(RowSet, u64),
    Steps(Step),
}

/// The position of a query in steps. It is valid in one container only: a container that was created again has
/// other rows at that position.
struct Step {
    binding: Arc<Binding>,
    state: PartialState,
    bytes: i32,
}

/// A result that the server keeps. Dropping it here drops it there.
pub(super) struct RowSet {
    binding: Arc<Binding>,
    id: i64,
    next: u64,
    open: bool,
}

impl Pages {
    pub(super) async fn of_result(query: &Query, page_size: u64) -> Result<Self, Error> {
        let fetch = Fetch { limit: query.limit, page_size: Some(page_size), ..Fetch::default() };
        let (binding, answer) = query.ask(&fetch, None).await?;
        let more = RowSet::left_of(&answer, &binding).map_or(More::Nothing, |set| More::Kept(set, page_size));
        Ok(Self { query: query.clone(), ready: Some(answer.rows.into_iter()), more })
    }

    pub(super) async fn of_steps(query: &Query, bytes: i32) -> Result<Self, Error> {
        let state = PartialState::default();
        let fetch = Fetch { limit: query.limit, partial: Some(&state), ..Fetch::default() };
        let (binding, answer) = query.ask(&fetch, Some(bytes)).await?;
        let more = match answer.partial {
            Some(state) => More::Steps(Step { binding, state, bytes }),
            None => More::Nothing,
        };
        Ok(Self { query: query.clone(), ready: Some(answer.rows.into_iter()), more })
    }

    /// The next part of the rows; `None` after the last one. A part may be empty if the server scanned many rows
    /// without a match.
    ///
    /// # Errors
    /// The server has dropped the result, for example after a restart
    /// ([`ErrorKind::ResultGone`](crate::ErrorKind::ResultGone)), or the container is gone, or the connection was
    /// lost. Run the query again.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>, Error> {
        if let Some(rest) = self.ready.take() {
            return Ok(Some(rest.collect()));
        }
        match &mut self.more {
            More::Nothing => Ok(None),
            More::Kept(set, page_size) => {
                let (rows, is_last) = set.fetch(*page_size, self.query.deadline()).await?;
                if is_last {
                    self.more = More::Nothing;
                }
                Ok(if rows.is_empty() { None } else { Some(rows) })
            }
            More::Steps(step) => {
                let answer = step.ask(&self.query).await.map_err(Error::into_not_done)?;
                match answer.partial {
                    Some(state) => step.state = state,
                    None => self.more = More::Nothing,
                }
                Ok(Some(answer.rows))
            }
        }
    }

    /// The next row; `None` after the last one. Further parts are requested as needed.
    ///
    /// # Errors
    /// As for [`next`](Self::next).
    pub async fn next_row(&mut self) -> Result<Option<Row>, Error> {
        loop {
            if let Some(row) = self.ready.as_mut().and_then(Iterator::next) {
                return Ok(Some(row));
            }
            self.ready = None;
            match self.next().await? {
                Some(rows) => self.ready = Some(rows.into_iter()),
                None => return Ok(None),
            }
        }
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("query", &self.query).finish_non_exhaustive()
    }
}

impl Step {
    /// Requests the next part, again if the node had no capacity.
    async fn ask(&self, query: &Query) -> Result<QueryAnswer<Row>, Error> {
        let fetch = Fetch { limit: query.limit, partial: Some(&self.state), ..Fetch::default() };
        let mut retry = query.collection.retry(Repeat::Always);
        loop {
            let deadline = retry.try_now().deadline;
            match query.ask_on(&self.binding, &fetch, Some(self.bytes), deadline).await {
                Ok(answer) => return Ok(answer),
                Err(error) if self.is_worth_repeating(&error) => retry.after(error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    fn is_worth_repeating(&self, error: &Error) -> bool {
        matches!(error.kind(), ErrorKind::Busy | ErrorKind::Timeout) && self.binding.connection.is_open()
    }
}

impl RowSet {
    /// What the server still keeps after an answer with the first rows, if there are more.
    pub(super) fn left_of(answer: &QueryAnswer<Row>, binding: &Arc<Binding>) -> Option<Self> {
        let next = answer.rows.len() as u64;
        let set = answer.paging.filter(|set| next < set.rows)?;
        Some(Self { binding: Arc::clone(binding), id: set.id, next, open: true })
    }

    async fn fetch(&mut self, count: u64, deadline: Instant) -> Result<(Vec<Row>, bool), Error> {
        let binding = &self.binding;
        let ticket = binding.connection.send(deadline, |batch| {
            batch.add(Statement::FetchRowSet, |out, id| {
                let target = binding.autocommit();
                query::encode_fetch(out, id, binding.partition, &target, self.id, self.next, count);
                Ok(())
            })
        })?;
        let answer = ticket.await.map_err(Error::into_not_done)?;
        let page = query::decode_fetch_as(&mut answer.reader(), &binding.layout, |span| {
            Row::new(answer.message.clone(), Arc::clone(&binding.layout), span)
        })?;
        self.next += page.rows.len() as u64;
        self.open = !page.closed;
        // An empty page that is not the last one would be requested forever.
        let is_last = page.closed || page.rows.is_empty();
        Ok((page.rows, is_last))
    }
}

impl Drop for RowSet {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let binding = &self.binding;
        binding.connection.send_and_forget(|batch| {
            batch.add_unawaited_with_id(|out, id| {
                query::encode_close(out, id, binding.partition, binding.container, self.id);
            });
        });
    }
}
