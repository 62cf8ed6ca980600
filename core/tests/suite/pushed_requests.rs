//! Pushed authorization requests (RFC 9126).

use gridauth::Response;
use gridauth::engine::PushedRequests;
use gridauth::store::Kind;
use serde_json::{Value, json};

use crate::provider::*;
use crate::support::*;

async fn server() -> Server {
    provider_with(|builder| builder.pushed_requests(PushedRequests::new())).await
}

/// The parameters of an authorization request of the client web. `more` replaces or adds some; an empty value removes one.
fn wanted(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let uri = request("code", more);
    let query = uri.split_once('?').unwrap().1.to_owned();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

async fn push(server: &Server, more: &[(&str, &str)]) -> (u16, Value) {
    push_as(server, Some(("web", "web-secret")), more).await
}

async fn push_as(server: &Server, client: Option<(&str, &str)>, more: &[(&str, &str)]) -> (u16, Value) {
    let wanted = wanted(more);
    let form: Vec<(&str, &str)> = wanted.iter().map(|(name, value)| (&**name, &**value)).collect();
    let credentials = client.map(|(id, secret)| basic(id, secret));
    let headers: Vec<(&str, &str)> =
        credentials.iter().map(|text| ("authorization", text.as_str())).collect();
    answer(server.post("/oauth/par", &headers, &form).await)
}

async fn pushed(server: &Server, more: &[(&str, &str)]) -> String {
    let (status, said) = push(server, more).await;
    assert_eq!(status, 201, "{said}");
    string(&said, "request_uri")
}

fn visit_uri(client: &str, request_uri: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("client_id", client), ("request_uri", request_uri)])
        .finish();
    format!("/oauth/authorize?{query}")
}

fn is_refused(page: &Response) -> bool {
    page.status() == 400 && text(page).contains("request_uri") && !page.headers().contains_key("location")
}

#[tokio::test]
async fn a_pushed_request_is_used_once_and_may_be_looked_at_often() {
    let server = server().await;
    let (status, said) = push(&server, &[]).await;
    assert_eq!((status, &said["expires_in"]), (201, &json!(60)));
    let uri = visit_uri("web", &string(&said, "request_uri"));
    for _ in 0..3 {
        assert_eq!(server.get(&uri, None).await.status(), 200);
    }
    let browser = server.sign_in(&uri).await;
    assert_eq!(location_parameter(&browser.page, "state").as_deref(), Some("xyz"), "{}", text(&browser.page));
    let code = location_parameter(&browser.page, "code").unwrap();
    assert_eq!(server.token(&redeem(&code)).await.0, 200);
    assert!(is_refused(&server.get(&uri, Some(&browser.cookie)).await));
    assert!(ids(server.auth.store(), Kind::PushedRequest).await.is_empty());
}

/// A refusal tells nobody whether the reference ever was: wrong, of another client, expired.
#[tokio::test]
async fn a_reference_is_its_clients_alone_and_lives_shortly() {
    let server = server().await;
    let request_uri = pushed(&server, &[]).await;
    let spa = server.get(&visit_uri("spa", &request_uri), None).await;
    let made_up = format!("{}A", &request_uri[..request_uri.len() - 1]);
    let unknown = server.get(&visit_uri("web", &made_up), None).await;
    assert!(is_refused(&spa) && is_refused(&unknown));
    assert_eq!(text(&spa), text(&unknown));
    server.advance(59);
    assert_eq!(server.get(&visit_uri("web", &request_uri), None).await.status(), 200);
    let late = pushed(&server, &[]).await;
    server.advance(60);
    assert!(is_refused(&server.get(&visit_uri("web", &late), None).await));
    // Nobody has been there, so a sweep removes it.
    assert_eq!(ids(server.auth.store(), Kind::PushedRequest).await.len(), 2);
    assert_eq!(server.auth.sweep().await.unwrap(), 1);
}

/// Whoever has opened the link has time to sign in and to read.
#[tokio::test]
async fn a_visitor_has_half_an_hour_to_decide() {
    let server = server().await;
    put_web(&server, |web| web.first_party(false)).await;
    let uri = visit_uri("web", &pushed(&server, &[]).await);
    let page = server.get(&uri, None).await;
    let form = cookie(&page).unwrap();
    server.advance(15 * 60);
    let consent = server.submit_sign_in(&page, &form, "israel", "imru").await;
    let cookies = format!("{form}; {}", cookie(&consent).unwrap());
    let browser = Browser { cookie: cookies, page: consent };
    server.advance(15 * 60 - 1);
    assert!(location_parameter(&browser.allow(&server).await, "code").is_some());

    let uri = visit_uri("web", &pushed(&server, &[("prompt", "consent")]).await);
    let page = server.get(&uri, Some(&browser.cookie)).await;
    // A second visit gives no more time than the first.
    server.advance(15 * 60);
    assert_eq!(server.get(&uri, Some(&browser.cookie)).await.status(), 200);
    server.advance(15 * 60);
    let late = Browser { cookie: browser.cookie, page };
    assert!(is_refused(&late.allow(&server).await));
}

