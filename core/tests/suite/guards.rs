//! Guards without a server: on the store of another process, or with a verifier.

use std::sync::Arc;

use gridauth::env::{ManualClock, Timestamp};
use gridauth::guard::{AccessClaims, Guard, Owner, RequiredScopeError, TokenVerifier, VerifierError};
use gridauth::http::BearerToken;
use gridauth::store::memory::MemoryStore;
use gridauth::token::Binding;
use gridauth::{GridAuth, MintRequest, Store};
use gridauth_test_stores::Delaying;
use serde_json::json;

use crate::log;
use crate::support::*;

const EXPIRES: Timestamp = Timestamp::from_millis(1_700_000_060_000);

/// Accepts some fixed tokens.
struct Known;

#[gridauth::async_trait]
impl TokenVerifier for Known {
    async fn verify(&self, token: &str) -> Result<Option<AccessClaims>, VerifierError> {
        let user = || AccessClaims::for_user("israel", "web", EXPIRES);
        Ok(match token {
            "user" => Some(
                user()
                    .with_scope("notes.read".parse().unwrap())
                    .with_audience(["https://api.example.com"])
                    .with_claim("tenant", json!("acme")),
            ),
            "client" => Some(AccessClaims::for_client("robot", EXPIRES)),
            "bound" => Some(user().with_binding(Binding::Certificate("thumbprint".into()))),
            "down" => return Err(VerifierError::new("the issuer is unavailable")),
            _ => None,
        })
    }
}

fn verifying_guard() -> (Guard, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_700_000_000_000)));
    let guard = Guard::builder(ISSUER).verifier(Known).clock(Arc::clone(&clock));
    let guard = guard.resource("https://api.example.com");
    (guard.build().unwrap(), clock)
}

#[tokio::test]
async fn claims_give_the_same_access_as_a_row() {
    let (guard, _) = verifying_guard();
    let access = guard.authenticate(&BearerToken::new("user")).await.unwrap();
    assert_eq!(access.owner(), Owner::User("israel"));
    assert_eq!((access.client(), access.expires()), ("web", EXPIRES));
    assert_eq!(access.audience(), ["https://api.example.com"]);
    assert_eq!(access.data("tenant"), Some(&json!("acme")));
    assert!(access.require("notes.read").is_ok() && access.require("notes.write").is_err());
    assert!(access.is_from(guard.id()) && access.grant_id().is_none() && access.grant_type().is_none());
    let access = guard.authenticate(&BearerToken::new("client")).await.unwrap();
    assert_eq!((access.owner(), access.subject()), (Owner::Client("robot"), "robot"));
}

#[tokio::test]
async fn the_guard_checks_expiry_and_binding_itself() {
    let (guard, clock) = verifying_guard();
    let status = async |token: &str| {
        let rejection = guard.authenticate(&BearerToken::new(token)).await.unwrap_err();
        let response = guard.reject(rejection);
        (response.status().as_u16(), response.headers().contains_key("retry-after"))
    };
    assert_eq!(status("unknown").await, (401, false));
    assert_eq!(status("bound").await, (401, false), "no proof has been verified");
    // Not 401: that would make the client discard a valid token.
    assert_eq!(status("down").await, (503, true));
    clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(status("user").await, (401, false), "expired");
}

#[tokio::test]
async fn a_request_without_or_with_two_tokens_never_reaches_the_verifier() {
    struct Panics;
    #[gridauth::async_trait]
    impl TokenVerifier for Panics {
        async fn verify(&self, _token: &str) -> Result<Option<AccessClaims>, VerifierError> {
            panic!("the verifier was called")
        }
    }
    let guard = Guard::builder(ISSUER).verifier(Panics).build().unwrap();
    let request = |values: &[&str]| {
        let request = http::Request::get("/");
        values
            .iter()
            .fold(request, |request, value| request.header("authorization", *value))
            .body(())
            .unwrap()
    };
    for (values, status) in [(&[][..], 401), (&["Basic x"], 401), (&["Bearer a", "Bearer b"], 400)] {
        let rejection = guard.authenticate(&request(values)).await.unwrap_err();
        assert_eq!(rejection.status(), status, "{values:?}");
    }
}

