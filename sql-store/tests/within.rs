//! A server on an open transaction of the application: all or nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};

use gridauth::grant::ClientCredentials;
use gridauth::store::{Change, Key, Kind, Row, StoreErrorKind};
use gridauth::token::Secret;
use gridauth::{Client, GridAuth, Store};
use gridauth_sqlx::sqlx::{self, Executor, PgPool, Row as _, SqlitePool};
use gridauth_sqlx::{SqlOptions, SqlStore, Within, is_conflict};
use gridauth_test_stores::Postgres;

type Heard = Arc<Mutex<Vec<String>>>;

async fn server(store: Store) -> (GridAuth, Heard) {
    let heard = Heard::default();
    let told = Arc::clone(&heard);
    let auth = GridAuth::builder("https://id.example.com")
        .store(store)
        .grant(ClientCredentials::new())
        .on_event(move |record| told.lock().unwrap().push(record.event.name().to_owned()))
        .build()
        .await
        .unwrap();
    heard.lock().unwrap().clear();
    (auth, heard)
}

/// Names of the events so far.
fn events(heard: &Heard) -> Vec<String> {
    std::mem::take(&mut *heard.lock().unwrap())
}

/// The same story on both databases.
macro_rules! all_or_nothing {
    ($pool:expr, $auth:expr, $heard:expr) => {{
        let (pool, auth, heard) = ($pool, $auth, $heard);
        let head = http::Request::new(());
        let password = Secret::from("imru-imru-imru".to_owned());
        let is_user =
            async |name: &str| auth.store().get(Key::new(Kind::User, name)).await.unwrap().is_some();
        pool.execute("CREATE TABLE profiles (name TEXT PRIMARY KEY)").await.unwrap();

        // Rolled back: neither the user nor the row, and nobody hears of it.
        let mut transaction = pool.begin().await.unwrap();
        let signed_up = auth.within(&mut transaction, auth.sign_up(&head, "israel", &password));
        let signed_up = signed_up.await.unwrap().transpose().unwrap();
        transaction.execute("INSERT INTO profiles VALUES ('israel')").await.unwrap();
        transaction.rollback().await.unwrap();
        drop(signed_up);
        assert!(!is_user("israel").await);
        assert_eq!(events(&heard), [""; 0]);

        // Committed: both, and the event leaves after the commit.
        let mut transaction = pool.begin().await.unwrap();
        let signed_up = auth.within(&mut transaction, auth.sign_up(&head, "israel", &password));
        let signed_up = signed_up.await.unwrap().transpose().unwrap();
        transaction.execute("INSERT INTO profiles VALUES ('israel')").await.unwrap();
        // Within the transaction, it is there.
        let again = auth.within(&mut transaction, auth.sign_up(&head, "israel", &password)).await.unwrap();
        assert!(again.value().is_err());
        transaction.commit().await.unwrap();
        assert_eq!(events(&heard), [""; 0]);
        signed_up.committed();
        assert_eq!(events(&heard), ["signed_up"]);
        assert!(is_user("israel").await);
        let rows = pool.fetch_one("SELECT count(*) FROM profiles").await.unwrap();
        assert_eq!(rows.get::<i64, _>(0), 1);

        // A savepoint: what it rolls back is gone, the rest stays.
        let mut transaction = pool.begin().await.unwrap();
        let kept = auth.within(&mut transaction, auth.sign_up(&head, "kept", &password)).await.unwrap();
        let mut savepoint = sqlx::Acquire::begin(&mut *transaction).await.unwrap();
        let lost = auth.within(&mut savepoint, auth.sign_up(&head, "lost", &password)).await.unwrap();
        savepoint.rollback().await.unwrap();
        lost.rolled_back().unwrap();
        transaction.commit().await.unwrap();
        kept.committed().unwrap();
        assert!(is_user("kept").await && !is_user("lost").await);
        assert_eq!(events(&heard), ["signed_up"]);

        // A client that was cached outside is the new one after the commit, and the old one after a rollback.
        let name = async || auth.client("web").await.unwrap().unwrap().name().unwrap().to_owned();
        let client = |name: &str| Client::public("web").name(name).grant_types(["implicit"]).build().unwrap();
        auth.put_client_unchecked(client("old")).await.unwrap();
        assert_eq!(name().await, "old");
        let mut transaction = pool.begin().await.unwrap();
        let put = auth.within(&mut transaction, auth.put_client_unchecked(client("new"))).await.unwrap();
        transaction.rollback().await.unwrap();
        put.rolled_back().unwrap();
        assert_eq!(name().await, "old");
        let mut transaction = pool.begin().await.unwrap();
        let put = auth.within(&mut transaction, auth.put_client_unchecked(client("new"))).await.unwrap();
        transaction.commit().await.unwrap();
        put.committed().unwrap();
        assert_eq!(name().await, "new");

        // An update, a removal and a listing.
        let mut transaction = pool.begin().await.unwrap();
        let work = async {
            let key = Key::new(Kind::Client, "web");
            auth.store().update(key, &mut |row: &Row| Change::Replace(row.clone())).await?;
            auth.store().remove(key).await
        };
        let removed = auth.within(&mut transaction, work).await.unwrap();
        transaction.commit().await.unwrap();
        assert!(removed.committed().unwrap());
        assert!(auth.client("web").await.unwrap().is_none());

        // A server whose store is elsewhere is refused, and nothing is done.
        let (other, _) = server(Store::memory()).await;
        let mut transaction = pool.begin().await.unwrap();
        let refused = other.within(&mut transaction, other.sign_up(&head, "israel", &password)).await;
        assert!(refused.is_err());
        assert!(other.store().get(Key::new(Kind::User, "israel")).await.unwrap().is_none());
    }};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let Some(server_of_tests) = Postgres::find() else { return };
    let pool = PgPool::connect(server_of_tests.url()).await.unwrap();
    pool.execute("DROP TABLE IF EXISTS profiles").await.unwrap();
    let store = SqlOptions::default().schema(format!("within_{}", std::process::id()));
    let store = store.from_pool(pool.clone()).await.unwrap();
    let (auth, heard) = server(Store::new(store)).await;
    all_or_nothing!(&pool, &auth, heard);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let pool = SqlitePool::connect_with(options.journal_mode(sqlx::sqlite::SqliteJournalMode::Wal));
    let pool = pool.await.unwrap();
    let (auth, heard) = server(Store::new(SqlStore::from_pool(pool.clone()).await.unwrap())).await;
    all_or_nothing!(&pool, &auth, heard);
}

