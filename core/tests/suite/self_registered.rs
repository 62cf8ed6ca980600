//! Clients that registered themselves: what is left of them in the store, for how long, and under which keys.

use std::sync::Arc;

use bytes::Bytes;
use gridauth::clients::Registration;
use gridauth::grant::{AuthorizationCode, RefreshToken};
use gridauth::jose::{Algorithm, KeySet, PrivateKey};
use gridauth::keys::ServerSecret;
use gridauth::store::Kind;
use gridauth::{GridAuth, Response, Store};
use serde_json::{Value, json};

use crate::support::*;

const DAY: u64 = 24 * 60 * 60;

async fn open() -> Server {
    server_with(|builder| builder.registration(Registration::open()).self_registered_scope("notes.read"))
        .await
}

fn metadata() -> Value {
    json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none", "client_name": "A stranger"})
}

async fn send(auth: &GridAuth, method: &str, uri: &str, token: Option<&str>, body: &Value) -> Response {
    let mut request =
        http::Request::builder().method(method).uri(uri).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    auth.handle(request.body(Bytes::from(body.to_string())).unwrap()).await
}

async fn register(auth: &GridAuth, metadata: &Value) -> (u16, Value) {
    answer(send(auth, "POST", "/oauth/register", None, metadata).await)
}

async fn manage(auth: &GridAuth, method: &str, client: &Value, body: &Value) -> (u16, Value) {
    let uri = string(client, "registration_client_uri");
    let token = string(client, "registration_access_token");
    answer(send(auth, method, uri.strip_prefix(ISSUER).unwrap(), Some(&token), body).await)
}

/// All rows, by kind.
async fn rows(store: &Store) -> Vec<(Kind, usize)> {
    let mut counted = Vec::new();
    for kind in Kind::ALL {
        counted.push((kind, ids(store, kind).await.len()));
    }
    counted
}

async fn is_known(server: &Server, client: &Value) -> bool {
    server.auth.client(&string(client, "client_id")).await.unwrap().is_some()
}

/// Goes the whole way to a code.
async fn allow(server: &Server, client: &Value) -> String {
    let id = string(client, "client_id");
    let browser = server.sign_in(&authorize_uri(&[("client_id", &id)])).await;
    location_parameter(&browser.allow(server).await, "code").unwrap()
}

#[tokio::test]
async fn a_thousand_registrations_that_nobody_uses_leave_nothing_behind() {
    let server = open().await;
    // The first one makes the key of the ids.
    let (status, _) = register(&server.auth, &metadata()).await;
    assert_eq!(status, 201);
    let before = rows(server.auth.store()).await;
    for number in 0..1_000 {
        let mut metadata = metadata();
        metadata["client_name"] = json!(format!("Stranger {number}"));
        assert_eq!(register(&server.auth, &metadata).await.0, 201);
    }
    let (_, client) = register(&server.auth, &metadata()).await;
    assert_eq!(manage(&server.auth, "GET", &client, &Value::Null).await.0, 200);
    let page = server.get(&authorize_uri(&[("client_id", &string(&client, "client_id"))]), None).await;
    assert_eq!(page.status(), 200);
    assert_eq!(rows(server.auth.store()).await, before);
}

#[tokio::test]
async fn a_client_that_nobody_allowed_anything_ends_and_one_that_somebody_did_does_not() {
    let server = open().await;
    let (_, unused) = register(&server.auth, &metadata()).await;
    let (_, used) = register(&server.auth, &metadata()).await;
    let clients = ids(server.auth.store(), Kind::Client).await.len();
    allow(&server, &used).await;
    assert_eq!(ids(server.auth.store(), Kind::Client).await.len(), clients + 1);
    server.advance(90 * DAY - 1);
    assert!(is_known(&server, &unused).await);
    server.advance(1);
    assert!(!is_known(&server, &unused).await && is_known(&server, &used).await);
    assert_eq!(manage(&server.auth, "GET", &unused, &Value::Null).await.0, 401);
    assert_eq!(manage(&server.auth, "GET", &used, &Value::Null).await.0, 200);
    server.auth.sweep().await.unwrap();
    assert!(is_known(&server, &used).await);
    assert_eq!(ids(server.auth.store(), Kind::Client).await.len(), clients + 1);
}

