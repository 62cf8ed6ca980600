//! `SignedIn` and `sign_in_required` on axum.

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use gridauth::grant::AuthorizationCode;
use gridauth::identity::HashingSettings;
use gridauth::model::Authentication;
use gridauth::token::Secret;
use gridauth::{GridAuth, Store};
use gridauth_tower::{GridAuthExt, OptionalSignedIn, SignInRejection, SignedIn};
use http::{Request, StatusCode};
use tower::ServiceExt;

use crate::server::{ISSUER, header, text};

async fn server() -> GridAuth {
    let auth = GridAuth::builder(ISSUER).store(Store::memory()).grant(AuthorizationCode::new());
    let auth = auth.hashing(HashingSettings::default().memory_kib(8).passes(1)).build().await.unwrap();
    auth.put_user("israel", &Secret::from("imru"), "42", Default::default()).await.unwrap();
    auth
}

async fn name(signed_in: SignedIn) -> String {
    format!("{} {}", signed_in.user().subject(), signed_in.user().username())
}

async fn perhaps(signed_in: Option<SignedIn>) -> String {
    signed_in.map_or("nobody".to_owned(), |signed_in| signed_in.user().username().to_owned())
}

async fn by_common_name(OptionalSignedIn(signed_in): OptionalSignedIn) -> String {
    perhaps(signed_in).await
}

async fn own_answer(signed_in: Result<SignedIn, SignInRejection>) -> StatusCode {
    if signed_in.is_ok() { StatusCode::OK } else { StatusCode::IM_A_TEAPOT }
}

async fn behind(request: axum::extract::Request) -> String {
    request
        .extensions()
        .get::<Authentication>()
        .map(|signed_in| signed_in.user().username().to_owned())
        .unwrap()
}

fn app(auth: &GridAuth) -> Router {
    let pages = Router::new().route("/settings", get(name)).route("/change", post(async || "changed"));
    Router::new()
        .nest("/my", pages)
        .route("/behind", get(behind))
        .route_layer(auth.sign_in_required())
        .route("/one", get(name))
        .route("/", get(perhaps))
        .route("/common", get(by_common_name))
        .route("/own", get(own_answer))
        .merge(auth.routes())
        .with_state(auth.clone())
}

async fn ask(app: &Router, method: &str, path: &str, cookie: &str, form: &str) -> axum::response::Response {
    let request = Request::builder().method(method).uri(path).header("cookie", cookie);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    app.clone().oneshot(request.body(Body::from(form.to_owned())).unwrap()).await.unwrap()
}

fn cookies(response: &axum::response::Response) -> String {
    let set = response.headers().get_all("set-cookie").iter();
    set.map(|set| set.to_str().unwrap().split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn a_stranger_is_sent_to_sign_in_and_comes_back_to_the_page() {
    let auth = server().await;
    let app = app(&auth);
    for (path, encoded) in
        [("/my/settings?x=1", "%2Fmy%2Fsettings%3Fx%3D1"), ("/behind", "%2Fbehind"), ("/one", "%2Fone")]
    {
        let away = ask(&app, "GET", path, "", "").await;
        assert_eq!(away.status(), 303, "{path}");
        assert_eq!(header(&away, "location"), format!("/oauth/account?return_to={encoded}"));
    }
    assert_eq!(ask(&app, "POST", "/my/change", "", "").await.status(), 303, "the handler did not run");
    assert_eq!(text(ask(&app, "GET", "/", "", "").await).await, "nobody");
    assert_eq!(text(ask(&app, "GET", "/common", "", "").await).await, "nobody");
    assert_eq!(ask(&app, "GET", "/own", "", "").await.status(), 418);

    let sign_in = "/oauth/account?return_to=%2Fmy%2Fsettings";
    let page = ask(&app, "GET", sign_in, "", "").await;
    let (form_cookie, page) = (cookies(&page), text(page).await);
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let back =
        ask(&app, "POST", sign_in, &form_cookie, &format!("csrf={csrf}&username=israel&password=imru")).await;
    assert_eq!((back.status().as_u16(), header(&back, "location")), (303, "/my/settings"));
    let cookie = cookies(&back);
    for (path, answer) in [
        ("/my/settings", "42 israel"),
        ("/behind", "israel"),
        ("/one", "42 israel"),
        ("/", "israel"),
        ("/common", "israel"),
    ] {
        let page = ask(&app, "GET", path, &cookie, "").await;
        assert_eq!(page.status(), 200, "{path}");
        assert_eq!(text(page).await, answer, "{path}");
    }
    assert_eq!(text(ask(&app, "POST", "/my/change", &cookie, "").await).await, "changed");
    assert_eq!(ask(&app, "GET", "/own", &cookie, "").await.status(), 200);
    auth.end_sessions("42").await.unwrap();
    assert_eq!(ask(&app, "GET", "/my/settings", &cookie, "").await.status(), 303);
}

#[tokio::test]
async fn the_session_of_another_server_does_not_count() {
    let (one, other) = (server().await, server().await);
    let pages =
        Router::new().route("/one", get(name)).with_state(other.clone()).layer(one.sign_in_required());
    let app = pages.merge(one.routes());
    let page = ask(&app, "GET", "/oauth/account", "", "").await;
    let (form_cookie, page) = (cookies(&page), text(page).await);
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("csrf={csrf}&username=israel&password=imru");
    let cookie = cookies(&ask(&app, "POST", "/oauth/account", &form_cookie, &form).await);
    // The layer lets the request pass, and the extractor of the other server does not.
    assert_eq!(ask(&app, "GET", "/one", &cookie, "").await.status(), 303);
}

#[tokio::test]
#[should_panic(expected = "no page on which users sign in")]
async fn without_a_sign_in_page_there_is_no_guard() {
    GridAuth::builder(ISSUER).store(Store::memory()).build().await.unwrap().sign_in_required();
}
