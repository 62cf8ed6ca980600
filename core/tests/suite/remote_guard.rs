//! Guards for the tokens of an issuer in another process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gridauth::env::Clock;
use gridauth::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
use gridauth::guard::{Guard, Remote, RemoteBuilder};
use gridauth::http::BearerToken;
use gridauth::jose::{Algorithm, PrivateKey, sign};
use gridauth::model::AccessTokenFormat;
use gridauth::token::Secret;
use gridauth::{GridAuth, MintRequest};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use crate::provider::provider_with;
use crate::support::*;

/// The way to the issuer, which can be cut.
#[derive(Clone)]
struct Wire {
    issuer: GridAuth,
    is_down: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    /// What is answered in place of the issuer's metadata.
    metadata: Option<Value>,
}

#[gridauth::async_trait]
impl Fetch for Wire {
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(FetchError::TimedOut);
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        if let Some(metadata) = self.metadata.as_ref().filter(|_| request.url().path().contains("well-known"))
        {
            return Ok(FetchResponse::new(StatusCode::OK, &HeaderMap::new(), metadata.to_string().into()));
        }
        let mut message = http::Request::builder().method(request.method()).uri(request.url().path());
        if let Some(authorization) = request.authorization() {
            message = message.header(header::AUTHORIZATION, authorization);
        }
        if request.form().is_some() {
            message = message.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let body = Bytes::copy_from_slice(request.form().unwrap_or_default().as_bytes());
        let answer = self.issuer.handle(message.body(body).unwrap()).await;
        let (head, body) = answer.into_parts();
        Ok(FetchResponse::new(head.status, &head.headers, body))
    }
}

struct Setup {
    server: Server,
    wire: Wire,
    guard: Guard,
}

const ORDERS: &str = "https://orders.example.com";

async fn setup(format: AccessTokenFormat, configure: impl FnOnce(RemoteBuilder) -> RemoteBuilder) -> Setup {
    let server = provider_with(|builder| builder.access_token_format(format)).await;
    let orders = server.auth.confidential_client("orders", "orders-secret").await.unwrap();
    server.auth.put_client(orders.grant_types([""; 0]).resource_server(true).build().unwrap()).await.unwrap();
    let wire =
        Wire { issuer: server.auth.clone(), is_down: Arc::default(), asked: Arc::default(), metadata: None };
    let remote =
        Remote::builder(ISSUER).audience(ISSUER).fetch(wire.clone()).clock(Arc::clone(&server.clock));
    let guard = guard(&server, configure(remote));
    Setup { server, wire, guard }
}

fn guard(server: &Server, remote: RemoteBuilder) -> Guard {
    let builder = Guard::builder(ISSUER).verifier(remote.build().unwrap());
    builder.clock(Arc::clone(&server.clock)).build().unwrap()
}

impl Setup {
    async fn token(&self) -> String {
        let minted = self.server.auth.mint(MintRequest::for_user("israel").scope("orders.read")).await;
        minted.unwrap().access_token.expose().to_owned()
    }

    /// The status of a request with this token: 200 if the guard lets it pass.
    async fn status(&self, token: &str) -> u16 {
        status(&self.guard, token).await
    }

    fn asked(&self) -> usize {
        self.wire.asked.load(Ordering::SeqCst)
    }
}

async fn status(guard: &Guard, token: &str) -> u16 {
    match guard.authenticate(&BearerToken::new(token)).await {
        Ok(_) => 200,
        Err(rejection) => guard.reject(rejection).status().as_u16(),
    }
}

#[tokio::test]
async fn a_jwt_is_verified_by_the_issuers_keys_and_nothing_is_asked_twice() {
    let setup = setup(AccessTokenFormat::Jwt, |remote| remote).await;
    let token = setup.token().await;
    let access = setup.guard.authenticate(&BearerToken::new(&token)).await.unwrap();
    assert_eq!((access.user(), access.scope().as_str()), (Some("israel"), "orders.read"));
    assert_eq!(access.grant_id(), None);
    // The metadata and the keys.
    assert_eq!(setup.asked(), 2);
    assert_eq!((setup.status(&token).await, setup.asked()), (200, 2));
    setup.server.advance(3600);
    assert_eq!(setup.status(&token).await, 401);
}

#[tokio::test]
async fn what_is_no_access_token_of_the_issuer_for_this_service_is_refused() {
    let setup = setup(AccessTokenFormat::Jwt, |remote| remote).await;
    let now = setup.server.clock.now().as_secs();
    let foreign = PrivateKey::generate(Algorithm::Es256).unwrap();
    let claims =
        json!({ "iss": ISSUER, "sub": "israel", "client_id": "web", "aud": ISSUER, "exp": now + 60 });
    assert_eq!(setup.status(&sign(&foreign, "at+jwt", &claims).unwrap()).await, 401);
    for token in ["", "x", "a.b.c", &"a".repeat(20_000)] {
        assert_eq!(setup.status(token).await, 401, "{token:.20}");
    }
    let (_, tokens) = setup.server.token(&redeem(&setup.server.code().await)).await;
    assert_eq!(setup.status(&string(&tokens, "access_token")).await, 200);
    // An ID token, and a token for another service.
    if let Some(id_token) = tokens["id_token"].as_str() {
        assert_eq!(setup.status(id_token).await, 401);
    }
    let other = guard(
        &setup.server,
        Remote::builder(ISSUER)
            .audience(ORDERS)
            .fetch(setup.wire.clone())
            .clock(Arc::clone(&setup.server.clock)),
    );
    assert_eq!(status(&other, &string(&tokens, "access_token")).await, 401);
    let only_rsa = guard(
        &setup.server,
        Remote::builder(ISSUER)
            .algorithms([Algorithm::Rs256])
            .fetch(setup.wire.clone())
            .clock(Arc::clone(&setup.server.clock)),
    );
    assert_eq!(status(&only_rsa, &string(&tokens, "access_token")).await, 401);
}

