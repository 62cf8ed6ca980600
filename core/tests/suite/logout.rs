//! RP-Initiated and Front-Channel Logout: who is signed out, who is asked, and what ends.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gridauth::grant::extension::OpenId;
use gridauth::identity::{EndedGrants, OwnSession, UsersError, WantedSignIn};
use gridauth::model::{Authentication, ClientBuilder, Session, SessionId};
use gridauth::store::memory::MemoryStore;
use gridauth::store::{Kind, Record};
use gridauth::token::Secret;
use gridauth::{Response, Store, User};
use gridauth_test_stores::{Call, Counting};
use serde_json::{Value, json};

use crate::support::*;

const BYE: &str = "https://client.example.com/bye";

pub(crate) async fn put(server: &Server, id: &str, configure: impl FnOnce(ClientBuilder) -> ClientBuilder) {
    let client = server.auth.confidential_client(id, "web-secret").await.unwrap();
    let client = client
        .redirect_uri(REDIRECT)
        .grant_types(["authorization_code", "refresh_token"])
        .first_party(true)
        .scope("openid offline_access notes.read")
        .metadata("post_logout_redirect_uris", json!([BYE, "https://client.example.com/bye?x=1"]));
    server.auth.put_client_unchecked(configure(client).build().unwrap()).await.unwrap();
}

pub(crate) async fn openid_server() -> Server {
    let server = server_with(|builder| builder.openid(OpenId::new())).await;
    put(&server, "web", |client| client).await;
    server
}

/// Signs israel in, in a new browser. Returns its cookies and the tokens of the client.
pub(crate) async fn sign_in(server: &Server, client: &str, scope: &str) -> (String, Value) {
    let browser = server.sign_in(&authorize_uri(&[("client_id", client), ("scope", scope)])).await;
    let tokens = redeemed(server, client, &browser.page).await;
    (browser.cookie, tokens)
}

/// Tokens for another client, in a browser that is signed in.
pub(crate) async fn tokens_in(server: &Server, cookie: &str, client: &str, scope: &str) -> Value {
    let back = server.get(&authorize_uri(&[("client_id", client), ("scope", scope)]), Some(cookie)).await;
    redeemed(server, client, &back).await
}

