//! The servers that are measured, each as its own process.
//!
//! All of them have the same handler at `/open` and, behind their guard, at `/guarded`. All have a confidential client `web`
//! with the scope `notes.read`, whose secret is stored as a SHA-256 digest. If a framework searches its routes one by one,
//! `/open` comes first, so that routing does not count against it.

mod actix;
mod gridauth;
mod oauth_as;
mod oxide_auth;
mod rocket;

use axum::Router;
use base64::Engine;
use tokio::net::TcpListener;

use crate::{Result, process};

/// A router, and the `Authorization` header of its client.
struct Ready {
    router: Router,
    authorization: String,
}

/// The response body of every handler.
const BODY: &str = "This is a private page only viewable if you're logged in.\n";

async fn page() -> &'static str {
    BODY
}

/// Serves until the process is stopped. Prints the address and the `Authorization` header of the client.
pub(crate) fn main(what: &str, on: &str, core: Option<usize>) -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(core) = core {
        process::pin(core)?;
        runtime.worker_threads(1);
    }
    // actix-web brings its own runtime.
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
