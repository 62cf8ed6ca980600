//! Each wrapper does what it is for, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use gridauth::env::Timestamp;
use gridauth::store::memory::MemoryStore;
use gridauth::store::{Backend, Key, Kind, Row, StoreErrorKind};
use gridauth_test_stores::{Call, Counting, Delaying, Failing, Failure, Minimal};

const KEY: Key<'static> = Key::new(Kind::Custom, "row");
const ENDED: Timestamp = Timestamp::from_millis(1);

fn row() -> Row {
    Row::new(ENDED, "{}").with_expires(Some(ENDED))
}

#[tokio::test]
async fn counting_counts_the_calls_that_it_was_asked_to_count() {
    let all = Counting::all(MemoryStore::new());
    let reads = Counting::reads(all.clone());
    assert!(reads.insert(KEY, row()).await.unwrap());
    assert!(reads.get(KEY).await.unwrap().is_some());
    assert_eq!((reads.count(), all.count()), (1, 2));
}

#[tokio::test]
async fn delaying_makes_a_call_only_when_it_is_awaited() {
    let calls = Counting::all(MemoryStore::new());
    let delaying = Delaying::new(calls.clone());
    assert!(delaying.get(KEY).now().is_none());
    assert_eq!(calls.count(), 0);
    assert!(delaying.get(KEY).await.unwrap().is_none());
    assert_eq!(calls.count(), 1);
}

#[tokio::test]
async fn failing_before_leaves_the_store_as_it_is() {
    let failing = Failing::new(MemoryStore::new());
    failing.fail(Failure::Before, |call| matches!(call, Call::Insert(_)));
    let error = failing.insert(KEY, row()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(failing.get(KEY).await.unwrap().is_none());
}

#[tokio::test]
async fn failing_after_changes_the_store_and_loses_the_answer() {
    let failing = Failing::new(MemoryStore::new());
    failing.fail(Failure::After, |call| matches!(call, Call::Insert(_)));
    let error = failing.insert(KEY, row()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown);
    assert!(failing.get(KEY).await.unwrap().is_some());
}

#[tokio::test]
async fn a_store_that_was_taken_down_recovers() {
    let failing = Failing::new(MemoryStore::new());
    failing.take_down();
    assert!(failing.clone().ping().await.is_err());
    failing.recover();
    failing.ping().await.unwrap();
}

#[tokio::test]
async fn minimal_sweeps_by_the_code_of_the_trait() {
    let sweeps = |call: Call<'_>| matches!(call, Call::RemoveExpired(_));
    let counting = Counting::only(MemoryStore::new(), sweeps);
    let minimal = Minimal::new(counting.clone());
    assert!(minimal.insert(KEY, row()).await.unwrap());
    assert_eq!(minimal.remove_expired(Kind::Custom, ENDED, 10).await.unwrap(), 1);
    assert_eq!(counting.count(), 0);
}
