//! A client's row may be cached briefly after it was read: never for longer, and never against this process's own
//! writes.

use std::time::Duration;

use gridauth::Client;
use gridauth::store::Kind;
use serde_json::Value;

use super::support::*;
use super::{node, open, second};

const STALE: &str = "client_cache=1s";
const STALE_FOR: Duration = Duration::from_secs(1);

/// Two processes on one database, with the client's row in both caches.
async fn two() -> (griddb_test_node::TestNode, Server, Server) {
    two_with(STALE).await
}

async fn two_with(options: &str) -> (griddb_test_node::TestNode, Server, Server) {
    let node = node().await;
    let one = open(&node, options).await;
    let one = server_with(|builder| builder.store(one)).await;
    let other = second(open(&node, options).await, &one).await;
    for server in [&one, &other] {
        assert_eq!(issue(server, "web-secret").await.0, 200);
    }
    (node, one, other)
}

async fn issue(server: &Server, secret: &str) -> (u16, Value) {
    let authorization = basic("web", secret);
    let form = [("grant_type", "client_credentials")];
    answer(server.post("/oauth/token", &[("authorization", &authorization)], &form).await)
}

/// A change by another process applies when the cached row expires at the latest.
async fn is_over() {
    tokio::time::sleep(STALE_FOR).await;
}

#[tokio::test]
async fn a_removed_client_is_refused_at_once_here_and_soon_in_other_processes() {
    let (_node, one, other) = two().await;
    assert!(other.auth.remove_client("web").await.unwrap());
    assert_eq!(issue(&other, "web-secret").await.1["error"], "invalid_client");
    is_over().await;
    assert_eq!(issue(&one, "web-secret").await.1["error"], "invalid_client");
}

/// What `GridAuth::remove_client` recommends for the time in between.
#[tokio::test]
async fn removing_a_client_again_ends_grants_issued_in_between() {
    // Enough time for a slow machine to send a request.
    let (_node, one, other) = two_with("client_cache=3s").await;
    assert!(other.auth.remove_client("web").await.unwrap());
    let (status, tokens) = issue(&one, "web-secret").await;
    assert_eq!(status, 200, "the other process has the client at hand: {tokens}");
    let access = string(&tokens, "access_token");
    assert!(other.auth.authenticate(&gridauth::http::BearerToken::new(&access)).await.is_ok());
    let browser = one.sign_in(&authorize_uri(&[])).await;
    assert!(location_parameter(&browser.allow(&one).await, "code").is_some());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!other.auth.remove_client("web").await.unwrap());
    assert!(one.auth.authenticate(&gridauth::http::BearerToken::new(&access)).await.is_err());
    assert_eq!(issue(&one, "web-secret").await.1["error"], "invalid_client");
    assert_eq!(ids(one.auth.store(), Kind::Grant).await, [""; 0]);

    // The next holder of the id has to ask for consent.
    let next = Client::public("web").redirect_uri(REDIRECT).scope("notes.read");
    other.auth.put_client(next.build().unwrap()).await.unwrap();
    let page = other.get(&authorize_uri(&[]), Some(&browser.cookie)).await;
    assert!(text(&page).contains("name=\"decision\""), "{}", text(&page));
}

#[tokio::test]
async fn a_changed_secret_applies_at_once_here_and_soon_in_other_processes() {
    let (_node, one, other) = two().await;
    let changed = other.auth.confidential_client("web", "another-secret").await.unwrap();
    let changed = changed.grant_types(["client_credentials"]).scope("notes.read").build().unwrap();
    other.auth.put_client(changed).await.unwrap();
    assert_eq!(issue(&other, "web-secret").await.1["error"], "invalid_client");
    assert_eq!(issue(&other, "another-secret").await.0, 200);
    is_over().await;
    assert_eq!(issue(&one, "web-secret").await.1["error"], "invalid_client");
    assert_eq!(issue(&one, "another-secret").await.0, 200);
}

/// The cache time starts before the read: an answer may be slow, and old when it arrives.
#[tokio::test]
async fn a_slow_answer_is_not_cached_for_longer() {
    let (node, one, other) = two().await;
    is_over().await;
    let slow = griddb_test_node::Fault::Delay(Duration::from_millis(400));
    node.faults().once(griddb_test_node::Statement::GetRow, slow);
    let reading = tokio::spawn(async move {
        let answer = issue(&one, "web-secret").await;
        (one, answer)
    });
    // The row is being read at the node. Its removal follows, and then the answer.
    while node.faults().pending() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(other.auth.remove_client("web").await.unwrap());
    let removed = tokio::time::Instant::now();
    let (one, _) = reading.await.unwrap();
    tokio::time::sleep_until(removed + STALE_FOR).await;
    assert_eq!(issue(&one, "web-secret").await.1["error"], "invalid_client");
}