#[tokio::test]
async fn a_refusal_by_the_user_uses_the_request_up() {
    let server = server().await;
    put_web(&server, |web| web.first_party(false)).await;
    let uri = visit_uri("web", &pushed(&server, &[]).await);
    let browser = server.sign_in(&uri).await;
    let back = browser.decide(&server, "deny").await;
    assert_eq!(location_parameter(&back, "error").as_deref(), Some("access_denied"));
    assert!(is_refused(&browser.allow(&server).await));
}

/// What is sent beside the reference does not count (RFC 9126 section 4).
#[tokio::test]
async fn parameters_beside_the_reference_do_not_count() {
    let server = server().await;
    let uri = visit_uri("web", &pushed(&server, &[("scope", "notes.read")]).await);
    let more = "&scope=notes.read+notes.write&state=other&redirect_uri=https%3A%2F%2Fevil.example.com%2Fcb&response_type=token";
    let browser = server.sign_in(&format!("{uri}{more}")).await;
    let back = location(&browser.page);
    assert!(back.starts_with(REDIRECT) && back.contains("state=xyz") && !back.contains("token"), "{back}");
    let (_, tokens) = server.token(&redeem(&location_parameter(&browser.page, "code").unwrap())).await;
    assert_eq!(tokens["scope"], "notes.read");
    // A form whose request was changed is another request.
    let uri = visit_uri("web", &pushed(&server, &[]).await);
    let page = server.get(&uri, None).await;
    let request = hidden(&page, "authorization_request");
    let csrf = hidden(&page, "csrf");
    for changed in
        [format!("{request}&scope=notes.write"), request.replace("web", "spa"), "client_id=web".to_owned()]
    {
        let form = [
            ("csrf", csrf.as_str()),
            ("authorization_request", &changed),
            ("username", "israel"),
            ("password", "imru"),
        ];
        let answer = server.post("/oauth/authorize", &[("cookie", &cookie(&page).unwrap())], &form).await;
        assert!(
            !answer.headers().contains_key("location") || location_parameter(&answer, "code").is_none(),
            "{changed}"
        );
    }
}

#[tokio::test]
async fn a_push_passes_the_checks_of_the_authorization_endpoint() {
    let server = server().await;
    for (more, error) in [
        (&[("client_id", "spa")][..], "invalid_request"),
        (&[("redirect_uri", "https://evil.example.com/cb")], "invalid_request"),
        (&[("response_type", "")], "invalid_request"),
        (&[("response_type", "device")], "unsupported_response_type"),
        (&[("response_mode", "web_message")], "invalid_request"),
        (&[("response_mode", "jwt")], "invalid_request"),
        (&[("scope", "admin")], "invalid_scope"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("id_token_hint", "x")], "invalid_request"),
        (&[("claims", "[]")], "invalid_request"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("registration", "{}")], "registration_not_supported"),
        (&[("request", "a.b.c")], "request_not_supported"),
        (&[("request_uri", "https://client.example.com/r")], "invalid_request"),
        (&[("request_uri", "urn:ietf:params:oauth:request_uri:x")], "invalid_request"),
    ] {
        let (status, said) = push(&server, more).await;
        assert_eq!((status, said["error"].as_str()), (400, Some(error)), "{more:?} {said}");
    }
    // The client's id is known without the parameter.
    assert_eq!(push(&server, &[("client_id", "")]).await.0, 201);
    let repeated = [("scope", "notes.read"), ("scope", "notes.read")];
    let answered =
        server.post("/oauth/par", &[("authorization", &basic("web", "web-secret"))], &repeated).await;
    assert_eq!(answer(answered).1["error"], "invalid_request");
    let long = "x".repeat(17_000);
    assert_eq!(push(&server, &[("state", &long)]).await.0, 400);
    assert!(ids(server.auth.store(), Kind::PushedRequest).await.len() == 1);
}

#[tokio::test]
async fn a_client_authenticates_as_at_the_token_endpoint() {
    let server = server().await;
    for client in [Some(("web", "wrong")), Some(("nobody", "x")), None] {
        let named = client.map_or("web", |(id, _)| id);
        let (status, said) = push_as(&server, client, &[("client_id", named)]).await;
        assert_eq!((status, said["error"].as_str()), (401, Some("invalid_client")), "{client:?}");
    }
    let (status, said) = push_as(&server, Some(("web", "web-secret")), &[("client_id", "spa")]).await;
    assert_eq!((status, said["error"].as_str()), (400, Some("invalid_request")));
    let spa = [("client_id", "spa"), ("redirect_uri", SPA)];
    let (status, said) = push_as(&server, None, &spa).await;
    assert_eq!(status, 201, "{said}");
    let uri = visit_uri("spa", &string(&said, "request_uri"));
    let browser = server.sign_in(&uri).await;
    assert!(location(&browser.page).starts_with(SPA));
    // The secret is not kept.
    let post = |secret: &'static str| [("client_secret", secret), ("client_id", "poster")];
    let poster = server.auth.confidential_client("poster", "poster-secret").await.unwrap();
    let poster = of_all_types(poster.redirect_uri(REDIRECT)).auth_method(gridauth::model::AuthMethod::Post);
    server.auth.put_client(poster.build().unwrap()).await.unwrap();
    assert_eq!(push_as(&server, None, &post("wrong")).await.0, 401);
    let (status, said) = push_as(&server, None, &post("poster-secret")).await;
    assert_eq!(status, 201, "{said}");
    for id in ids(server.auth.store(), Kind::PushedRequest).await {
        let row = server
            .auth
            .store()
            .get(gridauth::store::Key::new(Kind::PushedRequest, &id))
            .await
            .unwrap()
            .unwrap();
        assert!(!row.body().contains("poster-secret"));
    }
}

