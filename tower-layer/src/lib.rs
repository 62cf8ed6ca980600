//! gridauth for tower and axum: a layer that guards any tower service, and routes and extractors for axum.
//!
//! ```
//! use axum::Router;
//! use axum::routing::{get, post};
//! use gridauth::grant::ClientCredentials;
//! use gridauth::{GridAuth, Store};
//! use gridauth_tower::{Access, GridAuthExt};
//!
//! gridauth::scopes! { pub OrdersPay = "orders.pay"; }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let auth = GridAuth::builder("https://id.example.com")
//!     .store(Store::open("memory:").await?)
//!     .grant(ClientCredentials::new())
//!     .build()
//!     .await?;
//!
//! let app: Router = Router::new()
//!     .route("/orders", get(list))
//!     .route_layer(auth.require("orders.read")) // the routes above
//!     .route("/pay", post(pay)) // one handler, by its argument
//!     .merge(auth.routes())
//!     .with_state(auth.clone());
//!
//! async fn list(access: Access) -> String {
//!     format!("the orders of {}", access.subject())
//! }
//!
//! async fn pay(access: Access<OrdersPay>) -> String {
//!     format!("{} pays", access.subject())
//! }
//!
//! # use gridauth::MintRequest;
//! # use tower::ServiceExt;
//! # let request = http::Request::get("/orders").body(axum::body::Body::empty())?;
//! # assert_eq!(app.clone().oneshot(request).await?.status(), 401);
//! # for (method, path, scope) in [("GET", "/orders", "orders.read"), ("POST", "/pay", "orders.pay")] {
//! #     let token = auth.mint(MintRequest::for_user("israel").scope(scope)).await?;
//! #     let bearer = format!("Bearer {}", token.access_token.expose());
//! #     let request = http::Request::builder().method(method).uri(path).header("authorization", bearer);
//! #     assert_eq!(app.clone().oneshot(request.body(axum::body::Body::empty())?).await?.status(), 200);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! | to | write |
//! | --- | --- |
//! | mount the authorization server | `.merge(auth.routes())` |
//! | guard the routes added so far | `.route_layer(auth.require("a b"))` |
//! | guard one handler | an argument [`Access`], or `Access<S>` with a scope from [`gridauth::scopes!`] |
//! | guard any tower service | `ServiceBuilder::new().layer(auth.require("a b"))`: [`RequireLayer`] |
//! | know who is there, if anybody | an argument [`OptionalAccess`], or `Option<Access>` |
//! | know who is signed in in the browser | an argument [`SignedIn`], [`OptionalSignedIn`] or `Option<SignedIn>` |
//! | guard pages that need a signed-in user | `.route_layer(auth.sign_in_required())` |
//! | shape what a guard rejects | [`rejection_body`](gridauth::Builder::rejection_body) of the server, for layer and extractors alike |
//! | test a guarded handler | [`GridAuth::mint`](gridauth::GridAuth::mint) |
//!
//! # A handler that does not compile
//!
//! axum says of any handler only that it is none. `#[axum::debug_handler(state = ..)]` on it names the argument and what it needs. Mostly
//! the router has no `.with_state(auth)`, so that its state is `()`, or the argument is `gridauth::Access`: take
//! [`gridauth_tower::Access`](Access).
//!
//! # The order of layers
//!
//! A layer of axum covers what was added before it, and the last is outermost. What has to see rejected requests goes
//! after the guard: CORS first of all. A browser's preflight has no token, and a page can read a rejection only with the
//! headers that CORS adds to it. The server's own endpoints need no such layer: those that scripts call answer scripts by
//! themselves ([`Builder::allowed_origins`](gridauth::Builder::allowed_origins)). A guard does not, since the application decides
//! who may call its routes.
//!
//! ```
//! use axum::{Router, routing::get};
//! use gridauth::GridAuth;
//! use gridauth_tower::GridAuthExt;
//! use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
//! use tower_http::cors::{Any, CorsLayer};
//!
//! fn app(auth: &GridAuth) -> Router {
//!     let cors = CorsLayer::new().allow_origin(Any).allow_headers([AUTHORIZATION]).expose_headers([WWW_AUTHENTICATE]);
//!     Router::new()
//!         .route("/orders", get(async || "orders"))
//!         .route_layer(auth.require("orders.read"))
//!         .merge(auth.routes())
//!         .layer(cors)
//! }
//! ```
//!
//! In a `ServiceBuilder` the order is reversed: the first layer is outermost.
//!
//! A `route_layer` does not cover the fallback of its router; a `layer` does. Neither covers routes that are added later.
//!
//! # The source address of requests
//!
//! Failed tries are slowed down per source address. [`GridAuthExt::routes`] takes the address from axum's `ConnectInfo`, so serve
//! with `into_make_service_with_connect_info::<SocketAddr>()`; without it, all failures count together, and the log says so once.
//! Behind a reverse proxy that address is the proxy's: name the proxy with
//! [`Builder::trusted_proxies`](gridauth::Builder::trusted_proxies), and its `X-Forwarded-For` is believed. Where the address comes
//! another way, put a [`gridauth::Peer`] into the extensions of each request, in a layer outside the routes.
//!
//! # Slow requests
//!
//! A body that does not arrive within [`GridAuth::BODY_TIMEOUT`](gridauth::GridAuth::BODY_TIMEOUT) is answered 408. `axum::serve` has no
//! limit for the head of a request: behind no proxy that has one, serve with `hyper-util` and set
//! `http1().timer(TokioTimer::new()).header_read_timeout(..)`, as the demo application does.

mod body;
mod ext;
mod head;
mod require;

#[cfg(feature = "axum")]
mod extract;
#[cfg(all(feature = "axum", feature = "server"))]
mod request;
#[cfg(all(feature = "axum", feature = "server"))]
mod routes;
#[cfg(feature = "server")]
mod sign_in_required;
#[cfg(all(feature = "axum", feature = "server"))]
mod signed_in;

pub use body::RequireBody;
#[cfg(feature = "server")]
pub use ext::GridAuthExt;
pub use ext::GuardExt;
#[cfg(feature = "axum")]
pub use extract::{Access, AccessRejection, OptionalAccess, ProvidesGuard};
#[cfg(all(feature = "axum", feature = "server"))]
pub use request::{WholeRequest, WholeRequestRejection};
pub use require::{Require, RequireFuture, RequireLayer};
#[cfg(feature = "server")]
pub use sign_in_required::{SignInRequired, SignInRequiredLayer};
#[cfg(all(feature = "axum", feature = "server"))]
pub use signed_in::{OptionalSignedIn, SignInRejection, SignedIn};
