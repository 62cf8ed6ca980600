use std::fmt;
use std::sync::Arc;

use gridauth::env::Timestamp;
use gridauth::store::{
    Backend, Change, Cursor, Key, Kind, OpenError, Page, Query, Row, StoreFuture, Updated,
};

use crate::options::SqlOptions;

/// A pool of connections to PostgreSQL or SQLite.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Pool {
    /// Of PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
    /// Of SQLite.
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqlitePool),
}

#[cfg(feature = "postgres")]
impl From<sqlx::PgPool> for Pool {
    fn from(pool: sqlx::PgPool) -> Self {
        Self::Postgres(pool)
    }
}

#[cfg(feature = "sqlite")]
impl From<sqlx::SqlitePool> for Pool {
    fn from(pool: sqlx::SqlitePool) -> Self {
        Self::Sqlite(pool)
    }
}

/// A store in PostgreSQL or SQLite, on a pool of the application.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use gridauth::Store;
/// use gridauth_sqlx::{SqlStore, sqlx};
///
/// let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?; // or a file, or a PgPool
/// let store = Store::new(SqlStore::from_pool(pool).await?);
/// store.ping().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct SqlStore(Box<dyn Backend>);

impl SqlStore {
    /// Opens the store on a pool, and creates missing tables. [`SqlOptions`] has the options.
    ///
    /// # Errors
    /// [`OpenError`] if the database cannot be used, or a newer version set it up.
    pub async fn from_pool(pool: impl Into<Pool>) -> Result<Self, OpenError> {
        SqlOptions::default().from_pool(pool).await
    }

    /// Opens the store. `place` names it in errors; by default, it follows from the pool.
    pub(crate) async fn open(
        pool: Pool,
        options: SqlOptions,
        place: Option<String>,
    ) -> Result<Self, OpenError> {
        match pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => {
                let place = place.unwrap_or_else(|| crate::open::place_of(&pool.connect_options()));
                let store = crate::postgres::PostgresStore::open(pool, &options, &place).await?;
                Ok(Self(Box::new(store)))
            }
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => {
                let of_pool = || format!("sqlite:{}", pool.connect_options().get_filename().display());
                let place = place.unwrap_or_else(of_pool);
                let store = crate::sqlite::SqliteStore::open(pool, &options, &place).await?;
                Ok(Self(Box::new(store)))
            }
        }
    }
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqlStore")
    }
}

impl Backend for SqlStore {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn is_shared(&self) -> bool {
        self.0.is_shared()
    }

    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        self.0.get(key)
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        self.0.insert(key, row)
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        self.0.put(key, row)
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        self.0.update(key, decide)
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        self.0.remove(key)
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        self.0.list(query)
    }

    fn cursor_after_failure(&self, query: &Query<'_>) -> Option<Cursor> {
        self.0.cursor_after_failure(query)
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        self.0.ping()
    }

    fn remove_expired(&self, kind: Kind, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        self.0.remove_expired(kind, now, limit)
    }
}