/// What the client or the server demands holds for a client that is changed in between, too.
#[tokio::test]
async fn a_client_or_a_server_may_demand_it() {
    let server = server().await;
    let push_only = |web: gridauth::model::ClientBuilder| {
        web.metadata("require_pushed_authorization_requests", json!(true))
    };
    let plain = request("code", &[]);
    let shown = server.get(&plain, None).await;
    put_web(&server, push_only).await;
    let back = server.get(&plain, None).await;
    assert_eq!(error_of(&back), "invalid_request");
    assert_eq!(location_parameter(&back, "state").as_deref(), Some("xyz"));
    // A page that was shown before is no way around it.
    let form = cookie(&shown).unwrap();
    assert_eq!(error_of(&server.submit_sign_in(&shown, &form, "israel", "imru").await), "invalid_request");
    let browser = server.sign_in(&visit_uri("web", &pushed(&server, &[]).await)).await;
    assert!(location_parameter(&browser.page, "code").is_some());

    let strict = provider_with(|builder| builder.pushed_requests(PushedRequests::new().required())).await;
    assert_eq!(error_of(&strict.get(&plain, None).await), "invalid_request");
    let browser = strict.sign_in(&visit_uri("web", &pushed(&strict, &[]).await)).await;
    assert!(location_parameter(&browser.page, "code").is_some());
    let document = answer(strict.get("/.well-known/oauth-authorization-server", None).await).1;
    assert_eq!(document["pushed_authorization_request_endpoint"], format!("{ISSUER}/oauth/par"));
    assert_eq!(document["require_pushed_authorization_requests"], true);

    // A server without the endpoint cannot do it.
    let without = provider().await;
    put_web(&without, push_only).await;
    assert_eq!(without.get(&plain, None).await.status(), 400);
    assert_eq!(without.post("/oauth/par", &[], &[]).await.status(), 404);
    let document = answer(without.get("/.well-known/oauth-authorization-server", None).await).1;
    assert_eq!(document["pushed_authorization_request_endpoint"], Value::Null);
}

/// Of many decisions at once about one request, one counts.
#[tokio::test]
async fn one_of_64_decisions_counts() {
    let server = std::sync::Arc::new(server().await);
    put_web(&server, |web| web.first_party(false)).await;
    let uri = visit_uri("web", &pushed(&server, &[]).await);
    let browser = std::sync::Arc::new(server.sign_in(&uri).await);
    let decisions: Vec<_> = (0..64)
        .map(|_| {
            let (server, browser) = (std::sync::Arc::clone(&server), std::sync::Arc::clone(&browser));
            tokio::spawn(async move { browser.allow(&server).await })
        })
        .collect();
    let mut codes = 0;
    for decision in decisions {
        let answer = decision.await.unwrap();
        match answer.headers().contains_key("location") {
            true if location_parameter(&answer, "code").is_some() => codes += 1,
            true => assert_eq!(error_of(&answer), "invalid_request_uri"),
            false => assert!(is_refused(&answer), "{}", text(&answer)),
        }
    }
    assert_eq!((codes, ids(server.auth.store(), Kind::Grant).await.len()), (1, 1));
}

#[tokio::test]
async fn a_source_pushes_so_many_and_no_more() {
    use gridauth::identity::ThrottleSettings;

    let limit = ThrottleSettings::default().pushed_requests(3);
    let server = provider_with(|builder| {
        let builder = builder.pushed_requests(PushedRequests::new()).throttle(limit);
        builder.trusted_proxies("127.0.0.1".parse().unwrap())
    })
    .await;
    let push_from = async |address: &str, scope: &str| {
        let wanted = wanted(&[("scope", scope)]);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(wanted).finish();
        let mut request = http::Request::post("/oauth/par")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", basic("web", "web-secret"))
            .header("x-forwarded-for", address)
            .body(bytes::Bytes::from(body))
            .unwrap();
        request.extensions_mut().insert(gridauth::Peer([127, 0, 0, 1].into()));
        server.auth.handle(request).await
    };
    for _ in 0..3 {
        assert_eq!(push_from("192.0.2.7", "admin").await.status(), 400, "what is refused is not counted");
        assert_eq!(push_from("192.0.2.7", "notes.read").await.status(), 201);
    }
    let refused = push_from("192.0.2.7", "notes.read").await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(push_from("192.0.2.8", "notes.read").await.status(), 201);
    server.advance(61);
    assert_eq!(push_from("192.0.2.7", "notes.read").await.status(), 201);
}