#[tokio::test]
async fn an_opaque_token_is_asked_about_and_ends_within_the_time_that_an_answer_is_believed() {
    let introspection = |remote: RemoteBuilder| remote.introspection("orders", Secret::from("orders-secret"));
    let setup = setup(AccessTokenFormat::Opaque, introspection).await;
    let token = setup.token().await;
    let access = setup.guard.authenticate(&BearerToken::new(&token)).await.unwrap();
    assert_eq!((access.user(), access.scope().as_str()), (Some("israel"), "orders.read"));
    let asked = setup.asked();
    assert_eq!((setup.status(&token).await, setup.asked()), (200, asked));
    setup.server.auth.revoke_user("israel").await.unwrap();
    assert_eq!(setup.status(&token).await, 200);
    setup.server.advance(5);
    assert_eq!(setup.status(&token).await, 401);
    assert_eq!(setup.status("gat_made-up").await, 401);
}

#[tokio::test]
async fn a_revoked_jwt_ends_too_where_the_issuer_is_asked() {
    for (asks, after) in [(false, 200), (true, 401)] {
        let setup = setup(AccessTokenFormat::Jwt, |remote| {
            remote.introspection("orders", Secret::from("orders-secret")).introspect_jwts(asks)
        })
        .await;
        let token = setup.token().await;
        assert_eq!(setup.status(&token).await, 200);
        setup.server.auth.revoke_user("israel").await.unwrap();
        setup.server.advance(5);
        assert_eq!(setup.status(&token).await, after, "{asks}");
    }
}

#[tokio::test]
async fn while_the_issuer_is_down_its_last_keys_serve_and_what_must_be_asked_is_unavailable() {
    let introspection = |remote: RemoteBuilder| remote.introspection("orders", Secret::from("orders-secret"));
    let setup = setup(AccessTokenFormat::Jwt, introspection).await;
    let (known, opaque) = (setup.token().await, "gat_of-somebody");
    setup.wire.is_down.store(true, Ordering::SeqCst);
    // Nothing is known yet.
    assert_eq!(setup.status(&known).await, 503);
    setup.wire.is_down.store(false, Ordering::SeqCst);
    setup.server.advance(5);
    assert_eq!(setup.status(&known).await, 200);
    setup.wire.is_down.store(true, Ordering::SeqCst);
    assert_eq!((setup.status(&known).await, setup.status(opaque).await), (200, 503));
    setup.server.advance(1800);
    assert_eq!(setup.status(&known).await, 200);
    setup.wire.is_down.store(false, Ordering::SeqCst);
    setup.server.advance(10);
    assert_eq!((setup.status(&known).await, setup.status(opaque).await), (200, 401));
}

#[tokio::test]
async fn the_metadata_of_another_issuer_is_not_believed() {
    let setup = setup(AccessTokenFormat::Jwt, |remote| remote).await;
    let token = setup.token().await;
    for metadata in [
        json!({ "issuer": "https://evil.example.com", "jwks_uri": "https://id.example.com/oauth/jwks" }),
        json!({ "jwks_uri": "https://id.example.com/oauth/jwks" }),
        json!([]),
        json!({ "issuer": ISSUER, "jwks_uri": 7 }),
    ] {
        let wire = Wire { metadata: Some(metadata.clone()), ..setup.wire.clone() };
        let remote = Remote::builder(ISSUER).fetch(wire).clock(Arc::clone(&setup.server.clock));
        assert_eq!(status(&guard(&setup.server, remote), &token).await, 503, "{metadata}");
    }
}

#[tokio::test]
async fn an_issuer_with_other_claims_is_mapped() {
    let setup = setup(AccessTokenFormat::Jwt, |remote| {
        remote.map(|all, claims| (all["sub"] == "israel").then(|| claims.with_claim("tenant", "acme".into())))
    })
    .await;
    let access = setup.guard.authenticate(&BearerToken::new(&setup.token().await)).await.unwrap();
    assert_eq!(access.data("tenant"), Some(&json!("acme")));
    let other = setup.server.auth.mint(MintRequest::for_user("emilia")).await.unwrap();
    assert_eq!(setup.status(other.access_token.expose()).await, 401);
}

#[test]
fn a_mistake_of_configuration_is_told() {
    assert!(Remote::builder("id.example.com").build().is_err());
    assert!(Remote::builder(ISSUER).cache(Duration::from_secs(3600)).build().is_err());
    assert!(Remote::builder(ISSUER).introspect_jwts(true).build().is_err());
    assert!(Remote::builder(ISSUER).algorithms([]).build().is_err());
}