async fn redeemed(server: &Server, client: &str, back: &Response) -> Value {
    let code = location_parameter(back, "code").unwrap();
    let headers = [("authorization", basic(client, "web-secret"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let (status, tokens) = answer(server.post("/oauth/token", &headers, &redeem(&code)).await);
    assert_eq!(status, 200, "{tokens}");
    tokens
}

pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn uri(parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/oauth/end_session?{query}")
}

async fn is_signed_in(server: &Server, cookie: &str) -> bool {
    server.get(&authorize_uri(&[("scope", "openid")]), Some(cookie)).await.status() == 303
}

fn removes_cookie(response: &Response) -> bool {
    let set = response.headers().get_all("set-cookie").iter();
    set.filter_map(|value| value.to_str().ok())
        .any(|value| value.starts_with("__Host-gridauth=;") && value.contains("Max-Age=0"))
}

async fn decide(server: &Server, cookie: &str, page: &Response, decision: &str) -> Response {
    let (csrf, request) = (hidden(page, "csrf"), hidden(page, "logout_request"));
    let form = [("csrf", csrf.as_str()), ("logout_request", &request), ("decision", decision)];
    server.post("/oauth/end_session", &[("cookie", cookie)], &form).await
}

fn asks(page: &Response) -> bool {
    page.status() == 200 && text(page).contains("value=\"allow\"")
}

#[tokio::test]
async fn a_hint_of_this_session_signs_out_and_ends_its_grants() {
    let server = openid_server().await;
    put(&server, "spare", |client| client).await;
    let (cookie, tokens) = sign_in(&server, "web", "openid notes.read").await;
    let offline = tokens_in(&server, &cookie, "spare", "openid offline_access notes.read").await;
    let (elsewhere, others) = sign_in(&server, "web", "openid notes.read").await;
    let hint = string(&tokens, "id_token");
    let request = uri(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE), ("state", "a b&c")]);
    let back = server.get(&request, Some(&cookie)).await;
    assert_eq!(back.status(), 303, "{}", text(&back));
    assert_eq!(location(&back), format!("{BYE}?state=a+b%26c"));
    assert!(removes_cookie(&back));
    assert!(!is_signed_in(&server, &cookie).await && is_signed_in(&server, &elsewhere).await);
    assert!(!server.is_valid(&tokens).await, "its grant ends with the session");
    assert!(server.is_valid(&offline).await && server.is_valid(&others).await);
    // Again: nobody is signed in any more, and the client gets its user back.
    let back = server.get(&request, Some(&cookie)).await;
    assert_eq!((back.status().as_u16(), location(&back)), (303, format!("{BYE}?state=a+b%26c")));
    assert!(is_signed_in(&server, &elsewhere).await);
}

#[tokio::test]
async fn without_a_hint_the_user_decides() {
    let server = openid_server().await;
    let (cookie, tokens) = sign_in(&server, "web", "openid notes.read").await;
    for parameters in [
        &[][..],
        &[("client_id", "web"), ("post_logout_redirect_uri", BYE)],
        &[("logout_hint", "somebody"), ("unknown", "x"), ("ui_locales", "de"), ("id_token_hint", "")],
    ] {
        let page = server.get(&uri(parameters), Some(&cookie)).await;
        assert!(asks(&page) && !removes_cookie(&page), "{}", text(&page));
        let stayed = decide(&server, &cookie, &page, "deny").await;
        assert_eq!(stayed.status(), 200);
        assert!(asks(&decide(&server, &cookie, &page, "perhaps").await));
        assert!(is_signed_in(&server, &cookie).await && server.is_valid(&tokens).await);
    }
    let page = server.get(&uri(&[]), Some(&cookie)).await;
    assert!(text(&page).contains("israel"));
    let done = decide(&server, &cookie, &page, "allow").await;
    assert_eq!(done.status(), 200, "{}", text(&done));
    assert!(text(&done).contains("You are signed out") && removes_cookie(&done));
    assert!(!is_signed_in(&server, &cookie).await && !server.is_valid(&tokens).await);
}

#[tokio::test]
async fn a_decision_counts_in_its_browser_and_session_alone() {
    let server = openid_server().await;
    let (cookie, _) = sign_in(&server, "web", "openid").await;
    let (other, _) = sign_in(&server, "web", "openid").await;
    let page = server.get(&uri(&[("client_id", "web")]), Some(&cookie)).await;
    let (csrf, request) = (hidden(&page, "csrf"), hidden(&page, "logout_request"));
    assert!(asks(&decide(&server, &other, &page, "allow").await));
    for (csrf, request) in [("forged", request.as_str()), (&csrf, "client_id=spa"), (&csrf, "")] {
        let form = [("csrf", csrf), ("logout_request", request), ("decision", "allow")];
        let answer = server.post("/oauth/end_session", &[("cookie", &cookie)], &form).await;
        assert!(asks(&answer), "{}", text(&answer));
    }
    assert!(is_signed_in(&server, &cookie).await && is_signed_in(&server, &other).await);
    assert_eq!(decide(&server, &cookie, &page, "allow").await.status(), 200);
    assert!(!is_signed_in(&server, &cookie).await);
    // Nobody is signed in any more where the form comes from.
    assert_eq!(decide(&server, &cookie, &page, "allow").await.status(), 200);
}

#[tokio::test]
async fn a_hint_of_another_session_or_user_asks() {
    let server = openid_server().await;
    server.auth.put_user("miriam", &Secret::from("timbrel"), "miriam", Default::default()).await.unwrap();
    let (cookie, _) = sign_in(&server, "web", "openid").await;
    let (_, others) = sign_in(&server, "web", "openid").await;
    let page = server.get(&authorize_uri(&[("scope", "openid")]), None).await;
    let form_cookie = crate::support::cookie(&page).unwrap();
    let back = server.submit_sign_in(&page, &form_cookie, "miriam", "timbrel").await;
    let miriams = redeemed(&server, "web", &back).await;
    for tokens in [others, miriams] {
        let hint = string(&tokens, "id_token");
        let page = server
            .get(&uri(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE)]), Some(&cookie))
            .await;
        assert!(asks(&page), "{}", text(&page));
        assert!(is_signed_in(&server, &cookie).await);
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_on_a_page_and_nothing_happens() {
    let server = openid_server().await;
    put(&server, "spare", |client| client).await;
    let (cookie, tokens) = sign_in(&server, "web", "openid notes.read").await;
    let hint = string(&tokens, "id_token");
    let forged = format!("{}A", &hint[..hint.len() - 1]);
    let forged = if forged == hint { format!("{}Q", &hint[..hint.len() - 1]) } else { forged };
    let none = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#),
        hint.split('.').nth(1).unwrap()
    );
    let huge = "x".repeat(17 * 1024);
    let access = string(&tokens, "access_token");
    for bad in [
        &[("id_token_hint", forged.as_str())][..],
        &[("id_token_hint", &none)],
        &[("id_token_hint", "no token")],
        &[("id_token_hint", &access)],
        &[("id_token_hint", &huge)],
        &[("id_token_hint", &hint), ("client_id", "spare")],
        &[("id_token_hint", &hint), ("client_id", "nobody")],
        &[("id_token_hint", &hint), ("id_token_hint", &hint)],
        &[("id_token_hint", &hint), ("state", "1"), ("state", "2")],
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE), ("post_logout_redirect_uri", BYE)],
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", "https://client.example.com/bye/")],
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", "https://client.example.com/bye?x=2")],
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", "https://evil.example/")],
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", REDIRECT)],
        &[("post_logout_redirect_uri", BYE)],
        &[("client_id", "nobody")],
        &[("client_id", "web"), ("client_id", "web")],
        &[("state", &huge)],
    ] {
        let page = server.get(&uri(bad), Some(&cookie)).await;
        let why = text(&page);
        assert_eq!(page.status(), 400, "{bad:.60?} {why}");
        assert!(!page.headers().contains_key("location") && !removes_cookie(&page));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(bad).finish();
        if body.len() < 16 * 1024 {
            let page = server.post("/oauth/end_session", &[("cookie", &cookie)], bad).await;
            assert_eq!(page.status(), 400, "{bad:.60?}");
        }
    }
    for broken in ["/oauth/end_session?id_token_hint=%", "/oauth/end_session?state=%ff"] {
        assert_eq!(server.get(broken, Some(&cookie)).await.status(), 400);
    }
    assert!(is_signed_in(&server, &cookie).await && server.is_valid(&tokens).await);
    // A URI with a query of its own gets the state behind it.
    let to = [
        ("id_token_hint", hint.as_str()),
        ("client_id", "web"),
        ("post_logout_redirect_uri", "https://client.example.com/bye?x=1"),
        ("state", "s"),
    ];
    let back = server.get(&uri(&to), Some(&cookie)).await;
    assert_eq!(location(&back), "https://client.example.com/bye?x=1&state=s");
}

