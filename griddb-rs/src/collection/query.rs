//! TQL queries: all rows, pages, steps, aggregates, plans.

use std::sync::{Arc, LazyLock};

use super::{Binding, Collection};
use crate::{
    error::{Error, ErrorKind},
    retry::{Repeat, Try},
    row::{FromRow, Row},
    value::Value,
    wire::{
        message::query::{self, Fetch, PartialState, QueryAnswer},
        options::Options,
        row_set::Layout,
        statement::Statement,
    },
};

static ANALYSIS: LazyLock<Option<Arc<Layout>>> =
    LazyLock::new(|| Layout::of(&query::analysis_schema()).map(Arc::new));

/// A query of one collection in TQL, such as `select * where expires < NOW() limit 100`.
///
/// Values go in by [`tql::bind`](crate::tql::bind) or [`tql::quote`](crate::tql::quote), never by plain formatting.
#[derive(Debug, Clone)]
#[must_use = "a query is sent by `rows`, `pages`, `steps`, `value` or `explain`"]
pub struct Query<'a> {
    collection: &'a Collection,
    tql: String,
    limit: Option<u64>,
}

/// One line of how the server would do a query.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainRow {
    /// The line's number.
    pub id: i32,
    /// How deep it is nested.
    pub depth: i32,
    /// What it tells, such as `INDEX_FOUND`.
    pub kind: String,
    /// The type of the value.
    pub value_type: String,
    /// The value.
    pub value: String,
    /// The part of the query that it is about.
    pub statement: String,
}

impl Collection {
    /// A query of this collection's rows.
    pub fn query(&self, tql: impl Into<String>) -> Query<'_> {
        Query { collection: self, tql: tql.into(), limit: None }
    }
}

impl<'a> Query<'a> {
    /// Cuts the result after so many rows.
    pub fn limit(mut self, rows: u64) -> Self {
        self.limit = Some(rows);
        self
    }

    /// All rows of the result, in one answer. For many, use [`pages`](Self::pages).
    ///
    /// # Errors
    /// The query is refused ([`ErrorKind::Query`]) or the database cannot be reached.
    pub async fn rows(&self) -> Result<Vec<Row>, Error> {
        let fetch = Fetch { limit: self.limit, ..Fetch::default() };
        Ok(self.ask(&fetch, None).await?.1.rows)
    }

    /// All rows of the result, read into a type; see [`rows`](Self::rows).
    ///
    /// # Errors
    /// As [`rows`](Self::rows), and those of the type's [`FromRow`].
    pub async fn rows_as<T: FromRow>(&self) -> Result<Vec<T>, Error> {
        self.rows().await?.iter().map(Row::read).collect()
    }

