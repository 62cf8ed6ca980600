//! Tokens for an application's tests, issued without a client, a password or a request.

use std::error::Error;

use axum::{Router, routing::get};
use gridauth::{GridAuth, Store};
use gridauth_tower::{Access, GridAuthExt};

gridauth::scopes! { NotesRead = "notes.read"; }

async fn notes(access: Access<NotesRead>) -> String {
    format!("the notes of {}", access.subject())
}

fn app(auth: GridAuth) -> Router {
    Router::new().route("/notes", get(notes)).merge(auth.routes()).with_state(auth)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let auth = GridAuth::builder("http://127.0.0.1:8080").store(Store::memory()).build().await?;
    Ok(gridauth_small::serve(app(auth)).await?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::{body::Body, http::Request, http::StatusCode};
    use gridauth::MintRequest;
    use gridauth::env::{ManualClock, Timestamp};
    use tower::ServiceExt;

    use super::*;

    /// A server whose clock stands still until a test moves it.
    async fn server() -> (GridAuth, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(0)));
        let auth =
            GridAuth::builder("http://127.0.0.1:8080").store(Store::memory()).clock(Arc::clone(&clock));
        (auth.build().await.unwrap(), clock)
    }

    async fn get_notes(auth: &GridAuth, token: &str) -> StatusCode {
        let request = Request::get("/notes").header("authorization", format!("Bearer {token}"));
        app(auth.clone()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_token_with_the_scope_is_accepted() {
        let (auth, _) = server().await;
        let token = auth.mint(MintRequest::for_user("israel").scope("notes.read")).await.unwrap();
        assert_eq!(get_notes(&auth, token.access_token.expose()).await, StatusCode::OK);
    }

    #[tokio::test]
    async fn other_tokens_are_rejected() {
        let (auth, _) = server().await;
        let token = auth.mint(MintRequest::for_user("israel").scope("notes.write")).await.unwrap();
        assert_eq!(get_notes(&auth, token.access_token.expose()).await, StatusCode::FORBIDDEN);
        assert_eq!(get_notes(&auth, "nonsense").await, StatusCode::UNAUTHORIZED);
    }

    #[tokio::test]
    async fn the_token_expires_after_an_hour() {
        let (auth, clock) = server().await;
        let token = auth.mint(MintRequest::for_user("israel").scope("notes.read")).await.unwrap();
        clock.advance(Duration::from_secs(3600));
        assert_eq!(get_notes(&auth, token.access_token.expose()).await, StatusCode::UNAUTHORIZED);
    }
}