#[tokio::test]
async fn a_hint_may_have_expired_but_not_be_signed_by_a_withdrawn_key() {
    let server = openid_server().await;
    let (cookie, tokens) = sign_in(&server, "web", "openid").await;
    let hint = string(&tokens, "id_token");
    server.advance(3 * 60 * 60);
    let header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(hint.split('.').next().unwrap()).unwrap()).unwrap();
    let page = server.get(&uri(&[("id_token_hint", &hint)]), Some(&cookie)).await;
    assert!(text(&page).contains("You are signed out"), "{}", text(&page));
    let (cookie, tokens) = sign_in(&server, "web", "openid").await;
    let hint = string(&tokens, "id_token");
    assert!(server.auth.withdraw_signing_key(&string(&header, "kid")).await.unwrap());
    assert_eq!(server.get(&uri(&[("id_token_hint", &hint)]), Some(&cookie)).await.status(), 400);
    assert!(is_signed_in(&server, &cookie).await);
}

#[tokio::test]
async fn a_pairwise_client_knows_the_user_and_the_session_by_names_of_its_own() {
    let server = openid_server().await;
    put(&server, "pair", |client| client.metadata("subject_type", json!("pairwise"))).await;
    let (cookie, tokens) = sign_in(&server, "web", "openid").await;
    let paired = tokens_in(&server, &cookie, "pair", "openid").await;
    let (public, pairwise) = (claims(&string(&tokens, "id_token")), claims(&string(&paired, "id_token")));
    assert!(public["sub"] != pairwise["sub"] && public["sid"] != pairwise["sid"]);
    let back = server
        .get(
            &uri(&[("id_token_hint", &string(&paired, "id_token")), ("post_logout_redirect_uri", BYE)]),
            Some(&cookie),
        )
        .await;
    assert_eq!(back.status(), 303, "{}", text(&back));
    assert!(!is_signed_in(&server, &cookie).await);
}

