//! What happens is told, with who, where from and in which request, and without a secret.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gridauth::http::Peer;
use gridauth::token::Secret;
use serde_json::{Value, json};

use crate::support::*;

/// The events of a server, as JSON.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Value>>>);

impl Told {
    async fn server() -> (Server, Self) {
        let told = Self::default();
        let listener = told.clone();
        let server = server_with(|builder| {
            builder.on_event(move |record| {
                let value = serde_json::to_value(record).unwrap();
                assert_eq!(value["event"], record.event.name());
                listener.0.lock().unwrap().push(value);
            })
        });
        (server.await, told)
    }

    fn take(&self) -> Vec<Value> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// The names of the events since the last call.
    fn names(&self) -> Vec<String> {
        self.take().iter().map(|event| string(event, "event")).collect()
    }

    /// The one event of this name since the last call.
    fn one(&self, name: &str) -> Value {
        let all = self.take();
        let mut of_name = all.iter().filter(|event| event["event"] == name);
        match (of_name.next(), of_name.next()) {
            (Some(one), None) => one.clone(),
            _ => panic!("not one {name}: {all:?}"),
        }
    }
}

#[tokio::test]
async fn a_story_from_the_start_to_the_sign_out_is_told_in_order() {
    let (server, told) = Told::server().await;
    let built = told.take();
    assert_eq!(built[0]["event"], "server_built", "{built:?}");
    assert_eq!((&built[0]["issuer"], &built[0]["store"]), (&json!(ISSUER), &json!("memory")));
    assert!(built[0]["grants"].as_str().unwrap().contains("authorization_code refresh_token"));

    let code = server.code().await;
    assert_eq!(told.names(), ["signed_in", "consented", "code_issued"]);
    let (status, tokens) = server.token(&redeem(&code)).await;
    assert_eq!(status, 200);
    let redeemed = told.take();
    let names: Vec<&Value> = redeemed.iter().map(|event| &event["event"]).collect();
    assert_eq!(names, ["client_authenticated", "code_redeemed", "token_issued"]);
    let issued = &redeemed[2];
    assert_eq!(issued["client"], "web");
    assert_eq!(issued["subject"], "israel");
    assert_eq!(issued["grant_type"], "authorization_code");
    assert_eq!(issued["scope"], "notes.read");
    assert_eq!((&issued["expires_in"], &issued["refresh_token"]), (&json!(3600), &json!(true)));
    assert_eq!(issued["grant"], redeemed[1]["grant"]);
    assert_eq!(issued["time"], 1_700_000_000_000_i64);

    let refresh = string(&tokens, "refresh_token");
    let again = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let (_, renewed) = server.token(&again).await;
    assert_eq!(told.names(), ["client_authenticated", "refresh_token_rotated", "token_issued"]);
    server.token(&again).await;
    assert_eq!(told.names(), ["client_authenticated", "refresh_token_repeated"]);
    let access = string(&renewed, "access_token");
    let credentials = basic("web", "web-secret");
    let revoke = |token: String| {
        let (server, credentials) = (&server, &credentials);
        async move { server.post("/oauth/revoke", &[("authorization", credentials)], &[("token", &token)]).await }
    };
    revoke(access).await;
    assert_eq!(told.one("token_revoked")["why"], "client");
    server.advance(11);
    server.token(&again).await;
    let reused = told.one("refresh_token_reused");
    assert_eq!((&reused["client"], &reused["subject"]), (&json!("web"), &json!("israel")));
    assert_eq!(reused["grant"], issued["grant"]);

    let code = server.code().await;
    let (_, tokens) = server.token(&redeem(&code)).await;
    told.take();
    revoke(string(&tokens, "refresh_token")).await;
    assert_eq!(told.one("grant_revoked")["why"], "client");
    let code = server.code().await;
    server.token(&redeem(&code)).await;
    told.take();
    server.token(&redeem(&code)).await;
    let replayed = told.one("code_replayed");
    assert_eq!((&replayed["client"], &replayed["subject"]), (&json!("web"), &json!("israel")));

    server.tokens().await;
    told.take();
    server.auth.withdraw_consent("israel", "web").await.unwrap();
    let withdrawn = told.take();
    assert!(withdrawn.iter().any(|event| event["why"] == "consent_withdrawn"), "{withdrawn:?}");
    assert_eq!(withdrawn.last().unwrap()["event"], "consent_withdrawn");
    server.auth.end_sessions("israel").await.unwrap();
    assert!(told.names().contains(&"signed_out".to_owned()));
    server.auth.set_password("israel", &Secret::from("entirely other words")).await.unwrap();
    assert_eq!(told.one("password_changed")["subject"], "israel");
    server.auth.remove_client("web").await.unwrap();
    assert_eq!(told.one("client_changed")["change"], "removed");
}

