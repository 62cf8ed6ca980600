//! The routes: open ones, guarded ones, and the authorization server.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRef, FromRequest, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::StreamExt;
use gridauth::GridAuth;
use gridauth_demo::{App, MAX_NOTE_BODY, NotesRead, NotesWrite, TICKS_HEADERS, run};
use gridauth_tower::{Access, GridAuthExt, GuardExt, WholeRequest};
use tokio::time::timeout;

/// The router's state. `FromRef` lets `Access` find the server in it.
#[derive(Clone, FromRef)]
pub(crate) struct AppState {
    auth: GridAuth,
    demo: App,
}

pub(crate) fn router(demo: App) -> Router {
    let auth = demo.auth().clone();
    // A group of routes behind one guard: any valid token.
    let signed_in = Router::new()
        .route("/private", get(private))
        .route("/whoami", get(who_am_i))
        .route_layer(auth.require(""));
    // Only for a user who signed in a short while ago.
    let recent = auth.require("").max_age(demo.step_up_max_age());
    let stepped_up = Router::new().route("/vault", get(vault)).route_layer(recent);
    // The notes are a resource of their own: their guard takes tokens for them, and for the whole application.
    let notes = get(list_notes).post(add_note).route_layer(demo.notes_guard().require(""));
    Router::new()
        .route("/", get(home).post(sign_in))
        .route("/sign_up", post(sign_up))
        .route("/notes", notes)
        .route("/ticks", get(ticks))
        .layer(DefaultBodyLimit::max(MAX_NOTE_BODY))
        .route("/health", get(health))
        .merge(signed_in)
        .merge(stepped_up)
        // The endpoints of the authorization server.
        .merge(auth.routes())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(AppState { auth, demo })
}

async fn home(State(demo): State<App>) -> Response {
    respond(demo.home())
}

async fn sign_in(State(demo): State<App>, WholeRequest(request): WholeRequest) -> Response {
    respond(demo.sign_in(request).await)
}

async fn sign_up(State(demo): State<App>, WholeRequest(request): WholeRequest) -> Response {
    respond(demo.sign_up(request).await)
}

async fn private(State(demo): State<App>) -> Response {
    respond(demo.private())
}

async fn vault(State(demo): State<App>) -> Response {
    respond(demo.vault())
}

/// The guard of the group has validated the token; this handler takes the result.
async fn who_am_i(State(demo): State<App>, access: Access) -> Response {
    respond(demo.who_am_i(&access))
}

/// Guarded by its argument: a token with the scope `notes.read`.
async fn list_notes(State(demo): State<App>, access: Access<NotesRead>) -> Response {
    respond(demo.list_notes(&access).await)
}

async fn add_note(State(demo): State<App>, access: Access<NotesWrite>, request: Request) -> Response {
    let content_type = request.headers().get(CONTENT_TYPE).cloned();
    respond(match timeout(run::BODY_TIMEOUT, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => {
            let content_type = content_type.as_ref().map(|value| value.as_bytes());
            demo.add_note(&access, content_type, &body).await
        }
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => demo.note_too_long(),
        Ok(Err(_)) => demo.note_broken(),
        Err(_) => demo.note_too_slow(),
    })
}

/// Stays open as long as the access lasts.
async fn ticks(State(demo): State<App>, access: Access<NotesRead>) -> impl IntoResponse {
    (TICKS_HEADERS, Body::from_stream(demo.ticks(&access).map(Ok::<_, Infallible>)))
}

async fn health(State(demo): State<App>) -> Response {
    respond(demo.health().await)
}

async fn not_found(State(demo): State<App>) -> Response {
    respond(demo.not_found())
}

async fn method_not_allowed(State(demo): State<App>, uri: Uri) -> Response {
    respond(demo.method_not_allowed(uri.path()))
}

fn respond(response: gridauth::Response) -> Response {
    response.map(Body::from)
}