#[tokio::test]
async fn a_post_from_another_site_is_repeated_with_the_cookies() {
    let server = openid_server().await;
    let (cookie, tokens) = sign_in(&server, "web", "openid").await;
    let hint = string(&tokens, "id_token");
    let form = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE), ("state", "s")];
    for headers in [&[("sec-fetch-site", "cross-site")][..], &[]] {
        let again = server.post("/oauth/end_session", headers, &form).await;
        assert_eq!(again.status(), 303);
        assert_eq!(location(&again), uri(&form));
        assert!(!removes_cookie(&again));
    }
    let long = "s".repeat(6 * 1024);
    let form = [("id_token_hint", hint.as_str()), ("state", &long), ("csrf", "")];
    let page = server.post("/oauth/end_session", &[("sec-fetch-site", "cross-site")], &form).await;
    assert_eq!(page.status(), 200);
    assert!(text(&page).contains("action=\"https://id.example.com/oauth/end_session\""), "{}", text(&page));
    assert_eq!((hidden(&page, "id_token_hint"), hidden(&page, "state")), (hint.clone(), long.clone()));
    assert!(is_signed_in(&server, &cookie).await);
    let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let done = server.post("/oauth/end_session", &headers, &form).await;
    assert!(text(&done).contains("You are signed out"), "{}", text(&done));
    assert!(!is_signed_in(&server, &cookie).await);
}

