//! The store in SQLite.
//!
//! Reads go to any connection of the pool. Writes go to one task, which puts all that are waiting into one transaction, so that they
//! share its sync to the disk.

mod list;
mod set_up;
mod statements;
mod values;
pub(crate) mod within;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use gridauth::env::Timestamp;
use gridauth::store::deadline::Wait;
use gridauth::store::{
    Backend, Change, ClientCache, Key, Kind, OpenError, Page, Query, Row, StoreError, StoreFuture, Updated,
    Writing, after_commit, is_deferring,
};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Executor, SqlitePool};
use tokio::time::timeout;

use self::statements::{Sql, Statements};
use self::values::{Bound, found};
use self::within::{Call, Open};
use self::writer::Writer;
use crate::error::{Effect, exhausted, is_busy, late, of_connection, of_statement};
use crate::options::SqlOptions;
use crate::rows::{Found, can_exist, check, check_row, millis};
use crate::tables::{Dialect, Names};

/// The store in SQLite.
pub(crate) struct SqliteStore {
    pool: SqlitePool,
    /// Tells stores apart.
    number: u64,
    writer: Writer,
    /// In the order of [`Kind::ALL`].
    statements: Vec<Statements>,
    clients: Arc<ClientCache>,
    /// The time limit of a call, and of all calls of a request together.
    patience: Duration,
}

/// The pause before a busy file is tried again.
const PAUSE: Duration = Duration::from_millis(5);

impl SqliteStore {
    pub(crate) async fn open(pool: SqlitePool, options: &SqlOptions, place: &str) -> Result<Self, OpenError> {
        let names = Names::new(Dialect::Sqlite, "");
        set_up::set_up(&pool, &names, options, place).await?;
        Ok(Self {
            writer: Writer::start(pool.clone()),
            number: within::new_number(),
            pool,
            statements: Kind::ALL.into_iter().map(|kind| Statements::new(&names, kind)).collect(),
            clients: Arc::new(ClientCache::new(options.client_cache)),
            patience: options.timeout,
        })
    }

    fn of(&self, kind: Kind) -> &Statements {
        &self.statements[kind as usize]
    }

    /// Hold it while a row is written, so that the cache forgets it: now, and again after the commit of a transaction.
    fn writing<'a>(&'a self, key: Key<'a>) -> Option<Writing<'a>> {
        if key.kind == Kind::Client && is_deferring() {
            let (clients, id) = (Arc::clone(&self.clients), key.id.to_owned());
            after_commit(move || drop(clients.writing(Key::new(Kind::Client, &id))));
        }
        self.clients.writing(key)
    }

    /// Starts a call. A call with too little time left to learn its outcome is refused: nothing has happened then.
    fn begin(&self) -> Result<Wait, StoreError> {
        let wait = Wait::begin(self.patience);
        if wait.left() < self.patience / 10 {
            return Err(StoreError::unavailable("SQL: the request has no time left"));
        }
        Ok(wait)
    }

    async fn read(
        &self,
        sql: &Sql,
        arguments: SqliteArguments,
        wait: &Wait,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        if let Some(open) = Open::of(self.number) {
            let call = Call { sql: Sql::clone(sql), arguments, effect: Effect::Reads };
            return open.call(call, wait).await.map(|answer| answer.rows);
        }
        loop {
            let mut connection = match timeout(wait.left(), self.pool.acquire()).await {
                Ok(connection) => connection.map_err(of_connection)?,
                Err(_) => return Err(exhausted()),
            };
            let query = sqlx::query_with(AssertSqlSafe(Sql::clone(sql)), arguments.clone());
            match timeout(wait.left(), connection.fetch_all(query)).await {
                Ok(Ok(rows)) => return Ok(rows),
                Ok(Err(error)) if is_busy(&error) && wait.left() > PAUSE => tokio::time::sleep(PAUSE).await,
                Ok(Err(error)) => return Err(of_statement(error, Effect::Reads)),
                Err(_) => return Err(late(Effect::Reads)),
            }
        }
    }

    async fn write(&self, sql: &Sql, arguments: SqliteArguments, wait: &Wait) -> Result<u64, StoreError> {
        if let Some(open) = Open::of(self.number) {
            let call = Call { sql: Sql::clone(sql), arguments, effect: Effect::Writes };
            return open.call(call, wait).await.map(|answer| answer.affected);
        }
        self.writer.write(sql, arguments, wait).await
    }

