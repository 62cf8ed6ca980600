//! Drives the router of each small program as a client would.

#![allow(clippy::unwrap_used, reason = "test helpers may fail a test")]

#[allow(dead_code, reason = "the test does not run its main")]
#[path = "../src/bin/custom_client_authentication.rs"]
mod custom_client_authentication;
#[allow(dead_code, reason = "the test does not run its main")]
#[path = "../src/bin/custom_endpoint.rs"]
mod custom_endpoint;
#[allow(dead_code, reason = "the test does not run its main")]
#[path = "../src/bin/custom_extension.rs"]
mod custom_extension;
#[allow(dead_code, reason = "the test does not run its main")]
#[path = "../src/bin/custom_grant.rs"]
mod custom_grant;
#[allow(dead_code, reason = "the test does not run its main")]
#[path = "../src/bin/first_hour.rs"]
mod first_hour;
#[allow(dead_code, reason = "the test does not run its main")]
#[path = "../src/bin/guard_only.rs"]
mod guard_only;
#[allow(dead_code, reason = "the test does not run its main")]
#[path = "../src/bin/one_transaction.rs"]
mod one_transaction;
#[allow(dead_code, reason = "the test does not run its main")]
#[path = "../src/bin/own_users.rs"]
mod own_users;
#[allow(dead_code, reason = "the test does not run its main")]
#[path = "../src/bin/sign_in_elsewhere.rs"]
mod sign_in_elsewhere;
#[allow(dead_code, reason = "the test does not run its main")]
#[path = "../src/bin/television.rs"]
mod television;

use std::sync::Mutex;

use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode};
use gridauth::env::{Clock, SystemClock};
use gridauth::grant::AuthorizationCode;
use gridauth::grant::extension::OpenId;
use gridauth::identity::{OwnSession, UsersError, WantedSignIn};
use gridauth::model::Authentication;
use gridauth::{Client, GridAuth, MintRequest, Store, User};
use gridauth_tower::GridAuthExt;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

const FORM: &str = "application/x-www-form-urlencoded";

async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

fn get(uri: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request =
        headers.iter().fold(Request::get(uri), |request, (name, value)| request.header(*name, *value));
    request.body(Body::empty()).unwrap()
}

fn post(uri: &str, headers: &[(&str, &str)], form: &str) -> Request<Body> {
    let request = Request::post(uri).header("content-type", FORM);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::from(form.to_owned())).unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

/// A query parameter of a URI.
fn query(uri: &str, name: &str) -> String {
    let (_, query) = uri.split_once('?').unwrap();
    let found = form_urlencoded::parse(query.as_bytes()).find(|(own, _)| own == name);
    found.unwrap().1.into_owned()
}

/// Every page of the book is in its table of contents, and every link between files leads somewhere.
#[test]
fn the_pages_of_the_book_are_listed_and_their_links_lead_somewhere() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let listed = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    for entry in std::fs::read_dir(&docs).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        assert!(name == "SUMMARY.md" || listed.contains(&format!("]({name})")), "{name} is not listed");
        let text = std::fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            if !file.is_empty() && !file.contains("://") {
                assert!(docs.join(file).exists(), "{name}: {link}");
            }
        }
    }
}

#[tokio::test]
async fn first_hour() {
    let store = Store::memory();
    let app = first_hour::app(store.clone()).await.unwrap();
    assert!(text(send(&app, get("/", &[])).await).await.contains("/oauth/authorize"));
    assert_eq!(send(&app, get("/orders", &[])).await.status(), StatusCode::UNAUTHORIZED);
    // A second start finds everything as it is.
    let app = first_hour::app(store).await.unwrap();
    let sign_in = "/oauth/authorize?response_type=code&client_id=page&redirect_uri=http://127.0.0.1:8080/&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    assert!(text(send(&app, get(sign_in, &[])).await).await.contains("password"));
}

