//! Expired rows are removed in the background, as long as the server lives.

use std::sync::Arc;
use std::time::Duration;

use gridauth::env::{Clock, ManualClock, Timestamp};
use gridauth::store::memory::MemoryStore;
use gridauth::store::{Key, Kind, Row};
use gridauth::{GridAuth, MintRequest, Store};
use gridauth_test_stores::{Call, Failing, Failure};

use crate::support::*;

/// Expired rows are removed and counted once each; rows that are live or never expire stay.
#[tokio::test]
async fn a_sweep_removes_and_counts_expired_rows() {
    const HOUR: u64 = 60 * 60;
    let server = server().await;
    let store = server.auth.store();
    let mut browser = server.sign_in(&authorize_uri(&[])).await;
    browser.page = browser.allow(&server).await;
    let code = location_parameter(&browser.page, "code").unwrap();
    assert_eq!(server.token(&redeem(&code)).await.0, 200);
    let kept = ids(store, Kind::Grant).await;
    assert_eq!(kept.len(), 1);
    // Codes that nobody redeems, in the same session.
    for _ in 0..3 {
        let back = server.get(&authorize_uri(&[]), Some(&browser.cookie)).await;
        assert!(location_parameter(&back, "code").is_some());
    }
    assert_eq!(ids(store, Kind::Grant).await.len(), 4);
    assert_eq!(server.auth.sweep().await.unwrap(), 0, "nothing has expired yet");

    server.advance(HOUR);
    assert_eq!(server.auth.sweep().await.unwrap(), 3);
    assert_eq!(ids(store, Kind::Grant).await, kept);
    assert_eq!(ids(store, Kind::Session).await.len(), 1);
    assert_eq!(server.auth.sweep().await.unwrap(), 0, "each is counted once");

    server.advance(11 * HOUR);
    assert_eq!(server.auth.sweep().await.unwrap(), 1);
    assert_eq!(ids(store, Kind::Session).await.len(), 0);
    server.advance(365 * 24 * HOUR);
    assert_eq!(server.auth.sweep().await.unwrap(), 1);
    assert_eq!(ids(store, Kind::Grant).await.len(), 0);
    for (kind, count) in [(Kind::User, 1), (Kind::Client, 2), (Kind::Consent, 1)] {
        assert_eq!(ids(store, kind).await.len(), count, "{kind:?} never expires");
    }
}

/// One sweep removes more rows than one step does, of any kind.
#[tokio::test]
async fn a_sweep_goes_on_until_nothing_is_left() {
    let server = server().await;
    let store = server.auth.store();
    let expires = server.clock.now().after(Duration::from_secs(1));
    for kind in [Kind::Custom, Kind::AssertionId] {
        for number in 0..1100 {
            let row = Row::new(server.clock.now(), "{}").with_expires(Some(expires));
            assert!(store.insert(Key::new(kind, &format!("row-{number}")), row).await.unwrap());
        }
    }
    server.advance(1);
    assert_eq!(server.auth.sweep().await.unwrap(), 2200);
    assert!(ids(store, Kind::Custom).await.is_empty() && ids(store, Kind::AssertionId).await.is_empty());
}

/// The first error is returned after all kinds were tried.
#[tokio::test]
async fn a_kind_that_cannot_be_swept_does_not_keep_the_others() {
    let failing = Failing::new(MemoryStore::new());
    let server = server_with(|builder| builder.store(Store::new(failing.clone()))).await;
    let store = server.auth.store();
    let expires = server.clock.now().after(Duration::from_secs(1));
    for kind in Kind::ALL {
        let row = Row::new(server.clock.now(), "{}").with_expires(Some(expires));
        assert!(store.insert(Key::new(kind, "expired"), row).await.unwrap());
    }
    server.advance(1);
    // The first kind, and one in the middle.
    let broken = [Kind::User, Kind::Session];
    failing.fail(
        Failure::Before,
        move |call| matches!(call, Call::RemoveExpired(kind) if broken.contains(&kind)),
    );
    assert!(server.auth.sweep().await.is_err());
    for kind in Kind::ALL {
        let stays = ids(store, kind).await.contains(&"expired".to_owned());
        assert_eq!(stays, broken.contains(&kind), "{kind:?}");
    }
    failing.recover();
    assert_eq!(server.auth.sweep().await.unwrap(), 2);
}

/// Tokio's paused clock jumps ahead when all tasks wait, so the sweeper's minute takes no time.
#[tokio::test(start_paused = true)]
async fn a_server_sweeps_in_the_background_until_it_is_dropped() {
    let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_700_000_000_000)));
    let store = Store::memory();
    let auth = GridAuth::builder(ISSUER)
        .store(store.clone())
        .clock(Arc::clone(&clock))
        .sweep_every(Some(Duration::from_secs(60)))
        .build()
        .await
        .unwrap();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks(), 1, "the sweeper");
    for round in 0..3 {
        auth.mint(MintRequest::for_user("israel")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(ids(&store, Kind::Grant).await.len(), 1, "round {round}: it has not expired");
        clock.advance(Duration::from_secs(60 * 60));
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(ids(&store, Kind::Grant).await.len(), 0, "round {round}");
    }

    auth.mint(MintRequest::for_user("israel")).await.unwrap();
    clock.advance(Duration::from_secs(60 * 60));
    drop(auth);
    tokio::time::sleep(Duration::from_secs(60 * 60)).await;
    assert_eq!(tasks(), 0, "the sweeper stops with the server");
    assert_eq!(ids(&store, Kind::Grant).await.len(), 1, "and removes nothing more");
}

#[tokio::test(start_paused = true)]
async fn sweeping_can_be_turned_off() {
    let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_700_000_000_000)));
    let builder = GridAuth::builder(ISSUER).store(Store::memory()).clock(Arc::clone(&clock));
    let auth = builder.sweep_every(None).build().await.unwrap();
    auth.mint(MintRequest::for_user("israel")).await.unwrap();
    clock.advance(Duration::from_secs(60 * 60));
    tokio::time::sleep(Duration::from_secs(60 * 60)).await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
    assert_eq!(ids(auth.store(), Kind::Grant).await.len(), 1);
    assert_eq!(auth.sweep().await.unwrap(), 1);
}
