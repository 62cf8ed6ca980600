//! Events as rows: before an answer or behind it, listed by subject, client and time, and removed by age.

use std::time::Duration;

use gridauth::env::{Clock, Timestamp};
use gridauth::events::Audit;
use gridauth::store::Kind;
use gridauth::store::memory::MemoryStore;
use gridauth::{AuditQuery, Store};
use gridauth_test_stores::{Call, Failing, Failure};

use crate::support::*;

/// The names of the events in the order of time.
async fn names(server: &Server, query: &AuditQuery) -> Vec<String> {
    let page = server.auth.audit(query).await.unwrap();
    assert!(page.next.is_none());
    page.entries.iter().map(|entry| entry.name().to_owned()).collect()
}

fn is_audit(call: Call<'_>) -> bool {
    matches!(call, Call::Insert(key) if key.kind == Kind::Audit)
}

#[tokio::test]
async fn before_answers_the_rows_are_there_when_the_answer_is() {
    let server = server_with(|builder| builder.audit(Audit::before_answers())).await;
    let start = server.clock.now();
    server.auth.audit_written().await;
    server.advance(10);
    server.tokens().await;
    let signed_in = names(&server, &AuditQuery::of_subject("israel")).await;
    assert_eq!(signed_in.len(), 5, "{signed_in:?}");
    for name in ["signed_in", "consented", "code_issued", "code_redeemed", "token_issued"] {
        assert!(signed_in.iter().any(|own| own == name), "{name} in {signed_in:?}");
    }
    server.advance(10);
    server.token(&[("grant_type", "client_credentials")]).await;
    let now = server.clock.now();
    // By client: both users' and its own. By both: the user's alone.
    let of_client =
        names(&server, &AuditQuery::of_client("web").from(start.after(Duration::from_secs(1)))).await;
    assert_eq!(of_client.iter().filter(|name| *name == "token_issued").count(), 2, "{of_client:?}");
    let of_both = names(&server, &AuditQuery::of_subject("israel").and_client("web")).await;
    assert_eq!(of_both.len(), 4, "{of_both:?}");
    assert!(names(&server, &AuditQuery::of_subject("israel").and_client("spa")).await.is_empty());
    // By time.
    assert_eq!(names(&server, &AuditQuery::all().from(now)).await, ["token_issued"]);
    assert!(names(&server, &AuditQuery::all().until(start)).await.is_empty());
    assert!(names(&server, &AuditQuery::of_subject("israel").from(now)).await.is_empty());
    // Page by page, each entry once.
    let (mut query, mut count) = (AuditQuery::all().limit(2), 0);
    loop {
        let page = server.auth.audit(&query).await.unwrap();
        count += page.entries.len();
        match page.next {
            Some(next) => query = query.after(next),
            None => break,
        }
    }
    assert_eq!(count, ids(server.auth.store(), Kind::Audit).await.len());
    // Who had access to what: the scope and the times are columns.
    let page = server.auth.audit(&AuditQuery::all().from(now)).await.unwrap();
    let entry = &page.entries[0];
    assert_eq!((entry.time, entry.client_id.as_deref()), (now, Some("web")));
    assert_eq!(entry.scope.as_deref(), Some("notes.read notes.write"));
    assert_eq!(entry.event["expires_in"], 3600);
}

#[tokio::test]
async fn what_cannot_be_written_before_the_answer_is_not_answered() {
    let failing = Failing::new(MemoryStore::new());
    let store = Store::new(failing.clone());
    let server = server_with(|builder| builder.store(store).audit(Audit::before_answers())).await;
    failing.fail(Failure::Before, is_audit);
    let answer = server
        .post(
            "/oauth/token",
            &[("authorization", &basic("web", "web-secret"))],
            &[("grant_type", "client_credentials")],
        )
        .await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(!text(&answer).contains("access_token"));
    let head = http::Request::get("/").body(()).unwrap();
    let password = gridauth::token::Secret::from("correct horse battery staple");
    assert!(server.auth.sign_up(&head, "miriam", &password).await.is_err());
    failing.fail(Failure::Before, |_| false);
    let (status, _) = server.token(&[("grant_type", "client_credentials")]).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn behind_answers_nobody_waits_and_nothing_is_lost_while_the_store_is_away() {
    let failing = Failing::new(MemoryStore::new());
    let store = Store::new(failing.clone());
    let server = server_with(|builder| builder.store(store).audit(Audit::behind_answers())).await;
    server.auth.audit_written().await;
    failing.fail(Failure::Before, is_audit);
    let before = server.clock.now();
    server.advance(1);
    for _ in 0..3 {
        assert_eq!(server.token(&[("grant_type", "client_credentials")]).await.0, 200);
    }
    tokio::task::yield_now().await;
    let since = AuditQuery::of_client("web").from(before.after(Duration::from_secs(1)));
    assert!(names(&server, &since).await.is_empty());
    failing.fail(Failure::Before, |_| false);
    server.auth.audit_written().await;
    assert_eq!(names(&server, &since).await, ["token_issued"; 3]);
}

#[tokio::test]
async fn rows_are_removed_by_age_and_strangers_add_none() {
    let day = Duration::from_secs(24 * 60 * 60);
    let audit = Audit::before_answers().keep_for(day);
    let server = server_with(|builder| builder.audit(audit)).await;
    server.auth.audit_written().await;
    let count = async || ids(server.auth.store(), Kind::Audit).await.len();
    let before = count().await;
    for (id, secret) in [("nobody", "x"), ("web", "wrong")] {
        server
            .post("/oauth/token", &[("authorization", &basic(id, secret))], &[("grant_type", "password")])
            .await;
    }
    server.token(&[("grant_type", "password"), ("username", "israel"), ("password", "wrong")]).await;
    server.get(&authorize_uri(&[]), None).await;
    assert_eq!(count().await, before, "whoever has not signed in stores nothing");
    server.advance(24 * 60 * 60);
    server.token(&[("grant_type", "client_credentials")]).await;
    server.auth.sweep().await.unwrap();
    assert_eq!(count().await, 1);
    assert!(server.clock.now() > Timestamp::from_millis(0));

    let server = server_with(|builder| builder.audit(Audit::before_answers().with_refusals())).await;
    server.token(&[("grant_type", "password"), ("username", "israel"), ("password", "wrong")]).await;
    assert_eq!(names(&server, &AuditQuery::of_subject("israel")).await, ["sign_in_refused"]);
}
