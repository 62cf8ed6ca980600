//! `Extension::prepare_token`: it runs before anything is stored or redeemed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gridauth::Store;
use gridauth::grant::{Extension, TokenDraft};
use gridauth::http::BearerToken;
use gridauth::protocol::OAuthError;
use gridauth::store::memory::MemoryStore;
use gridauth::store::{Backend, Change, Key, Kind, Page, Query, Row, StoreFuture, Updated};
use gridauth::token::Binding;
use serde_json::{Value, json};

use crate::support::*;

/// Adds a signature to the response, unless its signer is unavailable.
#[derive(Clone, Default)]
struct Signing {
    is_down: Arc<AtomicBool>,
    times: Arc<AtomicUsize>,
    binding: Option<Binding>,
}

#[gridauth::async_trait]
impl Extension for Signing {
    fn name(&self) -> &str {
        "signing"
    }

    fn prepares_tokens(&self, _client: &gridauth::Client) -> bool {
        true
    }

    async fn prepare_token(&self, draft: &mut TokenDraft<'_>) -> Result<(), OAuthError> {
        tokio::task::yield_now().await;
        self.times.fetch_add(1, Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            return Err(OAuthError::unavailable(1));
        }
        let scope = draft.scope().as_scope().as_str();
        let subject = draft.grant().subject.as_deref();
        draft.add_member("signed", json!([draft.access_token(), subject, scope, draft.grant_type()]));
        draft.add_member("access_token", json!("meddled"));
        draft.add_member("state", json!("meddled"));
        draft.add_member("iss", json!("meddled"));
        if let Some(binding) = &self.binding {
            draft.bind(binding.clone());
            draft.restrict_to(["https://api.example.com"]);
        }
        Ok(())
    }
}

async fn signing_server(signing: &Signing) -> Server {
    server_with(|builder| builder.extension(signing.clone())).await
}

fn signed<'a>(tokens: &'a Value, subject: Value, grant_type: &str) -> (&'a Value, Value) {
    (&tokens["signed"], json!([tokens["access_token"], subject, "notes.read", grant_type]))
}

#[tokio::test]
async fn every_grant_signs_its_tokens_once() {
    let signing = Signing::default();
    let server = signing_server(&signing).await;
    let tokens = server.tokens().await;
    let (found, expected) = signed(&tokens, json!("israel"), "authorization_code");
    assert_eq!(found, &expected);
    let (_, renewed) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    let (found, expected) = signed(&renewed, json!("israel"), "refresh_token");
    assert_eq!(found, &expected);
    let (_, own) = server.token(&[("grant_type", "client_credentials"), ("scope", "notes.read")]).await;
    let (found, expected) = signed(&own, Value::Null, "client_credentials");
    assert_eq!(found, &expected);
    assert_eq!(signing.times.load(Ordering::SeqCst), 3);
}

/// A failure redeems no code, rotates no token and stores no grant.
#[tokio::test]
async fn if_the_signer_is_unavailable_nothing_changes() {
    let signing = Signing::default();
    let server = signing_server(&signing).await;
    let is_down = |down| signing.is_down.store(down, Ordering::SeqCst);
    let code = server.code().await;
    is_down(true);
    for _ in 0..2 {
        assert_eq!(server.token(&redeem(&code)).await.0, 503);
    }
    is_down(false);
    let (status, tokens) = server.token(&redeem(&code)).await;
    assert_eq!(status, 200, "{tokens}");
    let old = string(&tokens, "refresh_token");
    is_down(true);
    for _ in 0..2 {
        assert_eq!(server.token(&refresh(&old)).await.0, 503);
    }
    let grants = ids(server.auth.store(), Kind::Grant).await.len();
    assert_eq!(server.token(&[("grant_type", "client_credentials")]).await.0, 503);
    assert_eq!(ids(server.auth.store(), Kind::Grant).await.len(), grants);
    is_down(false);
    server.advance(3600);
    assert_eq!(server.token(&refresh(&old)).await.0, 200);
}

/// Reuse revokes the grant, even if tokens cannot be prepared.
#[tokio::test]
async fn reuse_is_detected_even_if_the_signer_is_unavailable() {
    let signing = Signing::default();
    let server = signing_server(&signing).await;
    let code = server.code().await;
    let (_, tokens) = server.token(&redeem(&code)).await;
    assert!(server.is_valid(&tokens).await);
    signing.is_down.store(true, Ordering::SeqCst);
    assert_eq!(server.token(&redeem(&code)).await.1["error"], "invalid_grant");
    assert!(!server.is_valid(&tokens).await, "a code that is used twice ends its grant");
}

