//! `SignedIn` and `sign_in_required` on actix-web.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use gridauth::token::Secret;
use gridauth_actix::{GridAuthExt, OptionalSignedIn, SignedIn};
use support::{Answer, ask, auth};

async fn name(signed_in: SignedIn) -> String {
    format!("{} {}", signed_in.user().subject(), signed_in.user().username())
}

async fn perhaps(OptionalSignedIn(signed_in): OptionalSignedIn) -> String {
    signed_in.map_or("nobody".to_owned(), |signed_in| signed_in.user().username().to_owned())
}

fn cookies(answer: &Answer) -> String {
    let set = answer.headers.get_all("set-cookie");
    set.map(|set| set.to_str().unwrap().split(';').next().unwrap().to_owned()).collect::<Vec<_>>().join("; ")
}

fn get(path: &str, cookie: &str) -> TestRequest {
    TestRequest::get().uri(path).insert_header(("cookie", cookie))
}

fn post(path: &str, cookie: &str, form: String) -> TestRequest {
    let request = TestRequest::post().uri(path).insert_header(("cookie", cookie));
    request.insert_header(("content-type", "application/x-www-form-urlencoded")).set_payload(form)
}

#[actix_web::test]
async fn a_stranger_is_sent_to_sign_in_and_comes_back_to_the_page() {
    let auth = auth().await;
    auth.put_user("israel", &Secret::from("imru"), "42", Default::default()).await.unwrap();
    let pages = web::scope("/my")
        .wrap(auth.sign_in_required())
        .route("/settings", web::get().to(name))
        .route("/change", web::post().to(async || "changed"));
    let app = App::new()
        .configure(auth.configure())
        .service(pages)
        .route("/one", web::get().to(name))
        .route("/", web::get().to(perhaps));
    let app = init_service(app).await;
    for (path, encoded) in [("/my/settings?x=1", "%2Fmy%2Fsettings%3Fx%3D1"), ("/one", "%2Fone")] {
        let away = ask(&app, get(path, "")).await;
        assert_eq!(away.status, 303, "{path}");
        assert_eq!(away.header("location"), format!("/oauth/account?return_to={encoded}"));
    }
    assert_eq!(ask(&app, post("/my/change", "", String::new())).await.status, 303, "the handler did not run");
    assert_eq!(ask(&app, get("/", "")).await.body, "nobody");

    let sign_in = "/oauth/account?return_to=%2Fmy%2Fsettings";
    let page = ask(&app, get(sign_in, "")).await;
    let csrf = page.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("csrf={csrf}&username=israel&password=imru");
    let back = ask(&app, post(sign_in, &cookies(&page), form)).await;
    assert_eq!((back.status, back.header("location")), (303, "/my/settings"));
    let cookie = cookies(&back);
    for (path, answer) in [("/my/settings", "42 israel"), ("/one", "42 israel"), ("/", "israel")] {
        let page = ask(&app, get(path, &cookie)).await;
        assert_eq!((page.status, page.body.as_str()), (200, answer), "{path}");
    }
    assert_eq!(ask(&app, post("/my/change", &cookie, String::new())).await.body, "changed");
    auth.end_sessions("42").await.unwrap();
    assert_eq!(ask(&app, get("/my/settings", &cookie)).await.status, 303);
}
