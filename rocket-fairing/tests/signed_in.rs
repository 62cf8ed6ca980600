//! `SignedIn` and `sign_in_required` on Rocket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use gridauth::grant::AuthorizationCode;
use gridauth::identity::HashingSettings;
use gridauth::token::Secret;
use gridauth::{GridAuth, Store};
use gridauth_rocket::{GridAuthExt, OptionalSignedIn, SignedIn};
use rocket::http::{ContentType, Header, Status};
use rocket::local::asynchronous::{Client, LocalRequest, LocalResponse};
use rocket::{get, post, routes};

#[get("/settings")]
fn settings(signed_in: SignedIn) -> String {
    format!("{} {}", signed_in.user().subject(), signed_in.user().username())
}

#[post("/change")]
fn change() -> &'static str {
    "changed"
}

#[get("/")]
fn home(signed_in: OptionalSignedIn) -> String {
    let OptionalSignedIn(signed_in) = signed_in;
    signed_in.map_or("nobody".to_owned(), |signed_in| signed_in.user().username().to_owned())
}

async fn server() -> GridAuth {
    let auth =
        GridAuth::builder("https://id.example.com").store(Store::memory()).grant(AuthorizationCode::new());
    let auth = auth.hashing(HashingSettings::default().memory_kib(8).passes(1)).build().await.unwrap();
    auth.put_user("israel", &Secret::from("imru"), "42", Default::default()).await.unwrap();
    auth
}

async fn send<'c>(request: LocalRequest<'c>, cookie: &str) -> LocalResponse<'c> {
    request.header(Header::new("cookie", cookie.to_owned())).dispatch().await
}

fn cookies(response: &LocalResponse<'_>) -> String {
    let set = response.headers().get("set-cookie");
    set.map(|set| set.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
}

fn location(response: &LocalResponse<'_>) -> String {
    response.headers().get_one("location").unwrap_or_default().to_owned()
}

#[rocket::async_test]
async fn a_stranger_is_sent_to_sign_in_and_comes_back_to_the_page() {
    let auth = server().await;
    let app = rocket::build()
        .attach(auth.fairing())
        .mount("/my", auth.sign_in_required(routes![settings, change]))
        .mount("/", routes![settings, home]);
    // The client must not keep cookies by itself.
    let client = Client::untracked(app).await.unwrap();
    for (path, encoded) in [("/my/settings?x=1", "%2Fmy%2Fsettings%3Fx%3D1"), ("/settings", "%2Fsettings")] {
        let away = send(client.get(path), "").await;
        assert_eq!(away.status(), Status::SeeOther, "{path}");
        assert_eq!(location(&away), format!("/oauth/account?return_to={encoded}"));
    }
    assert_eq!(
        send(client.post("/my/change"), "").await.status(),
        Status::SeeOther,
        "the handler did not run"
    );
    assert_eq!(send(client.get("/"), "").await.into_string().await.unwrap(), "nobody");

    let sign_in = "/oauth/account?return_to=%2Fmy%2Fsettings";
    let page = send(client.get(sign_in), "").await;
    let (form_cookie, page) = (cookies(&page), page.into_string().await.unwrap());
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("csrf={csrf}&username=israel&password=imru");
    let back = send(client.post(sign_in).header(ContentType::Form).body(form), &form_cookie).await;
    assert_eq!((back.status(), location(&back).as_str()), (Status::SeeOther, "/my/settings"));
    let cookie = cookies(&back);
    for (path, answer) in [("/my/settings", "42 israel"), ("/settings", "42 israel"), ("/", "israel")] {
        let page = send(client.get(path), &cookie).await;
        assert_eq!(page.status(), Status::Ok, "{path}");
        assert_eq!(page.into_string().await.unwrap(), answer, "{path}");
    }
    assert_eq!(send(client.post("/my/change"), &cookie).await.into_string().await.unwrap(), "changed");
    auth.end_sessions("42").await.unwrap();
    assert_eq!(send(client.get("/my/settings"), &cookie).await.status(), Status::SeeOther);
}

#[rocket::async_test]
async fn without_the_fairing_the_application_does_not_start() {
    let error = rocket::build().mount("/", routes![settings]).ignite().await.unwrap_err();
    assert!(matches!(error.kind(), rocket::error::ErrorKind::SentinelAborts(_)));
}