#[tokio::test]
async fn the_rows_of_changes_and_deletions_end_with_the_client() {
    let server = open().await;
    let clients = ids(server.auth.store(), Kind::Client).await.len();
    let (_, changed) = register(&server.auth, &metadata()).await;
    let (_, deleted) = register(&server.auth, &metadata()).await;
    let mut change = metadata();
    change["client_id"] = changed["client_id"].clone();
    change["client_name"] = json!("Another name");
    assert_eq!(manage(&server.auth, "PUT", &changed, &change).await.0, 200);
    assert_eq!(manage(&server.auth, "DELETE", &deleted, &Value::Null).await.0, 204);
    assert_eq!(ids(server.auth.store(), Kind::Client).await.len(), clients + 2);
    assert!(!is_known(&server, &deleted).await);
    let known = server.auth.client(&string(&changed, "client_id")).await.unwrap().unwrap();
    assert_eq!(known.name(), Some("Another name"));
    server.advance(90 * DAY);
    server.auth.sweep().await.unwrap();
    assert_eq!(ids(server.auth.store(), Kind::Client).await.len(), clients);
    assert!(!is_known(&server, &changed).await && !is_known(&server, &deleted).await);
}

#[tokio::test]
async fn a_deleted_client_loses_its_grants_and_stays_gone() {
    let server = open().await;
    let (_, client) = register(&server.auth, &metadata()).await;
    let code = allow(&server, &client).await;
    let id = string(&client, "client_id");
    let form = [redeem(&code).as_slice(), &[("client_id", &*id)]].concat();
    let (status, tokens) = answer(server.post("/oauth/token", &[], &form).await);
    assert_eq!(status, 200, "{tokens}");
    assert!(server.is_valid(&tokens).await);
    assert_eq!(manage(&server.auth, "DELETE", &client, &Value::Null).await.0, 204);
    assert!(!server.is_valid(&tokens).await && !is_known(&server, &client).await);
    assert_eq!(ids(server.auth.store(), Kind::Consent).await.len(), 0);
    // The operator can end one too.
    let (_, other) = register(&server.auth, &metadata()).await;
    assert!(server.auth.remove_client(&string(&other, "client_id")).await.unwrap());
    assert!(!is_known(&server, &other).await);
}

#[tokio::test]
async fn a_registration_that_is_too_long_for_an_id_is_a_row_with_an_end() {
    let server = open().await;
    let mut long = metadata();
    long["client_uri"] = json!(format!("https://client.example.com/{}", "x".repeat(3_000)));
    let clients = ids(server.auth.store(), Kind::Client).await.len();
    let (status, client) = register(&server.auth, &long).await;
    assert_eq!(status, 201, "{client}");
    assert!(string(&client, "client_id").len() < 100);
    assert_eq!(ids(server.auth.store(), Kind::Client).await.len(), clients + 1);
    assert_eq!(manage(&server.auth, "GET", &client, &Value::Null).await.0, 200);
    server.advance(90 * DAY);
    assert!(!is_known(&server, &client).await);
    server.auth.sweep().await.unwrap();
    assert_eq!(ids(server.auth.store(), Kind::Client).await.len(), clients);
}

#[tokio::test]
async fn clients_outlive_the_secrets_of_the_server() {
    let store = Store::memory();
    let secret = |byte: u8| ServerSecret::from_bytes([byte; 32]).unwrap();
    let build = async |current: Option<u8>, previous: Option<u8>| {
        let mut builder = GridAuth::builder(ISSUER)
            .store(store.clone())
            .grant(AuthorizationCode::new())
            .grant(RefreshToken::rotating())
            .registration(Registration::open());
        if let Some(current) = current {
            builder = builder.secret(secret(current));
        }
        if let Some(previous) = previous {
            builder = builder.previous_secret(secret(previous));
        }
        builder.build().await.unwrap()
    };
    let first = build(None, None).await;
    let mut shared = metadata();
    shared["token_endpoint_auth_method"] = json!("client_secret_jwt");
    let (status, client) = register(&first, &shared).await;
    assert_eq!(status, 201, "{client}");
    // The store's own secret gives way to one of the application, which changes twice.
    for (current, previous) in [(Some(1), None), (Some(2), Some(1)), (Some(3), Some(2)), (Some(3), None)] {
        let next = build(current, previous).await;
        assert!(next.client(&string(&client, "client_id")).await.unwrap().is_some(), "{current:?}");
        assert_eq!(manage(&next, "GET", &client, &Value::Null).await.0, 200);
    }
}