#[tokio::test]
async fn a_session_names_the_clients_that_got_an_id_token_in_it() {
    let server = openid_server().await;
    put(&server, "spare", |client| client).await;
    let (cookie, tokens) = sign_in(&server, "web", "openid notes.read").await;
    let sid = string(&claims(&string(&tokens, "id_token")), "sid");
    let named = async || {
        let session = server.auth.store().read::<Session>(&sid).await.unwrap();
        session.map(|session| session.clients.clone())
    };
    assert_eq!(named().await.unwrap(), ["web"]);
    tokens_in(&server, &cookie, "spare", "notes.read").await;
    assert_eq!(named().await.unwrap(), ["web"], "no ID token");
    tokens_in(&server, &cookie, "spare", "openid").await;
    tokens_in(&server, &cookie, "web", "openid").await;
    assert_eq!(named().await.unwrap(), ["web", "spare"]);
    // A code that was issued before the session ended brings nobody an ID token afterwards.
    let back = server.get(&authorize_uri(&[("scope", "openid offline_access")]), Some(&cookie)).await;
    server.auth.end_session("israel", &SessionId::new(sid.as_str())).await.unwrap();
    assert_eq!(named().await, None);
    let (status, refused) = server.token(&redeem(&location_parameter(&back, "code").unwrap())).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn naming_the_client_is_one_operation_of_the_first_response() {
    fn is_counted(call: Call<'_>) -> bool {
        match call {
            Call::Get(key) | Call::Insert(key) | Call::Put(key) | Call::Update(key) | Call::Remove(key) => {
                matches!(key.kind, Kind::Grant | Kind::Session)
            }
            Call::List(_) | Call::RemoveExpired(_) | Call::Ping => false,
        }
    }
    let store = Counting::only(MemoryStore::new(), is_counted);
    let backend = store.clone();
    let server = server_with(|builder| builder.openid(OpenId::new()).store(Store::new(backend))).await;
    put(&server, "web", |client| client).await;
    let scope = "openid offline_access";
    let browser = server.sign_in(&authorize_uri(&[("scope", scope)])).await;
    let before = store.count();
    let tokens = redeemed(&server, "web", &browser.page).await;
    assert_eq!(store.count() - before, 3);
    let before = store.count();
    let (status, refreshed) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    assert_eq!(status, 200, "{refreshed}");
    assert!(refreshed["id_token"].is_string());
    assert_eq!(store.count() - before, 2);
}

#[tokio::test]
async fn a_session_is_bounded() {
    let server = openid_server().await;
    let (cookie, tokens) = sign_in(&server, "web", "openid").await;
    let sid = string(&claims(&string(&tokens, "id_token")), "sid");
    let crowd = |session: &Session| {
        let mut crowded = session.clone();
        crowded.clients = (0..Session::MAX_CLIENTS).map(|number| format!("client {number}")).collect();
        (gridauth::store::Change::Replace(crowded.to_row()), ())
    };
    server.auth.store().change::<Session, ()>(&sid, crowd).await.unwrap();
    tokens_in(&server, &cookie, "web", "openid").await;
    let session = server.auth.store().read::<Session>(&sid).await.unwrap().unwrap();
    assert_eq!(session.clients.len(), Session::MAX_CLIENTS);
    assert_eq!(session.clients[Session::MAX_CLIENTS - 1], "web");
}

#[tokio::test]
async fn what_a_sessions_end_revokes_can_be_set() {
    for (ended, stays) in [
        (EndedGrants::WithoutOfflineAccess, [false, true]),
        (EndedGrants::All, [false, false]),
        (EndedGrants::None, [true, true]),
    ] {
        let server = server_with(|builder| builder.openid(OpenId::new()).session_end_revokes(ended)).await;
        put(&server, "web", |client| client).await;
        let (cookie, online) = sign_in(&server, "web", "openid notes.read").await;
        let offline = tokens_in(&server, &cookie, "web", "openid offline_access notes.read").await;
        server.auth.end_sessions("israel").await.unwrap();
        assert!(!is_signed_in(&server, &cookie).await);
        assert_eq!([server.is_valid(&online).await, server.is_valid(&offline).await], stays, "{ended:?}");
    }
}

#[tokio::test]
async fn that_a_session_expires_ends_nothing() {
    let server = server_with(|builder| {
        builder.openid(OpenId::new()).session_lifetime(std::time::Duration::from_secs(600))
    })
    .await;
    put(&server, "web", |client| client).await;
    let (cookie, tokens) = sign_in(&server, "web", "openid notes.read").await;
    server.advance(601);
    let hint = string(&tokens, "id_token");
    let page = server.get(&uri(&[("id_token_hint", &hint)]), Some(&cookie)).await;
    assert!(text(&page).contains("You are signed out") && removes_cookie(&page));
    server.auth.sweep().await.unwrap();
    assert!(ids(server.auth.store(), Kind::Session).await.is_empty());
    assert!(server.is_valid(&tokens).await);
}

#[tokio::test]
async fn clients_are_told_in_frames_that_the_policy_names() {
    let server = openid_server().await;
    for (id, path) in [("shop", "/out"), ("news", "/out?a=1")] {
        let host = format!("https://{id}.example");
        put(&server, id, |client| {
            client
                .redirect_uri(format!("{host}/cb"))
                .metadata("frontchannel_logout_uri", format!("{host}{path}").into())
                .metadata("frontchannel_logout_session_required", true.into())
        })
        .await;
    }
    let (cookie, tokens) = sign_in(&server, "web", "openid").await;
    tokens_in(&server, &cookie, "shop", "openid").await;
    tokens_in(&server, &cookie, "news", "openid").await;
    put(&server, "never", |client| {
        client.metadata("frontchannel_logout_uri", "https://client.example.com/never".into())
    })
    .await;
    let sid = string(&claims(&string(&tokens, "id_token")), "sid");
    let hint = string(&tokens, "id_token");
    let page = server
        .get(
            &uri(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE), ("state", "s")]),
            Some(&cookie),
        )
        .await;
    let shown = text(&page);
    assert_eq!(page.status(), 200, "{shown}");
    let iss = "iss=https%3A%2F%2Fid.example.com";
    for frame in [
        format!("src=\"https://shop.example/out?{iss}&amp;sid={sid}\""),
        format!("src=\"https://news.example/out?a=1&amp;{iss}&amp;sid={sid}\""),
    ] {
        assert!(shown.contains(&frame), "{frame} in {shown}");
    }
    assert_eq!(shown.matches("<iframe").count(), 2);
    assert!(shown.contains(&format!("href=\"{BYE}?state=s\"")), "{shown}");
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-src https://shop.example https://news.example;"), "{policy}");
    assert!(removes_cookie(&page));
}

