//! The store in GridDB, and the server on it, against the simulator with injected faults.
#![cfg(feature = "griddb")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod beside;
mod clients;
mod cluster;
mod crash;
mod failover;
mod garbled;
mod layout;
mod listings;
mod load;
mod locks;
mod lost;
mod outage;
mod page;
mod refused;
mod removal;
mod set_up;
#[path = "../support/mod.rs"]
mod support;
mod sweep;
#[path = "../common/warnings.rs"]
mod warnings;

use std::time::Duration;

use gridauth::env::Timestamp;
use gridauth::grant::{AuthorizationCode, ClientCredentials};
use gridauth::store::{Key, Kind, Row, conformance};
use gridauth::{GridAuth, Store};
use griddb_test_node::cases::some_at_a_time;
use griddb_test_node::{ErrorCode, Fault, FaultOrder, Options, Statement, TestNode};
use support::*;

/// How long a restarted node stays outside its cluster. On a real server it is seconds.
const REJOIN: Duration = Duration::from_millis(100);

async fn node() -> TestNode {
    node_with(Options::new()).await
}

async fn node_with(options: Options) -> TestNode {
    TestNode::start(options.check_interval(Duration::from_millis(20))).await.unwrap()
}

fn url(node: &TestNode, options: &str) -> String {
    format!("griddb://admin:admin@{}/gridauth?grant_containers=4&{options}", node.address())
}

async fn open(node: &TestNode, options: &str) -> Store {
    Store::open(&url(node, options)).await.unwrap()
}

fn row(body: &str) -> Row {
    Row::new(Timestamp::from_millis(1), body)
}

/// Overwrites a row so that its body cannot be decoded.
async fn spoil(node: &TestNode, container: &str, id: &str) {
    let url = format!("griddb://admin:admin@{}/gridauth", node.address());
    let client = griddb_rs::Client::connect(&url).await.unwrap();
    let container = client.open(container).await.unwrap();
    let row = container.get(id).await.unwrap().unwrap();
    let mut values = row.values().unwrap();
    *values.last_mut().unwrap() = griddb_rs::Value::Blob(vec![0xff, 0xfe].into());
    container.put(&values[..]).await.unwrap();
}

/// A server in another process on the same database.
async fn second(store: Store, first: &Server) -> Server {
    let builder = GridAuth::builder(ISSUER).store(store).clock(first.clock.clone());
    let builder = builder.grant(AuthorizationCode::new()).grant(ClientCredentials::new());
    Server { auth: builder.build().await.unwrap(), clock: first.clock.clone() }
}

/// A server on the node with its client cached, and the number of round trips that `work` takes.
struct Counted {
    node: TestNode,
    server: Server,
}

impl Counted {
    async fn new() -> Self {
        // With some latency, statements sent together count as one round trip.
        let node = node_with(Options::new().latency(Duration::from_millis(20))).await;
        let store = open(&node, "client_cache=60s").await;
        let server = server_with(|builder| builder.store(store)).await;
        let (status, _) = server.token(&[("grant_type", "client_credentials")]).await;
        assert_eq!(status, 200);
        Self { node, server }
    }

