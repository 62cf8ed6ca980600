//! Listings, page by page.
//!
//! TQL cannot compare texts, so rows are ordered by a 63-bit hash of their ids, which never changes. A row would
//! only be missed if its hash equalled that of another row at the very end of a page.
//!
//! The server uses the index of the first condition in the query. With the user or client first, it reads and
//! sorts all of their rows for each page. That is best for few rows and quadratic for many. With the hash first,
//! it reads rows in the right order, including other users' rows in between.

use std::sync::Arc;

use griddb_rs::{Collection, ErrorKind, Pages, Value, tql};

use super::error::store_error;
use super::layout::Layout;
use super::rows::{moment, readable};
use crate::env::Timestamp;
use crate::store::deadline::Wait;
use crate::store::{By, Cursor, Entry, Page, Query, StoreError, StoreErrorKind};

/// The position where a page ended.
struct Position {
    container: usize,
    /// The hash and id of the last row; `None` at the start of the container.
    last: Option<(i64, String)>,
    /// Whether there are so many rows that they are read by hash.
    by_hash: bool,
}

impl Position {
    fn read(cursor: Option<&Cursor>) -> Option<Self> {
        let Some(Cursor(text)) = cursor else { return Some(Self::start(0)) };
        let mut parts = text.splitn(4, ':');
        let (container, by_hash) = (parts.next()?.parse().ok()?, parts.next()? == BY_HASH);
        let last = match (parts.next(), parts.next()) {
            (Some(hash), Some(id)) => Some((hash.parse().ok()?, id.to_owned())),
            _ => None,
        };
        Some(Self { container, last, by_hash })
    }

    fn write(&self) -> Cursor {
        match &self.last {
            Some((hash, id)) => {
                let order = if self.by_hash { BY_HASH } else { "" };
                Cursor(format!("{}:{order}:{hash}:{id}", self.container))
            }
            None => Cursor(format!("{}:", self.container)),
        }
    }

    fn start(container: usize) -> Self {
        Self { container, last: None, by_hash: false }
    }
}

/// Marks a cursor whose rows are read by hash.
const BY_HASH: &str = "h";

/// From this number of rows in a container on, they are read by hash. Sorting this many took 50 ms when measured.
const MANY: i64 = 5000;

/// The most rows in a page. A page is one answer, and the reads of guards on the same connection wait behind it.
const MOST_ROWS: usize = 100;

/// One page. Its rows come from a single container, so processing them does not depend on other containers, which
/// may be on other nodes. Containers are read one after the other anyway, so this costs no extra round trips.
pub(super) async fn page(layout: &Layout, query: Query<'_>, wait: &Wait) -> Result<Page, StoreError> {
    let limit = query.limit.clamp(1, MOST_ROWS);
    let containers = layout.all(query.kind);
    let mut position = Position::read(query.after.as_ref())
        .ok_or_else(|| StoreError::new(StoreErrorKind::Refused, "the cursor is of another store"))?;
    let Some(container) = containers.get(position.container) else { return Ok(Page::default()) };
    let is_first = position.last.is_none();
    let Found { mut rows, more } = rows(container, query.by, &position, limit, wait).await?;
    let more = more || rows.len() > limit;
    rows.truncate(limit);
    let mut entries = Vec::with_capacity(rows.len());
    for (hash, entry) in rows {
        position.last = Some((hash, entry.id.clone()));
        entries.push(entry);
    }
    if !more {
        position = Position::start(position.container + 1);
    } else if is_first {
        position.by_hash = is_many(&container.within(wait.left()), query.by).await?;
    }
    let next = (position.container < containers.len()).then(|| position.write());
    Ok(Page { entries, next })
}

/// The start of the container after the one of the query's page, if there is one.
pub(super) fn past(layout: &Layout, query: &Query<'_>) -> Option<Cursor> {
    let next = Position::read(query.after.as_ref())?.container + 1;
    (next < layout.all(query.kind).len()).then(|| Position::start(next).write())
}

/// The condition of the listing; `None` if no row can match, because it could not be stored either.
fn condition(by: By<'_>) -> Option<String> {
    match by {
        By::Any => Some(String::new()),
        By::User(user) => tql::bind("user = ?", &[&user]).ok(),
        By::Client(client) => tql::bind("client = ?", &[&client]).ok(),
        By::ExpiredAt(now) => tql::bind("expires <= ?", &[&moment(now)]).ok(),
    }
}

/// The query for at most `limit` rows in hash order.
fn ordered(by: By<'_>, from: i64, by_hash: bool, limit: usize) -> Option<String> {
    let (condition, hash) = (condition(by)?, format!("hash >= {from}"));
    let both = match (condition.as_str(), by_hash) {
        ("", _) => hash,
        (_, true) => format!("{hash} and {condition}"),
        (_, false) => format!("{condition} and {hash}"),
    };
    Some(format!("select * where {both} order by hash limit {limit}"))
}

/// Whether so many rows of a container match that they must not be sorted for each page.
async fn is_many(container: &Collection, by: By<'_>) -> Result<bool, StoreError> {
    // All rows are always read by hash.
    let Some(condition) = condition(by).filter(|condition| !condition.is_empty()) else { return Ok(false) };
    let count = container.query(format!("select count(*) where {condition}")).value().await;
    Ok(matches!(count.map_err(store_error)?, Some(Value::Long(count)) if count > MANY))
}

/// Rows of one container after a position.
struct Found {
    rows: Vec<(i64, Entry)>,
    /// Whether the query was limited, so that more rows may follow.
    more: bool,
}

