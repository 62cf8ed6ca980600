//! Guards together with the catchers and fairings of an application.

mod support;

use gridauth::store::memory::MemoryStore;
use gridauth::{GridAuth, Store};
use gridauth_rocket::{Access, AccessRejection, GridAuthExt, rejection};
use gridauth_test_stores::Failing;
use rocket::fairing::AdHoc;
use rocket::http::{Header, Status};
use rocket::local::asynchronous::LocalRequest;
use rocket::outcome::Outcome;
use rocket::request::{self, FromRequest};
use rocket::response::status::Custom;
use rocket::{Build, Request, Rocket, catch, catchers, get, routes};
use support::{Answer, ask, auth, auth_with, bearing, launch, quiet, token};

gridauth::scopes! { NotesRead = "notes.read" }

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

const CHALLENGE: &str = "Bearer realm=\"https://id.example.com\", resource_metadata=\"https://id.example.com/.well-known/oauth-protected-resource\"";

/// Rocket #596: a catcher knew the status but not the guard's error, so it could not say what was wrong.
#[rocket::async_test]
async fn a_catcher_of_the_application_can_read_the_rejection_and_the_challenge_is_added() {
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
async fn a_default_catcher_still_handles_errors_that_are_not_a_guards() {
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
async fn a_catcher_for_a_path_is_used_there() {
    let auth = auth().await;
    let rocket = rocket(&auth).mount("/api", routes![guarded]).register("/api", catchers![own_401]);
    let client = launch(rocket).await;
    let answer = ask(client.get("/api/guarded")).await;
    assert_eq!((answer.body.as_str(), answer.header("www-authenticate")), ("own page: None", CHALLENGE));
    assert_eq!(ask(client.get("/guarded")).await.json()["error"], "invalid_token");
}

#[rocket::async_test]
async fn without_own_catchers_those_of_rocket_are_used() {
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

/// Handlers that decide for themselves what to do without an access.
mod deciding {
    use super::*;

    #[get("/option/status")]
    pub(super) fn option_status(access: Option<Access<NotesRead>>, wanted: Wanted) -> Result<(), Status> {
        access.map(drop).ok_or(wanted.0)
    }

    #[get("/result/status")]
    pub(super) fn result_status(
        access: Result<Access<NotesRead>, AccessRejection>,
        wanted: Wanted,
    ) -> Result<(), Status> {
        access.map(drop).map_err(|_| wanted.0)
    }

    #[get("/option/body")]
    pub(super) fn option_body(access: Option<Access<NotesRead>>, wanted: Wanted) -> Custom<&'static str> {
        Custom(access.map_or(wanted.0, |_| Status::Ok), "the handler's own")
    }

    /// The status that the request asks the handler for.
    pub(super) struct Wanted(Status);

    #[rocket::async_trait]
    impl<'r> FromRequest<'r> for Wanted {
        type Error = ();

        async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ()> {
            let wanted = request.headers().get_one("wanted").and_then(|code| code.parse().ok());
            wanted.map_or(Outcome::Error((Status::ImATeapot, ())), |code| {
                Outcome::Success(Self(Status::new(code)))
            })
        }
    }
}

/// A rejection shapes the response only if the guard rejected the request. A handler that takes an `Option` or a `Result`
/// responds for itself, even with a status that the guard would have used.
#[rocket::async_test]
async fn a_handler_that_ran_without_an_access_responds_for_itself() {
    async fn wanting(request: LocalRequest<'_>, status: u16) -> Answer {
        ask(request.header(Header::new("wanted", status.to_string()))).await
    }

    let store = Failing::new(MemoryStore::new());
    let auth = auth_with(|builder| builder.store(Store::new(store.clone()))).await;
    let poor = token(&auth, "notes.write").await;
    let routes = routes![deciding::option_status, deciding::result_status, deciding::option_body];
    let plain = launch(rocket(&auth).mount("/", routes.clone())).await;
    let default =
        launch(rocket(&auth).mount("/", routes.clone()).register("/", catchers![own_default])).await;
    let own = launch(rocket(&auth).mount("/", routes).register("/", catchers![own_401])).await;
    let is_unmarked = |answer: &Answer, what: &str| {
        for name in ["www-authenticate", "cache-control", "pragma", "retry-after"] {
            assert_eq!(answer.header(name), "", "{what}: {name}");
        }
    };
    for (status, is_down) in [(401, false), (403, false), (400, false), (503, true)] {
        if is_down {
            store.take_down();
        }
        for client in [&plain, &default, &own] {
            // The guard would respond to this request with `status`, and so does the handler.
            let request = |path: &'static str| match status {
                401 => client.get(path),
                400 => bearing(bearing(client.get(path), "x"), "y"),
                _ => bearing(client.get(path), &poor),
            };
            for path in ["/option/status", "/result/status", "/option/body"] {
                let what = format!("{status} {path}");
                let answer = wanting(request(path), status).await;
                assert_eq!(answer.status, status, "{what}");
                is_unmarked(&answer, &what);
                assert!(!answer.body.contains("access token"), "{what}: {}", answer.body);
                if path == "/option/body" {
                    assert_eq!(answer.body, "the handler's own", "{what}");
                }
            }
        }
        let answer = wanting(default.get("/option/status"), status).await;
        assert_eq!(answer.body, format!("own default {status}"));
    }
    let answer = wanting(own.get("/option/status"), 401).await;
    assert_eq!(answer.body, "own page", "no rejection led to this catcher, so it reads none");
}

/// A guard of the application that is built on `Access` rejects as `Access` does.
struct Editor;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Editor {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ()> {
        request.guard::<Access<NotesRead>>().await.map(|_| Self).map_error(|(status, _)| (status, ()))
    }
}

#[get("/edited")]
fn edited(_editor: Editor) {}

#[rocket::async_test]
async fn a_guard_built_on_access_rejects_alike() {
    let auth = auth().await;
    let client = launch(rocket(&auth).mount("/", routes![edited])).await;
    let answer = ask(client.get("/edited")).await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, CHALLENGE));
    let answer = ask(bearing(client.get("/edited"), &token(&auth, "notes.write").await)).await;
    assert_eq!((answer.status, &answer.json()["scope"]), (403, &"notes.read".into()));
    assert_eq!(ask(bearing(client.get("/edited"), &token(&auth, "notes.read").await)).await.status, 200);
}
