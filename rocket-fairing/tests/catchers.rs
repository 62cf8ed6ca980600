//! Guards beside the catchers and fairings of an application (Rocket #749, #596, #756).

mod support;

use gridauth::GridAuth;
use gridauth_rocket::{Access, GridAuthExt, rejection};
use rocket::fairing::AdHoc;
use rocket::http::{Header, Status};
use rocket::{Build, Request, Rocket, catch, catchers, get, routes};
use support::{ask, auth, bearing, launch, quiet};

#[get("/guarded")]
fn guarded(_access: Access) {}

#[get("/teapot")]
fn teapot() -> Status {
    Status::ImATeapot
}

#[get("/unauthorized")]
fn unauthorized() -> Status {
    Status::Unauthorized
}

#[catch(401)]
fn own_401(request: &Request<'_>) -> String {
    match rejection(request) {
        Some(rejection) => format!("own page: {:?}", rejection.error()),
        None => "own page".to_owned(),
    }
}

#[catch(default)]
fn own_default(status: Status, _request: &Request<'_>) -> String {
    format!("own default {}", status.code)
}

fn rocket(auth: &GridAuth) -> Rocket<Build> {
    quiet().attach(auth.fairing()).mount("/", routes![guarded, teapot, unauthorized])
}

const CHALLENGE: &str = "Bearer realm=\"https://id.example.com\"";

#[rocket::async_test]
async fn a_catcher_of_the_application_writes_the_body_and_the_challenge_is_added() {
    let auth = auth().await;
    for rocket in [
        rocket(&auth).register("/", catchers![own_401]),
        quiet()
            .register("/", catchers![own_401])
            .attach(auth.fairing())
            .mount("/", routes![guarded, unauthorized]),
    ] {
        let client = launch(rocket).await;
        let answer = ask(client.get("/guarded")).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, "own page: None"));
        assert_eq!(answer.header("www-authenticate"), CHALLENGE);
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        let answer = ask(bearing(client.get("/guarded"), "x")).await;
        assert_eq!(answer.body, "own page: Some(InvalidToken)");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
        let answer = ask(client.get("/unauthorized")).await;
        assert_eq!((answer.body.as_str(), answer.header("www-authenticate")), ("own page", ""));
    }
}

#[rocket::async_test]
async fn a_default_catcher_keeps_what_is_not_a_guards() {
    let auth = auth().await;
    let client = launch(rocket(&auth).register("/", catchers![own_default])).await;
    let answer = ask(client.get("/guarded")).await;
    assert_eq!((answer.status, &answer.json()["error"]), (401, &"invalid_token".into()));
    for (path, body) in [
        ("/unauthorized", "own default 401"),
        ("/teapot", "own default 418"),
        ("/no/such", "own default 404"),
    ] {
        let answer = ask(client.get(path)).await;
        assert_eq!((answer.body.as_str(), answer.header("www-authenticate")), (body, ""), "{path}");
    }
}

#[rocket::async_test]
async fn a_catcher_below_a_path_answers_there() {
    let auth = auth().await;
    let rocket = rocket(&auth).mount("/api", routes![guarded]).register("/api", catchers![own_401]);
    let client = launch(rocket).await;
    let answer = ask(client.get("/api/guarded")).await;
    assert_eq!((answer.body.as_str(), answer.header("www-authenticate")), ("own page: None", CHALLENGE));
    assert_eq!(ask(client.get("/guarded")).await.json()["error"], "invalid_token");
}

#[rocket::async_test]
async fn without_catchers_of_its_own_rockets_answer() {
    let auth = auth().await;
    let client = launch(rocket(&auth)).await;
    let answer = ask(client.get("/unauthorized")).await;
    assert!(answer.status == 401 && answer.body.contains("requires user authentication"), "{}", answer.body);
}

#[rocket::async_test]
async fn response_fairings_see_rejections() {
    let auth = auth().await;
    let cors = |_: &Request<'_>, response: &mut rocket::Response<'_>| {
        response.set_header(Header::new("access-control-allow-origin", "*"));
    };
    for rocket in [
        rocket(&auth).attach(AdHoc::on_response("cors", move |request, response| {
            Box::pin(async move { cors(request, response) })
        })),
        quiet()
            .attach(AdHoc::on_response("cors", move |request, response| {
                Box::pin(async move { cors(request, response) })
            }))
            .attach(auth.fairing())
            .mount("/", routes![guarded]),
    ] {
        let answer = ask(launch(rocket).await.get("/guarded")).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("www-authenticate"), CHALLENGE);
    }
}
