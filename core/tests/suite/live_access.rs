//! Access that ends when its token ends, in whatever process.

use std::time::Duration;

use gridauth::env::{Clock, SystemClock};
use gridauth::http::BearerToken;
use gridauth::store::memory::MemoryStore;
use gridauth::store::{Backend, By, Kind, Query};
use gridauth::{Access, GridAuth, MintRequest, Store};
use gridauth_test_stores::{Failing, Failure, Shared};
use tokio::time::timeout;

async fn process(store: Store) -> GridAuth {
    GridAuth::builder("https://id.example.com").store(store).build().await.unwrap()
}

async fn access(auth: &GridAuth, user: &str) -> Access {
    let token = auth.mint(MintRequest::for_user(user)).await.unwrap();
    auth.authenticate(&BearerToken::new(token.access_token.expose())).await.unwrap()
}

async fn is_over(access: &Access) -> bool {
    timeout(Duration::from_millis(5), access.ended()).await.is_ok()
}

#[tokio::test]
async fn access_ends_with_the_grant_and_other_access_stays() {
    let auth = process(Store::memory()).await;
    let (mine, other) = (access(&auth, "israel").await, access(&auth, "emilia").await);
    assert!(!is_over(&mine).await);
    let ended = mine.ended();
    auth.revoke_user("israel").await.unwrap();
    timeout(Duration::from_secs(1), ended).await.unwrap();
    // Also if it has ended before anybody asks.
    assert!(is_over(&mine).await && !is_over(&other).await);
}

#[tokio::test]
async fn access_ends_with_its_expiry() {
    let builder = GridAuth::builder("https://id.example.com").store(Store::memory());
    let auth = builder.access_token_lifetime(Duration::from_secs(1)).build().await.unwrap();
    let access = access(&auth, "israel").await;
    assert!(!is_over(&access).await);
    timeout(Duration::from_secs(5), access.ended()).await.unwrap();
    assert!(SystemClock.now() >= access.expires());
}

#[tokio::test]
async fn access_ends_by_a_revocation_in_another_process() {
    let shared = Shared::new(MemoryStore::new());
    let (one, other) = (process(Store::new(shared.clone())).await, process(Store::new(shared.clone())).await);
    let mine = access(&one, "israel").await;
    let ended = mine.ended();
    let nobody_asked = shared.list(Query::new(Kind::Ended, By::Any)).await.unwrap();
    assert!(nobody_asked.entries.is_empty());
    other.revoke_user("israel").await.unwrap();
    timeout(Duration::from_secs(2), ended).await.unwrap();
    // Once read, a notice is not read again, and reading stops with the last who waits.
    let second = access(&one, "israel").await;
    assert!(!is_over(&second).await);
    other.revoke_user("israel").await.unwrap();
    timeout(Duration::from_secs(2), second.ended()).await.unwrap();
}

#[tokio::test]
async fn a_thousand_ends_in_another_process_are_a_few_notices() {
    let shared = Shared::new(MemoryStore::new());
    let (one, other) = (process(Store::new(shared.clone())).await, process(Store::new(shared.clone())).await);
    let mut waiting = Vec::new();
    for _ in 0..1000 {
        waiting.push(tokio::spawn(access(&one, "israel").await.ended()));
    }
    // Until all of them wait.
    tokio::time::sleep(Duration::from_millis(100)).await;
    other.revoke_user("israel").await.unwrap();
    for ended in waiting {
        timeout(Duration::from_secs(5), ended).await.unwrap().unwrap();
    }
    let notices = shared.list(Query::new(Kind::Ended, By::Any)).await.unwrap();
    assert!((2..20).contains(&notices.entries.len()), "{}", notices.entries.len());
}

#[tokio::test(start_paused = true)]
async fn access_ends_where_the_store_cannot_be_read_for_long() {
    let failing = Failing::new(Shared::new(MemoryStore::new()));
    let auth = process(Store::new(failing.clone())).await;
    let mine = access(&auth, "israel").await;
    let ended = tokio::spawn(mine.ended());
    tokio::time::sleep(Duration::from_secs(1)).await;
    // A short failure is outlived.
    failing.fail(Failure::Before, |_| true);
    tokio::time::sleep(Duration::from_secs(10)).await;
    failing.recover();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!ended.is_finished());
    failing.fail(Failure::Before, |_| true);
    timeout(Duration::from_secs(70), ended).await.unwrap().unwrap();
}