    /// The value of an aggregate such as `select count(*)`; `None` for one of nothing, such as `max(n)` of no rows.
    ///
    /// # Errors
    /// As [`rows`](Self::rows), or the query is not an aggregate.
    pub async fn value(&self) -> Result<Option<Value<'static>>, Error> {
        let (_, answer) = self.ask(&Fetch::default(), None).await?;
        let message = "the query is not an aggregate";
        answer.aggregate.ok_or_else(|| Error::with_message(ErrorKind::Query, message))
    }

    /// How the server would do the query; the text begins with `explain`.
    ///
    /// # Errors
    /// As [`rows`](Self::rows), or the query is no `explain`.
    pub async fn explain(&self) -> Result<Vec<ExplainRow>, Error> {
        let (_, answer) = self.ask(&Fetch::default(), None).await?;
        if !answer.is_analysis {
            return Err(Error::with_message(ErrorKind::Query, "the query does not begin with `explain`"));
        }
        let line = |row: &Row| {
            let (id, depth, kind, value_type, value, statement) = row.read()?;
            Ok(ExplainRow { id, depth, kind, value_type, value, statement })
        };
        answer.rows.iter().map(line).collect()
    }

    /// The rows a page at a time: the server keeps the result and each page is one round trip. The result is as it
    /// was when the query was sent.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub async fn pages(&self, page_size: u64) -> Result<Pages<'a>, Error> {
        let page_size = page_size.max(1);
        let fetch = Fetch { limit: self.limit, page_size: Some(page_size), ..Fetch::default() };
        let (binding, answer) = self.ask(&fetch, None).await?;
        let more = match answer.paging {
            Some(set) if (answer.rows.len() as u64) < set.rows => {
                let next = answer.rows.len() as u64;
                More::Kept(RowSet { binding, id: set.id, next, open: true })
            }
            _ => More::Nothing,
        };
        Ok(Pages { query: self.clone(), page_size, first: Some(answer.rows), more })
    }

    /// The rows in steps of bounded work: the server answers after so many bytes of rows and goes on when asked to.
    /// Rows that are changed meanwhile may be seen in either state.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub async fn steps(&self, bytes: u32) -> Result<Pages<'a>, Error> {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX).max(1);
        let mut pages = Pages {
            query: self.clone(),
            page_size: 0,
            first: None,
            more: More::Steps(PartialState::default(), bytes),
        };
        pages.first = pages.next_step().await?;
        Ok(pages)
    }

    async fn ask(
        &self,
        fetch: &Fetch<'_>,
        fetch_bytes: Option<i32>,
    ) -> Result<(Arc<Binding>, QueryAnswer<Row>), Error> {
        if self.tql.contains('\0') {
            return Err(Error::with_message(ErrorKind::Input, "a query may not have a NUL character"));
        }
        let mut retry = self.collection.retry(Repeat::Always);
        loop {
            match self.ask_once(fetch, fetch_bytes, retry.try_now()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    self.collection.recover(&mut retry, error).await.map_err(Error::into_not_done)?
                }
            }
        }
    }

    async fn ask_once(
        &self,
        fetch: &Fetch<'_>,
        fetch_bytes: Option<i32>,
        time: Try,
    ) -> Result<(Arc<Binding>, QueryAnswer<Row>), Error> {
        let binding = self.collection.binding(time).await?;
        let ticket = binding.connection.send(time.deadline, |batch| {
            batch.add(Statement::QueryTql, |out, id| {
                let options = Options { fetch_bytes, ..Options::default() };
                query::encode(out, id, binding.partition, &binding.autocommit(), &options, fetch, &self.tql);
                Ok(())
            })
        })?;
        let answer = ticket.await?;
        let analysis = ANALYSIS.as_ref().ok_or_else(|| Error::new(ErrorKind::Protocol))?;
        let decoded =
            query::decode_as(&mut answer.reader(), &binding.layout, analysis, |span, is_analysis| {
                let layout = if is_analysis { analysis } else { &binding.layout };
                Row::new(answer.message.clone(), Arc::clone(layout), span)
            })?;
        Ok((binding, decoded))
    }
}

/// The rows of a query, a part at a time.
///
/// ```no_run
/// # async fn example(tokens: griddb_rs::Collection) -> Result<(), griddb_rs::Error> {
/// let mut pages = tokens.query("select * where expires < NOW()").pages(500).await?;
/// while let Some(rows) = pages.next().await? {
///     for row in &rows {
///         tokens.remove(row.get::<&str>("id")?).await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pages<'a> {
    query: Query<'a>,
    page_size: u64,
    first: Option<Vec<Row>>,
    more: More,
}

#[derive(Debug)]
enum More {
    Nothing,
    Kept(RowSet),
    Steps(PartialState, i32),
}

/// A result that the server keeps; dropped there when it is dropped here.
struct RowSet {
    binding: Arc<Binding>,
    id: i64,
    next: u64,
    open: bool,
}

impl Pages<'_> {
    /// The next part of the rows; `None` after the last one. A part may be empty where the server looks through
    /// many rows and finds none.
    ///
    /// # Errors
    /// The server no longer has the result, for example after a restart ([`ErrorKind::ResultGone`]), or the
    /// connection was lost: begin again.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>, Error> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        match &mut self.more {
            More::Nothing => Ok(None),
            More::Steps(..) => self.next_step().await,
            More::Kept(set) => {
                let deadline = self.query.collection.retry(Repeat::Always).try_now().deadline;
                let (rows, is_last) = set.fetch(self.page_size, deadline).await?;
                if is_last {
                    self.more = More::Nothing;
                }
                Ok(if rows.is_empty() { None } else { Some(rows) })
            }
        }
    }

    async fn next_step(&mut self) -> Result<Option<Vec<Row>>, Error> {
        let More::Steps(state, bytes) = &self.more else { return Ok(None) };
        let fetch = Fetch { limit: self.query.limit, partial: Some(state), ..Fetch::default() };
        let (_, answer) = self.query.ask(&fetch, Some(*bytes)).await?;
        self.more = match answer.partial {
            Some(state) => More::Steps(state, *bytes),
            None => More::Nothing,
        };
        Ok(Some(answer.rows))
    }
}

impl RowSet {
    async fn fetch(&mut self, count: u64, deadline: tokio::time::Instant) -> Result<(Vec<Row>, bool), Error> {
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
        // An empty page that is not the last one would be asked for without end.
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

impl std::fmt::Debug for RowSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowSet").field("next", &self.next).field("open", &self.open).finish_non_exhaustive()
    }
}
