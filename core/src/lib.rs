//! OAuth 2 inside a Rust web application: the engine, without any web framework in it.
//!
//! A server is built from an issuer, a store and the grants that it is to have. It answers the requests of its endpoints, and
//! it guards handlers: bearer token in, [`Access`] out.
//!
//! ```
//! use gridauth::grant::ClientCredentials;
//! use gridauth::{GridAuth, Store};
//! use http::{Request, header};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let auth = GridAuth::builder("https://id.example.com")
//!     .store(Store::open("memory:").await?) // or "file:auth.db", or "griddb://USER:PASSWORD@HOST:PORT/CLUSTER"
//!     .grant(ClientCredentials::new())
//!     .build()
//!     .await?;
//! let robot = auth.confidential_client("robot", "robot-secret").await?;
//! auth.put_client(robot.grant_types(["client_credentials"]).scope("orders.read").build()?).await?;
//!
//! // The robot asks for a token. An adapter hands every request to one of `auth.paths()` to `handle`.
//! let request = Request::post("/oauth/token")
//!     .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
//!     .header(header::AUTHORIZATION, "Basic cm9ib3Q6cm9ib3Qtc2VjcmV0") // robot:robot-secret
//!     .body("grant_type=client_credentials".into())?;
//! let answer = auth.handle(request).await;
//! assert_eq!(answer.status(), 200);
//! let tokens: serde_json::Value = serde_json::from_slice(answer.body())?;
//! let token = tokens["access_token"].as_str().unwrap_or_default();
//!
//! // It comes back with the token. An adapter's guard does this before the handler runs.
//! let request = Request::get("/orders").header(header::AUTHORIZATION, format!("Bearer {token}")).body(())?;
//! let access = auth.authenticate(&request).await?;
//! access.require("orders.read")?;
//! assert_eq!(access.client(), "robot");
//!
//! // Whoever has no token is told so (RFC 6750 section 3).
//! let rejection = auth.authenticate(&Request::get("/orders").body(())?).await.unwrap_err();
//! assert_eq!(auth.reject(rejection).status(), 401);
//! # Ok(())
//! # }
//! ```
//!
//! In an application, the adapter of its framework mounts the endpoints and brings the guards: `gridauth-tower` for axum and
//! any tower service, `gridauth-actix`, `gridauth-rocket`.
//!
//! # Where to look
//!
//! | for | see |
//! | --- | --- |
//! | the server, and all that can be set about it | [`GridAuth::builder`], [`Builder`] |
//! | the ways to get a token | [`grant`]: [`AuthorizationCode`](grant::AuthorizationCode) with PKCE, [`RefreshToken`](grant::RefreshToken), [`ClientCredentials`](grant::ClientCredentials), [`Password`](grant::Password), [`Implicit`](grant::Implicit) |
//! | guarding handlers, scopes as types | [`Access`], [`scopes!`], [`guard`] |
//! | where everything is kept | [`Store::open`], [`store`]: memory, one file, GridDB |
//! | clients: registering them, their secrets | [`Client`], [`GridAuth::put_client`], [`client_auth`] |
//! | people: signing up and in, passwords, throttling | [`GridAuth::users`], [`identity`] |
//! | the sign-in and consent pages, and their looks | [`Builder::theme`], [`pages`] |
//! | taking back what was given | [`GridAuth::withdraw_consent`], [`GridAuth::revoke_user`], [`GridAuth::revoke_client`] |
//! | tests: a clock that is moved, tokens without HTTP | [`env::ManualClock`], [`GridAuth::mint`] |
//!
//! # Where it can be extended
//!
//! * a way of one's own to get a token: [`grant::Grant`], with a [`grant::TokenSide`], a [`grant::AuthorizationSide`] or both;
//! * a rule of one's own in the grants that there are: [`grant::Extension`], which is how PKCE is done;
//! * the application's own users: [`identity::Users`], or a closure; its own session: [`identity::OwnSession`];
//! * its own pages: [`pages::Pages`];
//! * its own database: [`store::Backend`], with a kit that checks it, [`store::conformance`].
//!
//! What only the server may make (an authenticated client, a validated redirect, a granted scope) are types that nobody else
//! can: a grant of one's own cannot forget those checks.

#![cfg_attr(
    not(feature = "server"),
    allow(dead_code, unused_imports, reason = "a guard alone reads what a server writes")
)]

#[cfg(feature = "server")]
pub mod client_auth;
#[cfg(feature = "server")]
pub mod clients;
#[cfg(feature = "server")]
pub mod endpoint;
#[cfg(feature = "server")]
pub mod engine;
pub mod env;
#[cfg(feature = "server")]
pub mod grant;
pub mod guard;
pub mod http;
#[cfg(feature = "server")]
pub mod identity;
pub mod model;
#[cfg(feature = "server")]
pub mod pages;
pub mod protocol;
pub mod store;
pub mod token;

#[cfg(feature = "server")]
mod endpoints;
#[cfg(feature = "server")]
mod server;

pub use async_trait::async_trait;
#[cfg(feature = "server")]
pub use endpoint::Endpoint;
pub use guard::{Access, Guard};
pub use http::{Peer, Request, Response, Unread, whole_request};
pub use model::{Client, User};
#[cfg(feature = "server")]
pub use server::{BuildError, Builder, GridAuth, MintRequest, PutClientError, RevokeError};
pub use store::Store;
