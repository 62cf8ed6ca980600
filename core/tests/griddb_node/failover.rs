//! A cluster that loses nodes: what was answered is still true, and what cannot be answered is unavailable.

use std::time::Duration;

use gridauth::store::{Change, Key, Kind, Updated};
use griddb_test_node::TestCluster;
use tokio::time::{Instant, sleep, timeout};

use super::cluster::{cluster, grant_at, open, options};
use super::load::Load;
use super::row;
use super::support::*;

/// A request waits for the next owner, which takes 11 to 14 s on a real cluster.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_default_a_request_outlasts_a_failover() {
    let options = options().takeover(Duration::from_secs(11));
    let cluster = TestCluster::start(3, options).await.unwrap();
    let store = open(&cluster, "").await;
    let id = grant_at(&cluster, 1);
    let key = Key::new(Kind::Grant, &id);
    store.put(key, row("{}")).await.unwrap();
    cluster.kill(1).await.unwrap();
    let updated = store.update(key, &mut |_| Change::Replace(row("[]"))).await.unwrap();
    assert!(matches!(updated, Updated::Replaced));
    assert_eq!(store.get(key).await.unwrap().unwrap().body(), "[]");
}

/// Kills a node under load, and starts it again.
async fn lose_and_regain(cluster: &TestCluster, load: &mut Load, node: usize) {
    cluster.kill(node).await.unwrap();
    cluster.settled().await;
    load.goes_on().await;
    cluster.restart(node).unwrap();
    cluster.settled().await;
    load.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_an_owner_is_killed_under_load() {
    let cluster = cluster().await;
    let store = open(&cluster, "").await;
    let mut load = Load::on(server_with(|builder| builder.store(store)).await).await;
    load.goes_on().await;
    for node in [1, 2] {
        assert_ne!(cluster.master(), Some(node));
        lose_and_regain(&cluster, &mut load, node).await;
    }
    load.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_master_is_killed_under_load() {
    let cluster = cluster().await;
    let store = open(&cluster, "verify_owner=true").await;
    let mut load = Load::on(server_with(|builder| builder.store(store)).await).await;
    load.goes_on().await;
    for _ in 0..2 {
        let master = cluster.master().unwrap();
        lose_and_regain(&cluster, &mut load, master).await;
        assert_ne!(cluster.master(), Some(master));
    }
    load.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_everything_is_unavailable_and_recovers() {
    let cluster = cluster().await;
    let times = "client_cache=0s&retry_for=1s&statement_timeout=1s&lock_timeout=0s&connect_timeout=1s";
    let store = open(&cluster, times).await;
    let server = server_with(|builder| builder.store(store)).await;
    let code = server.code().await;
    let (_, tokens) = server.token(&redeem(&server.code().await)).await;
    let (access, refresh_token) = (string(&tokens, "access_token"), string(&tokens, "refresh_token"));
    cluster.kill(0).await.unwrap();
    cluster.settled().await;
    cluster.kill(1).await.unwrap();
    cluster.settled().await;

    let machine = [("grant_type", "client_credentials")];
    let (redemption, rotation) = (redeem(&code), refresh(&refresh_token));
    let begun = Instant::now();
    let (issued, redeemed, rotated, guarded, health) = tokio::join!(
        server.token(&machine),
        server.token(&redemption),
        server.token(&rotation),
        server.auth.authenticate(&gridauth::http::BearerToken::new(&access)),
        server.auth.store().ping(),
    );
    for (asked, (status, body)) in [("token", issued), ("code", redeemed), ("refresh token", rotated)] {
        assert_eq!((status, body["error"].as_str()), (503, Some("temporarily_unavailable")), "{asked}");
    }
    assert_eq!(guarded.unwrap_err().status(), 503);
    assert!(health.is_err());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());

    cluster.restart(0).unwrap();
    cluster.restart(1).unwrap();
    cluster.settled().await;
    let serves = async {
        while server.token(&machine).await.0 != 200 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), serves).await.unwrap();
    // What was refused without a quorum was not done.
    assert!(server.auth.authenticate(&gridauth::http::BearerToken::new(&access)).await.is_ok());
    assert_eq!(server.token(&redeem(&code)).await.0, 200);
    assert_eq!(server.token(&refresh(&refresh_token)).await.0, 200);
}

/// What docs/griddb.md warns of: a flush covers the owner only, and its backup may not have the latest changes
/// yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_lost_if_the_owner_dies_before_replicating_it() {
    let far = Duration::from_secs(600);
    let cluster = TestCluster::start(3, options().replication_lag(far)).await.unwrap();
    let store = open(&cluster, "durability=flush&verify_owner=true").await;
    let id = grant_at(&cluster, 1);
    let key = Key::new(Kind::Grant, &id);
    store.insert(key, row("{}")).await.unwrap();
    cluster.replicate();
    // Answered, flushed, and confirmed by the master.
    assert!(store.remove(key).await.unwrap());
    cluster.kill(1).await.unwrap();
    cluster.settled().await;
    assert!(store.get(key).await.unwrap().is_some(), "what was taken is back");
    assert!(store.remove(key).await.unwrap(), "and is taken again");
}
