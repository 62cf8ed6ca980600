//! Incomplete answers: requests end in time, and the store recovers on its own.

use std::sync::Arc;
use std::time::Duration;

use griddb_test_node::{Fault, Statement};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::support::*;
use super::{node, open, some_at_a_time};

/// The timeouts of a service, shortened.
const TIMES: &str = "client_cache=0s&statement_timeout=3s&retry_for=4s&lock_timeout=1s&heartbeat=600ms";
/// The longest duration of a request.
const REQUEST: Duration = Duration::from_secs(6);

/// A request of each kind, with the statement whose answer is garbled.
async fn assert_recovery(statement: Statement, fault: Fault) {
    let what = format!("{statement:?}, {fault:?}");
    let node = node().await;
    let store = open(&node, TIMES).await;
    let server = Arc::new(server_with(|builder| builder.store(store)).await);
    let form = [("grant_type", "client_credentials")];
    let access = string(&server.token(&form).await.1, "access_token");
    node.faults().once(statement, fault);
    // Other requests share the connection with the one that fails.
    let mut running = JoinSet::new();
    for _ in 0..6 {
        let (server, access) = (Arc::clone(&server), access.clone());
        running.spawn(async move {
            let issued = server.token(&form).await.0;
            let guarded = server.auth.authenticate(&gridauth::http::BearerToken::new(&access)).await;
            [issued, guarded.map_or_else(|refused| refused.status().as_u16(), |_| 200)]
        });
    }
    let answers = timeout(2 * REQUEST, running.join_all()).await;
    let answers = answers.unwrap_or_else(|_| panic!("{what}: a request hangs"));
    assert!(answers.iter().flatten().all(|status| matches!(status, 200 | 503)), "{what}: {answers:?}");
    assert_eq!(node.faults().pending(), 0, "{what}: the fault did not happen");
    // Reads are answered on another connection. Only the change itself may have an unknown outcome.
    let refused = answers.iter().flatten().filter(|status| **status == 503).count();
    let most = if statement == Statement::GetRow { 0 } else { 6 };
    assert!(refused <= most, "{what}: {answers:?}");
    let (status, body) = timeout(REQUEST, server.token(&form)).await.unwrap();
    assert_eq!(status, 200, "{what}: it does not recover: {body}");
    assert!(
        timeout(REQUEST, server.auth.authenticate(&gridauth::http::BearerToken::new(&access)))
            .await
            .unwrap()
            .is_ok(),
        "{what}"
    );
}

/// The answer to a read is complete, but its body cannot be decoded: the read is repeated, or the store is
/// unavailable.
#[tokio::test]
async fn unreadable_answers_mean_unavailable_and_not_internal_error() {
    let node = node().await;
    let store = open(&node, TIMES).await;
    let server = server_with(|builder| builder.store(store)).await;
    let (_, tokens) = server.token(&redeem(&server.code().await)).await;
    let access = string(&tokens, "access_token");
    for fault in [Fault::ShortBody(0), Fault::ShortBody(1), Fault::Nonsense(0, vec![1; 20])] {
        node.faults().once(Statement::GetRow, fault.clone());
        let guarded = server.auth.authenticate(&gridauth::http::BearerToken::new(&access)).await;
        assert!(guarded.is_ok() || guarded.is_err_and(|refused| refused.status() == 503), "{fault:?}");
        let code = server.code().await;
        node.faults().once(Statement::GetRow, fault.clone());
        let (status, body) = server.token(&redeem(&code)).await;
        assert!(matches!(status, 200 | 503), "{fault:?}: {status} {body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_end_in_time_and_later_ones_are_served() {
    let mut cases = Vec::new();
    for statement in [Statement::GetRow, Statement::PutRow, Statement::FlushLog] {
        for fault in Fault::never_whole() {
            cases.push(assert_recovery(statement, fault));
        }
    }
    some_at_a_time(cases).await;
}
