//! Who is signed in, for the application's own pages.

use bytes::Bytes;
use gridauth::grant::{AuthorizationCode, ClientCredentials};
use gridauth::identity::{OwnSession, UsersError, WantedSignIn};
use gridauth::model::Authentication;
use gridauth::store::memory::MemoryStore;
use gridauth::{GridAuth, Response, Store, User};
use gridauth_test_stores::Failing;

use crate::support::*;

fn asked(uri: &str, headers: &[(&str, &str)]) -> http::Request<()> {
    let request =
        headers.iter().fold(http::Request::get(uri), |request, (name, value)| request.header(*name, *value));
    request.body(()).unwrap()
}

async fn required(auth: &GridAuth, uri: &str, headers: &[(&str, &str)]) -> Result<String, Response> {
    auth.require_sign_in(&asked(uri, headers)).await.map(|signed_in| signed_in.user().username().to_owned())
}

#[tokio::test]
async fn the_session_of_the_server_counts_for_the_application() {
    let server = server().await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    let cookies = [("cookie", browser.cookie.as_str())];
    let signed_in = server.auth.signed_in(&asked("/settings", &cookies)).await.unwrap().unwrap();
    assert_eq!((signed_in.user().username(), signed_in.amr()), ("israel", &["pwd".to_owned()][..]));
    assert_eq!(required(&server.auth, "/settings", &cookies).await.unwrap(), "israel");
    let stranger = format!("__Host-gridauth={}; {}", "A".repeat(43), browser.cookie);
    assert_eq!(required(&server.auth, "/settings", &[("cookie", &stranger)]).await.unwrap(), "israel");
    server.auth.end_sessions("israel").await.unwrap();
    assert_eq!(server.auth.signed_in(&asked("/settings", &cookies)).await.unwrap(), None);
    assert_eq!(required(&server.auth, "/settings", &cookies).await.unwrap_err().status(), 303);
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_sent_to_the_sign_in_page_and_comes_back() {
    let server = server().await;
    let away = required(&server.auth, "/orders?page=2&x=%2F", &[]).await.unwrap_err();
    assert_eq!(away.status(), 303);
    assert_eq!(away.headers()["cache-control"], "no-store");
    let uri = location(&away);
    assert_eq!(uri, "/oauth/account?return_to=%2Forders%3Fpage%3D2%26x%3D%252F");
    let page = server.get(&uri, None).await;
    let (csrf, browser) = (hidden(&page, "csrf"), cookie(&page).unwrap());
    let form = [("csrf", csrf.as_str()), ("username", "israel"), ("password", "imru")];
    let back = server.post(&uri, &[("cookie", &browser)], &form).await;
    assert_eq!((back.status().as_u16(), location(&back).as_str()), (303, "/orders?page=2&x=%2F"));
    let browser = cookie(&back).unwrap();
    assert_eq!(required(&server.auth, "/orders", &[("cookie", &browser)]).await.unwrap(), "israel");
    // A path that a browser could take for another origin leads to the account page.
    let away = required(&server.auth, "//evil.example/x", &[]).await.unwrap_err();
    assert!(!location(&away).contains("evil"), "{}", location(&away));
}

#[tokio::test]
async fn a_script_is_told_and_not_redirected() {
    let server = server().await;
    for mode in ["cors", "same-origin", "no-cors"] {
        let refused = required(&server.auth, "/orders", &[("sec-fetch-mode", mode)]).await.unwrap_err();
        let (status, json) = answer(refused);
        assert_eq!((status, json["error"].as_str()), (403, Some("login_required")), "{mode}");
    }
    let away = required(&server.auth, "/orders", &[("sec-fetch-mode", "navigate")]).await.unwrap_err();
    assert_eq!(away.status(), 303);
}

/// A user must not be taken for a stranger because a database is down.
#[tokio::test]
async fn a_store_that_cannot_be_reached_is_503() {
    let store = Failing::new(MemoryStore::new());
    let server = server_with(|builder| builder.store(Store::new(store.clone()))).await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    let cookies = [("cookie", browser.cookie.as_str())];
    store.take_down();
    let refused = required(&server.auth, "/orders", &cookies).await.unwrap_err();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(server.auth.signed_in(&asked("/", &cookies)).await.unwrap_err().status(), 503);
    // Without a cookie there is nothing to look up.
    assert_eq!(server.auth.signed_in(&asked("/", &[])).await.unwrap(), None);
}

#[tokio::test]
async fn behind_a_proxy_that_strips_the_path_the_way_back_has_it() {
    let builder =
        GridAuth::builder("https://example.com/id").store(Store::memory()).grant(AuthorizationCode::new());
    let auth = builder.behind_stripping_proxy(true).build().await.unwrap();
    let away = required(&auth, "/orders", &[]).await.unwrap_err();
    assert_eq!(location(&away), "/id/oauth/account?return_to=%2Fid%2Forders");
}

#[tokio::test]
async fn without_a_page_to_sign_in_on_there_is_no_guard() {
    let builder = || GridAuth::builder(ISSUER).store(Store::memory());
    assert!(builder().grant(AuthorizationCode::new()).build().await.unwrap().has_sign_in_page());
    assert!(!builder().grant(ClientCredentials::new()).build().await.unwrap().has_sign_in_page());
    assert!(builder().own_session(Site).build().await.unwrap().has_sign_in_page());
}

/// An application's own session: the cookie says the name.
struct Site;

#[gridauth::async_trait]
impl OwnSession for Site {
    async fn authentication(
        &self,
        request: &http::request::Parts,
    ) -> Result<Option<Authentication>, UsersError> {
        let cookie = request.headers.get("cookie").and_then(|cookie| cookie.to_str().ok());
        let name = cookie.and_then(|cookie| cookie.strip_prefix("site="));
        Ok(name.map(|name| Authentication::new(User::new(name))))
    }

    fn sign_in_uri(&self, wanted: &WantedSignIn<'_>) -> String {
        assert!(wanted.client.is_none());
        format!("/login?to={}", wanted.return_to)
    }
}

#[tokio::test]
async fn an_own_session_is_asked() {
    let auth =
        GridAuth::builder(ISSUER).store(Store::memory()).grant(AuthorizationCode::new()).own_session(Site);
    let auth = auth.build().await.unwrap();
    assert_eq!(required(&auth, "/orders", &[("cookie", "site=shira")]).await.unwrap(), "shira");
    assert_eq!(location(&required(&auth, "/orders", &[]).await.unwrap_err()), "/login?to=/orders");
    // The account page of the server too.
    let get = |cookie: &str| {
        http::Request::get("/oauth/account").header("cookie", cookie).body(Bytes::new()).unwrap()
    };
    assert_eq!(location(&auth.handle(get("")).await), "/login?to=/oauth/account");
    let page = auth.handle(get("site=shira")).await;
    assert!(page.status() == 200 && text(&page).contains("shira"), "{}", text(&page));
    // The application signs out, and knows the browsers.
    assert!(!text(&page).contains("value=\"sign_out\"") && !text(&page).contains("Where you are signed in"));
}