    async fn flights<T>(&self, work: impl Future<Output = T>) -> (u64, T) {
        self.node.counters().reset();
        let done = work.await;
        (self.node.counters().flights(), done)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds() {
    let node = node().await;
    let report = conformance::check(|| open(&node, "")).await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_between_two_processes() {
    let node = node().await;
    let both = || async { [open(&node, "client_cache=0s").await, open(&node, "client_cache=0s").await] };
    let report = conformance::check_shared(both).await;
    assert!(report.is_clean(), "{report}");
}

/// In this time a notice of an ended grant is written.
const NOTICE: std::time::Duration = std::time::Duration::from_millis(400);

#[tokio::test]
async fn round_trips_are_few() {
    let counted = Counted::new().await;
    let server = &counted.server;
    let (issue, (_, tokens)) = counted.flights(server.token(&[("grant_type", "client_credentials")])).await;
    assert_eq!(issue, 1, "a token of the client credentials grant");
    let access = string(&tokens, "access_token");
    let (guard, found) =
        counted.flights(server.auth.authenticate(&gridauth::http::BearerToken::new(&access))).await;
    assert!(found.is_ok());
    assert_eq!(guard, 1, "a guarded request");

    let code = server.code().await;
    let form = redeem(&code);
    let (redemption, (status, tokens)) = counted.flights(server.token(&form)).await;
    assert_eq!(status, 200);
    assert!(redemption <= 3, "a redeemed code: {redemption}");
    let refresh_token = string(&tokens, "refresh_token");
    let form = refresh(&refresh_token);
    let (rotation, (status, tokens)) = counted.flights(server.token(&form)).await;
    assert_eq!(status, 200);
    assert!(rotation <= 3, "a rotated token: {rotation}");

    let client = basic("web", "web-secret");
    let headers = [("authorization", client.as_str())];
    let access_of_grant = string(&tokens, "access_token");
    let form = [("token", access_of_grant.as_str())];
    let (revocation, answer) = counted.flights(server.post("/oauth/revoke", &headers, &form)).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(revocation, 2, "a revoked access token of a grant that can be refreshed");
    assert!(server.auth.authenticate(&gridauth::http::BearerToken::new(&access_of_grant)).await.is_err());

    // The other processes are told in the background.
    tokio::time::sleep(NOTICE).await;
    let (_, tokens) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    let token = string(&tokens, "refresh_token");
    let form = [("token", token.as_str())];
    let (revocation, answer) = counted.flights(server.post("/oauth/revoke", &headers, &form)).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(revocation, 1, "a revoked grant");
    tokio::time::sleep(NOTICE).await;
    assert!(!server.is_valid(&tokens).await);
    let form = [("token", access.as_str())];
    let (revocation, answer) = counted.flights(server.post("/oauth/revoke", &headers, &form)).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(revocation, 1, "a revoked token of the client credentials grant");
    assert!(server.auth.authenticate(&gridauth::http::BearerToken::new(&access)).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_redemptions_in_two_processes_one_succeeds() {
    let node = node().await;
    let (one, other) = (open(&node, "").await, open(&node, "").await);
    let server = server_with(|builder| builder.store(one)).await;
    let second = second(other, &server).await;
    let code = server.code().await;
    let servers = std::sync::Arc::new([server, second]);
    let mut running = tokio::task::JoinSet::new();
    for number in 0..64 {
        let (servers, code) = (std::sync::Arc::clone(&servers), code.clone());
        running.spawn(async move { servers[number % 2].token(&redeem(&code)).await.0 });
    }
    let statuses = running.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 400)), "{statuses:?}");
}

#[tokio::test]
async fn errors_on_opening_do_not_contain_the_password() {
    let node = node().await;
    let (host, wrong) = (node.address(), "s3cret-and-wrong");
    let error = Store::open(&format!("griddb://admin:{wrong}@{host}/gridauth")).await.unwrap_err();
    assert!(!error.bad_url && !error.to_string().contains(wrong), "{error}");
    assert!(error.to_string().contains(&host.to_string()), "{error}");
    let error = Store::open(&format!("griddb://admin:{wrong}@{host}/gridauth?colour=red")).await.unwrap_err();
    assert!(error.bad_url && !error.to_string().contains(wrong), "{error}");
    let error = Store::open(&format!("griddb://admin:{wrong}@127.0.0.1:1/gridauth?connect_timeout=1s"))
        .await
        .unwrap_err();
    assert!(!error.bad_url && !error.to_string().contains(wrong), "{error}");
}

#[tokio::test]
async fn a_busy_or_moved_partition_is_retried() {
    let node = node().await;
    let store = open(&node, "").await;
    for code in [ErrorCode::PARTITION_STATE, ErrorCode::PARTITION_ROLE, ErrorCode::QUEUE_LIMIT] {
        node.faults().order(FaultOrder::new(Fault::Refuse(code)).on(Statement::GetRow).times(2));
        assert!(store.get(Key::new(Kind::Grant, "none")).await.unwrap().is_none());
    }
}