/// Two transactions that lock two rows in opposite orders: one of them is told that it can be repeated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_told_to_the_application() {
    let Some(server_of_tests) = Postgres::find() else { return };
    let pool = PgPool::connect(server_of_tests.url()).await.unwrap();
    let options = SqlOptions::default().schema(format!("deadlock_{}", std::process::id()));
    let store = Store::new(options.from_pool(pool.clone()).await.unwrap());
    let row = || Row::new(gridauth::env::Timestamp::from_millis(1), "{}");
    for id in ["a", "b"] {
        store.put(Key::new(Kind::Custom, id), row()).await.unwrap();
    }
    let barrier = Arc::new(tokio::sync::Barrier::new(2));
    let run = async |first: &'static str, second: &'static str| {
        let mut transaction = pool.begin().await.unwrap();
        let work = async {
            store.put(Key::new(Kind::Custom, first), row()).await?;
            barrier.wait().await;
            store.put(Key::new(Kind::Custom, second), row()).await
        };
        let outcome = store.within(&mut transaction, work).await.unwrap().transpose();
        match outcome {
            Ok(done) => {
                transaction.commit().await.unwrap();
                done.committed();
                Ok(())
            }
            Err(error) => Err(error),
        }
    };
    let (one, other) = tokio::join!(run("a", "b"), run("b", "a"));
    let errors: Vec<_> = [one, other].into_iter().filter_map(Result::err).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(is_conflict(&errors[0]) && errors[0].kind() == StoreErrorKind::Unavailable, "{errors:?}");
}

/// Under isolation level `serializable`: told inside a transaction of the application, repeated outside of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_serialization_failure_is_told_or_repeated() {
    let Some(server_of_tests) = Postgres::find() else { return };
    let options: sqlx::postgres::PgConnectOptions = server_of_tests.url().parse().unwrap();
    let pool = PgPool::connect_with(options.options([("default_transaction_isolation", "serializable")]));
    let pool = pool.await.unwrap();
    let options = SqlOptions::default().schema(format!("serializable_{}", std::process::id()));
    let store = Store::new(options.from_pool(pool.clone()).await.unwrap());
    let row = || Row::new(gridauth::env::Timestamp::from_millis(1), "{}");
    let key = Key::new(Kind::Custom, "a");
    store.put(key, row()).await.unwrap();

    let mut transaction = pool.begin().await.unwrap();
    let work = async {
        store.get(key).await?;
        // Somebody else, outside of the transaction: a task is not within it.
        let outside = store.clone();
        let put = tokio::spawn(async move {
            let row = Row::new(gridauth::env::Timestamp::from_millis(2), "{}");
            outside.put(Key::new(Kind::Custom, "a"), row).await
        });
        put.await.unwrap()?;
        store.put(key, row()).await
    };
    let error = store.within(&mut transaction, work).await.unwrap().transpose().unwrap_err();
    assert!(is_conflict(&error), "{error:?}");
    drop(transaction);

    let racers = (0..16).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let key = Key::new(Kind::Custom, "a");
            store.update(key, &mut |row: &Row| Change::Replace(row.clone())).await
        })
    });
    for racer in racers.collect::<Vec<_>>() {
        racer.await.unwrap().unwrap();
    }
}