#[tokio::test]
async fn a_client_that_registered_itself_gets_no_visitor_whom_nobody_sends() {
    let server = openid_server().await;
    put(&server, "stranger", |client| client.self_registered(true)).await;
    let request = |client| uri(&[("client_id", client), ("post_logout_redirect_uri", BYE)]);
    assert_eq!(server.get(&request("web"), None).await.status(), 303);
    let page = server.get(&request("stranger"), None).await;
    assert_eq!(page.status(), 200);
    assert!(!text(&page).contains(BYE), "{}", text(&page));
}

#[tokio::test]
async fn the_metadata_names_the_endpoint_where_there_is_one() {
    let with = openid_server().await;
    let (_, metadata) = answer(with.get("/.well-known/openid-configuration", None).await);
    assert_eq!(metadata["end_session_endpoint"], "https://id.example.com/oauth/end_session");
    assert_eq!(metadata["frontchannel_logout_supported"], true);
    assert_eq!(metadata["frontchannel_logout_session_supported"], true);
    for without in [
        server().await,
        server_with(|builder| builder.openid(OpenId::new()).own_session(Site { can_sign_out: false })).await,
    ] {
        let (_, metadata) = answer(without.get("/.well-known/oauth-authorization-server", None).await);
        assert!(metadata.get("end_session_endpoint").is_none());
        assert_eq!(without.get("/oauth/end_session", None).await.status(), 404);
    }
}

/// The application's own sessions: the cookie `site` has the session's name.
pub(crate) struct Site {
    pub(crate) can_sign_out: bool,
}

#[gridauth::async_trait]
impl OwnSession for Site {
    async fn authentication(
        &self,
        request: &http::request::Parts,
    ) -> Result<Option<Authentication>, UsersError> {
        let cookie = request.headers.get("cookie").and_then(|cookie| cookie.to_str().ok());
        let name = cookie.and_then(|cookie| cookie.strip_prefix("site="));
        Ok(name.map(|name| Authentication::new(User::new("israel")).with_session(SessionId::new(name))))
    }

    fn sign_in_uri(&self, _: &WantedSignIn<'_>) -> String {
        "/login".to_owned()
    }

    fn can_sign_out(&self) -> bool {
        self.can_sign_out
    }

    async fn sign_out(&self, _: &http::request::Parts) -> Result<http::HeaderMap, UsersError> {
        let cookie = http::HeaderValue::from_static("site=; Max-Age=0");
        Ok(http::HeaderMap::from_iter([(http::header::SET_COOKIE, cookie)]))
    }
}

