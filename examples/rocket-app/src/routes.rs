//! The routes: open ones, guarded ones, and the authorization server.

use bytes::Bytes;
use futures_util::Stream;
use gridauth::guard::Requirement;
use gridauth_demo::{App, MAX_NOTE_BODY, NotesRead, NotesWrite, TICKS_HEADERS, run};
use gridauth_rocket::{Access, Answer, GridAuthExt, GuardExt, WholeRequest};
use rocket::data::ToByteUnit;
use rocket::fairing::AdHoc;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::response::stream::ByteStream;
use rocket::response::{self, Responder};
use rocket::tokio::time::timeout;
use rocket::{Data, Request, State, catch, catchers, get, post, routes};

pub(crate) fn stage(demo: App) -> AdHoc {
    AdHoc::on_ignite("demo", |rocket| async move {
        let auth = demo.auth().clone();
        rocket
            // The endpoints of the authorization server.
            .attach(auth.fairing())
            // Guarded by the arguments of their handlers, or not at all.
            .mount("/", routes![home, sign_in, sign_up, health, ticks])
            // The notes are a resource of their own: their guard takes tokens for them, and for the whole application.
            .mount("/", demo.notes_guard().require("", routes![list_notes, add_note]))
            // A group of routes behind one guard: any valid token.
            .mount("/", auth.require("", routes![private, who_am_i]))
            // Only for a user who signed in a short while ago.
            .mount("/", auth.require(Requirement::new("").max_age(demo.step_up_max_age()), routes![vault]))
            .register("/", catchers![otherwise])
            .manage(demo)
    })
}

#[get("/")]
fn home(demo: &State<App>) -> Answer {
    Answer(demo.home())
}

#[post("/", data = "<request>")]
async fn sign_in(demo: &State<App>, request: WholeRequest) -> Answer {
    Answer(demo.sign_in(request.0).await)
}

#[post("/sign_up", data = "<request>")]
async fn sign_up(demo: &State<App>, request: WholeRequest) -> Answer {
    Answer(demo.sign_up(request.0).await)
}

#[get("/private")]
fn private(demo: &State<App>) -> Answer {
    Answer(demo.private())
}

#[get("/vault")]
fn vault(demo: &State<App>) -> Answer {
    Answer(demo.vault())
}

/// The guard of the group has validated the token; this handler takes the result.
#[get("/whoami")]
fn who_am_i(demo: &State<App>, access: Access) -> Answer {
    Answer(demo.who_am_i(&access))
}

/// Guarded by its argument: a token with the scope `notes.read`.
#[get("/notes")]
async fn list_notes(demo: &State<App>, access: Access<NotesRead>) -> Answer {
    Answer(demo.list_notes(&access).await)
}

#[post("/notes", data = "<body>")]
async fn add_note(
    demo: &State<App>,
    access: Access<NotesWrite>,
    content_type: RawContentType<'_>,
    body: Data<'_>,
) -> Answer {
    Answer(match timeout(run::BODY_TIMEOUT, body.open(MAX_NOTE_BODY.bytes()).into_bytes()).await {
        Ok(Ok(body)) if body.is_complete() => demo.add_note(&access, content_type.0, &body).await,
        Ok(Ok(_)) => demo.note_too_long(),
        Ok(Err(_)) => demo.note_broken(),
        Err(_) => demo.note_too_slow(),
    })
}

/// Stays open as long as the access lasts.
#[get("/ticks")]
fn ticks(demo: &State<App>, access: Access<NotesRead>) -> Ticks<impl Stream<Item = Bytes> + Send + 'static> {
    Ticks(demo.ticks(&access))
}

#[get("/health")]
async fn health(demo: &State<App>) -> Answer {
    Answer(demo.health().await)
}

/// Rocket does not tell a path without the method from an unknown path. It also rejects unknown methods. This catcher
/// answers both.
#[catch(default)]
fn otherwise(status: Status, request: &Request<'_>) -> Result<Answer, Status> {
    let demo = request.rocket().state::<App>().ok_or(Status::InternalServerError)?;
    match status {
        Status::NotFound | Status::BadRequest => {
            Ok(Answer(demo.method_not_allowed(request.uri().path().as_str())))
        }
        other => Err(other),
    }
}

/// A response that is streamed.
struct Ticks<S>(S);

impl<'r, S: Stream<Item = Bytes> + Send + 'r> Responder<'r, 'r> for Ticks<S> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'r> {
        let mut response = ByteStream(self.0).respond_to(request)?;
        for (name, value) in TICKS_HEADERS {
            response.set_raw_header(name, value);
        }
        Ok(response)
    }
}

/// The `Content-Type` as it was sent.
struct RawContentType<'r>(Option<&'r [u8]>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for RawContentType<'r> {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        Outcome::Success(Self(request.headers().get_one("content-type").map(str::as_bytes)))
    }
}