#[tokio::test]
async fn refusals_are_told_apart_and_answered_alike() {
    let (server, told) = Told::server().await;
    told.take();
    let mut answers = Vec::new();
    for (id, secret, why) in [
        ("web", "wrong", "wrong_credentials"),
        ("nobody", "wrong", "unknown_client"),
        ("spa", "x", "wrong_method"),
    ] {
        let form = [("grant_type", "client_credentials")];
        answers
            .push(answer(server.post("/oauth/token", &[("authorization", &basic(id, secret))], &form).await));
        let refused = told.one("client_refused");
        assert_eq!(refused["why"], why, "{refused}");
        match why {
            // It may be a secret that came in the wrong place.
            "unknown_client" => assert!(refused.get("client").is_none() && refused["typed"].is_string()),
            _ => assert_eq!(refused["client"], id),
        }
    }
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:?}");

    let password = |name: &'static str, password: &'static str| {
        let server = &server;
        async move {
            let form = [("grant_type", "password"), ("username", name), ("password", password)];
            server.token(&form).await
        }
    };
    let known = password("israel", "wrong").await;
    let refused = told.one("sign_in_refused");
    assert_eq!((&refused["why"], &refused["subject"]), (&json!("wrong_password"), &json!("israel")));
    let unknown = password("imru", "wrong").await;
    let first = told.one("sign_in_refused");
    assert_eq!((&first["why"], first.get("subject")), (&json!("unknown_user"), None));
    assert_eq!(known, unknown);
    assert!(!first.to_string().contains("imru"), "{first}");
    password(" IMRU ", "wrong").await;
    assert_eq!(told.one("sign_in_refused")["typed"], first["typed"], "names are compared as accounts are");

    for _ in 0..20 {
        password("israel", "wrong").await;
    }
    let throttled: Vec<Value> =
        told.take().into_iter().filter(|event| event["event"] == "throttled").collect();
    assert_eq!(throttled[0]["reached"], true, "{throttled:?}");
    assert!(throttled.iter().skip(1).all(|event| event["reached"] == false), "{throttled:?}");
    assert_eq!((&throttled[0]["limit"], &throttled[0]["seconds"]), (&json!("sign_in"), &json!(60)));
}

#[tokio::test]
async fn an_event_names_the_source_and_the_id_of_its_request() {
    let (server, told) = Told::server().await;
    told.take();
    let request = |id: Option<&str>| {
        let mut request = http::Request::post("/oauth/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", basic("web", "web-secret"))
            .extension(Peer([192, 0, 2, 7].into()));
        if let Some(id) = id {
            request = request.header("x-request-id", id);
        }
        server.auth.handle(request.body(Bytes::from("grant_type=client_credentials")).unwrap())
    };
    request(Some("proxy-1")).await;
    for event in told.take() {
        assert_eq!((&event["source"], &event["request_id"]), (&json!("192.0.2.7"), &json!("proxy-1")));
    }
    // What could break a line of a log, or fill it, is not taken.
    let long = "x".repeat(65);
    let mut ids = Vec::new();
    for bad in [None, Some(""), Some("a b"), Some("a\"b"), Some("a%0ab"), Some(&*long)] {
        request(bad).await;
        let told = told.take();
        assert!(told.len() > 1 && told.iter().all(|event| event["request_id"] == told[0]["request_id"]));
        ids.push(string(&told[0], "request_id"));
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6, "{ids:?}");
    server.auth.revoke_client("web").await.unwrap();
    assert!(told.take().iter().all(|event| event.get("request_id").is_none()));
}