#[tokio::test]
async fn a_guard_on_the_store_of_a_server_accepts_its_tokens() {
    let server = server().await;
    let guard = Guard::builder(ISSUER).store(server.auth.store().clone()).clock(Arc::clone(&server.clock));
    let guard = guard.build().unwrap();
    let token = server.auth.mint(MintRequest::for_user("israel").scope("notes.read")).await.unwrap();
    let token = BearerToken::new(token.access_token.expose());
    let access = guard.authenticate(&token).await.unwrap();
    assert!(access.is_from(guard.id()) && !access.is_from(server.auth.guard().id()));
    server.auth.revoke_user("israel").await.unwrap();
    assert!(guard.authenticate(&token).await.is_err());
}

/// The store in memory answers immediately. If the store has to wait, `now` returns `None` and the future waits.
#[tokio::test]
async fn a_result_that_is_available_need_not_be_awaited() {
    let server = server().await;
    let token = server.auth.mint(MintRequest::for_user("israel")).await.unwrap();
    let token = BearerToken::new(token.access_token.expose());
    assert!(server.auth.authenticate(&token).now().is_some_and(|found| found.is_ok()));
    let slow = Store::new(Delaying::new(MemoryStore::new()));
    let server = server_with(|builder| builder.store(slow)).await;
    let token = server.auth.mint(MintRequest::for_user("israel")).await.unwrap();
    let mut access = server.auth.authenticate(&BearerToken::new(token.access_token.expose()));
    assert!(access.now().is_none());
    assert_eq!(access.await.unwrap().user(), Some("israel"));
}

gridauth::scopes! {
    static DECLARED;
    OrdersRead = "orders.read": "See your orders";
    Both = "orders.read orders.pay";
}

#[tokio::test]
async fn every_undeclared_scope_that_a_handler_requires_is_told_once() {
    let auth = GridAuth::builder(ISSUER).store(Store::memory()).scopes(DECLARED).build().await.unwrap();
    let token = auth.mint(MintRequest::for_user("israel")).await.unwrap();
    let access = auth.authenticate(&BearerToken::new(token.access_token.expose())).await.unwrap();
    let warnings = log::Warnings::default();
    let _keeping = warnings.keep();
    let reject = |scope: &str| auth.reject(access.require(scope).unwrap_err());
    for _ in 0..3 {
        for scope in ["orders.raed", "orders.read", "orders.apy"] {
            assert_eq!(reject(scope).status(), 403);
        }
    }
    let told = warnings.kept();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("orders.raed") && told[1].contains("orders.apy"), "{told:?}");
    // However many there are, a bounded number is remembered.
    for number in 0..1000 {
        reject(&format!("orders.{number}"));
    }
    assert!(warnings.kept().len() <= 64, "{}", warnings.kept().len());
}

/// What no token can ever have is found before a route is guarded with it.
#[tokio::test]
async fn a_guard_takes_declared_scopes_only() {
    let build = |scopes| GridAuth::builder(ISSUER).store(Store::memory()).scopes(scopes).build();
    let (declared, free) = (build(DECLARED).await.unwrap(), build(&[]).await.unwrap());
    for good in ["", "orders.read", "orders.pay", "orders.pay orders.read", "openid orders.read"] {
        assert_eq!(declared.guard().check_scope(good), Ok(()), "{good}");
        assert_eq!(free.guard().check_scope(good), Ok(()), "{good}");
    }
    assert_eq!(
        declared.guard().check_scope("orders.read orders.raed"),
        Err(RequiredScopeError::Undeclared("orders.raed".to_owned()))
    );
    assert_eq!(free.guard().check_scope("orders.raed"), Ok(()));
    for malformed in
        ["orders.read,orders.pay", "orders.read, orders.pay", " ", " orders.read", "a  b", "\"a\""]
    {
        let expected = Err(RequiredScopeError::Malformed(malformed.to_owned()));
        assert_eq!(declared.guard().check_scope(malformed), expected);
        assert_eq!(free.guard().check_scope(malformed), expected);
    }
}
