//! Copies from one store to another: complete, resumable, compared.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gridauth::env::Timestamp;
use gridauth::http::BearerToken;
use gridauth::identity::HashingSettings;
use gridauth::store::memory::MemoryStore;
use gridauth::store::{By, CopyError, CopyOptions, Key, Kind, Query, Row};
use gridauth::token::Secret;
use gridauth::{Client, GridAuth, ListOptions, MintRequest, Store};
use gridauth_test_stores::{Call, Counting, Failing, Failure};
use tempfile::TempDir;

/// All rows of a store, as text.
async fn rows(store: &Store) -> Vec<String> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        let mut query = Query::new(kind, By::Any);
        loop {
            let page = store.list(query.clone()).await.unwrap();
            all.extend(page.entries.iter().map(|entry| {
                let row = &entry.row;
                format!("{} {} {row:?} {}", kind.name(), entry.id, row.body())
            }));
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
    }
    all.sort();
    all
}

/// A store with rows of every kind, more than a page of them.
async fn filled(store: &Store) {
    for (at, kind) in Kind::ALL.into_iter().enumerate() {
        for number in 0..if kind == Kind::Grant { 1200 } else { 7 } {
            let row = Row::new(Timestamp::from_millis(number), format!("{{\"n\":\"{number} é\"}}"))
                .with_user((number % 2 == 0).then_some("israel"))
                .with_client((number % 3 == 0).then_some("web"))
                .with_scope(Some("notes.read"))
                .with_expires((at % 2 == 0).then(|| Timestamp::from_millis(number + 5)));
            store.put(Key::new(kind, &format!("id {number}")), row).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives_from_every_kind_of_store_in_every_other() {
    let folder = TempDir::new().unwrap();
    let file = async |name: &str| {
        Store::open(&format!("file:{}", folder.path().join(name).display())).await.unwrap()
    };
    let (memory, first, second) = (Store::memory(), file("first.db").await, file("second.db").await);
    filled(&memory).await;
    let expected = rows(&memory).await;
    for (from, to) in [(&memory, &first), (&first, &second)] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let options =
            CopyOptions::new().on_progress(move |progress| kept.lock().unwrap().push(progress.clone()));
        let report = from.copy_with(to, options).await.unwrap();
        let total = expected.len() as u64;
        assert_eq!((report.rows, report.written, report.removed, report.rounds), (total, total, 0, 2));
        assert_eq!(rows(to).await, expected);
        let seen = seen.lock().unwrap();
        assert!(seen.iter().any(|progress| progress.kind == Kind::Grant && progress.rows == 1200));
    }
}

#[tokio::test]
async fn tokens_sessions_passwords_and_secrets_stay_valid() {
    let server = async |store: &Store| {
        let hashing = HashingSettings::default().memory_kib(8).passes(1);
        let builder = GridAuth::builder("https://id.example.com").store(store.clone()).hashing(hashing);
        builder.build().await.unwrap()
    };
    let (old, new) = (Store::memory(), Store::memory());
    let auth = server(&old).await;
    auth.put_user("israel", &Secret::from("imru"), "1", Default::default()).await.unwrap();
    let web = auth.confidential_client("web", "web-secret").await.unwrap().build().unwrap();
    auth.put_client_unchecked(web).await.unwrap();
    let rotated = auth.rotate_client_secret("web", Duration::from_secs(60)).await.unwrap();
    let token = auth.mint(MintRequest::for_user("1").client("web")).await.unwrap().access_token;
    old.copy_to(&new).await.unwrap();
    let moved = server(&new).await;
    assert!(moved.authenticate(&BearerToken::new(token.expose())).await.is_ok());
    assert_eq!(moved.grants("1", ListOptions::new()).await.unwrap().items.len(), 1);
    assert!(moved.client("web").await.unwrap() == auth.client("web").await.unwrap());
    assert!(!rotated.as_str().is_empty());
    let users: &dyn gridauth::identity::Users = moved.users();
    assert!(users.check_password("israel", &Secret::from("imru")).await.unwrap().is_some());
}

/// Whatever call fails, before or after it takes effect, another copy goes on and ends with the same.
#[tokio::test]
async fn a_copy_that_stopped_anywhere_goes_on() {
    let source = Store::memory();
    for number in 0..40 {
        let row = Row::new(Timestamp::from_millis(1), format!("{{\"n\":{number}}}"));
        source.put(Key::new(Kind::Grant, &format!("id {number}")), row).await.unwrap();
    }
    let expected = rows(&source).await;
    for failure in [Failure::Before, Failure::After] {
        for step in 0.. {
            let failing = Failing::new(MemoryStore::new());
            let target = Store::new(failing.clone());
            let asked = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&asked);
            failing.fail(failure, move |_| counted.fetch_add(1, Ordering::Relaxed) == step);
            let first = source.copy_to(&target).await;
            failing.recover();
            if asked.load(Ordering::Relaxed) <= step {
                assert!(first.is_ok() && step > 40, "{step}");
                break;
            }
            // A copy whose last answer was lost is finished.
            if first.is_ok() {
                assert!(matches!(failure, Failure::After), "{step}");
                assert_eq!(rows(&target).await, expected);
                continue;
            }
            source.copy_to(&target).await.unwrap_or_else(|error| panic!("{failure:?} {step}: {error}"));
            assert_eq!(rows(&target).await, expected, "{failure:?} {step}");
        }
    }
}

#[tokio::test]
async fn what_has_arrived_is_not_written_again() {
    let source = Store::memory();
    filled(&source).await;
    let counting = Counting::only(MemoryStore::new(), |call| matches!(call, Call::Insert(_) | Call::Put(_)));
    let target = Store::new(counting.clone());
    source.copy_to(&target).await.unwrap();
    let before = counting.count();
    let again = source.copy_with(&target, CopyOptions::new().overwrite(true)).await.unwrap();
    assert_eq!((again.written, again.removed, again.rounds), (0, 0, 1));
    // The mark that a copy is under way.
    assert_eq!(counting.count() - before, 1);
}

#[tokio::test]
async fn a_store_that_has_something_else_is_not_touched() {
    let (source, target) = (Store::memory(), Store::memory());
    filled(&source).await;
    let own = Row::new(Timestamp::from_millis(1), "{}");
    target.put(Key::new(Kind::Outbox, "own"), own.clone()).await.unwrap();
    let refused = source.copy_to(&target).await;
    assert!(matches!(refused, Err(CopyError::NotEmpty { kind: Kind::Outbox })), "{refused:?}");
    assert_eq!(rows(&target).await.len(), 1);
    let report = source.copy_with(&target, CopyOptions::new().overwrite(true)).await.unwrap();
    assert_eq!(report.removed, 1);
    assert_eq!(rows(&target).await, rows(&source).await);
}

/// What was revoked after the first copy does not come back to life.
#[tokio::test]
async fn a_second_copy_follows_what_changed_and_what_was_removed() {
    let (source, target) = (Store::memory(), Store::memory());
    filled(&source).await;
    source.copy_to(&target).await.unwrap();
    source.remove(Key::new(Kind::Grant, "id 3")).await.unwrap();
    let changed = Row::new(Timestamp::from_millis(9), "{\"changed\":true}");
    source.put(Key::new(Kind::Client, "id 1"), changed).await.unwrap();
    let report = source.copy_with(&target, CopyOptions::new().overwrite(true)).await.unwrap();
    assert_eq!((report.written, report.removed, report.rounds), (1, 1, 2));
    assert_eq!(rows(&target).await, rows(&source).await);
}

#[tokio::test]
async fn an_unfinished_copy_is_no_source() {
    let (source, failing) = (Store::memory(), Failing::new(MemoryStore::new()));
    filled(&source).await;
    let half = Store::new(failing.clone());
    failing.fail(Failure::Before, |call| matches!(call, Call::Insert(key) if key.id == "id 900"));
    let stopped = source.copy_to(&half).await;
    assert!(
        matches!(&stopped, Err(CopyError::Target { kind: Kind::Grant, id, .. }) if id == "id 900"),
        "{stopped:?}"
    );
    failing.recover();
    assert!(matches!(half.copy_to(&Store::memory()).await, Err(CopyError::SourceUnfinished)));
    source.copy_to(&half).await.unwrap();
    half.copy_to(&Store::memory()).await.unwrap();
}

/// A source that never holds still is not said to be copied.
#[tokio::test]
async fn a_source_that_keeps_changing_is_told() {
    let (source, changing) = (Store::memory(), Store::memory());
    filled(&source).await;
    let (store, calls) = (source.clone(), AtomicUsize::new(0));
    let options = CopyOptions::new().on_progress(move |_| {
        let number = calls.fetch_add(1, Ordering::Relaxed);
        let row = Row::new(Timestamp::from_millis(1), format!("{{\"n\":{number}}}"));
        // A store in memory never waits.
        let written = std::pin::pin!(store.put(Key::new(Kind::Custom, "busy"), row));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(written.poll(&mut context).is_ready());
    });
    let told = source.copy_with(&changing, options).await;
    assert!(matches!(told, Err(CopyError::Changing)), "{told:?}");
}

#[tokio::test]
async fn a_public_client_is_where_it_was() {
    let (old, new) = (Store::memory(), Store::memory());
    let auth = GridAuth::builder("https://id.example.com").store(old.clone()).build().await.unwrap();
    let spa = Client::public("spa").redirect_uri("https://spa.example.com/cb").build().unwrap();
    auth.put_client_unchecked(spa).await.unwrap();
    old.copy_to(&new).await.unwrap();
    assert!(new.name().len() > 1);
    let moved = GridAuth::builder("https://id.example.com").store(new).build().await.unwrap();
    assert!(moved.client("spa").await.unwrap().is_some());
}