/// The rows of one container after a position: one more than requested if there are that many, fewer if they would
/// exceed the longest answer.
async fn rows(
    container: &Collection,
    by: By<'_>,
    position: &Position,
    wanted: usize,
    wait: &Wait,
) -> Result<Found, StoreError> {
    let last = position.last.as_ref();
    // One more shows whether more rows follow; another is the last row of the previous page, which is returned
    // again.
    let mut asked = wanted + 2;
    let answered = loop {
        // If an answer has room for one row only, it is the next one.
        let from = last.map_or(0, |(hash, _)| hash.saturating_add(i64::from(asked == 1)));
        let Some(tql) = ordered(by, from, position.by_hash, asked) else {
            return Ok(Found { rows: Vec::new(), more: false });
        };
        match container.within(wait.left()).query(tql).rows().await {
            Err(error) if error.kind() == ErrorKind::AnswerTooLong && asked > 1 => asked /= 2,
            answered => break answered.map_err(store_error)?,
        }
    };
    let mut rows = Vec::with_capacity(answered.len());
    for row in &answered {
        let id: String = row.get("id").map_err(store_error)?;
        let hash: i64 = row.get("hash").map_err(store_error)?;
        rows.push((hash, Entry { id, row: Arc::new(readable(row)?) }));
    }
    rows.sort_by(|(hash, entry), (other_hash, other)| (hash, &entry.id).cmp(&(other_hash, &other.id)));
    if let Some((hash, id)) = last {
        rows.retain(|(own_hash, entry)| (own_hash, &entry.id) > (hash, id));
    }
    let more = answered.len() == asked && !rows.is_empty();
    Ok(Found { rows, more })
}

/// The size of a step over expired rows. TQL has no column lists, so it returns whole rows.
const EXPIRED_BYTES: u32 = 256 << 10;

fn all_expired(now: Timestamp) -> Result<String, StoreError> {
    tql::bind("select * where expires <= ?", &[&moment(now)]).map_err(store_error)
}

/// The expired rows of one container, in parts.
pub(super) struct Expired(Pages);

pub(super) async fn expired(container: &Collection, now: Timestamp) -> Result<Expired, StoreError> {
    container.query(all_expired(now)?).steps(EXPIRED_BYTES).await.map(Expired).map_err(store_error)
}

impl Expired {
    /// The next ids; `None` after the last ones.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<String>>, StoreError> {
        let Some(rows) = self.0.next().await.map_err(store_error)? else { return Ok(None) };
        rows.iter().map(|row| row.get("id").map_err(store_error)).collect::<Result<_, _>>().map(Some)
    }
}

#[cfg(test)]
mod unit {
    use super::super::layout::schema;
    use super::*;
    use griddb_rs::Client;
    use griddb_test_node::{Options, TestNode};

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for position in [
            Position { container: 3, last: Some((i64::MAX, "a:b::c".to_owned())), by_hash: true },
            Position { container: 0, last: Some((0, "x".to_owned())), by_hash: false },
            Position::start(7),
        ] {
            let read = Position::read(Some(&position.write())).unwrap();
            assert_eq!(
                (read.container, read.last, read.by_hash),
                (position.container, position.last, position.by_hash)
            );
        }
        assert!(Position::read(Some(&Cursor("x".to_owned()))).is_none());
    }

    /// Which index the server uses for a query, and whether it sorts what that finds.
    async fn plan(container: &Collection, tql: &str) -> (Option<String>, bool) {
        let plan = container.query(format!("explain {tql}")).explain().await.unwrap();
        let is_used = plan.iter().any(|line| line.kind == "USE_INDEX");
        let enabled = plan.iter().find(|line| line.kind == "INDEX_ENABLE").filter(|_| is_used);
        let sorts = plan.iter().any(|line| line.kind == "QUERY_RESULT_SORT_EXPRESSION");
        // `(client=web)`
        let column = enabled.map(|line| line.statement.trim_start_matches('(').to_owned());
        let column = column.map(|text| text.split(['=', '<', '>']).next().unwrap_or_default().to_owned());
        (column, sorts)
    }

    async fn plans(url: &str, name: &str, is_real: bool) {
        let client = Client::connect(url).await.unwrap();
        let container = client.open_or_create(name, &schema()).await.unwrap();
        let now = Timestamp::from_millis(1_700_000_000_000);
        let index = |name: &str| Some(name.to_owned());
        assert_eq!(plan(&container, &all_expired(now).unwrap()).await, (index("expires"), false));
        for (by, column) in [(By::User("u"), "user"), (By::Client("web"), "client")] {
            let few = ordered(by, 5, false, 102).unwrap();
            assert_eq!(plan(&container, &few).await, (index(column), true), "{few}");
            let many = ordered(by, 5, true, 102).unwrap();
            let expected = if is_real { (index("hash"), false) } else { (index(column), true) };
            assert_eq!(plan(&container, &many).await, expected, "{many}");
        }
        let any = ordered(By::Any, 5, false, 102).unwrap();
        assert_eq!(plan(&container, &any).await, (index("hash"), !is_real));
        client.drop_collection(name).await.unwrap();
        client.close().await;
    }

    /// Also runs on a real server if one is configured. The simulator differs: it sorts even what is in order
    /// already, and prefers the index of an equality over that of a range.
    #[tokio::test]
    async fn queries_use_the_indexes() {
        let node = TestNode::start(Options::new()).await.unwrap();
        plans(&node.url(), "PLANS", false).await;
        if let Ok(url) = std::env::var("GRIDAUTH_TEST_GRIDDB") {
            plans(&url, "GRIDAUTH_TEST_PLANS", true).await;
        }
    }
}