#[tokio::test]
async fn what_an_operator_does_is_told_once_and_without_the_secret() {
    let (server, told) = Told::server().await;
    server.tokens().await;
    told.take();
    server.auth.edit_client("web", |client| client.name("Web shop")).await.unwrap();
    let edited = told.one("client_changed");
    assert_eq!((&edited["change"], &edited["client"]), (&json!("edited"), &json!("web")));
    // What changes nothing is no event.
    server.auth.edit_client("web", |client| client.name("Web shop")).await.unwrap();
    assert!(told.names().is_empty());
    let overlap = std::time::Duration::from_secs(60);
    let secret = server.auth.rotate_client_secret("web", overlap).await.unwrap();
    let rotated = told.one("client_changed");
    assert_eq!(rotated["change"], "secret_rotated");
    assert!(!rotated.to_string().contains(secret.as_str()));
    let grants = server.auth.grants("israel", gridauth::ListOptions::new()).await.unwrap();
    let id = grants.items[0].id;
    for _ in 0..2 {
        server.auth.revoke_grant(id).await.unwrap();
    }
    let revoked = told.one("grant_revoked");
    assert_eq!((&revoked["why"], &revoked["grant"]), (&json!("operator"), &json!(id.to_string())));
    assert_eq!((&revoked["client"], &revoked["subject"]), (&json!("web"), &json!("israel")));
}

#[tokio::test]
async fn a_rejection_says_what_happened_in_its_text_and_its_event_and_nothing_of_it_on_the_wire() {
    let (server, told) = Told::server().await;
    let tokens = server.tokens().await;
    let access = string(&tokens, "access_token");
    let (_, other) = server.token(&[("grant_type", "client_credentials")]).await;
    let other = string(&other, "access_token");
    told.take();
    let head = |authorization: Option<String>| {
        let mut request = http::Request::get("/notes").extension(Peer([192, 0, 2, 7].into()));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        request.body(()).unwrap()
    };
    let mut bodies = Vec::new();
    let mut check = async |authorization: Option<String>, why: &str, says: &str| {
        let rejection = server.auth.authenticate(&head(authorization)).await.unwrap_err();
        assert!(rejection.to_string().contains(says), "{rejection}");
        assert_eq!(rejection.cause().as_str(), why);
        assert!(told.take().is_empty(), "it is told where it is answered");
        bodies.push(text(&server.auth.reject(rejection)));
        let refused = told.one("token_refused");
        assert_eq!((&refused["why"], &refused["source"]), (&json!(why), &json!("192.0.2.7")), "{refused}");
        refused
    };
    check(None, "no_token", "no access token").await;
    check(Some("Basic eA==".into()), "other_scheme", "another scheme").await;
    check(Some("Bearer imru".into()), "malformed", "not an access token").await;
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    server.auth.revoke_client("web").await.unwrap();
    told.take();
    check(bearer(&other), "no_grant", "revoked, or never issued").await;
    let tokens = server.tokens().await;
    let access_again = string(&tokens, "access_token");
    assert_ne!(access, access_again);
    let revoke = [("token", access_again.as_str())];
    server.post("/oauth/revoke", &[("authorization", &basic("web", "web-secret"))], &revoke).await;
    told.take();
    let refused = check(bearer(&access_again), "not_of_grant", "revoked or superseded").await;
    assert_eq!((&refused["client"], &refused["subject"]), (&json!("web"), &json!("israel")));
    let (_, renewed) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    let renewed = string(&renewed, "access_token");
    server.advance(3600);
    told.take();
    let refused = check(bearer(&renewed), "expired", "has expired").await;
    assert!(refused["grant"].is_string(), "{refused}");
    assert!(bodies.iter().all(|body| body == &bodies[0]), "{bodies:?}");

    let access =
        server.auth.mint(gridauth::MintRequest::for_user("israel").client("web").scope("a")).await.unwrap();
    told.take();
    let access = server.auth.authenticate(&head(bearer(access.access_token.expose()))).await.unwrap();
    assert!(told.take().is_empty(), "an accepted request is no event");
    let rejection = access.require("notes.write").unwrap_err();
    assert!(rejection.to_string().contains("notes.write"), "{rejection}");
    server.auth.reject(rejection);
    let refused = told.one("token_refused");
    assert_eq!((&refused["why"], &refused["scope"]), (&json!("insufficient_scope"), &json!("notes.write")));
    assert_eq!((&refused["client"], &refused["subject"]), (&json!("web"), &json!("israel")));
}