#[tokio::test]
async fn sessions_of_the_application_end_at_the_endpoint_and_by_a_call() {
    let server =
        server_with(|builder| builder.openid(OpenId::new()).own_session(Site { can_sign_out: true })).await;
    put(&server, "web", |client| client).await;
    let online = tokens_in(&server, "site=one", "web", "openid notes.read").await;
    let other = tokens_in(&server, "site=two", "web", "notes.read").await;
    assert_eq!(claims(&string(&online, "id_token"))["sid"], "one");
    let hint = string(&online, "id_token");
    let done = server.get(&uri(&[("id_token_hint", &hint)]), Some("site=one")).await;
    assert!(text(&done).contains("You are signed out"));
    assert_eq!(done.headers()["set-cookie"], "site=; Max-Age=0");
    assert!(!server.is_valid(&online).await && server.is_valid(&other).await);
    // The server has no row of a session in which nobody got an ID token. Its grants are found all the same.
    assert!(!server.auth.end_session("israel", &SessionId::new("two")).await.unwrap());
    assert!(!server.is_valid(&other).await);
    // A session may be named again.
    let again = tokens_in(&server, "site=one", "web", "openid notes.read").await;
    assert!(server.auth.end_session("israel", &SessionId::new("one")).await.unwrap());
    assert!(!server.is_valid(&again).await);
}

/// Whether an access token opens a door.
async fn opens(server: &Server, tokens: &Value) -> bool {
    server.is_valid(tokens).await
}

#[tokio::test]
async fn an_interrupted_end_is_finished_by_whoever_comes_back() {
    let server = openid_server().await;
    let (cookie, tokens) = sign_in(&server, "web", "openid notes.read").await;
    // As after a failure between the closing of the session and the end of its grants.
    let row_id = claims(&string(&tokens, "id_token"))["sid"].as_str().unwrap().to_owned();
    let store = server.auth.store();
    let mut row = (*store.read::<Session>(&row_id).await.unwrap().unwrap()).clone();
    row.ended = true;
    store.put(gridauth::store::Key::new(Kind::Session, &row_id), row.to_row()).await.unwrap();
    assert!(!is_signed_in(&server, &cookie).await && opens(&server, &tokens).await);
    let page = server.get("/oauth/end_session", Some(&cookie)).await;
    assert!(page.status() == 200 && !asks(&page), "{}", text(&page));
    assert!(!opens(&server, &tokens).await, "the page says that nobody is signed in");
    assert!(ids(store, Kind::Session).await.is_empty());
}

#[tokio::test]
async fn who_signs_in_again_stays_in_one_session() {
    let server = openid_server().await;
    put(&server, "shop", |client| client).await;
    let (cookie, first) = sign_in(&server, "web", "openid notes.read").await;
    let again = authorize_uri(&[("client_id", "shop"), ("scope", "openid notes.read"), ("prompt", "login")]);
    server.advance(60);
    let page = server.get(&again, Some(&cookie)).await;
    assert_eq!(page.status(), 200);
    let back = server.submit_sign_in(&page, &cookie, "israel", "imru").await;
    let second = redeemed(&server, "shop", &back).await;
    let of = |tokens: &Value| claims(&string(tokens, "id_token"));
    assert_eq!(of(&first)["sid"], of(&second)["sid"]);
    assert_eq!(of(&second)["auth_time"].as_i64().unwrap() - of(&first)["auth_time"].as_i64().unwrap(), 60);
    let hint = string(&second, "id_token");
    server.get(&uri(&[("id_token_hint", &hint)]), Some(&cookie)).await;
    assert!(!opens(&server, &first).await && !opens(&server, &second).await);
    assert!(!is_signed_in(&server, &cookie).await);
}

#[tokio::test]
async fn another_user_who_signs_in_ends_the_session_before() {
    let server = openid_server().await;
    server.auth.put_user("miriam", &Secret::from("timbrel"), "miriam", Default::default()).await.unwrap();
    let (cookie, tokens) = sign_in(&server, "web", "openid notes.read").await;
    let again = authorize_uri(&[("scope", "openid"), ("prompt", "login")]);
    let page = server.get(&again, Some(&cookie)).await;
    let back = server.submit_sign_in(&page, &cookie, "miriam", "timbrel").await;
    let miriams = redeemed(&server, "web", &back).await;
    assert_eq!(claims(&string(&miriams, "id_token"))["sub"], "miriam");
    assert!(!opens(&server, &tokens).await && !is_signed_in(&server, &cookie).await);
}
