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
//! | accept requests without a token too | an argument `Option<Access>` |
//! | customize the body of rejections | [`Builder::rejection_body`](gridauth::Builder::rejection_body), for the layer and the extractors |
//! | guard a program without the server | [`GuardExt`] and [`ProvidesGuard`] |
//! | test a guarded handler | [`GridAuth::mint`](gridauth::GridAuth::mint) |
//!
//! # The order of layers
//!
//! In axum, a layer covers the routes that were added before it, and the last layer is outermost. A layer that must see
//! rejected requests is added after the guard. CORS is the most important one: a browser's preflight request has no token,
//! and a page can read a rejection only with the headers that CORS adds.
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
mod require;

#[cfg(feature = "axum")]
mod extract;
#[cfg(all(feature = "axum", feature = "server"))]
mod request;
#[cfg(all(feature = "axum", feature = "server"))]
mod routes;

pub use body::RequireBody;
#[cfg(feature = "server")]
pub use ext::GridAuthExt;
pub use ext::GuardExt;
#[cfg(feature = "axum")]
pub use extract::{Access, AccessRejection, ProvidesGuard};
#[cfg(all(feature = "axum", feature = "server"))]
pub use request::{WholeRequest, WholeRequestRejection};
pub use require::{Require, RequireFuture, RequireLayer};
