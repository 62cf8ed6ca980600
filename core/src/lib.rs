//! An OAuth 2 authorization server inside a Rust web application, independent of any web framework.
//!
//! A server is built from an issuer, a store and the grants that it supports. It answers the requests to its endpoints, and it
//! guards handlers: a bearer token goes in, an [`Access`] comes out.
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
//! // The robot requests a token. An adapter passes every request to one of `auth.paths()` to `handle`.
//! let request = Request::post("/oauth/token")
//!     .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
//!     .header(header::AUTHORIZATION, "Basic cm9ib3Q6cm9ib3Qtc2VjcmV0") // robot:robot-secret
//!     .body("grant_type=client_credentials".into())?;
//! let answer = auth.handle(request).await;
//! assert_eq!(answer.status(), 200);
//! let tokens: serde_json::Value = serde_json::from_slice(answer.body())?;
//! let token = tokens["access_token"].as_str().unwrap_or_default();
//!
//! // The robot calls the application with the token. An adapter's guard does this before the handler runs.
//! let request = Request::get("/orders").header(header::AUTHORIZATION, format!("Bearer {token}")).body(())?;
//! let access = auth.authenticate(&request).await?;
//! access.require("orders.read")?;
//! assert_eq!(access.client(), "robot");
//!
//! // A request without a token is rejected (RFC 6750 section 3).
//! let rejection = auth.authenticate(&Request::get("/orders").body(())?).await.unwrap_err();
//! assert_eq!(auth.reject(rejection).status(), 401);
//! # Ok(())
//! # }
//! ```
//!
//! In an application, the adapter for its framework mounts the endpoints and provides the guards: `gridauth-tower` for axum
//! and any tower service, `gridauth-actix` for actix-web, `gridauth-rocket` for Rocket.
//!
//! # Where to look
//!
//! | for | see |
//! | --- | --- |
//! | the server and its settings | [`GridAuth::builder`], [`Builder`] |
//! | the ways to get a token | [`grant`]: [`AuthorizationCode`](grant::AuthorizationCode) with PKCE, [`RefreshToken`](grant::RefreshToken), [`ClientCredentials`](grant::ClientCredentials), [`Password`](grant::Password), [`Implicit`](grant::Implicit), [`DeviceCode`](grant::DeviceCode), [`TokenExchange`](grant::TokenExchange), [`JwtBearer`](grant::JwtBearer) |
//! | guarding handlers, scopes as types | [`Access`], [`scopes!`], [`guard`] |
//! | tokens that a thief cannot use: DPoP, mutual TLS | [`sender`] |
//! | guarding in a process without the server | [`Guard::builder`], [`guard::Remote`], [`guard::TokenVerifier`] |
//! | where the data is stored | [`Store::open`], [`store`]: memory, one file, GridDB |
//! | registering clients, and their secrets | [`Client`], [`GridAuth::put_client`], [`clients`] |
//! | how clients authenticate | [`client_auth`] |
//! | signing up and signing in, passwords, throttling | [`GridAuth::users`], [`identity`] |
//! | the sign-in and consent pages, their design and their languages | [`Builder::theme`], [`pages`] |
//! | revoking tokens and withdrawing consent | [`GridAuth::withdraw_consent`], [`GridAuth::revoke_user`], [`GridAuth::revoke_client`] |
//! | what happens: sign-ins, refusals, tokens | [`events`], [`Builder::on_event`] |
//! | changing clients and their secrets while the server runs | [`GridAuth::edit_client`], [`GridAuth::rotate_client_secret`] |
//! | who has access to what | [`GridAuth::access_of`], [`GridAuth::grants`], [`GridAuth::clients`] |
//! | tests: a clock under the test's control, tokens without HTTP | [`env::ManualClock`], [`GridAuth::mint`] |
//!
//! # How to extend it
//!
//! | to add | implement |
//! | --- | --- |
//! | another way to get a token | [`grant::Grant`] with a [`grant::TokenSide`], a [`grant::AuthorizationSide`] or both |
//! | a rule to existing grants | [`grant::Extension`]; PKCE is one |
//! | an endpoint | [`endpoint::Endpoint`] |
//! | a method of client authentication | [`client_auth::ClientAuthentication`] |
//! | the application's users, or its session | [`identity::Users`] or a closure; [`identity::OwnSession`] |
//! | the application's pages | [`pages::Pages`] |
//! | another way to sign | [`keys::Signer`]; [`keys::conformance`] checks the implementation |
//! | another database | [`store::Backend`]; [`store::conformance`] checks the implementation |
//! | another way to make outgoing requests | [`fetch::Fetch`] |
//! | another way to check tokens | [`guard::TokenVerifier`] |
//!
//! Only the server can make an authenticated client, a validated redirect or a granted scope: those types have private
//! constructors. So a custom grant cannot forget the checks behind them.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `server` | yes | the authorization server; without it the crate is a guard |
//! | `jose` | yes | keys and signatures, part of `server`; a guard checks DPoP proofs with it |
//! | `fetch` | yes | [`fetch::HttpFetch`], for outgoing requests |
//! | `remote` | yes | [`guard::Remote`], for the tokens of an issuer in another process |
//! | `file` | yes | the embedded store, one file |
//! | `griddb` | yes | the GridDB store |
//! | `metrics` | no | counters and histograms through the `metrics` facade |

#![cfg_attr(
    not(feature = "server"),
    allow(dead_code, unused_imports, reason = "a guard only reads what a server writes")
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
pub mod events;
#[cfg(any(feature = "server", feature = "fetch"))]
pub mod fetch;
#[cfg(feature = "server")]
pub mod grant;
pub mod guard;
pub mod http;
#[cfg(feature = "server")]
pub mod identity;
#[cfg(feature = "jose")]
pub mod jose;
#[cfg(any(feature = "server", feature = "remote"))]
mod jwks;
#[cfg(feature = "server")]
pub mod keys;
pub mod model;
#[cfg(feature = "server")]
mod openid;
#[cfg(feature = "server")]
pub mod pages;
pub mod protocol;
pub mod sender;
pub mod store;
pub mod token;

#[cfg(feature = "server")]
mod endpoints;
#[cfg(feature = "server")]
mod logout;
#[cfg(feature = "server")]
mod server;

pub use async_trait::async_trait;
#[cfg(feature = "server")]
pub use endpoint::Endpoint;
pub use guard::{Access, Guard};
pub use http::{Peer, Request, Response, Unread, whole_request};
pub use model::{Client, User};
#[cfg(feature = "server")]
pub use server::{
    AuditPage, AuditQuery, BuildError, Builder, ClientAccess, CreateClientError, EditClientError, GridAuth,
    ListOptions, Listing, MintRequest, PutClientError, RevokeError, RotateSecretError, SignInFuture,
    SigningKeyInfo, SigningKeyState, StoreCheck, StoreProblem,
};
pub use store::Store;
