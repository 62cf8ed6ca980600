//! TQL queries: all rows, pages, steps, aggregates, plans.

mod pages;

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use tokio::{runtime::Handle, time::Instant};

pub use pages::Pages;
use pages::RowSet;

use super::{Binding, Collection};
use crate::{
    connection::{Answer, Ticket},
    error::{Error, ErrorKind},
    retry::{Repeat, Try},
    row::{FromRow, Row},
    value::Value,
    wire::{
        message::query::{self, Fetch, QueryAnswer},
        options::Options,
        row_set::Layout,
        statement::Statement,
    },
};

static ANALYSIS: LazyLock<Option<Arc<Layout>>> =
    LazyLock::new(|| Layout::of(&query::analysis_schema()).map(Arc::new));

/// A TQL query of one collection, such as `select * where expires < NOW() limit 100`.
///
/// Insert values with [`tql::bind`](crate::tql::bind) or [`tql::quote`](crate::tql::quote), never by plain
/// formatting.
#[derive(Clone)]
#[must_use = "a query is sent by `rows`, `pages`, `steps`, `value` or `explain`"]
pub struct Query {
    collection: Collection,
    tql: String,
    limit: Option<u64>,
}

/// One line of a query plan.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainRow {
    /// The line's number.
    pub id: i32,
    /// Its nesting depth.
    pub depth: i32,
    /// What it describes, such as `INDEX_FOUND`.
    pub kind: String,
    /// The type of the value.
    pub value_type: String,
    /// The value.
    pub value: String,
    /// The part of the query that it describes.
    pub statement: String,
}

impl Collection {
    /// A query of this collection's rows.
    pub fn query(&self, tql: impl Into<String>) -> Query {
        Query { collection: self.clone(), tql: tql.into(), limit: None }
    }
}

impl Query {
    /// Limits the number of rows.
    pub fn limit(mut self, rows: u64) -> Self {
        self.limit = Some(rows);
        self
    }

    /// All rows of the result in one answer. For large results use [`pages`](Self::pages).
    ///
    /// # Errors
    /// The query is refused ([`ErrorKind::Query`]), or the database cannot be reached.
    pub async fn rows(&self) -> Result<Vec<Row>, Error> {
        let fetch = Fetch { limit: self.limit, ..Fetch::default() };
        Ok(self.ask(&fetch, None).await?.1.rows)
    }

    /// All rows of the result, converted to a type; see [`rows`](Self::rows).
    ///
    /// # Errors
    /// As for [`rows`](Self::rows), and those of the type's [`FromRow`].
    pub async fn rows_as<T: FromRow>(&self) -> Result<Vec<T>, Error> {
        self.rows().await?.iter().map(Row::read).collect()
    }

    /// The value of an aggregate such as `select count(*)`. `None` if it has no value, such as `max(n)` of no
    /// rows.
    ///
    /// # Errors
    /// As for [`rows`](Self::rows), or the query is not an aggregate.
    pub async fn value(&self) -> Result<Option<Value<'static>>, Error> {
        let (_, answer) = self.ask(&Fetch::default(), None).await?;
        let message = "the query is not an aggregate";
        answer.aggregate.ok_or_else(|| Error::with_message(ErrorKind::Query, message))
    }

    /// The server's plan for the query, which must begin with `explain`.
    ///
    /// # Errors
    /// As for [`rows`](Self::rows), or the query does not begin with `explain`.
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

    /// The rows page by page. The server keeps the result as of the moment the query was sent; each page is one
    /// round trip.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub async fn pages(&self, page_size: u64) -> Result<Pages, Error> {
        Pages::of_result(self, page_size.max(1)).await
    }

    /// The rows in steps of bounded work: the server returns about this many bytes at a time and continues on
    /// request. Rows that change meanwhile may be seen in either state.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub async fn steps(&self, bytes: u32) -> Result<Pages, Error> {
        Pages::of_steps(self, i32::try_from(bytes).unwrap_or(i32::MAX).max(1)).await
    }

    /// The deadline of an attempt that starts now.
    fn deadline(&self) -> Instant {
        self.collection.retry(Repeat::Always).try_now().deadline
    }

    async fn ask(
        &self,
        fetch: &Fetch<'_>,
        fetch_bytes: Option<i32>,
    ) -> Result<(Arc<Binding>, QueryAnswer<Row>), Error> {
        if self.tql.contains('\0') {
            return Err(Error::with_message(ErrorKind::Input, "a query must not contain a NUL character"));
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
        let (binding, time) = self.collection.binding(time).await?;
        let answer = self.ask_on(&binding, fetch, fetch_bytes, time.deadline).await?;
        Ok((binding, answer))
    }

    /// Asks once, on a known container.
    async fn ask_on(
        &self,
        binding: &Arc<Binding>,
        fetch: &Fetch<'_>,
        fetch_bytes: Option<i32>,
        deadline: Instant,
    ) -> Result<QueryAnswer<Row>, Error> {
        let ticket = binding.connection.send(deadline, |batch| {
            batch.add(Statement::QueryTql, |out, id| {
                let options = Options { fetch_bytes, ..Options::default() };
                query::encode(out, id, binding.partition, &binding.autocommit(), &options, fetch, &self.tql);
                Ok(())
            })
        })?;
        let answer = match fetch.page_size {
            None => ticket.await?,
            Some(_) => Awaited { ticket: Some(ticket), binding }.answer().await?,
        };
        decode(&answer, binding)
    }
}

fn decode(answer: &Answer, binding: &Binding) -> Result<QueryAnswer<Row>, Error> {
    let analysis = ANALYSIS.as_ref().ok_or_else(|| Error::new(ErrorKind::Protocol))?;
    let make = |span, is_analysis| {
        let layout = if is_analysis { analysis } else { &binding.layout };
        Row::new(answer.message.clone(), Arc::clone(layout), span)
    };
    Ok(query::decode_as(&mut answer.reader(), &binding.layout, analysis, make)?)
}

impl fmt::Debug for Query {
    /// Omits the text: its literals are data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("collection", self.collection.name())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ExplainRow {
    /// Omits the statement, like the text of the query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExplainRow")
            .field("id", &self.id)
            .field("depth", &self.depth)
            .field("kind", &self.kind)
            .field("value_type", &self.value_type)
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

/// The answer to a query whose result the server keeps. If the caller goes away, the server is told to drop the
/// result as soon as its id is known.
struct Awaited<'a> {
    ticket: Option<Ticket>,
    binding: &'a Arc<Binding>,
}

impl Awaited<'_> {
    async fn answer(mut self) -> Result<Answer, Error> {
        let answer = match &mut self.ticket {
            Some(ticket) => ticket.await,
            None => Err(Error::new(ErrorKind::Closed)),
        };
        self.ticket = None;
        answer
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        // Outside a runtime nothing can wait: the server drops the result after its own timeout.
        let (Some(ticket), Ok(runtime)) = (self.ticket.take(), Handle::try_current()) else { return };
        let binding = Arc::clone(self.binding);
        runtime.spawn(async move {
            let answer = ticket.await.and_then(|answer| decode(&answer, &binding));
            drop(answer.map(|answer| RowSet::left_of(&answer, &binding)));
        });
    }
}
