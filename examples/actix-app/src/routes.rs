//! The routes: open ones, guarded ones, and the authorization server.

use std::convert::Infallible;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::rt::time::timeout;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource, Route, guard};
use futures_util::StreamExt;
use gridauth_actix::{Access, Answer, GridAuthExt, WholeRequest};
use gridauth_demo::{App, MAX_NOTE_BODY, NotesRead, NotesWrite, TICKS_HEADERS, run};

pub(crate) fn routes(demo: App) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        let auth = demo.auth().clone();
        config
            .service(resource("/").route(get().to(home)).route(web::post().to(sign_in)))
            .service(resource("/sign_up").route(web::post().to(sign_up)))
            // Guarded by the arguments of their handlers, each with its scope. The notes are a resource of their own: their guard takes
            // tokens for them, and for the whole application.
            .service(
                resource("/notes")
                    .app_data(demo.notes_guard().clone())
                    .route(get().to(list_notes))
                    .route(web::post().to(add_note)),
            )
            .service(resource("/ticks").route(get().to(ticks)))
            // Guarded by the middleware around them: any valid token.
            .service(resource("/private").route(get().to(private).wrap(auth.require(""))))
            .service(resource("/whoami").route(get().to(who_am_i).wrap(auth.require(""))))
            // Only for a user who signed in a short while ago.
            .service(
                resource("/vault")
                    .route(get().to(vault).wrap(auth.require("").max_age(demo.step_up_max_age()))),
            )
            .service(resource("/health").route(get().to(health)))
            // The endpoints of the authorization server.
            .configure(auth.configure())
            .default_service(web::to(not_found))
            .app_data(Data::new(demo));
    }
}

/// A resource that answers other methods with 405 and `Allow`. It compares the path as sent, so that the demo's paths
/// have one spelling on every framework; actix-web by itself accepts `/%70rivate` for `/private`.
fn resource(path: &'static str) -> Resource {
    let path_as_sent = guard::fn_guard(move |request| request.head().uri.path() == path);
    web::resource(path).guard(path_as_sent).default_service(web::to(method_not_allowed))
}

/// A route for GET and HEAD.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

async fn home(demo: Data<App>) -> Answer {
    Answer(demo.home())
}

async fn sign_in(demo: Data<App>, request: WholeRequest) -> Answer {
    Answer(demo.sign_in(request.0).await)
}

async fn sign_up(demo: Data<App>, request: WholeRequest) -> Answer {
    Answer(demo.sign_up(request.0).await)
}

async fn private(demo: Data<App>) -> Answer {
    Answer(demo.private())
}

async fn vault(demo: Data<App>) -> Answer {
    Answer(demo.vault())
}

/// The guard around the route has validated the token; this handler takes the result.
async fn who_am_i(demo: Data<App>, access: Access) -> Answer {
    Answer(demo.who_am_i(&access))
}

async fn list_notes(demo: Data<App>, access: Access<NotesRead>) -> Answer {
    Answer(demo.list_notes(&access).await)
}

/// The handler reads the body, so that the body of a request without access is never read.
async fn add_note(
    demo: Data<App>,
    access: Access<NotesWrite>,
    request: HttpRequest,
    body: web::Payload,
) -> Answer {
    Answer(match timeout(run::BODY_TIMEOUT, body.to_bytes_limited(MAX_NOTE_BODY)).await {
        Ok(Ok(Ok(body))) => {
            let content_type = request.headers().get(CONTENT_TYPE).map(|value| value.as_bytes());
            demo.add_note(&access, content_type, &body).await
        }
        Ok(Ok(Err(_))) => demo.note_broken(),
        Ok(Err(_)) => demo.note_too_long(),
        Err(_) => demo.note_too_slow(),
    })
}

/// Stays open as long as the access lasts.
async fn ticks(demo: Data<App>, access: Access<NotesRead>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    for header in TICKS_HEADERS {
        response.insert_header(header);
    }
    response.streaming(demo.ticks(&access).map(Ok::<_, Infallible>))
}

async fn health(demo: Data<App>) -> Answer {
    Answer(demo.health().await)
}

async fn not_found(demo: Data<App>) -> Answer {
    Answer(demo.not_found())
}

async fn method_not_allowed(demo: Data<App>, request: HttpRequest) -> Answer {
    Answer(demo.method_not_allowed(request.path()))
}
