//! The store in PostgreSQL.

mod call;
mod list;
mod set_up;
mod statements;
mod update;
mod values;
pub(crate) mod within;

use std::sync::Arc;
use std::time::Duration;

use gridauth::env::Timestamp;
use gridauth::store::deadline::Wait;
use gridauth::store::{
    Backend, Change, ClientCache, Key, Kind, OpenError, Page, Query, Row, StoreError, StoreFuture, Updated,
    Writing, after_commit, is_deferring,
};
use sqlx::postgres::PgArguments;
use sqlx::{PgPool, Row as _};

use self::call::{Answer, Call, Prepare};
use self::statements::{Sql, Statements};
use self::values::{Bound, Moment, found};
use self::within::Open;
use crate::error::{Effect, of_statement};
use crate::options::SqlOptions;
use crate::rows::{can_exist, check};
use crate::tables::{Dialect, Names};

/// The store in PostgreSQL.
pub(crate) struct PostgresStore {
    pool: PgPool,
    /// Tells stores apart.
    number: u64,
    prepare: Prepare,
    /// In the order of [`Kind::ALL`].
    statements: Vec<Statements>,
    read_only: Sql,
    clients: Arc<ClientCache>,
    /// The time limit of a call, and of all calls of a request together.
    patience: Duration,
}

impl PostgresStore {
    pub(crate) async fn open(pool: PgPool, options: &SqlOptions, place: &str) -> Result<Self, OpenError> {
        let names = Names::new(Dialect::Postgres, &options.schema);
        set_up::set_up(&pool, &names, options, place).await?;
        Ok(Self {
            pool,
            number: within::new_number(),
            prepare: if options.prepared { Prepare::Once } else { Prepare::EachTime },
            statements: Kind::ALL.into_iter().map(|kind| Statements::new(&names, kind)).collect(),
            read_only: "SELECT current_setting('transaction_read_only')".into(),
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

    async fn call(
        &self,
        sql: &Sql,
        arguments: PgArguments,
        effect: Effect,
        wait: &Wait,
    ) -> Result<Answer, StoreError> {
        let call = Call { sql: Sql::clone(sql), arguments, effect };
        if let Some(open) = Open::of(self.number) {
            return open.call(call, wait).await;
        }
        call::on_pool(&self.pool, self.prepare, call, wait).await
    }
}

impl Backend for PostgresStore {
    fn name(&self) -> &str {
        "postgres"
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
            let arguments = Bound::default().with(key.id).done()?;
            let answer = self.call(&self.of(key.kind).get, arguments, Effect::Reads, &wait).await?;
            let Some(row) = answer.rows.first() else { return Ok(None) };
            let row = Arc::new(found(row)?.row);
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
            let answer = self.call(&self.of(key.kind).insert, arguments, Effect::Writes, &wait).await?;
            Ok(answer.affected > 0)
        })
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        StoreFuture::new(async move {
            check(key, &row)?;
            let _writing = self.writing(key);
            let wait = self.begin()?;
            let arguments = Bound::default().with(key.id).row(&row).done()?;
            self.call(&self.of(key.kind).put, arguments, Effect::Writes, &wait).await.map(drop)
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
            let answer = self.call(&self.of(key.kind).remove, arguments, Effect::Writes, &wait).await?;
            Ok(answer.affected > 0)
        })
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        StoreFuture::new(async move {
            let wait = self.begin()?;
            self.page(&query, &wait).await
        })
    }

    /// A server that only reads, as after a failover to a replica, cannot serve.
    fn ping(&self) -> StoreFuture<'_, ()> {
        StoreFuture::new(async move {
            if within::is_asked(self.number) {
                return Ok(());
            }
            let wait = self.begin()?;
            let answer = self.call(&self.read_only, PgArguments::default(), Effect::Reads, &wait).await?;
            let setting = answer.rows.first().map(|row| row.try_get::<String, _>(0)).transpose();
            match setting.map_err(|error| of_statement(error, Effect::Reads))?.as_deref() {
                Some("off") => Ok(()),
                _ => Err(StoreError::unavailable("SQL: the database is read-only")),
            }
        })
    }

    fn remove_expired(&self, kind: Kind, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        StoreFuture::new(async move {
            let wait = self.begin()?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let arguments = Bound::default().with(Moment(now)).with(limit).done()?;
            let answer = self.call(&self.of(kind).sweep, arguments, Effect::Writes, &wait).await?;
            Ok(usize::try_from(answer.affected).unwrap_or(usize::MAX))
        })
    }
}
