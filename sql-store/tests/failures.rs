//! The database is down, slow, exhausted or read-only: what callers are told, within which time, and that all is well afterwards.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::{Duration, Instant};

use gridauth::Store;
use gridauth::env::Timestamp;
use gridauth::store::{Key, Kind, Row, StoreErrorKind};
use gridauth_sqlx::sqlx::postgres::PgPoolOptions;
use gridauth_sqlx::sqlx::{AssertSqlSafe, Executor, PgPool};
use gridauth_sqlx::{Dialect, SqlOptions, migrations};
use gridauth_test_stores::Postgres;

fn row() -> Row {
    Row::new(Timestamp::from_millis(1), "{}")
}

const KEY: Key<'static> = Key::new(Kind::Grant, "a");
/// The time limit of the stores here, and a busy machine's own time.
const PATIENCE: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_secs(8);

async fn open(url: &str) -> Store {
    gridauth_sqlx::register().unwrap();
    Store::open(&format!("{url}&timeout=2s")).await.unwrap()
}

#[expect(clippy::disallowed_methods, reason = "how long a call really takes")]
fn now() -> Instant {
    Instant::now()
}

/// Reads fail as unavailable and writes at least say so or that nobody knows, each within the time limit.
async fn is_down(store: &Store) {
    let began = now();
    let read = store.get(KEY).await.unwrap_err();
    assert_eq!(read.kind(), StoreErrorKind::Unavailable, "{read:?}");
    let written = store.put(KEY, row()).await.unwrap_err();
    let lost = [StoreErrorKind::Unavailable, StoreErrorKind::OutcomeUnknown];
    assert!(lost.contains(&written.kind()), "{written:?}");
    assert!(store.ping().await.is_err());
    assert!(began.elapsed() < PATIENCE * 3 + SLACK, "{:?}", began.elapsed());
}

async fn is_back(store: &Store) {
    for _ in 0..100 {
        if store.ping().await.is_ok() && store.put(KEY, row()).await.is_ok() {
            assert!(store.get(KEY).await.unwrap().is_some());
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_and_comes_back() {
    let Some(mut server) = Postgres::start() else { return };
    let store = open(&server.fresh()).await;
    store.put(KEY, row()).await.unwrap();
    server.crash();
    is_down(&store).await;
    server.restart();
    is_back(&store).await;
}

/// A row that somebody else has locked: the caller is told in time, and the pool is not used up by calls that wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_not_released() {
    let Some(server) = Postgres::find() else { return };
    let schema = format!("locked_{}", std::process::id());
    let store = open(&format!("{}&max_connections=2", server.with(&format!("schema={schema}")))).await;
    store.put(KEY, row()).await.unwrap();
    let pool = PgPool::connect(server.url()).await.unwrap();
    let mut holder = pool.begin().await.unwrap();
    let lock = format!("SELECT 1 FROM {schema}.grants WHERE id = 'a' FOR UPDATE");
    holder.execute(sqlx_raw(lock)).await.unwrap();
    for _ in 0..3 {
        let began = now();
        let error = store.put(KEY, row()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown, "{error:?}");
        assert!(began.elapsed() < PATIENCE + SLACK);
        assert!(store.get(KEY).await.unwrap().is_some(), "readers do not wait");
    }
    holder.rollback().await.unwrap();
    is_back(&store).await;
}

fn sqlx_raw(sql: String) -> gridauth_sqlx::sqlx::RawSql {
    gridauth_sqlx::sqlx::raw_sql(AssertSqlSafe(sql))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_the_application_uses_up() {
    let Some(server) = Postgres::find() else { return };
    let pool = PgPoolOptions::new().max_connections(1).connect(server.url()).await.unwrap();
    let options = SqlOptions::default().schema(format!("pool_{}", std::process::id())).timeout(PATIENCE);
    let store = Store::new(options.from_pool(pool.clone()).await.unwrap());
    let held = pool.acquire().await.unwrap();
    let began = now();
    for error in [store.get(KEY).await.map(drop), store.put(KEY, row()).await] {
        assert_eq!(error.unwrap_err().kind(), StoreErrorKind::Unavailable, "nothing was changed");
    }
    assert!(began.elapsed() < PATIENCE * 2 + SLACK);
    drop(held);
    is_back(&store).await;
}

/// As after a failover to a replica.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_only_reads() {
    let Some(server) = Postgres::find() else { return };
    let url = server.fresh();
    open(&url).await;
    let store = open(&format!("{url}&options%5Bdefault_transaction_read_only%5D=on")).await;
    assert!(store.get(KEY).await.unwrap().is_none());
    assert_eq!(store.put(KEY, row()).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(store.ping().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
}

/// A newer layout is refused. Without the right to create tables, those that are there are enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn set_up_says_what_is_wrong() {
    let Some(server) = Postgres::find() else { return };
    let pool = PgPool::connect(server.url()).await.unwrap();
    let schema = format!("setup_{}", std::process::id());
    let options = || SqlOptions::default().schema(&schema).create_tables(false);
    let error = options().from_pool(pool.clone()).await.unwrap_err();
    assert!(error.reason.contains("grants") && error.reason.contains(&schema), "{error}");
    pool.execute(sqlx_raw(migrations(Dialect::Postgres, &schema))).await.unwrap();
    options().from_pool(pool.clone()).await.unwrap();
    pool.execute(sqlx_raw(format!("UPDATE {schema}.layout SET version = 99"))).await.unwrap();
    let error = options().from_pool(pool.clone()).await.unwrap_err();
    assert!(error.reason.contains("newer version") && error.reason.contains("99"), "{error}");

    // Several at once, on an empty schema.
    let url = server.fresh();
    let openings: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { open(&url).await })
        })
        .collect();
    for opening in openings {
        opening.await.unwrap().ping().await.unwrap();
    }
}