#[tokio::test]
async fn a_token_of_the_authorization_endpoint_is_prepared_too() {
    let signing = Signing::default();
    let server = signing_server(&signing).await;
    let uri = authorize_uri(&[
        ("client_id", "spa"),
        ("redirect_uri", "https://spa.example.com/cb"),
        ("response_type", "token"),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ]);
    let back = server.sign_in(&uri).await.allow(&server).await;
    let token = location_parameter(&back, "access_token").unwrap();
    let signed: Value = serde_json::from_str(&location_parameter(&back, "signed").unwrap()).unwrap();
    assert_eq!(signed, json!([token, "israel", "notes.read", "implicit"]));
    // RFC 9207: who answers, and to which request, is the server's to say.
    assert!(!location(&back).contains("meddled"), "{}", location(&back));
    assert_eq!(location_parameter(&back, "state").as_deref(), Some("xyz"));
}

/// The guard verifies no proof of possession, so it rejects a bound token.
#[tokio::test]
async fn a_bound_token_is_not_accepted_as_a_bearer_token() {
    let signing = Signing { binding: Some(Binding::Key("thumbprint".into())), ..Signing::default() };
    let server = signing_server(&signing).await;
    let (_, tokens) = server.token(&[("grant_type", "client_credentials")]).await;
    assert_eq!(tokens["token_type"], "DPoP");
    let token = string(&tokens, "access_token");
    let rejection = server.auth.authenticate(&BearerToken::new(&token)).await.unwrap_err();
    assert_eq!(rejection.status(), 401);
    let (_, introspected) = answer(
        server
            .post(
                "/oauth/introspect",
                &[("authorization", &basic("web", "web-secret"))],
                &[("token", &token)],
            )
            .await,
    );
    assert_eq!(introspected["token_type"], "DPoP");
    assert_eq!(introspected["cnf"], json!({ "jkt": "thumbprint" }));
    assert_eq!(introspected["aud"], json!(["https://api.example.com"]));
}

#[tokio::test]
async fn a_repeated_refresh_returns_the_same_token_type() {
    let signing = Signing { binding: Some(Binding::Key("thumbprint".into())), ..Signing::default() };
    let server = signing_server(&signing).await;
    let tokens = server.tokens().await;
    let old = string(&tokens, "refresh_token");
    let (_, first) = server.token(&refresh(&old)).await;
    let (_, second) = server.token(&refresh(&old)).await;
    assert_eq!(second["access_token"], first["access_token"]);
    assert_eq!(second["token_type"], "DPoP");
    assert_eq!(second["signed"], first["signed"], "nor is what was prepared lost");
}

/// Answers reads of grants from what a test planted, as a store would that breaks its promise and reads what is out of date.
struct OutOfDate {
    backend: MemoryStore,
    planted: Arc<Mutex<VecDeque<Option<Arc<Row>>>>>,
}

impl Backend for OutOfDate {
    fn get<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, Option<Arc<Row>>> {
        let planted = if key.kind == Kind::Grant { self.planted.lock().unwrap().pop_front() } else { None };
        planted.map_or_else(|| self.backend.get(key), |row| StoreFuture::ready(Ok(row)))
    }

    fn insert<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, bool> {
        self.backend.insert(key, row)
    }

    fn put<'a>(&'a self, key: Key<'a>, row: Row) -> StoreFuture<'a, ()> {
        self.backend.put(key, row)
    }

    fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        self.backend.update(key, decide)
    }

    fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        self.backend.remove(key)
    }

    fn list<'a>(&'a self, query: Query<'a>) -> StoreFuture<'a, Page> {
        self.backend.list(query)
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        self.backend.ping()
    }
}

/// What was not prepared is not issued: a token that should be bound is never handed out unbound.
#[tokio::test]
async fn nothing_is_issued_that_was_not_prepared() {
    let planted = Arc::new(Mutex::new(VecDeque::new()));
    let store = Store::new(OutOfDate { backend: MemoryStore::new(), planted: Arc::clone(&planted) });
    let signing = Signing { binding: Some(Binding::Key("thumbprint".into())), ..Signing::default() };
    let server = server_with(|builder| builder.store(store).extension(signing.clone())).await;
    let code = server.code().await;
    planted.lock().unwrap().push_back(None);
    assert_eq!(server.token(&redeem(&code)).await.0, 503);
    let (_, tokens) = server.token(&redeem(&code)).await;
    assert_eq!(tokens["token_type"], "DPoP", "the code is not burned");
    let old = string(&tokens, "refresh_token");
    planted.lock().unwrap().push_back(None);
    assert_eq!(server.token(&refresh(&old)).await.0, 503);
    assert_eq!(server.token(&refresh(&old)).await.1["token_type"], "DPoP");
}