    async fn find(&self, key: Key<'_>, wait: &Wait) -> Result<Option<Found>, StoreError> {
        let arguments = Bound::default().with(key.id).done()?;
        let rows = self.read(&self.of(key.kind).get, arguments, wait).await?;
        rows.first().map(found).transpose()
    }

    /// The row is read, and written only if nothing has changed it since.
    async fn compare_and_swap(
        &self,
        key: Key<'_>,
        decide: &mut (dyn FnMut(&Row) -> Change + Send),
        wait: &Wait,
    ) -> Result<Updated, StoreError> {
        loop {
            let Some(Found { seq, version, row }) = self.find(key, wait).await? else {
                return Ok(Updated::Missing);
            };
            let same = Bound::default().with(seq).with(version);
            let statements = self.of(key.kind);
            let (sql, bound, then) = match decide(&row) {
                Change::Keep => return Ok(Updated::Kept),
                Change::Remove => (&statements.remove_read, same, Updated::Removed),
                Change::Replace(row) => {
                    check_row(&row)?;
                    (&statements.replace, same.row(&row), Updated::Replaced)
                }
            };
            if self.write(sql, bound.done()?, wait).await? > 0 {
                return Ok(then);
            }
        }
    }
}

impl Backend for SqliteStore {
    fn name(&self) -> &str {
        "sqlite"
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        if !can_exist(key) {
            return StoreFuture::ready(Ok(None));
        }
        // What a transaction sees must not come from outside, and must not be seen there.
        let is_cached = key.kind == Kind::Client && Open::of(self.number).is_none();
        if let Some(row) = is_cached.then(|| self.clients.get(key.id)).flatten() {
            return StoreFuture::ready(Ok(Some(row)));
        }
        StoreFuture::new(async move {
            let wait = self.begin()?;
            let reading = self.clients.reading();
            let Some(Found { row, .. }) = self.find(key, &wait).await? else { return Ok(None) };
            let row = Arc::new(row);
            if is_cached {
                self.clients.keep(key.id, &row, reading);
            }
            Ok(Some(row))
        })
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        StoreFuture::new(async move {
            check(key, &row)?;
            let _writing = self.writing(key);
            let wait = self.begin()?;
            let arguments = Bound::default().with(key.id).row(&row).done()?;
            Ok(self.write(&self.of(key.kind).insert, arguments, &wait).await? > 0)
        })
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        StoreFuture::new(async move {
            check(key, &row)?;
            let _writing = self.writing(key);
            let wait = self.begin()?;
            let arguments = Bound::default().with(key.id).row(&row).done()?;
            self.write(&self.of(key.kind).put, arguments, &wait).await.map(drop)
        })
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        if !can_exist(key) {
            return StoreFuture::ready(Ok(Updated::Missing));
        }
        StoreFuture::new(async move {
            let _writing = self.writing(key);
            let wait = self.begin()?;
            self.compare_and_swap(key, decide, &wait).await
        })
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        if !can_exist(key) {
            return StoreFuture::ready(Ok(false));
        }
        StoreFuture::new(async move {
            let _writing = self.writing(key);
            let wait = self.begin()?;
            let arguments = Bound::default().with(key.id).done()?;
            Ok(self.write(&self.of(key.kind).remove, arguments, &wait).await? > 0)
        })
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        StoreFuture::new(async move {
            let wait = self.begin()?;
            self.page(&query, &wait).await
        })
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        StoreFuture::new(async move {
            if within::is_asked(self.number) {
                return Ok(());
            }
            let wait = self.begin()?;
            let one: Sql = "SELECT version FROM gridauth_layout LIMIT 1".into();
            self.read(&one, SqliteArguments::default(), &wait).await.map(drop)
        })
    }

    fn remove_expired(&self, kind: Kind, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        StoreFuture::new(async move {
            let wait = self.begin()?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let arguments = Bound::default().with(millis(now)).with(limit).done()?;
            let removed = self.write(&self.of(kind).sweep, arguments, &wait).await?;
            Ok(usize::try_from(removed).unwrap_or(usize::MAX))
        })
    }
}
