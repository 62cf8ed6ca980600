//! gridauth for tower and axum: a layer that guards any tower service, and for axum the routes to mount and extractors.
//!
//! ```
//! use axum::Router;
//! use axum::routing::{get, post};
//! use gridauth::grant::{ClientCredentials, RefreshToken};
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
//!     .route_layer(auth.require("orders.read")) // a group of routes
//!     .route("/pay", post(pay)) // one handler, by its argument
//!     .merge(auth.routes())
//!     .with_state(auth);
//!
//! async fn list(access: Access) -> String {
//!     format!("the orders of {}", access.subject())
//! }
//!
//! async fn pay(access: Access<OrdersPay>) -> String {
//!     format!("{} pays", access.subject())
//! }
//! # let _ = app;
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

mod body;
mod checked;
mod ext;
mod require;

#[cfg(feature = "axum")]
mod extract;
#[cfg(feature = "axum")]
mod request;
#[cfg(feature = "axum")]
mod routes;

pub use body::RequireBody;
pub use ext::GridAuthExt;
#[cfg(feature = "axum")]
pub use extract::{Access, AccessRejection, ProvidesGridAuth};
#[cfg(feature = "axum")]
pub use request::{WholeRequest, WholeRequestRejection};
pub use require::{Require, RequireFuture, RequireLayer};

/// The programs of the project's README, compiled.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../../README.md")]
struct Readme;
