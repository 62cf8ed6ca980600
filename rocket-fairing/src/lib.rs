//! An OAuth 2 authorization server in a Rocket, and its routes guarded by scope.
//!
//! ```no_run
//! use gridauth::grant::{AuthorizationCode, RefreshToken};
//! use gridauth::{GridAuth, Store};
//! use gridauth_rocket::{Access, GridAuthExt};
//! use rocket::{get, post, routes};
//!
//! gridauth::scopes! { OrdersPay = "orders.pay" }
//!
//! #[get("/")]
//! fn list(access: Access) -> String {
//!     format!("the orders of {}", access.subject())
//! }
//!
//! #[post("/pay")]
//! fn pay(access: Access<OrdersPay>) -> String {
//!     format!("paid by {}", access.subject())
//! }
//!
//! #[rocket::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let auth = GridAuth::builder("http://127.0.0.1:8000")
//!         .store(Store::open("memory:").await?)
//!         .grant(AuthorizationCode::new())
//!         .grant(RefreshToken::rotating())
//!         .build()
//!         .await?;
//!     rocket::build()
//!         .attach(auth.fairing())
//!         .mount("/orders", auth.require("orders.read", routes![list]))
//!         .mount("/", routes![pay])
//!         .launch()
//!         .await?;
//!     Ok(())
//! }
//! ```
//!
//! [`fairing`](GridAuthExt::fairing) mounts the endpoints and answers for the guards, [`require`](GridAuthExt::require) puts
//! a guard before a whole set of routes, [`Access`] guards one handler and tells it who is asking.
//!
//! # No guard forgotten
//! A fairing of Rocket's sees every request and can refuse none, so no fairing can guard. A guard in each handler's
//! signature can be left out of the next one. [`require`](GridAuthExt::require) wraps the *routes*: whatever is in the list is
//! behind the guard, whether its handler asks for an [`Access`] or not, and a route that is added to the list later is
//! guarded by being there. A route without it stands in another `mount`, where it can be seen.
//!
//! # Who answers
//! Rocket hands a catcher the status and not the guard's error. Here the guard leaves its [`AccessRejection`] with the
//! request, and a catcher of the fairing's answers with it. It answers for guards only: statuses that handlers answer, also a
//! handler that took an `Option<Access>` and got none, go where they go without gridauth. An application that has a catcher
//! of its own for 401, 403 or another of a guard's statuses keeps it: it writes the body (with [`rejection`], if it wants to
//! know more), and the fairing adds the challenge. Its `default` catcher for all paths is not asked, one below a path is.
//! Register catchers before the launch, not from a later fairing.
//!
//! # Behind a proxy, and slow requests
//! Failed tries are slowed down per source address, which is the peer's. Behind a reverse proxy that is the proxy's: name the proxy
//! with [`Builder::trusted_proxies`](gridauth::Builder::trusted_proxies), and its `X-Forwarded-For` is believed. Rocket's `ip_header`
//! is not asked, since it believes everybody. Where the address comes another way, a request fairing says it:
//! `request.local_cache(|| Some(Peer(ip)))`.
//!
//! A body that does not arrive within [`GridAuth::BODY_TIMEOUT`](gridauth::GridAuth::BODY_TIMEOUT) is answered 408. Rocket 0.5 has no
//! limit for the head of a request, nor for the first 14 bytes of a form, which it reads for itself: on the open internet it belongs
//! behind a proxy that has one.
//!
//! # The body of a rejection
//! [`Builder::rejection_body`](gridauth::Builder::rejection_body) shapes it once for all guards. Status, challenge and
//! `Retry-After` stay right whatever it says.

mod access;
mod convert;
#[cfg(feature = "server")]
mod endpoint;
mod fairing;
mod refusal;
mod rejection;
#[cfg(feature = "server")]
mod request;
mod require;
#[cfg(feature = "server")]
mod server;

pub use access::Access;
pub use fairing::{GuardExt, GuardFairing};
pub use rejection::{AccessRejection, rejection};
#[cfg(feature = "server")]
pub use request::{Answer, WholeRequest};
#[cfg(feature = "server")]
pub use server::{GridAuthExt, GridAuthFairing};
