//! What somebody can do who has stolen the cookies of a browser, for instance from a backup or a proxy's log.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gridauth::keys::ServerSecret;
use gridauth::{GridAuth, Store};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::provider::*;
use crate::support::*;

/// The value of a cookie in a `Cookie` header.
fn value<'a>(cookies: &'a str, name: &str) -> &'a str {
    let mut pairs = cookies.split("; ").filter_map(|pair| pair.split_once('='));
    pairs.find(|(own, _)| *own == name).map(|(_, value)| value).unwrap()
}

/// A token for a form, made of nothing but the cookies and what is public.
fn forged(cookies: &str, purpose: &str, request: &str) -> String {
    let session = value(cookies, "__Host-gridauth");
    let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(format!("q{session}")));
    let key = value(cookies, "__Host-gridauth-form");
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{proof} {purpose}\0{request}").as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// A client that asks for `prompt=login` wants to know that the person is there, and not only their cookie.
#[tokio::test]
async fn cookies_alone_do_not_pass_a_wanted_sign_in() {
    let server = provider().await;
    put_web(&server, |web| web.first_party(false)).await;
    let browser = server.sign_in(&request("code", &[])).await;
    browser.allow(&server).await;
    let asking = request("code", &[("prompt", "login")]);
    let carried = asking.split_once('?').unwrap().1;
    let purpose = "consent 6 israel openid notes.read";
    let csrf = forged(&browser.cookie, purpose, carried);
    let form = [("csrf", csrf.as_str()), ("authorization_request", carried), ("decision", "allow")];
    let answered = server.post("/oauth/authorize", &[("cookie", &browser.cookie)], &form).await;
    assert_eq!(answered.status(), 200, "a code was issued to {}", location(&answered));
    assert!(text(&answered).contains("name=\"password\""), "{}", text(&answered));
}

async fn on(store: &Store, secret: Option<u8>, previous: Option<u8>) -> GridAuth {
    let mut builder =
        GridAuth::builder(ISSUER).store(store.clone()).grant(gridauth::grant::AuthorizationCode::new());
    let secret_of = |byte| ServerSecret::from_bytes([byte; 32]).unwrap();
    if let Some(byte) = secret {
        builder = builder.secret(secret_of(byte));
    }
    if let Some(byte) = previous {
        builder = builder.previous_secret(secret_of(byte));
    }
    let auth = builder.build().await.unwrap();
    let web = auth.confidential_client("web", "web-secret").await.unwrap();
    auth.put_client_unchecked(web.redirect_uri(REDIRECT).scope("notes.read").build().unwrap()).await.unwrap();
    auth
}

async fn get(auth: &GridAuth, cookie: &str) -> gridauth::Response {
    let request = http::Request::get(authorize_uri(&[])).header("cookie", cookie);
    auth.handle(request.body(Default::default()).unwrap()).await
}

/// Whether this server accepts the token of the page as that of one of its forms: then it misses the username.
async fn accepts(auth: &GridAuth, page: &gridauth::Response, cookie: &str) -> bool {
    let form =
        [("csrf", hidden(page, "csrf")), ("authorization_request", hidden(page, "authorization_request"))];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = http::Request::post("/oauth/authorize")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookie);
    auth.handle(request.body(body.into()).unwrap()).await.status() == 400
}

#[tokio::test]
async fn forms_are_bound_to_the_secret_of_the_server() {
    let cookie = format!("__Host-gridauth-form={}", URL_SAFE_NO_PAD.encode([7; 32]));
    for secret in [None, Some(1)] {
        let (store, foreign) = (Store::memory(), Store::memory());
        let (one, other) = (on(&store, secret, None).await, on(&store, secret, None).await);
        let page = get(&one, &cookie).await;
        // All processes of a store know the forms of each other.
        assert!(accepts(&other, &page, &cookie).await);
        // A server with another secret does not, nor does the store alone if the application has a secret.
        let stranger = on(&foreign, secret.map(|byte| byte + 1), None).await;
        assert!(!accepts(&stranger, &page, &cookie).await);
        assert_ne!(hidden(&get(&stranger, &cookie).await, "csrf"), hidden(&page, "csrf"));
    }
}

/// Whoever has a page open while the secret changes can still send its form.
#[tokio::test]
async fn a_form_outlives_a_change_of_the_secret() {
    let cookie = format!("__Host-gridauth-form={}", URL_SAFE_NO_PAD.encode([7; 32]));
    let store = Store::memory();
    let page = get(&on(&store, Some(1), None).await, &cookie).await;
    assert!(accepts(&on(&store, Some(2), Some(1)).await, &page, &cookie).await);
    assert!(!accepts(&on(&store, Some(3), Some(2)).await, &page, &cookie).await);
}
