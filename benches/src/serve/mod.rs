//! The servers that are measured, each in a process of its own.
//!
//! All have the same handler at `/open` and, behind their guard, at `/guarded`; and a confidential client `web` that is
//! known by the SHA-256 digest of its secret, with the scope `notes.read`. Where a framework looks through its routes one by
//! one, `/open` comes first: none of the difference is the way to it.

mod actix;
mod gridauth;
mod oauth_as;
mod oxide_auth;
mod rocket;

use axum::Router;
use base64::Engine;
use tokio::net::TcpListener;

use crate::{Result, process};

/// A router, and what its client sends as `Authorization`.
struct Ready {
    router: Router,
    authorization: String,
}

/// What every handler answers.
const BODY: &str = "This is a private page only viewable if you're logged in.\n";

async fn page() -> &'static str {
    BODY
}

/// Serves until it is ended. Says where, and what the client's `Authorization` is.
pub(crate) fn main(what: &str, on: &str, core: Option<usize>) -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(core) = core {
        process::pin(core)?;
        runtime.worker_threads(1);
    }
    // actix-web has a runtime of its own.
    if what == "gridauth-actix" {
        return actix::serve(on, core.is_some());
    }
    runtime.enable_all().build()?.block_on(async {
        if what == "gridauth-rocket" {
            return rocket::serve(on).await;
        }
        let Ready { router, authorization } = match what {
            "gridauth" => gridauth::ready(on).await?,
            "oauth-as" => oauth_as::ready().await?,
            "oxide-auth" => oxide_auth::ready()?,
            _ => return Err("there is no such server".into()),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on http://{} {authorization}", listener.local_addr()?);
        axum::serve(listener, router).await?;
        Ok(())
    })
}

fn basic(secret: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("web:{secret}")))
}