#[tokio::test]
async fn nobody_makes_an_id_or_a_token() {
    let server = open().await;
    let (_, client) = register(&server.auth, &metadata()).await;
    let id = string(&client, "client_id");
    let mut flipped = id.clone().into_bytes();
    let last = flipped.len() - 5;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    for bad in [
        &id[..id.len() - 4],
        &format!("{id}AAAA"),
        &id.replace("reg.", "reg.x"),
        "reg.",
        "reg..",
        "reg.a.b",
        std::str::from_utf8(&flipped).unwrap(),
        &format!("reg.{}", "a".repeat(3_000)),
    ] {
        assert!(server.auth.client(bad).await.unwrap().is_none(), "{bad}");
    }
    // A row that is named by the digest of an id is not found by the digest.
    allow(&server, &client).await;
    for row in ids(server.auth.store(), Kind::Client).await {
        let found = server.auth.client(&row).await.unwrap();
        assert!(found.is_none_or(|found| found.id() == row), "{row}");
    }
}

#[tokio::test]
async fn a_policy_changes_allows_and_refuses() {
    let registration = Registration::open().policy(|request| {
        if request.metadata().get("client_name") == Some(&json!("Evil")) {
            return Err(request.refuse("not you"));
        }
        request.metadata_mut().insert("policy_uri".into(), json!("https://id.example.com/policy"));
        request.allow_grant_type("client_credentials");
        request.allow_scope("notes.write");
        Ok(())
    });
    let server =
        server_with(|builder| builder.registration(registration).self_registered_scope("notes.read")).await;
    let (status, refused) =
        register(&server.auth, &json!({"redirect_uris": [REDIRECT], "client_name": "Evil"})).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_client_metadata")));
    assert_eq!(refused["error_description"], "not you");
    let wanted = json!({"grant_types": ["client_credentials"], "response_types": [], "scope": "notes.write"});
    let (status, client) = register(&server.auth, &wanted).await;
    assert_eq!((status, &client["policy_uri"]), (201, &json!("https://id.example.com/policy")), "{client}");
    let secret = basic(&string(&client, "client_id"), &string(&client, "client_secret"));
    let form = [("grant_type", "client_credentials")];
    let (status, tokens) = answer(server.post("/oauth/token", &[("authorization", &secret)], &form).await);
    assert_eq!((status, &tokens["scope"]), (200, &json!("notes.write")));
}

#[tokio::test]
async fn a_software_statement_counts_more_than_the_rest() {
    let (key, other) =
        (PrivateKey::generate(Algorithm::Es256).unwrap(), PrivateKey::generate(Algorithm::Es256).unwrap());
    let keys = KeySet::new([key.public().clone()]);
    let registration =
        Registration::open().software_statements("https://vendor.example", keys).require_software_statement();
    let server =
        server_with(|builder| builder.registration(registration).self_registered_scope("notes.read")).await;
    let claims = |more: Value| {
        let mut claims = json!({"iss": "https://vendor.example", "client_name": "Vouched for"});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let signed = |key: &PrivateKey, claims: &Value| gridauth::jose::sign(key, "JWT", claims).unwrap();
    let with = |statement: Value| {
        let mut metadata = metadata();
        metadata["software_statement"] = statement;
        metadata
    };
    let statement = signed(&key, &claims(json!({})));
    let (status, client) = register(&server.auth, &with(json!(statement))).await;
    assert_eq!((status, &client["client_name"]), (201, &json!("Vouched for")), "{client}");
    assert_eq!(client["software_statement"], json!(statement));
    let now = 1_700_000_000;
    for bad in [
        json!(null),
        json!("x"),
        json!(signed(&other, &claims(json!({})))),
        json!(signed(&key, &claims(json!({"iss": "https://other.example"})))),
        json!(signed(&key, &claims(json!({"exp": now})))),
        json!(signed(&key, &claims(json!({"exp": "never"})))),
    ] {
        let (status, refused) = register(&server.auth, &with(bad.clone())).await;
        assert_eq!((status, &refused["error"]), (400, &json!("invalid_software_statement")), "{bad}");
    }
}

/// Of 64 changes and deletions at once, the client is what the last one left, and after a deletion it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_race_with_a_deletion() {
    let server = Arc::new(open().await);
    let (_, client) = register(&server.auth, &metadata()).await;
    let mut change = metadata();
    change["client_id"] = client["client_id"].clone();
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let (server, client, change) = (Arc::clone(&server), client.clone(), change.clone());
            tokio::spawn(async move {
                let method = if number == 32 { "DELETE" } else { "PUT" };
                manage(&server.auth, method, &client, &change).await.0
            })
        })
        .collect();
    let mut deleted = 0;
    for task in tasks {
        match task.await.unwrap() {
            204 => deleted += 1,
            status => assert!(matches!(status, 200 | 401), "{status}"),
        }
    }
    assert_eq!(deleted, 1);
    assert!(!is_known(&server, &client).await);
}