#[tokio::test]
async fn guard_only() {
    let store = Store::memory();
    let app = guard_only::app(store.clone()).unwrap();
    let issuer = GridAuth::builder("https://id.example.com").store(store).build().await.unwrap();
    let token =
        issuer.mint(MintRequest::for_user("israel").client("web").scope("orders.read")).await.unwrap();
    let bearer = format!("Bearer {}", token.access_token.expose());
    let bearer = [("authorization", &*bearer)];
    assert_eq!(send(&app, get("/", &[])).await.status(), StatusCode::OK);
    assert_eq!(send(&app, get("/orders", &[])).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(text(send(&app, get("/orders", &bearer)).await).await, "the orders of israel, for web");
    assert_eq!(text(send(&app, get("/orders/7", &bearer)).await).await, "order 7");
    assert_eq!(send(&app, post("/orders", &bearer, "")).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(send(&app, post("/oauth/token", &[], "")).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn one_transaction() {
    let directory = tempfile::tempdir().unwrap();
    let app = one_transaction::app(directory.path().join("shop.db").to_str().unwrap()).await.unwrap();
    let sign_up = async |username: &str, email: &str| {
        let form = format!("username={username}&password=imru-imru&email={email}");
        send(&app, post("/sign_up", &[], &form)).await.status()
    };
    assert_eq!(sign_up("israel", "israel@example.com").await, StatusCode::CREATED);
    assert_eq!(sign_up("israel", "other@example.com").await, StatusCode::CONFLICT);
    // The profile is refused, so the user was not created either: the name is free.
    assert_eq!(sign_up("sarah", "israel@example.com").await, StatusCode::CONFLICT);
    assert_eq!(sign_up("sarah", "sarah@example.com").await, StatusCode::CREATED);
}

#[tokio::test]
async fn own_users() {
    let app = own_users::app().await.unwrap();
    // RFC 7636 appendix B.
    let (verifier, challenge) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let authorize = format!(
        "/oauth/authorize?response_type=code&client_id=spa&state=s&code_challenge={challenge}&code_challenge_method=S256"
    );
    let asked = send(&app, get(&authorize, &[])).await;
    let login = header(&asked, "location").to_owned();
    assert!(login.starts_with("/login?return_to="), "{login}");

    assert_eq!(
        send(&app, post(&login, &[], "name=israel&password=wrong")).await.status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        send(&app, post(&login, &[], "name=nobody&password=imru")).await.status(),
        StatusCode::FORBIDDEN
    );
    let elsewhere = "/login?return_to=https://elsewhere.example.com";
    let away = send(&app, post(elsewhere, &[], "name=israel&password=imru")).await;
    assert_eq!(header(&away, "location"), "/");
    let signed_in = send(&app, post(&login, &[], "name=israel&password=imru")).await;
    let cookie = header(&signed_in, "set-cookie").split(';').next().unwrap().to_owned();

    let back = header(&signed_in, "location").to_owned();
    let answered = send(&app, get(&back, &[("cookie", &cookie)])).await;
    let location = header(&answered, "location").to_owned();
    assert!(location.starts_with("https://spa.example.com/cb?"), "{location}");
    let code = query(&location, "code");
    let form = format!("grant_type=authorization_code&client_id=spa&code={code}&code_verifier={verifier}");
    let token = send(&app, post("/oauth/token", &[], &form)).await;
    assert_eq!(token.status(), StatusCode::OK);
    assert!(json(token).await["access_token"].is_string());
}

/// Whoever asks the provider is signed in there.
struct Israel;

#[gridauth::async_trait]
impl OwnSession for Israel {
    async fn authentication(&self, _: &Parts) -> Result<Option<Authentication>, UsersError> {
        Ok(Some(Authentication::new(User::new("israel"))))
    }

    fn sign_in_uri(&self, _: &WantedSignIn<'_>) -> String {
        "/login".to_owned()
    }
}

#[tokio::test]
async fn sign_in_elsewhere() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let provider = GridAuth::builder(&issuer)
        .store(Store::memory())
        .own_session(Israel)
        .grant(AuthorizationCode::new())
        .openid(OpenId::new())
        .build()
        .await
        .unwrap();
    provider.put_user("israel", &"imru, and imru again".into(), "israel", Default::default()).await.unwrap();
    let shop = Client::public("shop").redirect_uri("http://127.0.0.1:8080/cb").scope("openid profile");
    provider.put_client(shop.first_party(true).build().unwrap()).await.unwrap();
    let provider: Router = provider.routes();
    let served = provider.clone();
    tokio::spawn(async move { axum::serve(listener, served).await });

    let site = sign_in_elsewhere::app(&issuer).await.unwrap();
    let begun = send(&site, get("/", &[])).await;
    let cookie = header(&begun, "set-cookie").split(';').next().unwrap().to_owned();
    let asked = header(&begun, "location").strip_prefix(&issuer).unwrap().to_owned();
    let answered = send(&provider, get(&asked, &[])).await;
    let back = header(&answered, "location").strip_prefix("http://127.0.0.1:8080").unwrap().to_owned();
    // Another browser, which has not begun this sign-in.
    assert_eq!(send(&site, get(&back, &[])).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(text(send(&site, get(&back, &[("cookie", &cookie)])).await).await, "Signed in as \"israel\"");
    let again = send(&site, get(&back, &[("cookie", &cookie)])).await;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
}

/// The mails that the program has sent.
static MAIL: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

#[tokio::test]
async fn custom_grant() {
    let app =
        custom_grant::app(|address, code| MAIL.lock().unwrap().push((address.to_owned(), code.to_owned())));
    let app = app.await.unwrap();
    let asked = send(&app, post("/ask", &[], "israel@example.com")).await;
    assert_eq!(asked.status(), StatusCode::ACCEPTED);
    let (address, code) = MAIL.lock().unwrap().pop().unwrap();
    assert_eq!(address, "israel@example.com");
    let form = |code: &str| format!("grant_type=urn:example:mailed-code&client_id=app&code={code}");
    let redeem = |form: String| {
        let app = app.clone();
        async move { send(&app, post("/oauth/token", &[], &form)).await }
    };
    assert_eq!(json(redeem(form("nonsense")).await).await["error"], "invalid_grant");
    assert_eq!(json(redeem(format!("{}&scope=more", form(&code))).await).await["error"], "invalid_scope");
    let token = json(redeem(form(&code)).await).await;
    assert!(token["access_token"].is_string(), "{token}");
    assert_eq!(token["scope"], "read");
    assert_eq!(json(redeem(form(&code)).await).await["error"], "invalid_grant");
}

#[tokio::test]
async fn custom_extension() {
    let app = custom_extension::app().await.unwrap();
    // web:web-secret
    let basic = [("authorization", "Basic d2ViOndlYi1zZWNyZXQ=")];
    let ask = |form: &'static str| send(&app, post("/oauth/token", &basic, form));
    assert_eq!(json(ask("grant_type=client_credentials").await).await["error"], "invalid_request");
    assert_eq!(
        json(ask("grant_type=client_credentials&tenant=green").await).await["error"],
        "invalid_tenant"
    );
    assert_eq!(json(ask("grant_type=client_credentials&tenant=blue").await).await["tenant"], "blue");
    let refused = get("/oauth/authorize?response_type=code&client_id=web&tenant=green", &[]);
    assert!(header(&send(&app, refused).await, "location").contains("error=invalid_tenant"));
}

#[tokio::test]
async fn custom_endpoint() {
    let app = custom_endpoint::app().await.unwrap();
    // robot:robot-secret
    let basic = [("authorization", "Basic cm9ib3Q6cm9ib3Qtc2VjcmV0")];
    let answer = send(&app, post("/oauth/my_scopes", &basic, "x=y")).await;
    assert_eq!(json(answer).await["scopes"], serde_json::json!(["orders.read", "orders.pay"]));
    let refused = send(&app, post("/oauth/my_scopes", &[], "client_id=robot")).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(json(refused).await["error"], "invalid_client");
    let wrong_method = send(&app, get("/oauth/my_scopes", &[])).await;
    assert_eq!(
        (wrong_method.status(), header(&wrong_method, "allow")),
        (StatusCode::METHOD_NOT_ALLOWED, "POST")
    );
    let metadata = json(send(&app, get("/.well-known/oauth-authorization-server", &[])).await).await;
    assert_eq!(metadata["example_my_scopes_endpoint"], "http://127.0.0.1:8080/oauth/my_scopes");
}

#[tokio::test]
async fn custom_client_authentication() {
    let today = SystemClock.now().as_secs() / (24 * 60 * 60);
    let app = custom_client_authentication::app().await.unwrap();
    let ask = |client: &str, ticket: String, more: &str| {
        let form = format!("grant_type=client_credentials&client_id={client}&ticket={ticket}{more}");
        let app = app.clone();
        async move { json(send(&app, post("/oauth/token", &[], &form)).await).await }
    };
    let ticket = |client: &str, day| custom_client_authentication::ticket(&[7; 32], client, day).unwrap();
    assert!(ask("robot", ticket("robot", today), "").await["access_token"].is_string());
    for (client, ticket) in [
        ("robot", ticket("robot", today - 1)),
        ("robot", ticket("other", today)),
        ("other", ticket("other", today)),
        ("robot", "zz".to_owned()),
    ] {
        assert_eq!(ask(client, ticket, "").await["error"], "invalid_client");
    }
    // RFC 6749 section 2.3: no more than one method in a request.
    let twice = ask("robot", ticket("robot", today), "&client_secret=x").await;
    assert_eq!(twice["error"], "invalid_request");
    let metadata = json(send(&app, get("/.well-known/oauth-authorization-server", &[])).await).await;
    assert_eq!(metadata["token_endpoint_auth_methods_supported"], serde_json::json!(["example_day_ticket"]));
}

/// The value of a hidden input.
fn hidden(page: &str, name: &str) -> String {
    let (_, after) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
    after.split('"').next().unwrap().to_owned()
}

fn cookies(response: &Response<Body>) -> String {
    let set = response.headers().get_all("set-cookie").iter();
    set.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn television() {
    let app = television::app().await.unwrap();
    let screen = Mutex::new(Vec::new());
    let show = |text: &str| screen.lock().unwrap().push(text.to_owned());
    let phone = async {
        let line = loop {
            if let Some(line) = screen.lock().unwrap().last().filter(|line| line.contains("enter")) {
                break line.clone();
            }
            tokio::task::yield_now().await;
        };
        let code = line.rsplit(' ').next().unwrap().to_owned();
        let page = send(&app, get(&format!("/oauth/device?user_code={code}"), &[])).await;
        let form_cookie = cookies(&page);
        let page = text(page).await;
        let fields = |page: &str| format!("csrf={}&device_request={code}", hidden(page, "csrf"));
        let form = format!("{}&username=israel&password=a+password+to+try", fields(&page));
        let page = send(&app, post("/oauth/device", &[("cookie", &form_cookie)], &form)).await;
        let cookie = format!("{form_cookie}; {}", cookies(&page));
        let question = text(page).await;
        assert!(question.contains("Living room television") && question.contains(&code), "{question}");
        let form = format!("{}&decision=allow", fields(&question));
        assert_eq!(
            send(&app, post("/oauth/device", &[("cookie", &cookie)], &form)).await.status(),
            StatusCode::OK
        );
    };
    let (token, ()) = tokio::join!(television::sign_in(&app, show), phone);
    assert!(token.unwrap().starts_with("gat_"));
    // The QR code is above the line with the code.
    assert!(screen.lock().unwrap()[0].lines().count() > 10);
}

#[test]
fn every_program_is_short() {
    let programs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin");
    for program in std::fs::read_dir(programs).unwrap() {
        let path = program.unwrap().path();
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines < 80, "{} has {lines} lines", path.display());
    }
}
